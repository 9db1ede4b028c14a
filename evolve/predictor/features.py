"""The features of genotypes: named numbers of the graphs of their cells and steps, and their genes."""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsl.identity.graphs import OpGraph
from dsl.primitives import PRIMITIVES

MOST_WEIGHTED = 8  # paths with more operations with weights are counted together
_DEPTHS = 2  # rounds of Weisfeiler and Lehman
_STEP = 2.0**-20  # settings are rounded to it, so that the sum of some does not depend on their order
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_KERNEL = re.compile(r"(\d+)x(\d+)")
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)  # of splitmix64

Names = NDArray[np.int64]


@functools.lru_cache(maxsize=8192)
def name(text: str) -> int:
    """Returns the name of a feature: a digest of its text as an integer of 64 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def pairs(firsts: Names, seconds: Names) -> Names:
    """Returns names of pairs of names. A digest of text would take long for each of the pairs of a graph."""
    mixed = firsts.view(np.uint64) * _FACTORS[0] + seconds.view(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FACTORS[1]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _FACTORS[2]
    return np.asarray(mixed ^ (mixed >> np.uint64(31))).view(np.int64)


_OUTPUT = np.array([name("output")])
_EDGES, _FAN_IN = name("edges"), name("fan-in of the output")
_PATHS = [name(f"{which} path") for which in ("longest", "shortest", "mean")] + [name("log of paths")]
_WEIGHTED = [name(f"log of paths with {number} weighted") for number in range(MOST_WEIGHTED + 1)]


class Named(NamedTuple):
    """Numbers with different names. A name that is missing stands for 0."""

    names: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, values: Mapping[int, float]) -> Named:
        """Returns numbers by their names."""
        count = len(values)
        return cls(np.fromiter(values, np.int64, count), np.fromiter(values.values(), np.float64, count))

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


class FeatureCache:
    """Makes the features of genotypes. It keeps those of the latest graphs, which children share with their parents."""

    def __init__(self, size: int = 8192) -> None:
        """Creates an empty cache, which keeps the features of at most `size` graphs."""
        self._size = size
        self._known: dict[tuple[str, OpGraph], Features] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, genotypes: Iterable[tuple[Mapping[str, OpGraph], Mapping[str, float | str]]]) -> list[Features]:
        """Returns the features of genotypes. The features of many are made together, which takes less time.

        Args:
          genotypes: for each genotype the graphs of its operations, as `dsl.identity.graphs` makes them, and its genes
            by name.
        """
        found = [([*graphs.items()], _of_genes(tuple(genes.items()))) for graphs, genes in genotypes]
        known = self._known
        new = dict.fromkeys([graph for graphs, _ in found for graph in graphs if graph not in known])
        known.update(zip(new, _of_graphs([*new]), strict=True))
        made = [_joined([*[known[graph] for graph in graphs], genes]) for graphs, genes in found]
        if len(known) > self._size:
            self._known = dict([*known.items()][-(self._size // 2) :])
        return made


def _joined(parts: Sequence[Features]) -> Features:
    """Returns the features of a genotype with these parts."""
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


class _Operation(NamedTuple):
    """What the label of an operation says: its name, the names of its settings with their numbers, and its weights."""

    name: int
    settings: Named
    has_weights: bool


_IMAGE = _Operation(name("image"), Named.of({}), False)


class _Vertices(NamedTuple):
    """The operations of several graphs, one graph after the other. Each graph begins with a vertex for its image.

    Attributes:
      owners: for each vertex the place of its graph.
      names: for each vertex the name of its operation.
      fan_ins: for each vertex the number of vertices that it reads.
      reads: the vertices that are read, those of the first vertex first.
      outputs: the vertices that are read by the outputs of the graphs.
      is_image: whether a vertex stands for an image.
    """

    owners: NDArray[np.intp]
    names: Names
    fan_ins: NDArray[np.intp]
    reads: NDArray[np.intp]
    outputs: NDArray[np.intp]
    is_image: NDArray[np.bool_]

    def around(self, names: Names) -> Names:
        """Returns the names of vertices together with those of the vertices that they read, in whatever order."""
        sums = np.zeros(len(self.reads) + 1, np.uint64)
        pairs(names, names)[self.reads].view(np.uint64).cumsum(out=sums[1:])
        ends = self.fan_ins.cumsum()
        read = (sums[ends] - sums[ends - self.fan_ins]).view(np.int64)
        return np.where(self.is_image, names, pairs(names, read))


def _of_graphs(graphs: Sequence[tuple[str, OpGraph]]) -> list[Features]:
    """Returns the features of graphs, each with its key, on which their names depend."""
    if not graphs:
        return []
    indices: dict[str, int] = {}
    labels: list[int] = []
    fan_ins: list[int] = []
    reads: list[int] = []
    outputs: list[int] = []
    sizes: list[int] = []
    for _, (operations, output) in graphs:
        base = len(fan_ins) + 1
        fan_ins += [0, *[len(some) for _, some in operations]]
        labels += [-1, *[indices.setdefault(label, len(indices)) for label, _ in operations]]
        reads += [base + read for _, some in operations for read in some]  # -1 is the place of the image
        outputs += [base + read for read in output]
        sizes.append(len(operations) + 1)
    known = [*map(_operation, indices), _IMAGE]
    places = np.array(labels)
    vertices = _Vertices(
        np.repeat(np.arange(len(graphs)), sizes),
        np.array([one.name for one in known])[places],
        np.array(fan_ins),
        np.array(reads, np.intp),
        np.array(outputs, np.intp),
        places < 0,
    )
    keys = np.array([name(key) for key, _ in graphs])
    numbers = _grouped([*_counts(vertices), _settings(vertices, places, known), _shapes(graphs, known, indices)], keys)
    around = _grouped(_neighbourhoods(vertices), keys)
    return [Features(*one) for one in zip(numbers, around, strict=True)]


class _Numbers(NamedTuple):
    """Named numbers of several graphs, each with the place of its graph. Those with one name are added."""

    owners: NDArray[np.intp]
    names: Names
    values: NDArray[np.float64] | float = 1.0


def _grouped(parts: Sequence[_Numbers], keys: Names) -> list[Named]:
    """Returns the numbers of each graph."""
    owners = np.concatenate([part.owners for part in parts]).astype(np.min_scalar_type(len(keys)))
    names = np.concatenate([part.names for part in parts])
    values = np.concatenate([np.broadcast_to(part.values, part.names.shape) for part in parts])
    order = names.argsort()
    order = order[owners[order].argsort(kind="stable")]  # small integers are sorted fast
    owners, names = owners[order], names[order]
    is_new = np.ones(len(names), np.bool_)
    is_new[1:] = (owners[1:] != owners[:-1]) | (names[1:] != names[:-1])
    starts = is_new.nonzero()[0]
    sums, owners = np.add.reduceat(values[order], starts), owners[starts]
    names = names[starts] ^ keys[owners]
    ends = owners.searchsorted(np.arange(len(keys) + 1)).tolist()
    return [Named(names[start:end], sums[start:end]) for start, end in itertools.pairwise(ends)]


def _counts(vertices: _Vertices) -> list[_Numbers]:
    """Returns the counts of operations, and of pairs of them along edges."""
    owners, names, fan_ins, reads, outputs, is_image = vertices
    read_by = pairs(names[reads], np.repeat(names, fan_ins))
    return [
        _Numbers(owners[~is_image], names[~is_image]),
        _Numbers(owners[reads], read_by),
        _Numbers(owners[outputs], pairs(names[outputs], _OUTPUT)),
    ]


def _settings(vertices: _Vertices, places: NDArray[np.intp], known: Sequence[_Operation]) -> _Numbers:
    """Returns the sums of the logarithms of settings. `places` has for each vertex the place of what is known of it."""
    counts = np.array([len(one.settings.names) for one in known])
    taken = counts[places]
    starts = np.repeat((counts.cumsum() - counts)[places] - taken.cumsum() + taken, taken)
    found = Named.joined([one.settings for one in known])
    rows = starts + np.arange(len(starts))
    return _Numbers(np.repeat(vertices.owners, taken), found.names[rows], found.values[rows])


def _neighbourhoods(vertices: _Vertices) -> list[_Numbers]:
    """Returns the counts of the neighbourhoods of operations up to `_DEPTHS` edges away."""
    kept, names = ~vertices.is_image, vertices.names
    owners = vertices.owners[kept]
    found = [_Numbers(owners, names[kept])]
    for _ in range(_DEPTHS):
        names = vertices.around(names)
        found.append(_Numbers(owners, names[kept]))
    return [*found, _Numbers(vertices.owners[vertices.outputs], pairs(_OUTPUT, names[vertices.outputs]))]


def _shapes(graphs: Sequence[tuple[str, OpGraph]], known: Sequence[_Operation], indices: Mapping[str, int]) -> _Numbers:
    """Returns the numbers of edges, the fan-in of the outputs, and numbers of the paths."""
    has_weights = {label: known[index].has_weights for label, index in indices.items()}
    found = [_paths(graph, has_weights) for _, graph in graphs]
    owners = np.repeat(np.arange(len(graphs)), [len(one) for one in found])
    names = np.array([name for one in found for name, _ in one], np.int64)
    return _Numbers(owners, names, np.array([value for one in found for _, value in one], np.float64))


@functools.lru_cache(maxsize=4096)
def _operation(label: str) -> _Operation:
    """Returns what is known of an operation by its label. Each setting has the names of its primitive and of itself."""
    found: dict[int, float] = {}
    for part in label.split("|"):
        primitive, *settings = part.split(" ")
        for place, setting in enumerate(settings):
            own, _, text = setting.rpartition("=")
            value = _number(text)
            if value is not None:
                key = name(f"{primitive} {own or place}")
                found[key] = found.get(key, 0.0) + round(value / _STEP) * _STEP
    return _Operation(name(label), Named.of(found), _has_weights(label))


def _number(text: str) -> float | None:
    """Returns the logarithm of 1 + a number in a text, of the pixels of a kernel, or of a factor such as `(2*F)`."""
    kernel = _KERNEL.fullmatch(text)
    if kernel is not None:
        return math.log1p(int(kernel[1]) * int(kernel[2]))
    number = _NUMBER.search(text)
    return None if number is None else math.log1p(abs(float(number[0])))


def _has_weights(label: str) -> bool:
    """Whether an operation has weights. An operation that is not known at its place counts as one that has them."""
    names = [part.partition(" ")[0] for part in label.split("|")]
    plain = [PRIMITIVES[one] for one in names if one in PRIMITIVES]
    is_input = label.startswith("input") and not plain
    return any(one.has_weights for one in plain) or (len(plain) < len(names) and not is_input)


# Of the paths from inputs to an operation: how many have 0, 1, 2 and more operations with weights, how many there are,
# the sum of their lengths, and the lengths of the shortest and of the longest.
_Paths = tuple[int, int, int, int, int]


def _paths(graph: OpGraph, has_weights: Mapping[str, bool]) -> list[tuple[int, float]]:
    """Returns named numbers of edges, and of the paths from inputs to the output: lengths, and counts by their weights.

    One integer has the counts of paths with 0, 1, 2 and more operations with weights: its digits in a base that none of
    them reaches. So one addition adds all of them, and a shift by one digit counts another operation with weights.
    """
    operations, output = graph
    edges = sum([len(reads) for _, reads in operations])
    found: list[tuple[int, float]] = [(_EDGES, edges), (_FAN_IN, len(output))]
    if not output:
        return found
    digit = sum([len(reads).bit_length() for _, reads in operations]) + len(output).bit_length()
    start = (1, 1, 0, 0, 0)
    paths: list[_Paths] = [start] * (len(operations) + 1)  # -1 is the place of the image
    for place, (label, reads) in enumerate(operations):
        if not reads:
            paths[place] = (1 << digit, 1, 0, 0, 0) if has_weights[label] else start
            continue
        weighted, count, total, shortest, longest = paths[reads[0]] if len(reads) == 1 else _together(paths, reads)
        if has_weights[label]:
            weighted <<= digit
        paths[place] = weighted, count, total + count, shortest + 1, longest + 1
    weighted, count, total, shortest, longest = _together(paths, output)
    found += zip(_PATHS, (longest, shortest, total / count, math.log1p(count)), strict=True)
    counts = _digits(weighted, digit)
    counts = [*counts[:MOST_WEIGHTED], sum(counts[MOST_WEIGHTED:])]
    return found + [(_WEIGHTED[place], math.log1p(one)) for place, one in enumerate(counts) if one]


def _together(paths: Sequence[_Paths], reads: Sequence[int]) -> _Paths:
    """Returns the paths to all operations that are read."""
    weighted, counts, totals, shortest, longest = zip(*[paths[read] for read in reads], strict=True)
    return sum(weighted), sum(counts), sum(totals), min(shortest), max(longest)


def _digits(number: int, digit: int) -> list[int]:
    """Returns the digits of a number, the lowest first. Each has `digit` bits."""
    mask = (1 << digit) - 1
    return [number >> shift & mask for shift in range(0, number.bit_length(), digit)]
