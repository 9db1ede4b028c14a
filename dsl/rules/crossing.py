"""Takes parts of the mate: `c = mate.c`, `n = mate.n`, `t = mate.t`, `s = mate.s` in a crossover."""

from __future__ import annotations

from dataclasses import replace

from dsl.rules.scene import Part, Scene, Unfit
from dsl.space.genotype import Genotype
from dsl.space.steps import only_op, takes_wires
from dsl.tree import edit, network
from dsl.tree import syntax as s
from dsl.tree.edit import CellRef, GeneRef, NodeRef, Ref, StepRef, TermRef

_RETURN = "return"  # the name of a cell's return in the keys of weights


def takes_part(statement: s.Assign, scene: Scene) -> bool:
    """Returns whether an assignment takes a whole part of the mate, and not a value."""
    names = statement.target.names
    return len(names) == 1 and not isinstance(scene.bound.get(names[0]), GeneRef | None)


def taken(name: str, scene: Scene) -> Scene | None:
    """Returns the scene after the part of a variable was replaced by the same part of the mate.

    Returns None if the mate lacks this part, or if the child lacks a state that a node of the mate reads.

    Raises:
      Unfit: nodes would read each other in a loop.
    """
    ref, mate = scene.bound[name], scene.attempt.mate
    there = scene.mates(ref)
    if mate is None or there is None or isinstance(ref, GeneRef):
        return None
    if isinstance(ref, StepRef):
        return _step(ref, there, mate, scene)
    own, other = scene.genotype.cell(ref.cell), mate.cell(ref.cell)
    part: Part
    match ref, there:
        case CellRef(), _:
            changed, part = other, ("cell", ref.cell)
        case NodeRef(), NodeRef():
            flow = edit.flow_at(other, there.node)
            if not {*edit.states(own), "unused"}.issuperset(flow.reads):
                return None
            ordered = edit.in_order(edit.with_flow(own, ref.node, flow))
            if ordered is None:
                raise Unfit(f"{name} would read a node that is computed from it")
            changed, part = ordered, ("cell", ref.cell, _name(own, ref.node))
        case TermRef(), TermRef():
            edge = edit.term_at(own, ref)
            term = replace(edit.with_input(edit.term_at(other, there), s.read_state(edge)), label=edge.label)
            changed, part = edit.with_term(own, ref, term), ("cell", ref.cell, _name(own, ref.node), *_labels(own, ref))
        case _:
            return None
    return _with(part, scene.genotype.with_cell(changed), scene)


def _step(ref: StepRef, there: Ref, mate: Genotype, scene: Scene) -> Scene | None:
    """Returns the scene after a step was replaced by that of the mate. Its inputs, its name and its label stay.

    Returns None if the operation of the mate takes another number of inputs than the step has.
    """
    assert isinstance(there, StepRef)
    own = scene.genotype.network
    step, other = network.step_at(own, ref), network.step_at(mate.network, there)
    op = only_op(other)
    if other.pipe != step.pipe and step.inputs and (op is None or not takes_wires(step, op, scene.genotype)):
        return None
    changed = network.with_step(own, ref, replace(other, inputs=step.inputs, name=step.name, label=step.label))
    return _with(("step", ref.section, network.label_at(own, ref)), replace(scene.genotype, network=changed), scene)


def _with(part: Part, genotype: Genotype, scene: Scene) -> Scene:
    effects = replace(scene.effects, from_mate=(*scene.effects.from_mate, part))
    return scene.having(genotype).with_effects(effects)


def _name(cell: s.Cell, node: int) -> str:
    return _RETURN if node == edit.OUTPUT else cell.nodes[node].name


def _labels(cell: s.Cell, ref: TermRef) -> Part:
    """Returns the labels that lead to an edge, as in the keys of its weights."""
    terms = edit.flow_at(cell, ref.node).terms
    only = terms[0] if len(terms) == 1 else None
    labels = []
    for index in ref.place:
        term = terms[index]
        labels.append(term.label or str(index))
        terms = term.arguments if isinstance(term, s.Call) else ()
    # The terms of a join that is the whole right side of a node have keys as if they were terms of the node.
    return tuple(labels[1:] if len(labels) > 1 and isinstance(only, s.Call) and s.is_join(only) else labels)
