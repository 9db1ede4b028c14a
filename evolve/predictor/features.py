"""The features of a genotype: named numbers of the graphs of its cells and steps, and its genes."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsl.identity.graphs import OpGraph
from dsl.primitives import PRIMITIVES

MOST_WEIGHTED = 8  # paths with more operations with weights are counted together
_DEPTHS = 2  # rounds of Weisfeiler and Lehman
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_KERNEL = re.compile(r"(\d+)x(\d+)")


@functools.lru_cache(maxsize=8192)
def name(text: str) -> int:
    """Returns the name of a feature: a digest of its text as an integer of 64 bits.

    The name of a pair or of a neighbourhood is the hash of a tuple of names, because its text would have thousands of
    characters. Python hashes tuples of integers in the same way in every process.
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


_IMAGE, _OUTPUT = name("image"), name("output")


class Named(NamedTuple):
    """Numbers with different names. A name that is missing stands for 0."""

    names: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, values: Mapping[int, float], key: int = 0) -> Named:
        """Returns numbers by their names. A key makes their names different from those of another graph."""
        count = len(values)
        return cls(np.fromiter(values, np.int64, count) ^ key, np.fromiter(values.values(), np.float64, count))

    @classmethod
    def joined(cls, parts: Sequence[Named]) -> Named:
        """Returns the numbers of all parts."""
        names, values = zip(*parts, strict=True)
        return cls(np.concatenate(names), np.concatenate(values))


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a model of the fitness knows of a genotype.

    Attributes:
      numbers: numbers by name.
      neighbourhoods: how often each neighbourhood of an operation is there, after Weisfeiler and Lehman: the operation
        itself, with what it reads, and with what these read. Genotypes are similar if they share neighbourhoods.
    """

    numbers: Named
    neighbourhoods: Named


def features(graphs: Mapping[str, OpGraph], genes: Mapping[str, float | str]) -> Features:
    """Returns the features of a genotype.

    Args:
      graphs: the graphs of its operations, as `dsl.identity.graphs` makes them.
      genes: its genes by name.
    """
    parts = [*itertools.starmap(_of_graph, graphs.items()), _of_genes(tuple(genes.items()))]
    return Features(Named.joined([one.numbers for one in parts]), Named.joined([one.neighbourhoods for one in parts]))


@functools.lru_cache(maxsize=1024)
def _of_genes(genes: tuple[tuple[str, float | str], ...]) -> Features:
    """Returns the features of genes."""
    numbers: dict[int, float] = {}
    for gene, value in genes:
        if isinstance(value, str):
            numbers[name(f"gene {gene} is {value}")] = 1
            continue
        numbers[name(f"gene {gene}")] = value
        if value > 0:
            numbers[name(f"gene {gene}, log")] = math.log(value)
    return Features(Named.of(numbers), Named.of({}))


@functools.lru_cache(maxsize=8192)
def _of_graph(key: str, graph: OpGraph) -> Features:
    """Returns the features of one graph; their names depend on its key."""
    labels = [name(label) for label, _ in graph.operations]
    numbers = {
        **_counts(graph, labels),
        **_paths(graph),
        name("edges"): sum([len(reads) for _, reads in graph.operations]),
        name("fan-in of the output"): len(graph.output),
    }
    return Features(Named.of(numbers, name(key)), Named.of(_neighbourhoods(graph, labels), name(key)))


def _counts(graph: OpGraph, labels: Sequence[int]) -> Mapping[int, float]:
    """Returns the counts of operations, of pairs of them along edges, and the sums of the logarithms of settings."""
    found: dict[int, float] = {**Counter(labels)}
    for label, number in Counter([label for label, _ in graph.operations]).items():
        for setting, value in _settings(label):
            found[setting] = found.get(setting, 0.0) + number * value
    ends = [*labels, _IMAGE]  # -1 is the place of the image
    pairs = [(ends[read], own) for own, (_, reads) in zip(labels, graph.operations, strict=True) for read in reads]
    pairs += [(labels[read], _OUTPUT) for read in graph.output]
    found.update(Counter(map(hash, pairs)))
    return found


@functools.lru_cache(maxsize=4096)
def _settings(label: str) -> tuple[tuple[int, float], ...]:
    """Returns the numbers in the text of an operation, each with the name of its primitive and setting."""
    found: dict[int, float] = {}
    for part in label.split("|"):
        primitive, *settings = part.split(" ")
        for place, setting in enumerate(settings):
            own, _, text = setting.rpartition("=")
            value = _number(text)
            if value is not None:
                key = name(f"{primitive} {own or place}")
                found[key] = found.get(key, 0.0) + value
    return tuple(found.items())


def _number(text: str) -> float | None:
    """Returns the logarithm of 1 + a number in a text, of the pixels of a kernel, or of a factor such as `(2*F)`."""
    kernel = _KERNEL.fullmatch(text)
    if kernel is not None:
        return math.log1p(int(kernel[1]) * int(kernel[2]))
    number = _NUMBER.search(text)
    return None if number is None else math.log1p(abs(float(number[0])))


@functools.lru_cache(maxsize=4096)
def _has_weights(label: str) -> bool:
    """Whether an operation has weights. An operation that is not known at its place counts as one that has them."""
    names = [part.partition(" ")[0] for part in label.split("|")]
    plain = [PRIMITIVES[one] for one in names if one in PRIMITIVES]
    is_input = label.startswith("input") and not plain
    return any(one.has_weights for one in plain) or (len(plain) < len(names) and not is_input)


# The paths from inputs to an operation: how many have 0, 1, 2 and more operations with weights, how many there are, the
# sum of their lengths, and the lengths of the shortest and of the longest.
_Paths = tuple[tuple[int, ...], int, int, int, int]
_START: _Paths = ((1,), 1, 0, 0, 0)


def _together(paths: Sequence[_Paths]) -> _Paths:
    """Returns the paths to several operations."""
    if len(paths) == 1:
        return paths[0]
    weighted, counts, totals, shortest, longest = zip(*paths, strict=True)
    by_weights = tuple(map(sum, itertools.zip_longest(*weighted, fillvalue=0)))
    return by_weights, sum(counts), sum(totals), min(shortest), max(longest)


def _paths(graph: OpGraph) -> dict[int, float]:
    """Returns numbers of the paths from inputs to the output: their length, and how many have how many weights."""
    paths: list[_Paths] = []
    for label, reads in graph.operations:
        before = _together([paths[read] if read >= 0 else _START for read in reads] or [_START])
        weighted, count, total, shortest, longest = before
        if _has_weights(label):
            weighted = (0, *weighted[: MOST_WEIGHTED - 1], sum(weighted[MOST_WEIGHTED - 1 :]))
        if reads:
            total, shortest, longest = total + count, shortest + 1, longest + 1
        paths.append((weighted, count, total, shortest, longest))
    if not graph.output:
        return {}
    weighted, count, total, shortest, longest = _together([paths[read] for read in graph.output])
    found = {name(f"log of paths with {place} weighted"): math.log1p(one) for place, one in enumerate(weighted) if one}
    found |= {name("longest path"): longest, name("shortest path"): shortest, name("mean path"): total / count}
    return found | {name("log of paths"): math.log1p(count)}


def _neighbourhoods(graph: OpGraph, labels: Sequence[int]) -> Mapping[int, int]:
    """Returns the counts of the neighbourhoods of operations up to `_DEPTHS` edges away."""
    names = labels
    found = Counter(names)
    for _ in range(_DEPTHS):
        ends = [*names, _IMAGE]  # -1 is the place of the image
        names = [
            hash((own, ends[reads[0]] if len(reads) == 1 else tuple(sorted([ends[read] for read in reads]))))
            for own, (_, reads) in zip(names, graph.operations, strict=True)
        ]
        found.update(names)
    found.update([hash((_OUTPUT, names[read])) for read in graph.output])
    return found
