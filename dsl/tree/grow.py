"""Pure edits that add or remove nodes and edges of a cell, and the new places of references into it.

Names of nodes and labels of terms stay the same, because they are the keys of a network's weights.
"""

from __future__ import annotations

import re
from dataclasses import replace

from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.tree.edit import CellRef, NodeRef, Ref, StateRef, TermRef

_FRESH = re.compile(r"n(\d{1,9})")


def fresh_name(cell: s.Cell) -> str:
    """Returns the name `n<k>`, where k is one more than the greatest such number in the cell."""
    found = (_FRESH.fullmatch(state) for state in edit.states(cell))
    return f"n{1 + max((int(match[1]) for match in found if match), default=0)}"


def inserted(cell: s.Cell, ref: TermRef, pipe: tuple[s.Op, ...]) -> s.Cell:
    """Returns the cell with a new node `= pipe(input of the edge)` on an edge, which keeps its operation and label."""
    edge = edit.term_at(cell, ref)
    name = fresh_name(cell)
    flow = s.Flow((s.Call(pipe[0], (s.Wire(s.read_state(edge)),)),), pipe[1:])
    cell = edit.with_term(cell, ref, edit.with_input(edge, name))
    place = len(cell.nodes) if ref.node == edit.OUTPUT else ref.node
    return replace(cell, nodes=(*cell.nodes[:place], s.Node(name, flow), *cell.nodes[place:]))


def connected(cell: s.Cell, state: str, target: int, pipe: tuple[s.Op, ...]) -> s.Cell | None:
    """Returns the cell with one more term of a vertex, `pipe(state)`; None if that would close a loop."""
    flow = edit.flow_at(cell, target)
    term: s.Term = s.Wire(state)
    for op in pipe:
        term = s.Call(op, (term,))
    place, taken = len(flow.terms), {term.label or str(place) for place, term in enumerate(flow.terms)}
    if str(place) in taken:
        term = replace(term, label=str(1 + max(int(label) for label in taken if label.isdigit())))
    return edit.in_order(edit.with_flow(cell, target, replace(flow, terms=(*flow.terms, term))))


def without_term(cell: s.Cell, ref: TermRef) -> s.Cell | None:
    """Returns the cell without an edge; None if it is the only one of its vertex."""
    flow = edit.flow_at(cell, ref.node)
    terms = _without(flow.terms, ref.place)
    return edit.with_flow(cell, ref.node, replace(flow, terms=terms)) if terms else None


def _without(terms: tuple[s.Term, ...], place: tuple[int, ...]) -> tuple[s.Term, ...]:
    """Returns the terms without one edge and without operations that then have no input. Labels stay."""
    index, *rest = place
    inner: tuple[s.Term, ...] = ()
    term = terms[index]
    if rest:
        assert isinstance(term, s.Call)
        inner = _without(term.arguments, tuple(rest))
    if inner:
        assert isinstance(term, s.Call)
        return (*terms[:index], replace(term, arguments=inner), *terms[index + 1 :])
    return s.canonical_labels(s.labelled(terms)[:index] + s.labelled(terms)[index + 1 :])


def without_node(cell: s.Cell, index: int) -> s.Cell:
    """Returns the cell without a node; the edges that read it now read the input of its first term."""
    node = cell.nodes[index]
    instead = next(s.read_state(edge) for _, edge in s.flow_edges(node.flow))
    names = {node.name: instead}
    nodes = tuple(replace(n, flow=edit.reading(n.flow, names)) for n in cell.nodes if n is not node)
    return replace(cell, nodes=nodes, output=edit.reading(cell.output, names))


def moved(ref: Ref, before: s.Cell, after: s.Cell) -> Ref | None:
    """Returns a reference into a cell after an edit of that cell; None if the edit removed its part."""
    if isinstance(ref, CellRef) or ref.cell != after.name:
        return ref
    if isinstance(ref, StateRef):
        return ref if ref.state in edit.states(after) else None
    index = ref.node
    if index != edit.OUTPUT:
        name = before.nodes[index].name
        index = next((place for place, node in enumerate(after.nodes) if node.name == name), edit.OUTPUT)
        if index == edit.OUTPUT:
            return None
    if isinstance(ref, NodeRef):
        return NodeRef(ref.cell, index)
    place = _same_place(edit.flow_at(before, ref.node).terms, edit.flow_at(after, index).terms, ref.place)
    return None if place is None else TermRef(ref.cell, index, place)


def _same_place(
    before: tuple[s.Term, ...], after: tuple[s.Term, ...], place: tuple[int, ...]
) -> tuple[int, ...] | None:
    index, *rest = place
    label = before[index].label or str(index)
    now = next((i for i, term in enumerate(after) if (term.label or str(i)) == label), None)
    if now is None or not rest:
        return None if now is None else (now,)
    old, new = before[index], after[now]
    if not isinstance(old, s.Call) or not isinstance(new, s.Call):
        return None
    inner = _same_place(old.arguments, new.arguments, tuple(rest))
    return None if inner is None else (now, *inner)
