"""The keywords of the language as regular expressions, which Python's `re` and TextMate both read.

Highlighters, and the search for the next declaration after a syntax error, use these expressions. They see only the
text beside a word such as `stride`, and not the grammar, which decides whether the word is a keyword or a name.
"""

from __future__ import annotations

import re

_START = r"(?<![\w.])"

COMMENT = r"#.*"
STRING = r'"[^"\n]*"'
NAME = r"[A-Za-z_]\w*"
KERNEL = r"(?<!\w)\d+x\d+"
NUMBER = r"(?<!\w)\d+(\.\d+)?([eE][+-]?\d+)?[KMB]?(?![A-Za-z_])"
OPERATOR = r"\*=|\+=|-=|<=|>=|==|!=|//|\.\.|[=<>|+\-*/]"
PUNCTUATION = r"[(){}\[\],:.]"

# Keywords that begin a declaration.
DECLARATIONS = (
    rf'{_START}include(?=\s*")',
    rf"{_START}(?:param|values)(?=\s+{NAME}\s*=)",
    rf"{_START}gene(?=\s+{NAME}\s*(?::\s*{NAME}\s*)?=)",
    rf"{_START}op(?=\s+{NAME}\s*[\[=])",
    rf"{_START}fixed(?=\s+cell\s)",
    rf"{_START}cell(?=\s+{NAME}\s*[\[(])",
    rf"{_START}network(?=\s*\{{)",
    rf"{_START}(?:mutation|crossover)(?=\s+{NAME}\s*(?:\{{|weight\b))",
    rf"{_START}require(?=\s+[A-Za-z_\d])",
)
# Keywords inside declarations. Most of these words may also be names, so an expression includes the text around a word.
WORDS = (
    rf"{_START}(?:stride|weight)(?=[ \t]+(?!and\b|or\b|else\b|if\b|in\b|is\b|before\b|reaches\b|feeds\b|has\b)[\w(-])",
    rf"{_START}(?:fit|each)(?=[ \t]+(?!and\b|or\b|else\b|if\b){NAME})",
    rf"{_START}width(?=[ \t]+(?:each|split)\b)",
    r"(?<=width )(?:each|split)\b",
    rf"(?<=[\w\]] )(?:before|reaches|feeds|has)(?=[ \t]+{NAME})",
    rf"(?<=[\w\])] )after(?=[ \t]+{NAME})",
    rf"{_START}perturb(?=\s+weights\b)",
    r"(?:(?<=forget )|(?<=perturb ))weights\b",
    rf"{_START}any(?=\s*\()",
    rf"{_START}mutate(?!\s*[.,:=*+\-()\[\]|])",
    rf"{_START}(?:either|or)(?=\s*\{{)",
    rf"{_START}return(?=\s+[\w])",
    rf"{_START}(?:choose|for)(?=\s+{NAME}\s+in\b)",
    rf"{_START}connect(?=\s+{NAME}\s+to\b)",
    rf"{_START}(?:if|else|where|in|on|to|by|as|is|not|and|or|other|except|like|insert|remove|forget)(?=\s+[\w{{(-])",
)

_DECLARATION = "|".join(DECLARATIONS)
_TOKEN = re.compile(rf"{COMMENT}|{STRING}|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<declaration>{_DECLARATION})")


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
