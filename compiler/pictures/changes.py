"""The changes from one genotype to another, for each part of a cell, which a picture marks.

States are matched by name, and terms by label and then by text, as `cell diff` matches them. States of the former cell
have the names that they have in the present cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

import dsl
from compiler.pictures.network import NAME, as_cell
from dsl.primitives import CONCATENATION, PRODUCT, SUM
from dsl.report.diff import Difference, cell_differences, differences
from dsl.report.matching import matched, partner, renamed, with_names
from dsl.text import unparse
from dsl.tree import edit
from dsl.tree import syntax as s

Place = tuple[int, ...]  # the indices that lead to a term, where each state that `unused` stands for has its own index
RETURN = "return"  # the key of the changes of a cell's return


@dataclass(frozen=True, slots=True)
class FlowChanges:
    """The changes of the right side of a node, or of the return of a cell.

    `new` has the places of new terms. `operations` and `reads` have the former operation and the former state at each
    place where they have changed. `removed` has each removed term, after the place of the join that read it. `join` is
    the sign of the former join, and `tail` has the former operations after the join; each is None if it has not
    changed. `is_listed` says whether there is a change that a picture cannot show, such as another order of terms.
    """

    new: frozenset[Place] = frozenset()
    operations: Mapping[Place, s.Op | s.Any] = field(default_factory=dict)
    reads: Mapping[Place, str] = field(default_factory=dict)
    removed: tuple[tuple[Place, s.Term], ...] = ()
    join: str | None = None
    tail: s.Pipe | None = None
    is_listed: bool = False


@dataclass(frozen=True, slots=True)
class CellChanges:
    """The changes from one version of a cell to another.

    `new` has the names of new inputs and nodes. `names` has the former names of renamed states, and `inputs` the former
    declarations of changed inputs, both by the present names. `words` has all changes as `cell diff` prints them.
    `lines` has the words of the changes of each state, which are listed under the picture if the picture has no room
    for these changes. `notes` has the words of the changes that no picture shows.
    """

    words: tuple[str, ...] = ()
    is_new: bool = False
    new: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, s.Input] = field(default_factory=dict)
    removed_inputs: tuple[s.Input, ...] = ()
    removed_nodes: tuple[s.Node, ...] = ()
    flows: Mapping[str, FlowChanges] = field(default_factory=dict)
    stride: Difference | None = None
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes from one genotype to another: of cells by name, and in `notes` all others as text."""

    cells: Mapping[str, CellChanges]
    notes: tuple[str, ...]


def changes(before: dsl.Genotype, after: dsl.Genotype) -> Changes:
    """Returns the changes from one genotype to another."""
    old, new = ({cell.name: cell for cell in genotype.cells} for genotype in (before, after))
    partners = {partner(cell, old, new): cell for cell in old.values()}
    listed = differences(before, after)
    found: dict[str, CellChanges] = {}
    for name, cell in new.items():
        former = partners.get(name)
        if former is None:
            found[name] = CellChanges(tuple(str(one) for one in listed if one.where == f"cell {name}"), is_new=True)
        elif former.name == name and former != cell:
            found[name] = cell_changes(former, cell)
    drawn = {f"cell {name}" for name in found}
    if before.space.evolves_network and after.space.evolves_network:
        steps = as_cell(before), as_cell(after)
        if steps[0] != steps[1]:
            found[NAME] = cell_changes(*steps)
            drawn |= {f"network {section.name}" for section in after.network.sections if section.of is None}
    return Changes(found, tuple(str(one) for one in listed if one.where not in drawn))


