"""The operations that rules may bring to edges and steps, and the facts that are known at a statement of a rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from dsl.primitives import IDENTITY
from dsl.space.genotype import STEPS, Space
from dsl.tree import syntax as s

NOT_SETTINGS = ("op", "input", "tail", "join")
_MAX_LISTED = 24


@dataclass(frozen=True, slots=True)
class Live:
    """The operations that edges and tails of mutable cells may have, and whether nodes and settings may change.

    `steps` has the operations that steps may have, and `pipes` is whether a step may have several operations.
    """

    ops: frozenset[s.Op] = frozenset()
    steps: frozenset[s.Op] = frozenset()
    grows: bool = False
    tunes: bool = False
    pipes: bool = False

    def with_all(self, others: Iterable[Live]) -> Live:
        """Returns the union of this record and others."""
        found = (self, *others)
        return Live(
            frozenset().union(*(one.ops for one in found)), frozenset().union(*(one.steps for one in found)),
            any(one.grows for one in found), any(one.tunes for one in found), any(one.pipes for one in found),
        )  # fmt: skip


NOTHING = Live()


@dataclass(frozen=True, slots=True)
class Scope:
    """The facts about a rule that are known at one of its statements.

    Attributes:
      space: the search space.
      open: the cells that rules may change; empty if cells are not checked.
      live: the operations that these cells may have; None if cells are not checked.
      bound: the sets from which the variables of the rule are drawn, by the variables' names.
      crossover: whether the rule has a second parent.
    """

    space: Space
    open: tuple[s.Cell, ...]
    live: Live | None
    bound: dict[str, s.Path | s.Set]
    crossover: bool = False

    @classmethod
    def of(cls, rule: s.Mutation, space: Space, cells: tuple[s.Cell, ...] = (), live: Live | None = None) -> Scope:
        """Returns the facts that are known at the first statement of a rule."""
        return cls(space, cells, live, {s.MATE: s.Path((s.MATE,))} if rule.crossover else {}, rule.crossover)

    def following(self, brings: Iterable[Live]) -> Scope:
        """Returns the facts that are known after a statement, which may have brought operations."""
        new = [one for one in brings if one != NOTHING]
        return replace(self, live=self.live.with_all(new)) if self.live is not None and new else self

    def own(self, path: s.Path) -> s.Path:
        """Returns a path without a leading `mate`. A part of the mate is of the kind of the same part of the child."""
        is_of_mate = self.crossover and path.names[0] == s.MATE and len(path.names) > 1
        return s.Path(path.names[1:], position=path.position) if is_of_mate else path

    def cells(self, path: s.Path) -> tuple[s.Cell, ...]:
        """Returns the cells to which a path may lead, among those that rules may change."""
        if path.names[0] in self.bound:
            return self.open
        return tuple(cell for cell in self.open if cell.name == path.names[0])

    @property
    def steps(self) -> frozenset[str]:
        """The variables that stand for steps."""
        return frozenset(name for name, values in self.bound.items() if are_steps(values, self.space))

    def ops_at(self, path: s.Path, live: Live) -> frozenset[s.Op]:
        """Returns the operations that a path such as `t.op`, `s.op` or `mate.s.op` may have."""
        return live.steps if self.own(path).names[0] in self.steps else live.ops


def are_steps(values: s.Path | s.Set, space: Space) -> bool:
    """Returns whether a set is that of all steps."""
    return values == s.Path((STEPS,)) and STEPS not in space.values


def open_cells(space: Space) -> tuple[s.Cell, ...]:
    """Returns the cells that are not fixed."""
    return tuple(item for item in space.items if isinstance(item, s.Cell) and not item.fixed)


def held(space: Space) -> Iterator[s.Op]:
    """Yields the operations on edges and after sums of the cells that rules may change.

    An edge without a written operation has the identity.
    """
    for cell in open_cells(space):
        for flow in (*(node.flow for node in cell.nodes), cell.output):
            yield from (op for op in flow.tail if isinstance(op, s.Op))
            for _, edge in s.flow_edges(flow):
                yield edge.op if isinstance(edge, s.Call) and isinstance(edge.op, s.Op) else s.Op(IDENTITY)


def brought(statement: s.Statement, scope: Scope) -> Live:
    """Returns the operations that a statement may bring, and whether it may add nodes or change settings."""
    match statement:
        case s.Assign(s.Path((name, "op")), _, value) if name in scope.steps:
            return Live(steps=frozenset(_drawn_ops(value, scope, to_step=True)), tunes=True)
        case s.Insert(pipe, _, after) if after:
            return Live(pipes=True) if len(pipe) > 1 else Live(steps=frozenset(_drawn_ops(pipe[0], scope)))
        case s.Assign(s.Path((_, "op" | "tail")), _, value):
            return Live(frozenset(_drawn_ops(value, scope)))
        case s.Assign(s.Path(names)):
            return Live(tunes=len(names) > 1 and names[1] not in NOT_SETTINGS)
        case s.Insert(pipe, _) | s.Connect(_, _, pipe):
            ops = frozenset(op for part in pipe for op in _drawn_ops(part, scope))
            return Live(ops, grows=isinstance(statement, s.Insert))
        case _:
            return Live()


def _drawn_ops(value: s.Expression, scope: Scope, to_step: bool = False) -> Iterator[s.Op]:
    if isinstance(value, s.Any):
        drawn = members(value.range, scope.space)
        if drawn is None and isinstance(value.range, s.Path) and value.range.names[0] in scope.space.domains:
            drawn = scope.space.domains[value.range.names[0]].members
        elif drawn is None:
            drawn = tuple(s.Op(name) for name in scope.space.cell_names)
        yield from (member for member in drawn if isinstance(member, s.Op))
    elif isinstance(value, s.Op):
        yield value
    elif isinstance(value, s.Path):
        yield from _present_ops(scope.own(value), scope, to_step)


def _present_ops(path: s.Path, scope: Scope, to_step: bool) -> Iterator[s.Op]:
    """Yields the operations that the present value of a path may newly bring to edges, or else to steps."""
    root, *rest = path.names
    if not rest:
        gene = scope.space.domains.get(root)
        yield from (s.Op(root),) if gene is None else (one for one in gene.members if isinstance(one, s.Op))
    elif scope.live is not None and (rest[-1] not in ("op", "tail") or (root in scope.steps) != to_step):
        # Any operation may be the value of a setting, and any may come from steps to edges, or from edges to steps.
        yield from map(s.Op, scope.space.definitions.names())


def members(values: s.Path | s.Set, space: Space) -> tuple[object, ...] | None:
    """Returns the members of a set. Returns None for a set that depends on the individual, such as `net.nodes`."""
    if isinstance(values, s.Set):
        return tuple(space.member(item) for item in values.items)
    return space.members.get(values.names[0]) if len(values.names) == 1 else None


def listed(names: Collection[str]) -> str:
    """Returns a hint with the allowed names; an empty text if there are none or many."""
    return f"allowed: {', '.join(sorted(names))}" if 0 < len(names) <= _MAX_LISTED else ""
