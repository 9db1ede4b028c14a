"""Pure edits of cells. An edit takes a cell and returns a new cell, which shares unchanged parts with the old cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from dsl.primitives import NOTHING, SUM
from dsl.tree import syntax as s

OUTPUT = -1  # the index that stands for the return of a cell where nodes are named by their indices


class CellRef(NamedTuple):
    """A reference to a cell by its name."""

    cell: str


class NodeRef(NamedTuple):
    """A reference to a node of a cell by its index, or to the cell's return by the index `OUTPUT`."""

    cell: str
    node: int


class TermRef(NamedTuple):
    """A reference to an edge: the index of its node, and the indices of terms that lead to it within the node."""

    cell: str
    node: int
    place: tuple[int, ...]


class StateRef(NamedTuple):
    """A reference to a state of a cell by its name: to an input, or to the value of a node."""

    cell: str
    state: str


class GeneRef(NamedTuple):
    """A reference to a gene by its name."""

    gene: str


class StepRef(NamedTuple):
    """A reference to a step of the network: the name of its section, and its place there."""

    section: str
    step: int


Ref = CellRef | NodeRef | TermRef | StateRef | GeneRef | StepRef


def states(cell: s.Cell, before: int = OUTPUT) -> tuple[str, ...]:
    """Returns the names of a cell's inputs, and of its nodes before the one with the index `before`, in order."""
    nodes = cell.nodes if before == OUTPUT else cell.nodes[:before]
    return (*[item.name for item in cell.inputs], *[node.name for node in nodes])


def cell_ops(cell: s.Cell) -> Iterator[s.Op | s.Any]:
    """Yields every operation in the text of a cell."""
    yield from (item.kind for item in cell.inputs if item.kind is not None)
    if cell.fit is not None:
        yield cell.fit
    yield from flow_ops([*(node.flow for node in cell.nodes), cell.output])


def op_names(ops: Iterable[s.Op | s.Any]) -> list[str]:
    """Returns the names of operations. A draw from a set has no name and is left out."""
    return [op.name for op in ops if isinstance(op, s.Op)]


def mentioned(op: s.Op | s.Any) -> tuple[str, ...]:
    """Returns the name of an operation, and the names in its settings, which may be those of operations too."""
    if not isinstance(op, s.Op):
        return ()
    return (op.name, *[name for a in op.arguments for name in mentioned_in(a.value)]) if op.arguments else (op.name,)


def mentioned_in(value: s.Expression | None) -> tuple[str, ...]:
    """Returns the names in the value of a setting which may be those of operations."""
    if isinstance(value, s.Path):
        return value.names if len(value.names) == 1 else ()
    return mentioned(value) if isinstance(value, s.Op) else ()


def cell_uses(cell: s.Cell) -> list[tuple[str, ...]]:
    """Returns for each operation in a cell its name and the names in its settings. Names of formals are left out."""
    return _uses(cell_ops(cell), cell.settings) if cell.settings else [mentioned(op) for op in cell_ops(cell)]


def op_uses(defined: s.OpDef) -> list[tuple[str, ...]]:
    """Returns for each operation in an `op` its name and the names in its settings.

    Names of formals are left out, and the name of the `op` itself, which in a pipe is the name of a primitive.
    """
    return _uses([part for case in defined.cases for part in case.pipe], defined.formals, defined.name)


def _uses(ops: Iterable[s.Op | s.Any], formals: tuple[s.Formal, ...], own: str = "") -> list[tuple[str, ...]]:
    # A default stands in the place of its formal, wherever the formal is used.
    defaults = [name for formal in formals for name in mentioned_in(formal.default)]
    hidden = {formal.name for formal in formals}

    def names(op: s.Op | s.Any) -> tuple[str, ...]:
        # As a setting, the own name of an `op` is the `op` itself, since the setting is applied elsewhere.
        found = mentioned(op)
        found = found[1:] if found[:1] == (own,) else found
        return tuple([name for name in (*found, *defaults) if name not in hidden])

    return list(map(names, ops))


def all_names(uses: Iterable[tuple[str, ...]]) -> list[str]:
    """Returns the names of all operations that parts of a cell or `op` mention."""
    return [name for names in uses for name in names]


def free_names(part: object) -> set[str]:
    """Returns the first names of all paths, and the names of all operations, in a part of the tree.

    Settings that an op or a cell declares are left out.
    """
    found: set[str] = set()
    for item in part if isinstance(part, list) else [part]:
        names = {
            each.names[0] if isinstance(each, s.Path) else each.name
            for each in s.parts_of(item)
            if isinstance(each, s.Path | s.Op)
        }
        formals = item.formals if isinstance(item, s.OpDef) else item.settings if isinstance(item, s.Cell) else None
        found |= names - {formal.name for formal in formals or ()}
    return found


