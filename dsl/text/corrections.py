"""The right forms of parts of a text that are written as in another language, or with another keyword."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from dsl.wording import nearest_name

_MAX_WRITTEN = 12  # the number of characters up to which a text is read as a misspelt kernel
_AROUND = 200  # the number of characters before and after a mistake in which its form is looked for
_KINDS = "int|real|kernel|op|word"
_DECLARATIONS = "param|gene|values|op|cell|mutation|crossover|require|include|network"
_VERBS = "insert|remove|connect|either|forget|perturb|choose|for"

# The common mistakes of syntax. Each has a word that would be allowed at the mistake ("" if it does not matter), a
# pattern of the text around it, in which @ is the place of the mistake, and the hint.
_FORMS = (
    ("'mutation'", r"@mutate\s+(?P<name>\w+)\s*(?:\{|weight\b)", r"write mutation \g<name>"),
    ("", rf"(?:^|\n)\s*(?P<key>{_DECLARATIONS})s\s+@(?P<name>\w+)", r"write \g<key> \g<name>"),
    ("'in'", rf",\s*(?P<verb>{_VERBS})\b\s*@", r"leave out the comma before `\g<verb>`"),
    ("'in'", r",\s*(?P<name>\w+)\s*@(?P<rest>(?:\.\w+)*)\s*[-+*]?=", r"leave out the comma before `\g<name>\g<rest>`"),
    ("", r"\b(?P<a>\w[\w.]*)\s*\.\s*(?P<kind>has|before|reaches|feeds)\s*@\(\s*(?P<b>\w[\w.]*)\s*\)",
     r"write \g<a> \g<kind> \g<b>"),
    ("", r"\b(?P<a>\w[\w.]*)\s+(?P<kind>has|before|reaches|feeds)\s*@\(\s*(?P<b>\w[\w.]*)\s*\)",
     r"write \g<a> \g<kind> \g<b>"),
    ("'='", rf"\bparam\s+(?P<name>\w+)\s*@:\s*(?P<kind>{_KINDS})\s*=\s*(?P<value>[^\s#]+)"
     r"(?P<within>(?:\s+in\b[^\n#]*)?)",
     r"a param has no kind: write param \g<name> = \g<value>; a value that may mutate is a gene: "
     r"gene \g<name>: \g<kind> = \g<value>\g<within>"),
    ("", r"\bparam\s+(?P<rest>\w+\s*=\s*[^\s#]+)\s*@(?P<within>in\b[^\n#]*)",
     r"a param has no domain; a number that may mutate is a gene: gene \g<rest> \g<within>"),
    ("':'", rf"\bgene\s+(?P<kind>{_KINDS})\s+@(?P<name>\w+)", r"write gene \g<name>: \g<kind>"),
    ("'{'", r"\bany\s*\(\s*(?P<other>(?:other\s+)?)@\[?(?P<set>[^()\[\]{}]+)\]?\s*\)",
     r"a set stands in braces: write any(\g<other>{ \g<set> })"),
    ("'{'", r"@\[\s*(?P<set>[^\[\]]*?)\s*\]", r"a set stands in braces: write { \g<set> }"),
    ("'..'", r"\bin\s+(?P<low>[\w.]+)\s*-\s*(?P<high>[\w.]+)\s*@", r"write in \g<low> .. \g<high>"),
    ("'..'", r"\bin\s+(?P<low>[\w.]+)\s*@,\s*(?P<high>[\w.]+)",
     r"write in \g<low> .. \g<high> for a range, or in { \g<low>, \g<high> } for a set"),
    ("'{'", r"\b(?P<head>for\s+\w+\s+in\s+[^{},]*?)\s*@", r"the statements of `for` stand in braces: \g<head> { ... }"),
    ("a comparison", r"@=(?!=)", "write == to compare two values"),
    ("a comparison", r"\b(?P<path>\w[\w.]*)\s+@in\s*\{\s*(?P<one>[\w.]+)\s*,\s*(?P<other>[\w.]+)",
     r"write \g<path> == \g<one> or \g<path> == \g<other>"),
    ("'=', '*=', '+=' or '-='", r"@==", "write = to assign a value"),
    ("'=', '*=', '+=' or '-='", r"\bif\s+@", "write where in place of if"),
    ("", r"@&", "write and in place of &"),
    ("", r"@!(?!=)", "write not in place of !"),
    ("'='", r"@:=", "write = in place of :="),
    ("'on'", r"\b(?P<op>\w+)\s*@\(", r"settings stand in square brackets: \g<op>[...]"),
    ("'on'", r"@before\s+(?P<name>\w+)", r"write after \g<name> for a step, or on \g<name> for a term"),
    ("'remove'", r"\bremove\s+(?P<name>\w+)\s*@\.", r"write remove \g<name>"),
    ("'}'", rf"\n\s*@(?P<key>{_DECLARATIONS})\b", r"a } is missing before this `\g<key>`"),
    ("'=', '*=', '+=' or '-='", rf"\n\s*(?P<key>{_DECLARATIONS})\s+@\w", r"a } is missing before this `\g<key>`"),
)  # fmt: skip


def right_form(text: str, offset: int, expected: Collection[str]) -> str | None:
    """Returns a hint for a mistake of syntax at an offset, which is a form to write; None if no form is known.

    `expected` are the words that are allowed at the mistake, as messages list them.
    """
    before, after = text[max(0, offset - _AROUND) : offset], text[offset : offset + _AROUND]
    around = f"{before.replace('@', ' ')}@{after.replace('@', ' ')}"
    for word, pattern, hint in _FORMS:
        found = re.search(pattern, around) if not word or word in expected else None
        if found is not None:
            return found.expand(hint)
    return None


def right_keyword(word: str, expected: Collection[str]) -> str:
    """Returns a question with the allowed keyword that is nearest to a word; an empty text if none is near."""
    close = nearest_name(word, [each[1:-1] for each in expected if re.fullmatch(r"'[a-z]+'", each)])
    return f"did you mean {close!r}? " if close else ""


def right_number(word: str) -> str | None:
    """Returns a number or kernel in the form of the language, such as 8K for 8k; None if the word is neither."""
    plain = "".join(str(unicodedata.decimal(letter, letter)) for letter in word)
    kernel = re.fullmatch(r"([0-9]+)[xX\u00d7]([0-9]+)", plain)
    if kernel is not None:
        return f"{int(kernel[1])}x{int(kernel[2])}" if len(plain) <= _MAX_WRITTEN else None
    number = re.fullmatch(r"([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)([kKmMbB]?)", plain)
    return None if number is None else number[1].replace("_", "") + number[2].upper()
