"""What the language costs for each individual: `python -m experiments.bench.language`.

Reads AmoebaNet-A, then follows chains of its children. Every number is the median of rounds in one process; the last
column is the share of the target, so below 1 is good.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import dsl
from dsl.fingerprint import memory
from dsl.rules import mutate

ROUNDS = 15
CHAIN = 200
T = TypeVar("T")


def main() -> None:
    """Measures and prints the table."""
    seed = dsl.load("amoebanet_a.cell")
    chain = _chain(seed, random.Random(0))
    texts = [genotype.text() for genotype in chain]
    whole = [genotype.standalone() for genotype in chain[:10]]
    parse = _median(dsl.parse, texts)
    parse_file = _median(dsl.parse, whole)
    mutated = _median(lambda rng: mutate(seed, rng), [random.Random(i) for i in range(CHAIN)])
    told = _walk(seed)
    cold = _median(_cold, chain)
    print(f"{'per individual (median)':<44} {'measured':>12} {'target':>10} {'share':>7}")
    for name, seconds, target in (
        ("parse an individual", parse, 5e-3),
        ("parse its whole file, rules and all", parse_file, 5e-3),
        ("mutate and verify", mutated, 150e-6),
        ("mutate, verify and fingerprint", told, 150e-6),
        ("fingerprint from nothing", cold, 200e-6),
    ):
        print(f"{name:<44} {seconds * 1e6:>9.1f} µs {target * 1e6:>7.0f} µs {seconds / target:>7.2f}")
    print(f"a fingerprint that reuses what was not touched costs {(told - mutated) / cold:.2f} of one from nothing")


def _chain(genotype: dsl.Genotype, rng: random.Random) -> list[dsl.Genotype]:
    found = []
    for _ in range(CHAIN):
        genotype = dsl.mutate(genotype, rng).genotype
        found.append(genotype)
    return found


def _median(call: Callable[[T], object], arguments: Iterable[T]) -> float:
    """Seconds a call, the median over rounds of the mean over the arguments."""
    given = list(arguments)
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for argument in given:
            call(argument)
        rounds.append((time.process_time() - start) / len(given))
    return statistics.median(rounds)


def _walk(seed: dsl.Genotype) -> float:
    """Seconds for a child of a child with its fingerprint, as a search asks for them: each is new."""
    rounds = []
    for number in range(ROUNDS):
        rng, genotype = random.Random(100 + number), seed
        start = time.process_time()
        for _ in range(CHAIN):
            genotype = dsl.mutate(genotype, rng).genotype
            dsl.fingerprint(genotype)
        rounds.append((time.process_time() - start) / CHAIN)
    return statistics.median(rounds)


def _cold(genotype: dsl.Genotype) -> None:
    memory(genotype.space).cells.clear()
    dsl.fingerprint(genotype)


if __name__ == "__main__":
    main()