def flow_ops(flows: Iterable[s.Flow]) -> Iterator[s.Op | s.Any]:
    """Yields every operation in right sides of nodes, also inside other operations."""
    for flow in flows:
        for term in flow.terms:
            yield from term_ops(term)
        yield from flow.tail


def term_ops(term: s.Term) -> Iterator[s.Op | s.Any]:
    """Yields the operations of a term: its own, and those of the terms within it."""
    if isinstance(term, s.Call):
        yield term.op
        for argument in term.arguments:
            yield from term_ops(argument)


def changed_flows(before: s.Cell, after: s.Cell) -> list[int] | None:
    """Returns the indices of the nodes in which two versions of a cell differ; None if their states have other names.

    The index `OUTPUT` stands for the return.
    """
    if before.inputs is not after.inputs or len(before.nodes) != len(after.nodes):
        return None
    changed: list[int] = []
    for index, node in enumerate(after.nodes):
        old = before.nodes[index]
        if node is not old:
            if node.name != old.name:
                return None
            changed.append(index)
    if after.output is not before.output:
        changed.append(OUTPUT)
    return changed


def flow_at(cell: s.Cell, node: int) -> s.Flow:
    """Returns the right side of the node with this index, or the return of the cell if the index is `OUTPUT`."""
    return cell.output if node == OUTPUT else cell.nodes[node].flow


def with_flow(cell: s.Cell, node: int, flow: s.Flow) -> s.Cell:
    """Returns the cell with one right side replaced."""
    nodes, output = cell.nodes, cell.output
    if node == OUTPUT:
        output = flow
    else:
        old = nodes[node]
        nodes = (*nodes[:node], s.Node(old.name, flow, position=old.position), *nodes[node + 1 :])
    return s.Cell(
        cell.name, cell.inputs, nodes, output, cell.stride, cell.fit, cell.width, cell.fixed, cell.settings,
        position=cell.position,
    )  # fmt: skip


def term_at(cell: s.Cell, ref: TermRef) -> s.Term:
    """Returns the edge that a reference names."""
    terms = flow_at(cell, ref.node).terms
    for index in ref.place[:-1]:
        outer = terms[index]
        assert isinstance(outer, s.Call)
        terms = outer.arguments
    return terms[ref.place[-1]]


def with_term(cell: s.Cell, ref: TermRef, term: s.Term) -> s.Cell:
    """Returns the cell with one edge replaced."""
    flow = flow_at(cell, ref.node)
    terms = _replaced(flow.terms, ref.place, term)
    return with_flow(cell, ref.node, s.Flow(terms, flow.tail, position=flow.position))


def _replaced(terms: tuple[s.Term, ...], place: tuple[int, ...], term: s.Term) -> tuple[s.Term, ...]:
    index = place[0]
    if len(place) > 1:
        outer = terms[index]
        assert isinstance(outer, s.Call)
        inner = _replaced(outer.arguments, place[1:], term)
        term = s.Call(outer.op, inner, outer.label, position=outer.position)
    return (*terms[:index], term, *terms[index + 1 :])


def with_op(edge: s.Term, op: s.Op) -> s.Term:
    """Returns the edge with another operation; label and state stay."""
    if isinstance(edge, s.Wire):
        return s.Call(op, (s.Wire(edge.state, position=edge.position),), edge.label, position=edge.position)
    return s.Call(op, edge.arguments, edge.label, position=edge.position)


def with_input(edge: s.Term, state: str) -> s.Term:
    """Returns the edge with another state; label and operation stay."""
    if isinstance(edge, s.Wire):
        return s.Wire(state, edge.label, position=edge.position)
    wire = s.Wire(state, position=edge.arguments[0].position)
    return s.Call(edge.op, (wire,), edge.label, position=edge.position)


def reading(flow: s.Flow, names: Mapping[str, str]) -> s.Flow:
    """Returns the flow with new names of the states that it reads. A state that is not in `names` keeps its name."""
    if names.keys().isdisjoint(flow.reads):
        return flow
    return replace(flow, terms=tuple(_term_reading(term, names) for term in flow.terms))


def _term_reading(term: s.Term, names: Mapping[str, str]) -> s.Term:
    if isinstance(term, s.Wire):
        return replace(term, state=names.get(term.state, term.state))
    return replace(term, arguments=tuple(_term_reading(part, names) for part in term.arguments))


def join_of(flow: s.Flow) -> s.Op:
    """Returns the operation by which a node combines its terms: `add`, `multiply` or `concat`."""
    only = flow.terms[0]
    if len(flow.terms) == 1 and isinstance(only, s.Call) and s.is_join(only) and not s.is_sum(only):
        assert isinstance(only.op, s.Op)
        return s.Op(only.op.name)
    return s.Op(SUM)


