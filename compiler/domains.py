"""Records of settings. A field of a record declares a setting with its type, domain, meaning and default.

A record of settings is a dataclass whose fields are annotated so:

    epochs: Annotated[int, whole(1), "passes over the training images"] = 25

`check` compares a record with its declarations, and `settings_of` lists the declarations, for a reference.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from compiler.errors import did_you_mean, pasted

REQUIRED = dataclasses.MISSING  # stands for the default of a setting that has no default


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a setting may have.

    Attributes:
      allowed: a description of the allowed values; empty if `choices` has all allowed values.
      holds: returns whether a value is allowed.
      choices: the allowed names. A message offers the nearest name.
      verb: the words before `allowed` in a message.
      example: a value that a message shows as a flag to paste; None shows no flag.
      normal: converts equal values to one form; None keeps every value as it is.
    """

    allowed: str
    holds: Callable[[Any], bool]
    choices: tuple[str, ...] = ()
    verb: str = "it must be"
    example: object = None
    normal: Callable[[Any], object] | None = None

    def complaint(self, name: str, value: object) -> str:
        """Returns the message for a value that is not in the domain of the setting `name`."""
        nearest = did_you_mean(value, self.choices) if isinstance(value, str) else ""
        advice = "" if self.example is None else f", for example {pasted(name, self.example)}"
        allowed = f"{self.verb} {self.allowed}" if self.allowed else f"allowed: {', '.join(self.choices)}"
        return f"{name} is {value!r}; {allowed}{nearest}{advice}"

    @property
    def words(self) -> str:
        """A description of the allowed values, for messages and for the reference."""
        return self.allowed or " or ".join(map(repr, self.choices))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a record.

    Attributes:
      name: the name of the field.
      type: the type as text.
      domain: the values that the setting may have.
      default: the default value, or REQUIRED if there is no default.
      meaning: a phrase that describes the setting in the reference.
      marks: further annotations, whose meaning is known to the module of the record.
    """

    name: str
    type: str
    domain: Domain
    default: object
    meaning: str
    marks: tuple[object, ...] = ()


def settings_of(record: type) -> tuple[Setting, ...]:
    """Returns the settings that a dataclass declares, in the order of its fields. Other fields are left out."""
    return _declared(cast(Hashable, record))


@functools.cache
def _declared(record: Any) -> tuple[Setting, ...]:
    hints = get_type_hints(record, include_extras=True)
    found = []
    for field in dataclasses.fields(record):
        if get_origin(hints[field.name]) is Annotated:
            kind, domain, meaning, *marks = get_args(hints[field.name])
            default = field.default if field.default_factory is REQUIRED else field.default_factory()
            found.append(Setting(field.name, _text(kind), domain, default, meaning, tuple(marks)))
    return tuple(found)


def values(record: Any) -> dict[str, object]:
    """Returns the values of a record's settings by their names."""
    return {setting.name: getattr(record, setting.name) for setting in settings_of(type(record))}


def check(
    scope: str, record: Any, error: Callable[[str], Exception], rules: Collection[Callable[[Any], str]] = ()
) -> None:
    """Checks that the values of a record are in the domains of its settings, and converts equal values to one form.

    Values have the types of Python's literals then, so that a gin file can have their texts.

    Args:
      scope: the part of the settings' names before the dot, such as `training`.
      record: the dataclass with the settings.
      error: makes an exception from a message.
      rules: checks of several settings together. Each returns a message, or "" if the settings are right.

    Raises:
      Exception: the exception that `error` makes, if a value is outside of its domain or a rule is broken.
    """
    for setting in settings_of(type(record)):
        value = getattr(record, setting.name)
        if not setting.domain.holds(value):
            raise error(setting.domain.complaint(f"{scope}.{setting.name}", value))
        normal = setting.domain.normal or _same
        object.__setattr__(record, setting.name, normal(plain(value)))
    for rule in rules:
        if message := rule(record):
            raise error(message)


def plain(value: object) -> object:
    """Returns a value in the type of a literal of Python, such as a float for a `numpy.float64`.

    Other values, such as functions, are returned as they are.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(plain, value))
    # A subclass may convert itself to another text or number than it is equal to. A bool is an int.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    return int.__int__(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _same(value: object) -> object:
    return value


def is_number(value: object, largest: float = sys.float_info.max) -> bool:
    """Returns whether a value is a finite number. True and False do not count as numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= largest


def is_whole(value: object, least: int = 1) -> bool:
    """Returns whether a value is a whole number of at least `least`. True and False do not count as numbers."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def whole(least: int, most: int | None = None) -> Domain:
    """Returns the domain of whole numbers from `least` to `most`. If `most` is None, there is no upper limit."""
    if most is None:
        return Domain(f"a whole number from {least}", lambda value: is_whole(value, least))
    return Domain(f"a whole number from {least} to {most:,}", lambda value: is_whole(value, least) and value <= most)


def real(
    limits: str,
    holds: Callable[[float], bool],
    largest: float = sys.float_info.max,
    normal: Callable[[Any], object] | None = None,
) -> Domain:
    """Returns the domain of finite numbers for which `holds` is true; `limits` describes them."""
    return Domain(f"a number {limits}", lambda value: is_number(value, largest) and holds(value), normal=normal)


def one_of(*names: str) -> Domain:
    """Returns the domain of the given names."""
    return Domain("", lambda value: isinstance(value, str) and value in names, names)


def optional(domain: Domain, meaning: str = "") -> Domain:
    """Returns a domain that has also None. Messages describe None by `meaning`."""
    allowed = f"{domain.words}, or None{meaning}"
    return dataclasses.replace(domain, allowed=allowed, holds=lambda value: value is None or domain.holds(value))


def numbers_by_name(example: Mapping[str, float]) -> Domain:
    """Returns the domain of mappings from names to finite numbers. Messages show `example`."""
    return Domain(
        repr(example),
        lambda value: isinstance(value, Mapping) and all(map(is_number, value.values())),
        verb="write it as",
        example=example,
    )


def names(example: list[str]) -> Domain:
    """Returns the domain of lists and tuples of texts. Messages show `example`."""
    return Domain(
        repr(example),
        lambda value: isinstance(value, list | tuple) and all(isinstance(name, str) for name in value),
        verb="write it as",
        example=example,
    )


FLAG = Domain("True or False", lambda value: isinstance(value, bool))
ABOVE_0 = real("above 0", lambda value: value > 0)


def _text(kind: object) -> str:
    """Returns a type as text in the notation of Python."""
    text = kind.__name__ if isinstance(kind, type) else str(kind)
    return text.replace("collections.abc.", "").replace("typing.", "")
