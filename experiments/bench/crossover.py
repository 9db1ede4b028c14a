"""Compares evolution with and without a crossover on made-up tasks: `python -m experiments.bench.crossover`.

An individual has 40 decisions of four values each. Its fitness is the mean of 40 random numbers, each of which depends
on one decision and on `linked` others (an NK landscape, Kauffman and Levin 1987). Regularized evolution searches 20
landscapes with both rules. A child with a crossover takes each decision from one of its parents, and is then mutated.
"""

from __future__ import annotations

import random
import statistics
from typing import NamedTuple

import dsl
from dsl.tree import syntax as s
from evolve import CellSpace, RegularizedEvolution

NODES, INDIVIDUALS, SEEDS = 20, 1000, 20
POPULATION, SAMPLE = 50, 10
OPS = ("skip", "relu", "max_pool", "avg_pool")
LINKED = (0, 2, 5)
SPACE = """
values ops = {{ skip, relu, max_pool[3x3], avg_pool[3x3] }}
cell net(x) {{
  {nodes}
  return concat(unused)
}}
network {{ stem: conv[3x3, filters=8]  body: net[8]  head: global_avg_pool | dense[classes] }}
mutation op {{ choose t in net.terms   t.op = any(other ops) }}
"""
CROSSOVER = "crossover uniform { for t in net.terms { either { } or { t = mate.t } }   mutate }"


def main() -> None:
    """Prints the best fitness after each half and the whole of the searches, with and without the crossover."""
    print(f"{'linked':>6} {'individuals':>11} {'mutation':>18} {'crossover':>18} {'better in':>10}")
    for linked in LINKED:
        runs = [(_search(seed, linked, ""), _search(seed, linked, CROSSOVER)) for seed in range(SEEDS)]
        for count in (INDIVIDUALS // 2, INDIVIDUALS):
            plain, crossed = ([max(run[:count]) for run in side] for side in zip(*runs, strict=True))
            better = sum(b > a for a, b in zip(plain, crossed, strict=True))
            print(f"{linked:>6} {count:>11} {_shown(plain):>18} {_shown(crossed):>18} {better:>4} of {SEEDS}")


def _shown(values: list[float]) -> str:
    """Returns the mean of values with its standard error."""
    return f"{statistics.fmean(values):.4f} ± {statistics.stdev(values) / len(values) ** 0.5:.4f}"


def _search(seed: int, linked: int, crossover: str) -> list[float]:
    """Returns the fitness of each individual of one search."""
    nodes = "\n  ".join(f"n{node} = skip(x) + skip(x)" for node in range(NODES))
    space = CellSpace(dsl.loads(SPACE.format(nodes=nodes) + crossover).space, (8, 8, 1), 10, unfit=lambda child: None)
    algorithm = RegularizedEvolution(space, seed, population_size=POPULATION, sample_size=SAMPLE)
    landscape = _Landscape(seed, linked)
    found: list[float] = []
    for number in range(1, INDIVIDUALS + 1):
        fitness = landscape.fitness(algorithm.ask(number).genotype)
        algorithm.tell(_Result(number, fitness))
        found.append(fitness)
    return found


class _Result(NamedTuple):
    """The result of an individual, as an algorithm receives it."""

    id: int
    fitness: float
    weight_differences: tuple[tuple[int, float], ...] = ()
    scores: tuple[float, ...] = ()
    rung: int = 0
    is_failed: bool = False


class _Landscape:
    """A random function of the decisions of a genotype."""

    def __init__(self, seed: int, linked: int) -> None:
        rng = random.Random(seed)
        self._seed = seed
        self._read = [(own, *rng.sample(range(2 * NODES), linked)) for own in range(2 * NODES)]

    def fitness(self, genotype: dsl.Genotype) -> float:
        terms = [term for node in genotype.cell("net").nodes for term in node.flow.terms]
        values = [OPS.index(term.op.name) for term in terms if isinstance(term, s.Call) and isinstance(term.op, s.Op)]
        parts = (f"{self._seed} {own} {[values[other] for other in read]}" for own, read in enumerate(self._read))
        return statistics.fmean(random.Random(part).random() for part in parts)


if __name__ == "__main__":
    main()