def cell_changes(before: s.Cell, after: s.Cell) -> CellChanges:
    """Returns the changes from one version of a cell to another."""
    names, listed = renamed(before, after), [*cell_differences(before, after)]
    before = with_names(before, names)
    old_inputs, new_inputs = ({item.name: item for item in cell.inputs} for cell in (before, after))
    old_flows, new_flows = ({node.name: node.flow for node in cell.nodes} for cell in (before, after))
    pairs = {name: (old_flows[name], flow) for name, flow in new_flows.items() if name in old_flows}
    pairs[RETURN] = before.output, after.output
    unused = _unused(before), _unused(after)
    found = {name: _Walk(*unused).flow(*flows) for name, flows in pairs.items()}
    flows = {name: flow for name, flow in found.items() if flow != FlowChanges()}
    gone_inputs = tuple(item for name, item in old_inputs.items() if name not in new_inputs)
    gone_nodes = tuple(node for node in before.nodes if node.name not in new_flows)
    # A picture shows all changes of operations after a sum, so their lines are left out.
    lines = {name: tuple(str(one) for one in listed if one.node == name and not _is_of_tail(one)) for name in flows}
    lines |= {item.name: (f"cell {after.name}: - {unparse.cell_input(item)}",) for item in gone_inputs}
    lines |= {node.name: (f"cell {after.name}: - {node.name} = {unparse.flow(node.flow)}",) for node in gone_nodes}
    renamings = {f"{old} is now called {new}" for old, new in names.items()}
    return CellChanges(
        words=tuple(map(str, listed)),
        new=frozenset(new_inputs.keys() - old_inputs.keys() | new_flows.keys() - old_flows.keys()),
        names={new: old for old, new in names.items()},
        inputs={name: old_inputs[name] for name, item in new_inputs.items() if old_inputs.get(name, item) != item},
        removed_inputs=gone_inputs,
        removed_nodes=gone_nodes,
        flows=flows,
        stride=next((one for one in listed if one.trait == "stride"), None),
        lines=lines,
        notes=tuple(
            str(one)
            for one in listed
            if (one.node in flows and flows[one.node].is_listed and not _is_of_tail(one))
            or (one.note and one.note not in renamings)
            or one.trait not in ("", "stride")
        ),
    )


def _is_of_tail(difference: Difference) -> bool:
    return f"{difference.before or difference.after}".startswith("|")


def _unused(cell: s.Cell) -> tuple[str, ...]:
    """Returns the states that the word `unused` stands for.

    If a state of the cell has this name, it is this state alone.
    """
    return ("unused",) if "unused" in edit.states(cell) else edit.unused(cell)


def is_drawn(term: s.Term) -> bool:
    """Returns whether a picture shows a term. It does not show an edge with the operation `none`."""
    return isinstance(term, s.Wire) or (not edit.is_none(term) and any(map(is_drawn, term.arguments)))


def inner(flow: s.Flow) -> tuple[tuple[s.Term, ...], Place, str]:
    """Returns the terms that a node joins, the place of the join, and the sign of the join.

    A sum `a + b` has the place ().
    """
    first = flow.terms[0]
    if len(flow.terms) == 1 and isinstance(first, s.Call) and s.is_join(first):
        return first.arguments, (0,), sign(first)
    return flow.terms, (), "+"


def sign(join: s.Call) -> str:
    """Returns the text that a picture shows for a join: + for a sum, * for a product, or `concat`."""
    assert isinstance(join.op, s.Op)
    return {SUM: "+", PRODUCT: "*"}.get(join.op.name, CONCATENATION)


