"""Measures the time in which the cost of a network is computed: `python -m experiments.bench.cost`.

The program computes the cost of AmoebaNet-A with growing N, and of children that mutation rules make from it. Every
number is the median of several rounds in one process. There are two targets: a cell takes at most a millisecond, and a
cell of a deep network takes no longer than a cell of a shallow network.
"""

from __future__ import annotations

import random
from statistics import median

import compiler
import dsl
from compiler import requirement
from experiments.bench.pace import seconds_a_call

ROUNDS = 9
TARGET = 1e-3
DEPTHS = (1, 3, 6, 12, 24, 48)
SHAPE, CLASSES = (32, 32, 3), 10


def main() -> None:
    """Measures and prints the table."""
    networks = {f"AmoebaNet-A, N={n}": dsl.load("amoebanet_a.cell", {"N": n, "F": 24}) for n in DEPTHS}
    print(f"{'median a network':<26} {'cells':>6} {'measured':>12} {'a cell':>12} {'of a millisecond':>18}")
    found = {}
    for name, network in networks.items():
        cells = compiler.resolve(network, SHAPE, CLASSES).cells
        seconds = median(seconds_a_call(lambda genotype: compiler.cost(genotype, SHAPE, CLASSES), [[network]] * ROUNDS))
        found[name] = seconds / cells
        _row(name, cells, seconds)
    for n in (1, 3):
        seed, cells = networks[f"AmoebaNet-A, N={n}"], 3 * n + 2
        children = [_children(seed, number) for number in range(ROUNDS)]
        seconds = median(seconds_a_call(requirement(seed.space, SHAPE, CLASSES), children))
        _row(f"children in a search, N={n}", cells, seconds)
    deep, shallow = found[f"AmoebaNet-A, N={DEPTHS[-1]}"], found["AmoebaNet-A, N=3"]
    print(f"a cell at N={DEPTHS[-1]} takes {deep / shallow:.2f} times the time of a cell at N=3")


def _row(name: str, cells: int, seconds: float) -> None:
    each = seconds / cells
    print(f"{name:<26} {cells:>6} {seconds * 1e3:>9.2f} ms {each * 1e3:>9.3f} ms {each / TARGET:>18.2f}")


def _children(seed: dsl.Genotype, number: int) -> list[dsl.Genotype]:
    rng = random.Random(number)
    return [dsl.mutate(seed, rng).genotype for _ in range(20)]


if __name__ == "__main__":
    main()
