"""The meaning of a rule's paths: the members of sets, and present values of parts of a genotype."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

from dsl.primitives import IDENTITY
from dsl.rules.scene import Member, Scene
from dsl.space import steps
from dsl.space.evaluate import WORDS, call, evaluate
from dsl.space.genotype import GENES, STEPS, Genotype, Space
from dsl.space.slots import setting
from dsl.tree import edit, network
from dsl.tree import syntax as s
from dsl.tree.edit import CellRef, GeneRef, NodeRef, Ref, StateRef, StepRef, TermRef

# --- sets ------------------------------------------------------------------------------------------------------


def members(values: s.Path | s.Set, scene: Scene) -> tuple[Member, ...]:
    """Returns the members of a set as `choose` and `for` bind them. A cell is a part that the rule may change."""
    space = scene.genotype.space
    if isinstance(values, s.Set):
        return tuple(space.member(item) for item in values.items)
    root, *rest = values.names
    if not rest:
        if root == STEPS and STEPS not in space.values:
            return network.steps(scene.genotype.network)
        return space.once(_sets)[root]
    return _collection(scene.bound.get(root) or _named(root, scene), rest[0], scene.genotype)


def drawable(values: s.Path | s.Set, scene: Scene) -> tuple[Member, ...]:
    """Returns the members of a set as `any` draws them. A cell is an operation, and keeps its brackets."""
    named = scene.genotype.space.once(_drawable_sets)
    if isinstance(values, s.Path) and len(values.names) == 1 and values.names[0] in named:
        return named[values.names[0]]
    return members(values, scene)


def _named(root: str, scene: Scene) -> Ref:
    """Returns the gene or the cell of a name that is not a variable."""
    return GeneRef(root) if root in scene.genotype.space.genes else CellRef(root)


def _collection(ref: Ref, name: str, genotype: Genotype) -> tuple[Member, ...]:
    if isinstance(ref, NodeRef):
        return _of_node(ref, name, genotype.cell(ref.cell))
    if isinstance(ref, GeneRef):
        return genotype.space.domains[ref.gene].members
    assert not isinstance(ref, StepRef)
    cell = genotype.cell(ref.cell)
    if name == "states":
        return _state_refs(ref.cell, edit.states(cell))
    if name == "inputs":
        return _state_refs(ref.cell, [item.name for item in cell.inputs])
    nodes = genotype.space.once(_references)(ref.cell, len(cell.nodes))
    output = NodeRef(ref.cell, edit.OUTPUT)
    match name:
        case "nodes":
            return nodes
        case "vertices":
            return (*nodes, output)
        case "output":
            return (output,)
        case "terms":
            return tuple(term for node in nodes for term in _terms(node, cell))
        case _:
            edges = (term for node in (*nodes, output) for term in _terms(node, cell))
            return tuple(term for term in edges if not edit.is_none(edit.term_at(cell, term)))


def _references(space: Space) -> Callable[[str, int], tuple[NodeRef, ...]]:
    """Returns a function that returns references to the nodes of a cell, from its name and the number of its nodes."""
    return functools.lru_cache(maxsize=256)(lambda cell, count: tuple(NodeRef(cell, index) for index in range(count)))


def _sets(space: Space) -> Mapping[str, tuple[Member, ...]]:
    """Returns the members of `cells`, `genes` and each named set, as `choose` binds them.

    A set of cells without brackets gives only those cells that rules may change.
    """
    sets: dict[str, tuple[Member, ...]] = {"cells": tuple(map(CellRef, space.mutable_cells))}
    sets[GENES] = tuple(map(GeneRef, space.genes))
    for name, found in space.members.items():
        bare = [item.name for item in found if isinstance(item, s.Op) and not item.arguments]
        cells = [cell for cell in bare if cell in space.cell_names]
        may_change = tuple(CellRef(cell) for cell in cells if not space.is_fixed(cell))
        sets[name] = may_change if found and len(cells) == len(found) else found
    return sets


def _drawable_sets(space: Space) -> Mapping[str, tuple[Member, ...]]:
    """Returns the members of `cells` and each named set, as `any` draws them.

    A named set may have fixed cells: their nodes do not change, and other cells may use them.
    """
    return {"cells": tuple(map(s.Op, space.mutable_cells)), **space.members}


def _state_refs(cell: str, states: Iterable[str]) -> tuple[StateRef, ...]:
    return tuple([StateRef(cell, state) for state in states])


def _terms(ref: NodeRef, cell: s.Cell) -> tuple[TermRef, ...]:
    return tuple([TermRef(ref.cell, ref.node, place) for place in edit.flow_at(cell, ref.node).places])


def _of_node(ref: NodeRef, name: str, cell: s.Cell) -> tuple[Member, ...]:
    if name == "terms":
        return _terms(ref, cell)
    if name == "inputs":
        reader = "return" if ref.node == edit.OUTPUT else cell.nodes[ref.node].name
        return _state_refs(ref.cell, dict.fromkeys(sources(cell)[reader]))
    if name == "earlier":
        return _state_refs(ref.cell, edit.states(cell, ref.node))
    own = "" if ref.node == edit.OUTPUT else cell.nodes[ref.node].name
    later = _computed_from(cell, own)
    free = [node.name for node in cell.nodes if node.name not in later]
    return _state_refs(ref.cell, (*[item.name for item in cell.inputs], *free))


def sources(cell: s.Cell) -> dict[str, tuple[str, ...]]:
    """Returns the states that each node and the return read. The states of `unused` replace this word."""
    sources = {node.name: node.flow.reads for node in cell.nodes}
    return {**sources, "return": tuple(s.read_state(e) for t in edit.returned_terms(cell) for _, e in s.edges(t))}


def reaches(cell: s.Cell, source: str, target: str) -> bool:
    """Returns whether the state `target` is computed from the state `source`, or is the same state."""
    found = _computed_from(cell, source)
    return target in found or (target == "return" and not found.isdisjoint(sources(cell)["return"]))


def _computed_from(cell: s.Cell, source: str) -> set[str]:
    """Returns a state, and the nodes that are computed from it. Every node stands after the nodes that it reads."""
    found = {source}
    for node in cell.nodes:
        if not found.isdisjoint(node.flow.reads):
            found.add(node.name)
    return found


# --- values -----------------------------------------------------------------------------------------------------


def current(path: s.Path, scene: Scene) -> Member | tuple[Member, ...] | None:
    """Returns the present value of a path of a rule.

    The value is a part of the genotype, a gene or param, an attribute of a part, a set, or the `.count` of a set.
    """
    root, *rest = path.names
    genotype = scene.genotype
    if root == s.MATE and genotype.space.has_crossover and root not in scene.bound:
        beside = scene.in_mate(rest[0])
        return None if beside is None else current(s.Path(tuple(rest)), beside)
    if not rest:
        ref = scene.bound.get(root)
        if ref is not None and not isinstance(ref, GeneRef):
            return ref
        gene = root if ref is None else ref.gene
        for name, value in genotype.genes:
            if name == gene:
                return value
        if root in genotype.space.params:
            return genotype.space.params[root]
        return root if root in WORDS else CellRef(root)
    if rest[-1] == "count":
        return len(members(s.Path((root, *rest[:-1])), scene))
    return _attribute(scene.bound.get(root) or _named(root, scene), tuple(rest), genotype)


def _attribute(ref: Ref, rest: tuple[str, ...], genotype: Genotype) -> Member | tuple[Member, ...] | None:
    """Returns the value of an attribute of a part of the genotype."""
    if isinstance(ref, TermRef):
        edge = edit.term_at(genotype.cell(ref.cell), ref)
        op = edge.op if isinstance(edge, s.Call) else s.Op(IDENTITY)
        if rest[0] == "input":
            return StateRef(ref.cell, s.read_state(edge))
        assert isinstance(op, s.Op)
        return op if rest[0] == "op" else setting(op, rest, genotype)
    if isinstance(ref, StepRef):
        return steps.value(network.step_at(genotype.network, ref), rest, genotype)
    if isinstance(ref, NodeRef) and rest[0] in ("tail", "join"):
        flow = edit.flow_at(genotype.cell(ref.cell), ref.node)
        if rest[0] == "join":
            return edit.join_of(flow)
        return flow.tail[0] if len(flow.tail) == 1 and isinstance(flow.tail[0], s.Op) else None
    return _collection(ref, rest[0], genotype)


def value_of(expression: s.Expression, scene: Scene) -> Member | tuple[Member, ...] | None:
    """Returns the value of an expression over paths; None if it has none."""
    if isinstance(expression, s.Path):
        return current(expression, scene)
    if isinstance(expression, s.Binary | s.Negative | s.Function):
        return _computed(expression, scene)
    found = evaluate(expression, scene.genotype.space.params)
    return found if isinstance(found, int | float | s.Kernel | str) else None


def _computed(expression: s.Binary | s.Negative | s.Function, scene: Scene) -> int | float | None:
    """Returns the value of an arithmetic expression over paths; None if the value of a path is not a number."""
    if isinstance(expression, s.Function):
        values = [value_of(argument, scene) for argument in expression.arguments]
        found = call(expression, values) if all(isinstance(value, int | float) for value in values) else None
        return found if isinstance(found, int | float) else None
    if isinstance(expression, s.Negative):
        value = value_of(expression.value, scene)
        return -value if isinstance(value, int | float) else None
    left, right = value_of(expression.left, scene), value_of(expression.right, scene)
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return None
    computed = evaluate(s.Binary(expression.operator, s.Number(left), s.Number(right)), {})
    return computed if isinstance(computed, int | float) else None
