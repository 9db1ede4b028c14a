"""Pure edits that add or remove nodes and edges of a cell, and `moved`, which finds a part again after an edit.

Names of nodes and labels of terms stay the same, because they are the keys of a network's weights.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.tree.edit import CellRef, GeneRef, NodeRef, Ref, StateRef, StepRef, TermRef

_FRESH = re.compile(r"n(\d{1,9})")
_Placed = tuple[tuple[int, ...], s.Term]  # a term and its place


def mark(born: int, used: Collection[str]) -> str:
    """Returns the name of a part that is made for individual `born`: `n57`, or `n57_2`, `n57_3`, ... if it is used.

    Parts of two individuals that have one name come from one individual, and so do the weights under this name.
    """
    numbers = itertools.count(2)
    name = f"n{born}"
    while name in used:
        name = f"n{born}_{next(numbers)}"
    return name


def _names(cell: s.Cell) -> set[str]:
    """Returns the names of a cell's states and the labels of its terms."""
    flows = [*[node.flow for node in cell.nodes], cell.output]
    return {*edit.states(cell), *[term.label for flow in flows for term in flow.terms if term.label is not None]}


def fresh_name(cell: s.Cell, born: int | None = None) -> str:
    """Returns a new name for a state: the mark of the individual `born`.

    Without an individual the name is `n1`, `n2`, ..., with the number after the greatest one in the cell.
    """
    if born is not None:
        return mark(born, _names(cell))
    found = (_FRESH.fullmatch(state) for state in edit.states(cell))
    return f"n{1 + max((int(match[1]) for match in found if match), default=0)}"


def inserted(cell: s.Cell, ref: TermRef, pipe: tuple[s.Op, ...], born: int | None = None) -> s.Cell:
    """Returns the cell with a new node on an edge: the node applies `pipe` to the edge's state, and the edge reads it.

    The edge keeps its operation and its label. The name of the node is `fresh_name(cell, born)`.
    """
    edge = edit.term_at(cell, ref)
    name = fresh_name(cell, born)
    flow = s.Flow((s.Call(pipe[0], (s.Wire(s.read_state(edge)),)),), pipe[1:])
    cell = edit.with_term(cell, ref, edit.with_input(edge, name))
    place = len(cell.nodes) if ref.node == edit.OUTPUT else ref.node
    return replace(cell, nodes=(*cell.nodes[:place], s.Node(name, flow), *cell.nodes[place:]))


def connected(cell: s.Cell, state: str, target: int, pipe: tuple[s.Op, ...], born: int | None = None) -> s.Cell | None:
    """Returns the cell with a new term `pipe(state)` of the target; None if nodes would then read each other in a loop.

    The target is the index of a node, or `OUTPUT` for the return. The label of the term is its place, or the mark of
    the individual `born`.
    """
    flow = edit.flow_at(cell, target)
    term: s.Term = s.Wire(state)
    for op in pipe:
        term = s.Call(op, (term,))
    place, taken = len(flow.terms), {term.label or str(place) for place, term in enumerate(flow.terms)}
    if born is not None:
        term = replace(term, label=mark(born, _names(cell)))
    elif str(place) in taken:
        term = replace(term, label=str(1 + max(int(label) for label in taken if label.isdigit())))
    return edit.in_order(edit.with_flow(cell, target, replace(flow, terms=(*flow.terms, term))))


def without_term(cell: s.Cell, ref: TermRef) -> s.Cell | None:
    """Returns the cell without an edge; None if this is the only edge of its node or of the return."""
    flow = edit.flow_at(cell, ref.node)
    terms = _without(flow.terms, ref.place)
    return edit.with_flow(cell, ref.node, replace(flow, terms=terms)) if terms else None


def _without(terms: tuple[s.Term, ...], place: tuple[int, ...]) -> tuple[s.Term, ...]:
    """Returns the terms without one edge, and without operations that have no input after its removal. Labels stay."""
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
    """Returns the cell without a node. Edges that read this node now read the state of the node's first edge."""
    node = cell.nodes[index]
    instead = next(s.read_state(edge) for _, edge in s.flow_edges(node.flow))
    names = {node.name: instead}
    nodes = tuple(replace(n, flow=edit.reading(n.flow, names)) for n in cell.nodes if n is not node)
    return replace(cell, nodes=nodes, output=edit.reading(cell.output, names))


def moved(ref: Ref, before: s.Cell, after: s.Cell) -> Ref | None:
    """Returns the reference to the same part of a cell after an edit of the cell; None if the edit removed the part."""
    if isinstance(ref, CellRef | GeneRef | StepRef) or ref.cell != after.name:
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
    place = _same_place(edit.flow_at(before, ref.node), edit.flow_at(after, index), ref.place)
    return None if place is None else TermRef(ref.cell, index, place)


def _same_place(before: s.Flow, after: s.Flow, place: tuple[int, ...]) -> tuple[int, ...] | None:
    """Returns the place of the same term in a flow after an edit; None if the edit removed the term.

    A term stays under its label. A join that is a whole flow is either a term, beside which `connect` adds another
    term, or the join of the node, which an assignment of `n.join` adds, replaces and takes away. Both may have the same
    labels. So a join counts as that of the node where more terms are found unchanged in this way.
    """
    if before is after:
        return place
    old, new = _labelled_terms(before), _labelled_terms(after)

    def found(outer_before: int, outer_after: int) -> list[tuple[_Placed, _Placed]]:
        now = {labels[outer_after:]: each for labels, each in new.items() if len(labels) > outer_after}
        then = [(labels[outer_before:], each) for labels, each in old.items()]
        return [(each, now[labels]) for labels, each in then if labels in now]

    def kept(pairs: list[tuple[_Placed, _Placed]]) -> tuple[int, int]:
        return sum(_content(first) == _content(second) for (_, first), (_, second) in pairs), len(pairs)

    counts = itertools.product(range(_outer_joins(before.terms) + 1), range(_outer_joins(after.terms) + 1))
    best = max((found(*count) for count in counts), key=kept)
    return next((now for (then, _), (now, _) in best if then == place), None)


def _labelled_terms(flow: s.Flow) -> Mapping[tuple[str, ...], _Placed]:
    """Returns the edges of a flow, with their places, by the labels that lead to them.

    A join of one term is added, since an edge is such a join after `t.op = concat`.
    """
    found: dict[tuple[str, ...], _Placed] = {}
    for place in flow.places:
        terms, labels = flow.terms, tuple[str, ...]()
        for depth, index in enumerate(place, 1):
            term = terms[index]
            labels = (*labels, term.label or str(index))
            terms = term.arguments if isinstance(term, s.Call) else ()
            if depth == len(place) or (isinstance(term, s.Call) and s.is_join(term) and len(terms) == 1):
                found.setdefault(labels, (place[:depth], term))
    return found


def _content(term: s.Term) -> tuple[object, str]:
    """Returns the operation of a term and the state that the term reads."""
    return term.op if isinstance(term, s.Call) else None, s.read_state(term)


def _outer_joins(terms: tuple[s.Term, ...]) -> int:
    """Returns the number of joins, one in another, that contain all terms."""
    only = terms[0]
    return 1 + _outer_joins(only.arguments) if len(terms) == 1 and isinstance(only, s.Call) and s.is_join(only) else 0
