"""The record of a primitive: its name, its settings with their domains, and the facts that the language needs of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from dsl.values import Kernel

Value = int | float | str | Kernel


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a setting takes; `allowed` describes them in words."""

    allowed: str
    holds: Callable[[Value], bool]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a primitive.

    Attributes:
      name: as a text writes it.
      domain: the values that it takes.
      default: its value where a text gives none; None where there is no such value.
      required: whether a text must give it.
      ambient: whether it has the filters of the place where a text gives none.
      otherwise: what holds where a text gives none and there is no default, in words for the reference.
    """

    name: str
    domain: Domain
    default: Value | None = None
    required: bool = False
    ambient: bool = False
    otherwise: str = ""


class Role(Enum):
    """A meaning that the language itself uses; exactly one primitive has each role."""

    IDENTITY = "the operation of a term that only names a state"
    NOTHING = "the operation of a term that is left out"
    ZERO = "zeros, which add nothing to a sum"
    SUM = "the sum of a node's terms"
    CONCATENATION = "the concatenation of a node's terms"
    FIT_BY_FIRST = "the `fit` by which the first term of a sum decides the shape"


JOINING = (Role.SUM, Role.CONCATENATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive:
    """An operation that Python implements.

    Attributes:
      name: as a text writes it.
      meaning: one sentence that says what it returns, for the reference.
      settings: the first one may be given without its name.
      channels: the setting that is the number of channels of the output. Without one it is that of the input.
      channel_factor: the setting that, where it is given, is that number as a multiple of the input's channels.
      role: the meaning for which the language itself uses it.
      has_weights: whether each use has weights of its own, so that two uses on one value are two values.
      is_random: whether it draws random numbers in training, so that two uses on one value are two values.
    """

    name: str
    meaning: str
    settings: tuple[Setting, ...] = ()
    channels: str | None = None
    channel_factor: str | None = None
    role: Role | None = None
    has_weights: bool = False
    is_random: bool = False

    @property
    def joins(self) -> bool:
        """Whether it reads several states."""
        return self.role in JOINING

    @property
    def is_pure(self) -> bool:
        """Whether two uses on one value are always the same value."""
        return not (self.has_weights or self.is_random)


class Named(Protocol):
    """A record with a name."""

    @property
    def name(self) -> str:
        """The primitive's name, as a text writes it."""
        ...


Record = TypeVar("Record", bound=Named)


def collected(kind: str, families: Iterable[Iterable[Record]], wanted: Collection[str] = ()) -> Mapping[str, Record]:
    """The records of all families by their names.

    Args:
      kind: what the records are, for messages.
      families: the tuples of records, one a family.
      wanted: the names that must have a record, and no others; empty where any name may.

    Raises:
      ValueError: two records have one name, a wanted name has no record, or a record has another name.
    """
    records: dict[str, Record] = {}
    for family in families:
        for record in family:
            if record.name in records:
                raise ValueError(f"two {kind} are called {record.name!r}")
            records[record.name] = record
    missing = [name for name in wanted if name not in records]
    unknown = [name for name in records if wanted and name not in wanted]
    if missing:
        raise ValueError(f"there are no {kind} for the primitives {', '.join(missing)}")
    if unknown:
        raise ValueError(f"there are {kind} for {', '.join(unknown)}, and dsl/primitives has no such primitive")
    return records


def checked(primitive: Primitive) -> Primitive:
    """The record itself, after a check of its facts.

    Raises:
      ValueError: two facts contradict each other, or a default is outside of its domain.
    """
    names = [setting.name for setting in primitive.settings]
    faults = {
        "two settings have one name": len(set(names)) < len(names),
        f"`channels` names no setting: {primitive.channels}": primitive.channels not in (None, *names),
        f"`channel_factor` names no setting: {primitive.channel_factor}": primitive.channel_factor
        not in (None, *names),
        "`meaning` does not end with a full stop": not primitive.meaning.endswith("."),
        "it has weights and is random; one operation cannot be both": primitive.has_weights and primitive.is_random,
        "it has a role, so it must not have weights and must not be random": primitive.role and not primitive.is_pure,
    }
    for setting in primitive.settings:
        outside = setting.default is not None and not setting.domain.holds(setting.default)
        faults[f"the default of {setting.name}, {setting.default}, is not {setting.domain.allowed}"] = outside
        given = (setting.default is not None, setting.required, setting.ambient, bool(setting.otherwise))
        faults[f"{setting.name} needs exactly one of: default, required, ambient, otherwise"] = sum(given) != 1
    for fault, holds in faults.items():
        if holds:
            raise ValueError(f"primitive {primitive.name}: {fault}")
    return primitive


def by_role(primitives: Iterable[Primitive]) -> Mapping[Role, str]:
    """The name of the primitive of each role.

    Raises:
      ValueError: a role has none, or two.
    """
    primitives = tuple(primitives)
    found = {role: [primitive.name for primitive in primitives if primitive.role is role] for role in Role}
    for role, names in found.items():
        if len(names) != 1:
            raise ValueError(f"{role.value}: one primitive has this role, found {', '.join(names) or 'none'}")
    return {role: name for role, (name,) in found.items()}


COUNT = Domain("a whole number from 1 to 1,000,000", lambda v: isinstance(v, int) and 1 <= v <= 10**6)
STRIDE = Domain("a power of two, at least 1", lambda v: isinstance(v, int) and 1 <= v <= 1024 and v & (v - 1) == 0)
ANY_STRIDE = Domain("a whole number from 1 to 1,024", lambda v: isinstance(v, int) and 1 <= v <= 1024)
DEPTH = Domain("a number above 0, at most 1,000", lambda v: isinstance(v, int | float) and 0 < v <= 1000)
POSITIVE = Domain("a number above 0", lambda v: isinstance(v, int | float) and v > 0)
FRACTION = Domain("a number from 0, below 1", lambda v: isinstance(v, int | float) and 0 <= v < 1)
PADDING = Domain("same or valid", lambda v: v in ("same", "valid"))
KERNEL = Domain(
    "a kernel such as 3x3 of at most 1023x1023",
    lambda v: isinstance(v, Kernel) and 1 <= v.height <= 1023 and 1 <= v.width <= 1023,
)
KERNEL_OR_FULL = Domain("a kernel such as 3x3, or full", lambda v: v == "full" or KERNEL.holds(v))
