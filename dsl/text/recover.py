"""The place at which reading continues after a syntax error."""

from __future__ import annotations

import re

from dsl.text import words

_DECLARATION = "|".join(words.DECLARATIONS)
_TOKEN = re.compile(
    rf"{words.COMMENT}|{words.STRING}|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<declaration>{_DECLARATION})"
)


def next_declaration(text: str, start: int, error: int) -> int | None:
    """Returns the offset of the first declaration after a mistake; None if no declaration follows.

    A declaration begins outside all brackets. If a bracket is not closed, a declaration begins at the start of a line.

    Args:
      text: the text.
      start: the offset at which the parser began to read.
      error: the offset of the mistake.
    """
    depth = 0
    for match in _TOKEN.finditer(text, start):
        at = match.start()
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth = max(0, depth - 1)
        elif match["declaration"] and (
            (depth == 0 and at > error) or (depth > 0 and at > start and text[at - 1] == "\n")
        ):
            return at
    return None
