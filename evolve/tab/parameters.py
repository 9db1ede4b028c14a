"""The kinds of requests about a search, and the check of their parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from evolve.tab.errors import Unclear

SEARCH = "search"  # the parameter that has the key of the search
LONGEST = 1000  # the greatest number of characters of a parameter

Reader = Callable[[str, str | None], object]


def number(name: str, text: str | None) -> int:
    """Returns the id of an individual from the text of the parameter `name`."""
    if text is None or not re.fullmatch("[1-9][0-9]{0,17}", text):
        raise Unclear(f"{name} is {_shown(text)}; it must be the id of an individual, such as {name}=33")
    return int(text)


def perhaps_number(name: str, text: str | None) -> int | None:
    """Returns the id of an individual, or None if the request does not have the parameter."""
    return None if text is None else number(name, text)


def words(name: str, text: str | None) -> str:
    """Returns the text of the parameter `name`, which must not be empty."""
    if not text:
        raise Unclear(f"{name} is {_shown(text)}; it must be a text, such as {name}=sep_conv")
    return text


def perhaps_words(name: str, text: str | None) -> str:
    """Returns the text of a parameter, or "" if the request does not have the parameter."""
    return text or ""


def yes(name: str, text: str | None) -> bool:
    """Returns whether the parameter `name` is 1. It may also be 0 or missing."""
    if text not in (None, "0", "1"):
        raise Unclear(f"{name} is {_shown(text)}; it must be 0 or 1")
    return text == "1"


# The kinds of requests. Each calls the method of `data.Data` that has its name, with these parameters as arguments.
QUESTIONS: Mapping[str, Mapping[str, Reader]] = {
    "overview": {"since": perhaps_words},
    "traits": {},
    "individual": {"id": number},
    "ancestors": {"id": number},
    "difference": {"a": number, "b": number},
    "picture": {"id": number, "against": perhaps_number, "dark": yes, "only_changed": yes},
    "genotypes": {"text": words},
    "curve": {},
}


def arguments(question: str, given: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, object]]:
    """Returns the key of the search, and the arguments for the method of `data.Data`.

    Args:
      question: the kind of the request, one of `QUESTIONS`.
      given: the values of each parameter of the request.

    Raises:
      Unclear: a parameter is missing, unknown, given twice, too long or has a value that is not allowed.
    """
    readers: dict[str, Reader] = {SEARCH: words, **QUESTIONS[question]}
    for name, values in given.items():
        if name not in readers:
            raise Unclear(f"{question} has no parameter {_shown(name)}; its parameters are {', '.join(readers)}")
        if len(values) > 1:
            raise Unclear(f"{name} is given {len(values)} times; give it once")
        if len(values[0]) > LONGEST:
            raise Unclear(f"{name} has {len(values[0]):,} characters; at most {LONGEST:,} are allowed")
    read = {name: reader(name, given[name][0] if name in given else None) for name, reader in readers.items()}
    return str(read.pop(SEARCH)), read


def _shown(text: str | None) -> str:
    """Returns a value of a parameter in the form in which a message shows it."""
    return "missing" if text is None else repr(text if len(text) <= 40 else f"{text[:40]}...")
