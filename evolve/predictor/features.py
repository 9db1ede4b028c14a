"""The features of a genotype: named numbers of the graphs of its cells and steps, and its genes."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dsl.identity.graphs import OpGraph
from dsl.primitives import PRIMITIVES

MOST_WEIGHTED = 8  # paths with more operations with weights are counted together
_DEPTHS = 2  # rounds of Weisfeiler and Lehman
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_KERNEL = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True, slots=True)
class Features:
    """What a model of the fitness knows of a genotype.

    Attributes:
      numbers: numbers by name. A name that is missing stands for 0.
      neighbourhoods: how often each neighbourhood of an operation is there, after Weisfeiler and Lehman: the operation
        itself, with what it reads, and with what these read. Genotypes are similar if they share neighbourhoods.
    """

    numbers: Mapping[str, float]
    neighbourhoods: Mapping[str, int]


def features(graphs: Mapping[str, OpGraph], genes: Mapping[str, float | str]) -> Features:
    """Returns the features of a genotype.

    Args:
      graphs: the graphs of its operations, as `dsl.identity.graphs` makes them.
      genes: its genes by name.
    """
    numbers: dict[str, float] = {}
    found: dict[str, int] = {}
    for key, graph in graphs.items():
        known = _of_graph(key, graph)
        numbers.update(known.numbers)  # the names of a graph are its own
        found.update(known.neighbourhoods)
    for name, value in genes.items():
        if isinstance(value, str):
            numbers[f"gene {name} is {value}"] = 1
            continue
        numbers[f"gene {name}"] = value
        if value > 0:
            numbers[f"gene {name}, log"] = math.log(value)
    return Features(numbers, found)


@functools.lru_cache(maxsize=8192)
def _of_graph(key: str, graph: OpGraph) -> Features:
    """Returns the features of one graph; their names begin with its key."""
    numbers = {
        **_counts(graph),
        **_paths(graph),
        "edges": sum(len(reads) for _, reads in graph.operations),
        "fan-in of the output": len(graph.output),
    }
    return Features(
        {f"{key}: {name}": value for name, value in numbers.items()},
        {f"{key}: {name}": count for name, count in _neighbourhoods(graph).items()},
    )


def _counts(graph: OpGraph) -> Mapping[str, float]:
    """Returns the counts of operations, of pairs of them along edges, and the sums of the logarithms of settings."""
    labels = [label for label, _ in graph.operations]
    found: dict[str, float] = {**Counter(labels)}
    for label, reads in graph.operations:
        pairs = [f"{labels[read] if read >= 0 else 'image'} > {label}" for read in reads]
        for name, value in (*((pair, 1.0) for pair in pairs), *_settings(label)):
            found[name] = found.get(name, 0.0) + value
    for read in graph.output:
        found[f"{labels[read]} > output"] = found.get(f"{labels[read]} > output", 0.0) + 1
    return found


@functools.lru_cache(maxsize=4096)
def _settings(label: str) -> tuple[tuple[str, float], ...]:
    """Returns the numbers in the text of an operation, each with the name of its primitive and setting."""
    found: list[tuple[str, float]] = []
    for part in label.split("|"):
        name, *settings = part.split(" ")
        for place, setting in enumerate(settings):
            own, _, text = setting.rpartition("=")
            value = _number(text)
            if value is not None:
                found.append((f"{name} {own or place}", value))
    return tuple(found)


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
    plain = [PRIMITIVES[name] for name in names if name in PRIMITIVES]
    is_input = label.startswith("input") and not plain
    return any(one.has_weights for one in plain) or (len(plain) < len(names) and not is_input)


def _paths(graph: OpGraph) -> dict[str, float]:
    """Returns numbers of the paths from inputs to the output: their length, and how many have how many weights."""
    by_weights: list[Counter[int]] = []
    by_length: list[Counter[int]] = []
    for label, reads in graph.operations:
        own, is_step = int(_has_weights(label)), int(bool(reads))
        weights, lengths = Counter[int](), Counter[int]()
        for read in reads:
            before = by_weights[read] if read >= 0 else Counter({0: 1})
            for count, paths in before.items():
                weights[min(count + own, MOST_WEIGHTED)] += paths
            before = by_length[read] if read >= 0 else Counter({0: 1})
            for length, paths in before.items():
                lengths[length + 1] += paths
        by_weights.append(weights if is_step else Counter({own: 1}))
        by_length.append(lengths if is_step else Counter({0: 1}))
    weights, lengths = Counter[int](), Counter[int]()
    for read in graph.output:
        weights.update(by_weights[read])
        lengths.update(by_length[read])
    found = {f"log of paths with {count} weighted": math.log1p(paths) for count, paths in weights.items()}
    total = sum(lengths.values())
    if total:
        mean = sum(length * paths for length, paths in lengths.items()) / total
        found |= {"longest path": max(lengths), "shortest path": min(lengths), "mean path": mean}
        found["log of paths"] = math.log1p(total)
    return found


def _neighbourhoods(graph: OpGraph) -> Counter[str]:
    """Returns the counts of the neighbourhoods of operations up to `_DEPTHS` edges away."""
    names = [label for label, _ in graph.operations]
    found = Counter(names)
    for depth in range(1, _DEPTHS + 1):
        names = [
            f"{name}({','.join(sorted(names[read] if read >= 0 else 'image' for read in reads))})"
            for name, (_, reads) in zip(names, graph.operations, strict=True)
        ]
        found.update([f"{depth} {name}" for name in names])
    found.update([f"output {name}" for name in map(names.__getitem__, graph.output)])
    return found
