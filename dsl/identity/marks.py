"""The parts of a genotype with the individuals in which they were born, by which NEAT compares genotypes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from dsl.space.genotype import Genotype
from dsl.tree import syntax as s

_MARK = re.compile(r"n(\d+)(?:_\d+)?")


def parts(genotype: Genotype) -> Mapping[str, int]:
    """Returns the terms of the cells that evolve, and the steps if they evolve, each with the number of its birth.

    The name of a part is equal in two individuals of a search if both have the part from one ancestor. The number is
    that of the birth for which the part was made, or 0 for a part of the file.
    """
    found = {name: born for cell in _evolving(genotype) for name, born in _terms(cell)}
    if genotype.space.evolves_network:
        found |= {f"{section}/{label}": _born(label) for section, label in _steps(genotype)}
    return found


def latest(genotype: Genotype) -> int:
    """Returns the highest number of a birth for which a part of the genotype was made; 0 without such a part."""
    nodes = [node.name for cell in _evolving(genotype) for node in cell.nodes]
    steps = [label for _, label in _steps(genotype)] if genotype.space.evolves_network else []
    return max([*parts(genotype).values(), *map(_born, [*nodes, *steps])], default=0)


def _evolving(genotype: Genotype) -> Iterator[s.Cell]:
    return (genotype.cell(name) for name in genotype.space.mutable_cells)


def _steps(genotype: Genotype) -> Iterator[tuple[str, str]]:
    """Yields the section and the label of each step."""
    for section in genotype.network.sections:
        for step in s.labelled(section.steps):
            yield section.name, str(step.label)


def _terms(cell: s.Cell) -> Iterator[tuple[str, int]]:
    """Yields the terms of a cell. A term without a mark of its own was born with its node."""
    for node in (*cell.nodes, s.Node("return", cell.output)):
        for term in s.labelled(node.flow.terms):
            label = str(term.label)
            yield f"{cell.name}/{node.name}/{label}", _born(label) or _born(node.name)


def _born(name: str) -> int:
    mark = _MARK.fullmatch(name)
    return int(mark[1]) if mark else 0
