"""What the language costs for each individual: `python -m experiments.bench.language`.

Reads AmoebaNet-A, then follows chains of its children. Every number is a median over rounds in one process, beside the
best round; the last column is the median's share of the target, so below 1 is good. On a machine that is shared, look
at the last line first: how long the same loop takes says how fast Python is just now.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import dsl
from dsl import mutate
from dsl.identity.fingerprint import FingerprintCache
from experiments.bench.pace import pace

ROUNDS = 15
CHAIN = 200
T = TypeVar("T")


def main() -> None:
    """Measures and prints the table."""
    seed = dsl.load("amoebanet_a.cell")
    chain = _chain(seed, random.Random(0))
    texts = [genotype.text() for genotype in chain]
    whole = [genotype.standalone() for genotype in chain[:10]]
    parse = _rounds(dsl.parse, texts)
    parse_file = _rounds(dsl.parse, whole)
    mutated = _rounds(lambda rng: mutate(seed, rng), [random.Random(i) for i in range(CHAIN)])
    walked = _walk(seed)
    cold = _rounds(_cold, chain)
    print(f"{'per individual':<40} {'median':>12} {'best':>12} {'target':>10} {'share':>7}")
    for name, rounds, target in (
        ("parse an individual", parse, 5e-3),
        ("parse its whole file, rules and all", parse_file, 5e-3),
        ("mutate and verify", mutated, 150e-6),
        ("mutate, verify and fingerprint", walked, 150e-6),
        ("fingerprint from nothing", cold, 200e-6),
    ):
        median, best = (f"{1e6 * seconds:>9.1f} µs" for seconds in (statistics.median(rounds), min(rounds)))
        print(f"{name:<40} {median} {best} {target * 1e6:>7.0f} µs {statistics.median(rounds) / target:>7.2f}")
    reused = (min(walked) - min(mutated)) / min(cold)
    print(f"a fingerprint that reuses what was not touched costs {reused:.2f} of one from nothing")
    print(pace())


def _chain(genotype: dsl.Genotype, rng: random.Random) -> list[dsl.Genotype]:
    found = []
    for _ in range(CHAIN):
        genotype = dsl.mutate(genotype, rng).genotype
        found.append(genotype)
    return found


def _rounds(call: Callable[[T], object], arguments: Iterable[T]) -> list[float]:
    """Seconds a call, the mean over the arguments, for each round."""
    given = list(arguments)
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for argument in given:
            call(argument)
        rounds.append((time.process_time() - start) / len(given))
    return rounds


def _walk(seed: dsl.Genotype) -> list[float]:
    """Seconds for a child of a child with its fingerprint, as a search asks for them: each is new."""
    rounds = []
    for number in range(ROUNDS):
        rng, genotype = random.Random(100 + number), seed
        start = time.process_time()
        for _ in range(CHAIN):
            genotype = dsl.mutate(genotype, rng).genotype
            dsl.fingerprint(genotype)
        rounds.append((time.process_time() - start) / CHAIN)
    return rounds


def _cold(genotype: dsl.Genotype) -> None:
    genotype.space.once(FingerprintCache).cells.clear()
    dsl.fingerprint(genotype)


if __name__ == "__main__":
    main()
