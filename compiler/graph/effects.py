"""Finds parts of a space without an effect: settings of steps that nothing takes, and requirements that never hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from compiler.errors import CompileError
from compiler.graph.cache import ResolveCache
from compiler.graph.cost import cost
from compiler.graph.requirements import holds
from compiler.graph.resolve import resolve
from dsl.errors import Problem
from dsl.space.evaluate import evaluate
from dsl.space.expand import AMBIENT
from dsl.space.genotype import Genotype, Space
from dsl.text.unparse import condition as shown
from dsl.text.unparse import expression
from dsl.tree import syntax as s

Images = tuple[Sequence[int], int]  # the shape [height, width, channels] of an image, and the number of classes
Line = Callable[[], Sequence[Genotype]]
_GROWING = (s.Insert, s.Connect, s.Remove)
_VARYING = ("edges", "acyclic", "earlier")  # sets whose sizes depend on operations and inputs


def idle_settings(seed: Genotype, line: Line, images: Images) -> Iterator[Problem]:
    """Yields a problem for each stride or width of a step that changes neither the seed nor an individual of `line()`.

    Each setting gets another value. If the network with this value is the same, the setting has no effect.
    """
    network = seed.network
    for place, section in enumerate(network.sections):
        for index, step in enumerate(section.steps):
            for position, name, argument, doubled in _doubled(step, seed):
                steps = (*section.steps[:index], doubled, *section.steps[index + 1 :])
                sections = list(network.sections)
                sections[place] = replace(section, steps=steps)
                changed = replace(network, sections=tuple(sections))
                auxiliary = section.of is not None
                if _differs(seed, changed, images, auxiliary):
                    continue
                if not any(_differs(one, changed, images, auxiliary) for one in line()):
                    written = f"{name}={expression(argument.value)}"
                    yield Problem(f"{written} has no effect: nothing in {position} takes it", argument.position)


def _doubled(step: s.Step, seed: Genotype) -> Iterator[tuple[str, str, s.Argument, s.Step]]:
    """Yields each stride and width in a step: its operation, name and setting, and the step with twice its value."""
    definitions = seed.space.definitions
    scope = {**seed.space.params, **dict(seed.genes)}
    for at, op in enumerate(step.pipe):
        if not isinstance(op, s.Op):
            continue
        is_cell = op.name in definitions.cells and op.name not in definitions.ops
        formals = [formal.name for formal in definitions.ops[op.name].formals] if op.name in definitions.ops else []
        for index, argument in enumerate(op.arguments):
            name = argument.name or (AMBIENT[0] if is_cell else "")
            if name not in AMBIENT or name in formals or not (is_cell or op.name in definitions.ops):
                continue
            value = evaluate(argument.value, scope)
            if not isinstance(value, int) or (name == "stride" and value == 1):
                continue
            other = replace(argument, value=s.Number(2 * value))
            changed = replace(op, arguments=(*op.arguments[:index], other, *op.arguments[index + 1 :]))
            yield op.name, name, argument, replace(step, pipe=(*step.pipe[:at], changed, *step.pipe[at + 1 :]))


def _differs(genotype: Genotype, network: s.Network, images: Images, auxiliary: bool) -> bool:
    """Returns whether a genotype differs with another network, or cannot be built."""
    cache = ResolveCache()  # Both genotypes have the same operations and cells.
    try:
        here, there = (
            _operations(replace(genotype, network=stacked), images, auxiliary, cache)
            for stacked in (genotype.network, network)
        )
    except CompileError:
        return True
    return here != there


def _operations(genotype: Genotype, images: Images, auxiliary: bool, cache: ResolveCache) -> list[tuple[object, ...]]:
    """Returns all operations of a network without their keys, since keys of steps from a cache are of other steps."""
    graph = resolve(genotype, *images, auxiliary=auxiliary, cache=cache)
    return [
        (operation.primitive, operation.settings, operation.inputs, operation.shape)
        for step in (*graph.steps, *graph.auxiliary)
        for operation in step.operations
    ]


def odd_requirements(seed: Genotype, line: Line, images: Images) -> Iterator[Problem]:
    """Yields a problem for each requirement that no individual satisfies, or that cannot be broken.

    Args:
      seed: the seed of the space.
      line: returns descendants of the seed, which need not satisfy the requirements.
      images: the shape of an image, and the number of classes.
    """
    space = seed.space
    grows = any(isinstance(part, _GROWING) for part in s.parts_of(space.mutations))
    for item in space.requires:
        is_count = all(_is_fixed_count(path, space) for part in s.simple(item.condition) for path in s.paths(part))
        if not _satisfies(seed, item, images) and not any(_satisfies(one, item, images) for one in line()):
            tried = (
                "neither the seed nor any descendant that was tried satisfies it"
                if line()
                else "the seed, which has no child, does not satisfy it"
            )
            yield Problem(f"`require {shown(item.condition)}` never holds: {tried}",
                          item.condition.position)  # fmt: skip
        elif is_count and not grows and space.mutations:
            yield Problem(f"`require {shown(item.condition)}` always holds: no rule changes these counts",
                          item.condition.position)  # fmt: skip


def _is_fixed_count(path: s.Path, space: Space) -> bool:
    return path.names == ("nodes",) or path.names[0] in space.params or (
        len(path.names) > 1 and not set(path.names) & set(_VARYING)
    )  # fmt: skip


def _satisfies(genotype: Genotype, item: s.Require, images: Images) -> bool:
    try:
        return holds(item, genotype, cost(genotype, *images))
    except CompileError:
        return False
