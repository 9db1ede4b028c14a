"""What a network costs, from text alone: trainable parameters, mult-adds, depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from compiler.graph.block import Expansions
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph, Step
from dsl.genotype import Genotype


@dataclass(frozen=True)
class Cost:
    """The cost of the network that predicts: no auxiliary head.

    `params` counts trainable values; `mult_adds` those of convolutions and dense layers for one image; `depth` the
    longest chain of operations with weights; `activations` the values that are made for one image.
    """

    params: int
    mult_adds: int
    depth: int
    activations: int


@dataclass(frozen=True)
class Share:
    """What all steps of one kind account for: those that use a cell, or the operations of a section by themselves."""

    name: str
    steps: int
    params: int
    mult_adds: int
    activations: int


def cost(genotype: Genotype, input_shape: Sequence[int], classes: int, expansions: Expansions | None = None) -> Cost:
    """The cost of a genotype for images of `[height, width, channels]`; `expansions` is what `resolve` remembers.

    Raises:
      CompileError: the network cannot be resolved.
    """
    return graph_cost(resolve(genotype, input_shape, classes, expansions=expansions))


def graph_cost(graph: Graph) -> Cost:
    """The cost of a resolved graph."""
    depths: list[int] = []
    for step in graph.steps:
        depths.append(_depth(step, [depths[index] if index >= 0 else 0 for index in step.inputs]))
    return Cost(
        sum(step_params(step) for step in graph.steps),
        sum(step_mult_adds(step) for step in graph.steps),
        depths[-1],
        sum(step_activations(step) for step in graph.steps),
    )


def shares(graph: Graph) -> tuple[Share, ...]:
    """The cost of a graph by cells of the genotype, in the order of their first use; the shares add up to the whole."""
    kinds: dict[str, list[Step]] = {}
    for step in graph.steps:
        kinds.setdefault(f"cell {step.name}" if step.is_cell else step.key.partition("/")[0], []).append(step)
    return tuple(
        Share(name, len(steps), *(sum(map(count, steps)) for count in (step_params, step_mult_adds, step_activations)))
        for name, steps in kinds.items()
    )


def weight_values(graph: Graph) -> int:
    """How many values a file of the weights holds: the trainable ones, and the statistics of batch normalizations."""
    return sum(prod(weight.shape) for step in graph.steps for _, weight in step.weights())


def step_params(step: Step) -> int:
    """Trainable values of one step."""
    return sum(prod(weight.shape) for _, weight in step.weights() if weight.trainable)


def step_mult_adds(step: Step) -> int:
    """Multiplications with additions of one step, for one image."""
    return sum(operation.mult_adds for operation in step.operations)


def step_activations(step: Step) -> int:
    """Values that the operations of one step make for one image."""
    return sum(prod(operation.shape) for operation in step.operations)


def _depth(step: Step, inputs: list[int]) -> int:
    depths = list(inputs)
    for operation in step.operations:
        own = int(any(weight.kind in ("kernel", "depthwise") for weight in operation.weights))
        depths.append(own + max(depths[index] for index in operation.inputs))
    return depths[step.output]
