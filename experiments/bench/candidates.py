"""Measures the driver's time for a child with candidates: `python -m experiments.bench.candidates [COUNT]`.

A search of `COUNT` individuals chooses each child among 100 candidates, once in the space of NAS-Bench-201, and once in
the NASNet space with genes. The fitness is made up of the operations, so that the model predicts it. The database and
the evaluation are left out. Each line has the processor time of a child, from `ask` to `tell`, in milliseconds: mean
and largest of the 50 individuals up to a number of individuals. The targets are 20 ms at 100 individuals, and 60 ms at
1,000.
"""

from __future__ import annotations

import statistics
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import dsl
from compiler import requirement
from evolve import CellSpace, Individual, config, loaded
from evolve.prepared import bred
from experiments.bench.pace import numbers, pace

COUNT = 1_000
STRETCH = 50
SHOWN = (50, 100, 200, 300, 500, 1_000, 2_000)
CANDIDATES = (
    "search.candidates=100",
    "search.repeat_networks=False",
    "search.algorithm='regularized_evolution'",
    "regularized_evolution.population_size=50",
    "regularized_evolution.sample_size=15",
    "regularized_evolution.initial=10",
    "regularized_evolution.second_mutation=0.3",
)
GENES = """gene learning_rate = 0.05 in 0.001..1
gene l2 = 1e-4 in 1e-6..1e-2
mutation rate weight 0.1 { learning_rate *= loguniform(0.5, 2) }
mutation decay weight 0.1 { l2 *= loguniform(0.3, 3) }
"""


def spaces() -> Mapping[str, dsl.Genotype]:
    """Returns the seeds of the measured search spaces by their names."""
    nasnet = dsl.load("nasnet.cell", {"N": 2, "F": 24}).space.text()
    return {
        "NAS-Bench-201": dsl.load("nasbench201.cell", {"N": 1, "F": 16}),
        "NASNet with genes": dsl.loads(nasnet + GENES),
    }


def fitness(text: str) -> float:
    """Returns a made-up fitness: the mean of numbers that belong to the words of a genotype."""
    return statistics.fmean(zlib.crc32(word.encode()) / 2**32 for word in text.split())


def measured(seed: dsl.Genotype, count: int) -> Iterator[float]:
    """Yields the milliseconds of processor time of each child."""
    made = config.read(["nasbench201.gin"], CANDIDATES)
    space = CellSpace(seed.space, (32, 32, 3), 10, unfit=requirement(seed.space, (32, 32, 3), 10))
    algorithm = bred(replace(made, search=replace(made.search, seed=1)), space)
    for id in range(1, count + 1):
        start = time.process_time()
        genotype = algorithm.ask(id).genotype
        asked = time.process_time()
        result = Individual(id, "", fitness=fitness(genotype.text()), fingerprint="", finished=id)
        told = time.process_time()
        algorithm.tell(result)
        yield 1000 * (asked - start + time.process_time() - told)


def main(count: int) -> None:
    """Measures and prints the tables."""
    for name, seed in spaces().items():
        loaded.freeze()  # otherwise this space pays for the garbage of the one before it
        print(f"{name:<22}{'mean':>10}{'largest':>10}")
        times = list[float]()
        for spent in measured(seed, count):
            times.append(spent)
            if len(times) in (*SHOWN, count):
                latest = times[-STRETCH:]
                print(f"  up to {len(times):<14,}{statistics.fmean(latest):>10.1f}{max(latest):>10.1f}", flush=True)
        print(f"  {pace()}", flush=True)


if __name__ == "__main__":
    main(*numbers(__doc__, individuals=COUNT))
