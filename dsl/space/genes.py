"""The domains of genes: the values that a gene may have, and the value that a gene takes from an assignment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dsl.errors import CellError, nearest
from dsl.space.evaluate import Scope, number
from dsl.text.parse import whole
from dsl.text.unparse import expression
from dsl.tree import syntax as s

GeneValue = int | float | s.Kernel | s.Op | str
REAL, INT, KERNEL, OP, WORD = KINDS = ("real", "int", "kernel", "op", "word")
MAX_MEMBERS = 2_000  # of a set, and of a gene's range of whole numbers
_MOST = 1e15
_EXAMPLES = {KERNEL: "3x3 in { 3x3, 5x5 }", OP: "relu in { relu, skip }", WORD: "same in { same, valid }"}


def kind_of(value: GeneValue) -> str:
    """Returns the kind of a value: `int`, `real`, `kernel`, `op`, or `word` for a word such as `same`."""
    if isinstance(value, s.Op):
        return OP
    if isinstance(value, s.Kernel | str):
        return WORD if isinstance(value, str) else KERNEL
    return INT if isinstance(value, int) else REAL


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a gene may have.

    Attributes:
      kind: the kind of all values: `real`, `int`, `kernel`, `op` or `word`.
      low: the least number of a range; None without a range.
      high: the greatest number of a range; None without a range.
      members: the members of a set, or the whole numbers of a range; empty for any other domain.
      is_range: whether the domain is a range, or has no limits, and not a set.
    """

    kind: str
    low: int | float | None = None
    high: int | float | None = None
    members: tuple[GeneValue, ...] = ()
    is_range: bool = True

    def taken(self, value: object, key: Callable[[object], object]) -> GeneValue | None:
        """Returns the value that a gene takes if a rule assigns `value`; None if this is another draw.

        A real number is clamped to its range. A value of a gene of whole numbers is rounded, half up, and must be in
        the domain. A member of a set must be equal to the value: `key` gives equal results for equal members.
        """
        if not self.is_range:
            wanted = key(value)
            return next((member for member in self.members if key(member) == wanted), None)
        if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > _MOST:
            return None
        low = -_MOST if self.low is None else self.low
        high = _MOST if self.high is None else self.high
        if self.kind == INT:
            rounded = math.floor(value + 0.5)
            return rounded if low <= rounded <= high else None
        return whole(min(max(value, low), high))

    @property
    def is_numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in (REAL, INT)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest number of the domain, which may be infinite; both are infinite if it has none."""
        numbers = [member for member in self.members if isinstance(member, int | float)]
        if numbers and not self.is_range:
            return min(numbers), max(numbers)
        return -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high


def member_of(item: s.Expression, known: Scope) -> GeneValue:
    """Returns a member of a set in the form in which a rule assigns it: an operation, a number, a kernel or a word.

    `known` has the values of the names that are no operations: of params, and of words of the language.
    """
    if isinstance(item, s.Op | s.Kernel):
        return item
    if isinstance(item, s.Path):
        word = known.get(item.names[0])
        if word is None:
            return s.Op(item.names[0], position=item.position)
        if isinstance(word, str):
            return word
    return number(item, known)


def value_of(gene: s.Gene, params: Scope) -> GeneValue:
    """Returns the value that the text gives a gene. A gene without a set is a number."""
    if gene.members is None and isinstance(gene.value, s.Kernel | s.Op):
        raise CellError(f"a number is wanted here, found {expression(gene.value)}", gene.value.position,
                        f"other values need a set, such as: gene {gene.name} = 3x3 in {{ 3x3, 5x5 }}")  # fmt: skip
    return number(gene.value, params) if gene.members is None else member_of(gene.value, params)


def domain_of(gene: s.Gene, params: Scope, sets: Mapping[str, s.Set]) -> Domain:
    """Returns the domain of a gene; `sets` has the sets with a name.

    Raises:
      CellError: the domain is empty, has no meaning for the kind of the gene, or is too large.
    """
    if gene.kind not in (None, *KINDS):
        raise CellError(f"gene {gene.name} is of an unknown kind {gene.kind!r}", gene.position,
                        nearest(gene.kind, KINDS))  # fmt: skip
    if gene.members is not None:
        return _set_domain(gene, gene.members, params, sets)
    if gene.kind in _EXAMPLES:
        example = _EXAMPLES[gene.kind]
        raise CellError(f"gene {gene.name} is of kind {gene.kind}, and has no set of such values", gene.position,
                        f"write its set, such as: gene {gene.name} = {example}")  # fmt: skip
    kind = gene.kind or REAL
    if gene.low is None or gene.high is None:
        return Domain(kind)
    low, high = number(gene.low, params), number(gene.high, params)
    if low >= high:
        holds = "is one number; write a `param`" if low == high else f"is empty; write {high} .. {low}"
        raise CellError(f"the domain of gene {gene.name}, {low} .. {high}, {holds}", gene.low.position)
    if kind == REAL:
        return Domain(kind, low, high)
    if not isinstance(low, int) or not isinstance(high, int):
        raise CellError(f"the domain of gene {gene.name}, {low} .. {high}, has a limit that is not whole",
                        gene.low.position, f"write {math.ceil(low)} .. {math.floor(high)}")  # fmt: skip
    if high - low >= MAX_MEMBERS:
        raise CellError(f"the domain of gene {gene.name} has {high - low + 1:,} members; at most {MAX_MEMBERS:,}",
                        gene.low.position, f"let the gene count multiples, such as 8 * {gene.name}")  # fmt: skip
    return Domain(kind, low, high, tuple(range(low, high + 1)))


def _set_domain(gene: s.Gene, members: s.Path | s.Set, params: Scope, sets: Mapping[str, s.Set]) -> Domain:
    named = sets.get(str(members)) if isinstance(members, s.Path) else members
    if named is None:
        raise CellError(f"unknown set {str(members)!r}", members.position, nearest(str(members), sets))
    found = tuple(member_of(item, params) for item in named.items)
    kinds = [kind_of(value) for value in found]
    kind = gene.kind or (REAL if set(kinds) == {INT, REAL} else kinds[0])
    for item, other in zip(named.items, kinds, strict=True):
        if other != kind and (other, kind) != (INT, REAL):
            written = f"is of kind {kind}" if gene.kind else f"has the member {expression(named.items[0])}"
            raise CellError(f"gene {gene.name} {written}, and {expression(item)} is of kind {other}", item.position,
                            "all members of a gene's set are numbers, kernels, words or operations")  # fmt: skip
    return Domain(kind, members=found, is_range=False)


def written(value: GeneValue) -> s.Expression:
    """Returns the value of a gene as an expression."""
    if isinstance(value, str):
        return s.Path((value,))
    return s.Number(value) if isinstance(value, int | float) else value
