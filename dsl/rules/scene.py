"""The scene of a rule while it is applied: the genotype, the variables of the rule, and the parents of the child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dsl.errors import CellError
from dsl.rules.work import Work
from dsl.space.genotype import Genotype
from dsl.space.slots import Settable
from dsl.tree import grow, network
from dsl.tree.edit import CellRef, GeneRef, Ref, StepRef

Member = Ref | Settable
Part = tuple[str, ...]


class Unfit(Exception):
    """The error for a drawn value that a genotype cannot take. The rule is drawn again, and the reason is counted."""


class Missed(Unfit):
    """The error for a statement that does not apply after the values that its rule drew. Other values may suit it."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise that a child adds to each trainable weight with which it starts.

    Attributes:
      kind: the distribution: `normal` or `uniform`.
      first: the mean of `normal`, the least value of `uniform`.
      second: the standard deviation of `normal`, the greatest value of `uniform`.
    """

    kind: str
    first: float
    second: float

    def __str__(self) -> str:
        return f"{self.kind}({self.first:g}, {self.second:g})"


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of a rule on the weights of the child.

    Attributes:
      forget: whether the child starts from fresh weights.
      noise: the noise on the weights of the child; None without noise.
      from_mate: the parts of the child whose weights come from the mate, such as `("cell", "net", "n57")`.
    """

    forget: bool = False
    noise: Noise | None = None
    from_mate: tuple[Part, ...] = ()


_NO_EFFECTS = Effects()


class Attempt(NamedTuple):
    """The facts that do not change while a rule is applied.

    Attributes:
      work: the count of the steps that joint draws take.
      mate: the second parent of the child; None for a child with one parent.
      born: the number of the child, which marks new parts; None for names that count from 1 in each cell.
    """

    work: Work
    mate: Genotype | None = None
    born: int | None = None


class Scene(NamedTuple):
    """The genotype and the variables of a rule while it is applied. A named tuple is made faster than a dataclass.

    Attributes:
      genotype: the genotype, with the changes that the rule has made.
      bound: the parts of the genotype to which the variables of the rule are bound.
      effects: the effects of the rule besides the change of the genotype.
      attempt: the facts that do not change while the rule is applied.
    """

    genotype: Genotype
    bound: Mapping[str, Ref]
    effects: Effects
    attempt: Attempt

    @classmethod
    def of(cls, genotype: Genotype, attempt: Attempt | None = None, bound: Mapping[str, Ref] | None = None) -> Scene:
        """Returns the scene of a genotype to which no rule was applied yet."""
        return cls(genotype, bound or {}, _NO_EFFECTS, attempt or Attempt(Work()))

    @property
    def work(self) -> Work:
        """The count of the steps that joint draws take."""
        return self.attempt.work

    def bind(self, name: str, member: Member) -> Scene:
        """Returns the scene with one more variable."""
        return Scene(self.genotype, {**self.bound, name: referred(name, member)}, self.effects, self.attempt)

    def mates(self, part: Ref) -> Ref | None:
        """Returns the part of the mate that has the names of a part of the genotype; None if there is none."""
        mate = self.attempt.mate
        if mate is None or isinstance(part, CellRef | GeneRef):
            return None if mate is None else part
        if isinstance(part, StepRef):
            return network.moved(part, self.genotype.network, mate.network)
        return grow.moved(part, self.genotype.cell(part.cell), mate.cell(part.cell))

    def in_mate(self, name: str) -> Scene | None:
        """Returns the scene in the mate with one variable, if `name` is one; None if the mate lacks this part."""
        if self.attempt.mate is None:
            return None
        there = self.mates(self.bound[name]) if name in self.bound else None
        if name in self.bound and there is None:
            return None
        return self.having(self.attempt.mate, {} if there is None else {name: there})

    def having(self, genotype: Genotype, bound: Mapping[str, Ref] | None = None) -> Scene:
        """Returns the scene with another genotype, and with other variables if they are given."""
        return Scene(genotype, self.bound if bound is None else bound, self.effects, self.attempt)

    def with_effects(self, effects: Effects) -> Scene:
        """Returns the scene with other effects on the weights of the child."""
        return self._replace(effects=effects)


def referred(name: str, member: Member) -> Ref:
    """Checks that a member of a set is a part of a genotype, to which a variable can be bound, and returns the member.

    Raises:
      CellError: the member is not a part of a genotype.
    """
    if not isinstance(member, tuple):  # References are named tuples. A test for each kind of them would take longer.
        raise CellError(f"{name} is bound to {member}, which is not a cell, node, term or state")
    return member
