"""The record of a primitive: its name, its settings with their domains, and the facts that the language needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
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
      name: the name of the setting in texts.
      domain: the values that the setting takes.
      default: the value of the setting if the text does not give a value; None if there is no default.
      required: whether the text must give a value.
      ambient: whether a missing value stands for the filters of the operation's place.
      otherwise: the meaning of a missing value where there is no default. The reference prints this text.
      follows: the name of the setting whose value a missing value stands for; empty for most settings. A setting that
        several others follow has no other meaning than theirs.
    """

    name: str
    domain: Domain
    default: Value | None = None
    required: bool = False
    ambient: bool = False
    otherwise: str = ""
    follows: str = ""


class Role(Enum):
    """A purpose for which the language itself uses a primitive. Exactly one primitive has each role."""

    IDENTITY = "the operation of a term that only names a state"
    NOTHING = "the operation of a term that is left out"
    ZERO = "zeros, which add nothing to a sum"
    SUM = "the sum of a node's terms"
    PRODUCT = "the product of a node's terms"
    CONCATENATION = "the concatenation of a node's terms"
    FIT_BY_FIRST = "the `fit` with which the first term of a sum decides the shape"


JOINING = (Role.SUM, Role.PRODUCT, Role.CONCATENATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive:
    """An operation that Python implements.

    Attributes:
      name: the name of the primitive in texts.
      meaning: one sentence that describes the output. The reference prints this text.
      settings: the settings. The first setting may be written without its name.
      channels: the name of the setting that is the number of output channels. If it is None, the output has the
        channels of the input.
      channel_factor: the name of the setting that is the ratio of output to input channels; None without such a
        setting.
      channel_divisor: the name of the setting by which the channels of the input are divided; None without such a
        setting.
      channel_groups: the name of the setting that is the number of equal groups into which channels are divided; None
        without such a setting. With more than one group, the order of the channels has an effect.
      mixes_channels: whether each output channel is a trained mixture of all input channels, so that their order has no
        effect.
      flattens: whether the output channels depend on the size of the map, which the language does not know.
      role: the purpose for which the language itself uses the primitive; None for most primitives.
      has_weights: whether each use has weights of its own. Then two uses on one value give two values.
      is_random: whether training draws random numbers. Then two uses on one value give two values.
      identity: the settings with which the primitive returns its input; None for a primitive that always changes it.
      idempotent: whether the primitive, applied twice, does the same as once.
      keeps_zeros: the settings with which the primitive gives zeros for zeros; None for a primitive that never does.
        Most primitives always do. Trained biases and offsets, which start at 0, are not considered.
      sized: the values of settings with which the map of the output has the size of the input, divided by the stride
        and rounded up; None for a primitive that changes the size otherwise. Most primitives keep the size.
      added: whether the primitive came later than others. A variable of a rule may have its name, as in older texts.
    """

    name: str
    meaning: str
    settings: tuple[Setting, ...] = ()
    channels: str | None = None
    channel_factor: str | None = None
    channel_divisor: str | None = None
    channel_groups: str | None = None
    mixes_channels: bool = False
    flattens: bool = False
    role: Role | None = None
    has_weights: bool = False
    is_random: bool = False
    identity: Mapping[str, Value] | None = None
    idempotent: bool = False
    keeps_zeros: Mapping[str, Value] | None = field(default_factory=dict)
    sized: Mapping[str, Domain] | None = field(default_factory=dict)
    added: bool = False

    @property
    def joins(self) -> bool:
        """Whether the primitive joins several states. The sum, the product and the concatenation do."""
        return self.role in JOINING

    @property
    def is_pure(self) -> bool:
        """Whether two uses of the primitive on one value always give the same value."""
        return not (self.has_weights or self.is_random)


class Named(Protocol):
    """The base of the records that belong to a primitive and have its name, as `dsl` and `compiler` keep them."""

    @property
    def name(self) -> str:
        """The name of the primitive."""
        ...


Record = TypeVar("Record", bound=Named)


def collected(kind: str, found: Iterable[Record], wanted: Collection[str] = ()) -> Mapping[str, Record]:
    """Returns records by their names.

    Args:
      kind: a noun for the records in messages.
      found: the records.
      wanted: exactly the names that must have a record; empty allows all names.

    Raises:
      ValueError: two records have one name, a wanted name has no record, or a record has another name.
    """
    records: dict[str, Record] = {}
    for record in found:
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
    """Returns the record after a check of its fields.

    Raises:
      ValueError: two fields contradict each other, or a default is outside of its domain.
    """
    names = [setting.name for setting in primitive.settings]
    faults = {
        "two settings have one name": len(set(names)) < len(names),
        f"`channels` names no setting: {primitive.channels}": primitive.channels not in (None, *names),
        f"`channel_factor` names no setting: {primitive.channel_factor}": primitive.channel_factor
        not in (None, *names),
        f"`channel_divisor` names no setting: {primitive.channel_divisor}": primitive.channel_divisor
        not in (None, *names),
        f"`channel_groups` names no setting: {primitive.channel_groups}": primitive.channel_groups
        not in (None, *names),
        "it mixes channels and has no weights": primitive.mixes_channels and not primitive.has_weights,
        f"`identity` names no setting: {primitive.identity}": not set(primitive.identity or ()) <= set(names),
        f"`keeps_zeros` names no setting: {primitive.keeps_zeros}": not set(primitive.keeps_zeros or ()) <= set(names),
        f"`sized` names no setting: {primitive.sized}": not set(primitive.sized or ()) <= set(names),
        "it is idempotent and has weights": primitive.idempotent and not primitive.is_pure,
        "`meaning` does not end with a full stop": not primitive.meaning.endswith("."),
        "it has weights and is random; one operation cannot be both": primitive.has_weights and primitive.is_random,
        "it has a role, so it must not have weights and must not be random": primitive.role and not primitive.is_pure,
    }
    for setting in primitive.settings:
        outside = setting.default is not None and not setting.domain.holds(setting.default)
        faults[f"the default of {setting.name}, {setting.default}, is not {setting.domain.allowed}"] = outside
        given = [setting.default is not None, setting.required, setting.ambient]
        given += [bool(setting.otherwise), bool(setting.follows)]
        faults[f"{setting.name} needs exactly one of: default, required, ambient, otherwise, follows"] = sum(given) != 1
        faults[f"{setting.name} follows no setting: {setting.follows}"] = setting.follows not in ("", *names)
    for fault, holds in faults.items():
        if holds:
            raise ValueError(f"primitive {primitive.name}: {fault}")
    return primitive


def by_role(primitives: Iterable[Primitive]) -> Mapping[Role, str]:
    """Returns the name of the primitive of each role.

    Raises:
      ValueError: a role has no primitive, or several primitives have the same role.
    """
    primitives = tuple(primitives)
    found = {role: [primitive.name for primitive in primitives if primitive.role is role] for role in Role}
    for role, names in found.items():
        if len(names) != 1:
            raise ValueError(f"{role.value}: one primitive must have this role, found {', '.join(names) or 'none'}")
    return {role: name for role, (name,) in found.items()}
