"""The network of a genotype as a cell, so that a picture of cells shows the steps, and marks their changes."""

from __future__ import annotations

from collections.abc import Sequence

import dsl
from dsl.space.stack import IMAGE, Repetition, written_out
from dsl.tree import syntax as s

NAME = "the network"  # No cell has a name with a blank.
_IMAGE = "image"


def as_cell(genotype: dsl.Genotype) -> s.Cell:
    """Returns a cell with one node for each step. The number of repetitions and the stride stand in the brackets."""
    built = written_out(genotype)
    nodes = [s.Node(_name(one), s.Flow((_term(one, built),))) for one in built if not one.number]
    output = s.Flow((s.Wire(_name(built[-1]) if built else _IMAGE),))
    return s.Cell(NAME, (s.Input(_IMAGE),), tuple(nodes), output)


def _name(one: Repetition) -> str:
    return f"{one.section.name}/{one.label}"


def _term(one: Repetition, built: Sequence[Repetition]) -> s.Term:
    step = one.step
    term: tuple[s.Term, ...] = tuple(s.Wire(_IMAGE if at == IMAGE else _name(built[at])) for at in one.inputs)
    more = (("repeat", step.times), ("stride", step.stride))
    arguments = tuple(s.Argument(name, value) for name, value in more if value is not None)
    *first, last = [part for part in step.pipe if isinstance(part, s.Op)]
    for part in first:
        term = (s.Call(part, term),)
    return s.Call(s.Op(last.name, (*last.arguments, *arguments)), term)