@dataclass(slots=True)
class _Walk:
    """A walk over two versions of a flow, which collects the changes from the first version to the second one."""

    unused_before: tuple[str, ...]
    unused_after: tuple[str, ...]
    new: set[Place] = field(default_factory=set)
    operations: dict[Place, s.Op | s.Any] = field(default_factory=dict)
    reads: dict[Place, str] = field(default_factory=dict)
    removed: list[tuple[Place, s.Term]] = field(default_factory=list)
    is_listed: bool = False

    def flow(self, before: s.Flow, after: s.Flow) -> FlowChanges:
        """Returns the changes from the flow `before` to the flow `after`."""
        (old, _, old_sign), (new, place, new_sign) = inner(before), inner(after)
        join = None if old_sign == new_sign else old_sign
        self._terms(old, new, place, before.terms == after.terms or join is not None)
        tail = None if before.tail == after.tail else before.tail
        reads, removed = dict(self.reads), tuple(self.removed)
        return FlowChanges(frozenset(self.new), dict(self.operations), reads, removed, join, tail, self.is_listed)

    @property
    def _count(self) -> int:
        return len(self.new) + len(self.operations) + len(self.reads) + len(self.removed) + self.is_listed

    def _terms(self, old: tuple[s.Term, ...], new: tuple[s.Term, ...], place: Place, is_same: bool) -> None:
        """Collects the changes of the terms of a join.

        If no change is found and `is_same` is False, `is_listed` becomes True.
        """
        count = self._count
        begins = [0, *accumulate(len(_states(term, self.unused_after)) for term in new)]
        for i, j in matched(old, new):
            mine, yours = None if i is None else old[i], None if j is None else new[j]
            at = (*place, begins[len(new) if j is None else j])
            if _is_unused(mine) or _is_unused(yours):
                self._wires(_states(mine, self.unused_before), _states(yours, self.unused_after), at)
            elif mine is not None and yours is not None and _unlabelled(mine) == _unlabelled(yours):
                continue
            elif mine is not None and yours is not None and is_drawn(mine) and is_drawn(yours):
                self._term(mine, yours, at)
            else:
                self._replaced(mine, yours, at)
        self.is_listed = self.is_listed or not (is_same or self._count > count)

    def _wires(self, old: tuple[s.Term, ...], new: tuple[s.Term, ...], place: Place) -> None:
        """Collects the states that only one of two lists of terms has.

        The first term of the list `new` is at `place`.
        """
        for index, term in enumerate(new, place[-1]):
            if term not in old:
                self.new.add((*place[:-1], index))
        self.removed += [(place[:-1], term) for term in old if term not in new]

    def _term(self, mine: s.Term, yours: s.Term, place: Place) -> None:
        """Collects the changes from the term `mine` to the term `yours`, which a picture both shows."""
        if isinstance(mine, s.Wire) and isinstance(yours, s.Wire):
            if mine.state != yours.state:
                self.reads[place] = mine.state
        elif isinstance(mine, s.Wire) or isinstance(yours, s.Wire) or s.is_join(mine) != s.is_join(yours):
            self._replaced(mine, yours, place)
        elif s.is_join(mine) and mine.op == yours.op:
            self._terms(mine.arguments, yours.arguments, place, mine == yours)
        elif s.is_join(mine) or (mine.op != yours.op and _depth(mine) != _depth(yours)):
            self._replaced(mine, yours, place)
        else:
            if mine.op != yours.op:
                self.operations[place] = mine.op
            self._term(mine.arguments[0], yours.arguments[0], (*place, 0))

    def _replaced(self, mine: s.Term | None, yours: s.Term | None, place: Place) -> None:
        """Collects a removed term `mine` and a new term `yours`. One of them may be None."""
        is_gone, is_new = mine is not None and is_drawn(mine), yours is not None and is_drawn(yours)
        if is_new:
            self.new.add(place)
        if mine is not None and is_gone:
            self.removed += [(place[:-1], term) for term in edit.with_states((mine,), self.unused_before)]
        self.is_listed = self.is_listed or not (is_gone or is_new)


def _states(term: s.Term | None, unused: tuple[str, ...]) -> tuple[s.Term, ...]:
    return () if term is None else edit.with_states((term,), unused) if _is_unused(term) else (term,)


def _unlabelled(term: s.Term) -> s.Term:
    return replace(term, label=None)


def _is_unused(term: s.Term | None) -> bool:
    return isinstance(term, s.Wire) and term.state == "unused"


def _depth(term: s.Term) -> int:
    return 0 if isinstance(term, s.Wire) else 1 + max(map(_depth, term.arguments))
