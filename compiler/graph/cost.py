"""Computes the parameters, mult-adds, activations and depth of a network from its graph, without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import attrgetter

from compiler.graph.cache import ResolveCache
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph, Step
from dsl.space.genotype import Genotype

_COUNTS = (attrgetter("params"), attrgetter("mult_adds"), attrgetter("activations"))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a network without its auxiliary head.

    Attributes:
      params: the parameters.
      mult_adds: the mult-adds of convolutions and dense layers for one image.
      depth: the number of operations with kernels on the longest path from the image to the logits.
      activations: the number of values in the outputs of all operations for one image.
    """

    params: int
    mult_adds: int
    depth: int
    activations: int


@dataclass(frozen=True)
class Share:
    """The cost of all steps that use one cell, or of all steps of a section that are pipes of operations."""

    name: str
    steps: int
    params: int
    mult_adds: int
    activations: int


def cost(genotype: Genotype, input_shape: Sequence[int], classes: int, cache: ResolveCache | None = None) -> Cost:
    """Returns the cost of a genotype for images of `[height, width, channels]`.

    If a cache is given, the costs of parts that earlier genotypes had too are taken from the cache.

    Raises:
      CompileError: the network cannot be resolved.
    """
    return graph_cost(resolve(genotype, input_shape, classes, cache=cache))


def graph_cost(graph: Graph) -> Cost:
    """Returns the cost of a resolved graph."""
    depths: list[int] = []
    for step in graph.steps:
        ways = zip(step.inputs, step.chains, strict=True)
        depths.append(max(way + (depths[index] if index >= 0 else 0) for index, way in ways if way is not None))
    return Cost(
        params=sum(step.params for step in graph.steps),
        mult_adds=sum(step.mult_adds for step in graph.steps),
        depth=depths[-1],
        activations=sum(step.activations for step in graph.steps),
    )


def shares(graph: Graph) -> tuple[Share, ...]:
    """Returns the cost of each cell and of each section's pipes, in the order of their first use.

    The shares add up to the cost of the graph.
    """
    kinds: dict[str, list[Step]] = {}
    for step in graph.steps:
        kinds.setdefault(f"cell {step.name}" if step.is_cell else step.key.partition("/")[0], []).append(step)
    return tuple(
        Share(name, len(steps), *(sum(map(count, steps)) for count in _COUNTS)) for name, steps in kinds.items()
    )


def weight_values(graph: Graph) -> int:
    """Returns the number of values in a weights file: of parameters, and of statistics of batch normalizations."""
    return sum(prod(weight.shape) for step in graph.steps for _, weight in step.weights())
