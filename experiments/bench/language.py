"""Measures the time of the language for each individual: `python -m experiments.bench.language`.

The program reads AmoebaNet-A, and makes chains of descendants from it. For each operation it prints the median over
several rounds and the best round. The last column is the median divided by the target, so a value below 1 is good. The
last line is the time of a fixed loop. On a shared machine, it shows how fast the machine is at the moment.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator

import dsl
from dsl.identity.fingerprint import FingerprintCache
from experiments.bench.pace import pace, seconds_a_call

ROUNDS = 15
CHAIN = 200


def main() -> None:
    """Measures and prints the table."""
    seed = dsl.load("amoebanet_a.cell")
    chain = list(_chain(seed, random.Random(0)))
    texts = [genotype.text() for genotype in chain]
    whole = [genotype.standalone() for genotype in chain[:10]]
    parse = seconds_a_call(dsl.parse, [texts] * ROUNDS)
    parse_file = seconds_a_call(dsl.parse, [whole] * ROUNDS)
    rngs = [random.Random(number) for number in range(CHAIN)]
    mutated = seconds_a_call(lambda rng: dsl.mutate(seed, rng), [rngs] * ROUNDS)
    walks = seconds_a_call(lambda rng: _walk(seed, rng), [[random.Random(100 + number)] for number in range(ROUNDS)])
    walked = [seconds / CHAIN for seconds in walks]
    cold = seconds_a_call(_cold, [chain] * ROUNDS)
    print(f"{'per individual':<40} {'median':>12} {'best':>12} {'target':>10} {'share':>7}")
    for name, rounds, target in (
        ("parse an individual", parse, 5e-3),
        ("parse a file with all declarations", parse_file, 5e-3),
        ("mutate and verify", mutated, 150e-6),
        ("mutate, verify and fingerprint", walked, 150e-6),
        ("fingerprint without a cache", cold, 200e-6),
    ):
        median, best = (f"{1e6 * seconds:>9.1f} µs" for seconds in (statistics.median(rounds), min(rounds)))
        print(f"{name:<40} {median} {best} {target * 1e6:>7.0f} µs {statistics.median(rounds) / target:>7.2f}")
    reused = (min(walked) - min(mutated)) / min(cold)
    print(f"the fingerprint of a child takes {reused:.2f} times the time of a fingerprint without a cache")
    print(pace())


def _chain(genotype: dsl.Genotype, rng: random.Random) -> Iterator[dsl.Genotype]:
    """Yields descendants of a genotype. Each is a child of the descendant before it."""
    for _ in range(CHAIN):
        genotype = dsl.mutate(genotype, rng).genotype
        yield genotype


def _walk(seed: dsl.Genotype, rng: random.Random) -> None:
    """Makes a chain of descendants and computes the fingerprint of each, as a search does for new genotypes."""
    for genotype in _chain(seed, rng):
        dsl.fingerprint(genotype)


def _cold(genotype: dsl.Genotype) -> None:
    genotype.space.once(FingerprintCache).cells.clear()
    dsl.fingerprint(genotype)


if __name__ == "__main__":
    main()