def joined(flow: s.Flow, join: s.Op) -> s.Flow:
    """Returns the flow with its terms combined by `add`, which is written as a sum, or by another join."""
    terms = flow.terms
    if len(terms) == 1 and isinstance(terms[0], s.Call) and s.is_join(terms[0]):
        terms = terms[0].arguments
    if join.name != SUM:
        terms = (s.Call(join, terms),)
    return s.Flow(terms, flow.tail, position=flow.position)


def unused(cell: s.Cell) -> tuple[str, ...]:
    """Returns the states that `unused` stands for: nodes that no node reads and the return does not name, in order."""
    read = set(cell.output.reads).union(*[node.flow.reads for node in cell.nodes])
    return tuple([node.name for node in cell.nodes if node.name not in read])


def returned_terms(cell: s.Cell) -> tuple[s.Term, ...]:
    """Returns the terms of the return, with `unused` replaced by its states."""
    return with_states(cell.output.terms, unused(cell))


def with_states(terms: tuple[s.Term, ...], names: tuple[str, ...]) -> tuple[s.Term, ...]:
    """Returns terms with `unused` replaced by states of these names."""
    return tuple(part for term in terms for part in _without_unused(term, names))


def _without_unused(term: s.Term, names: tuple[str, ...]) -> tuple[s.Term, ...]:
    if isinstance(term, s.Wire):
        return tuple(s.Wire(name, position=term.position) for name in names) if term.state == "unused" else (term,)
    arguments = tuple(part for argument in term.arguments for part in _without_unused(argument, names))
    return (s.Call(term.op, arguments, term.label, position=term.position),)


def keyed_return(cell: s.Cell) -> tuple[s.Term, ...]:
    """Returns the terms of the return with `unused` replaced by its states, each with its part of the keys of weights.

    This part is the label of the term or its place in the text, which does not move with the number of unused states. A
    state of `unused` has its name too.
    """
    return _keyed(cell.output.terms, unused(cell)) if "unused" in cell.output.reads else cell.output.terms


def _keyed(terms: tuple[s.Term, ...], names: tuple[str, ...]) -> tuple[s.Term, ...]:
    found: list[s.Term] = []
    for term in s.labelled(terms):
        if isinstance(term, s.Call):
            found.append(replace(term, arguments=_keyed(term.arguments, names)))
        elif term.state == "unused":
            found += [replace(term, state=name, label=f"{term.label}/{name}") for name in names]
        else:
            found.append(term)
    return tuple(found)


def is_none(edge: s.Term) -> bool:
    """Returns whether the edge has the operation `none`, which removes the edge."""
    return isinstance(edge, s.Call) and isinstance(edge.op, s.Op) and edge.op.name == NOTHING


def measured(ops: Iterable[s.Op | s.Any]) -> list[str]:
    """Returns the states of which operations read the number of channels: `x` for `dense[x.channels]`."""
    arguments = [argument.value for op in ops if isinstance(op, s.Op) for argument in op.arguments]
    found = [path.names[0] for value in arguments for path in s.paths(value) if path.names[1:] == ("channels",)]
    inner = [value for value in arguments if isinstance(value, s.Op)]
    return found + measured(inner) if inner else found


def live_nodes(cell: s.Cell) -> frozenset[str]:
    """Returns the names of the live nodes: of those that are computed from an input and change the return.

    A node is dead if all its terms are `none` or read dead nodes. A node is dead also if neither a live node nor the
    return reads it.
    """
    fed = {item.name for item in cell.inputs}
    sources: dict[str, tuple[str, ...]] = {}
    for node in cell.nodes:
        live = tuple(s.read_state(e) for _, e in s.flow_edges(node.flow) if not is_none(e) and s.read_state(e) in fed)
        if live:
            fed.add(node.name)
            sources[node.name] = live
    wanted = [s.read_state(e) for term in returned_terms(cell) for _, e in s.edges(term) if not is_none(e)]
    reached: set[str] = set()
    while wanted:
        state = wanted.pop()
        if state in sources and state not in reached:
            reached.add(state)
            wanted.extend(sources[state])
    return frozenset(reached)


def in_order(cell: s.Cell) -> s.Cell | None:
    """Returns the cell with every node after the nodes that it reads; None if nodes read each other in a loop.

    The old order is kept where it is possible.
    """
    names = {node.name for node in cell.nodes}
    if _is_in_order(cell, names):
        return cell
    done: set[str] = set()
    waiting, placed = list(cell.nodes), []
    while waiting:
        ready = next((node for node in waiting if all(r in done or r not in names for r in node.flow.reads)), None)
        if ready is None:
            return None
        waiting.remove(ready)
        placed.append(ready)
        done.add(ready.name)
    return replace(cell, nodes=tuple(placed))


def _is_in_order(cell: s.Cell, names: set[str]) -> bool:
    later = set(names)
    for node in cell.nodes:
        if not later.isdisjoint(node.flow.reads):
            return False
        later.discard(node.name)
    return True
