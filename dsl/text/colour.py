"""Colours for `.cell` texts: a lexer for Pygments, which finds the lexer by itself once this package is installed.

No other module imports this module, so the package works without Pygments.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from dsl.text import words


class CellLexer(RegexLexer):  # type: ignore[misc]
    """The lexer of `.cell` texts: cells, networks and mutation rules."""

    name = "Cell"
    aliases: ClassVar = ["cell"]
    filenames: ClassVar = ["*.cell"]
    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (words.COMMENT, Comment.Single),
            (words.STRING, String.Double),
            *((pattern, Keyword.Declaration) for pattern in words.DECLARATIONS),
            *((pattern, Keyword) for pattern in words.WORDS),
            (words.KERNEL, Number.Kernel),
            (words.NUMBER, Number),
            (words.NAME, Name),
            (words.OPERATOR, Operator),
            (words.PUNCTUATION, Punctuation),
        ]
    }
