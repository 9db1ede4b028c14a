"""Finds parts of a space without an effect: settings of steps that nothing takes, and requirements that never hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from compiler.errors import CompileError
from compiler.graph.cache import ResolveCache
from compiler.graph.cost import cost
from compiler.graph.requirements import holds, values
from compiler.graph.resolve import resolve
from dsl.check.requires import readable_params
from dsl.check.uses import CHANNELS, names_at_a_use
from dsl.errors import Position, Problem
from dsl.space.evaluate import evaluate
from dsl.space.expand import AMBIENT
from dsl.space.genotype import Genotype, Space
from dsl.space.stack import names, stacked
from dsl.text.unparse import condition as shown
from dsl.text.unparse import expression
from dsl.tree import syntax as s
from dsl.wording import by_x, plural

Images = tuple[Sequence[int], int]  # the shape [height, width, channels] of an image, and the number of classes
_Key = tuple[int | None, str]
Line = Callable[[], Sequence[Genotype]]
_GROWING = (s.Insert, s.Connect, s.Remove)
_OF_IMAGES = ("params", "mult_adds", "activations")  # costs that depend on the images and the number of classes
_VARYING = ("edges", "acyclic", "earlier")  # sets whose sizes depend on operations and inputs


def idle_settings(seed: Genotype, line: Line, images: Images) -> Iterator[Problem]:
    """Yields a problem for each stride or width of a step that changes neither the seed nor an individual of `line()`.

    Each setting gets another value. If the network with this value is the same, the setting has no effect.
    """
    built = {(one.section.name, one.label) for one in stacked(seed, with_auxiliary=True)}
    for section in seed.network.sections:
        for step in s.labelled(section.steps):
            if section.of is None and (section.name, step.label) not in built:
                continue  # Another warning is about this step.
            for key, (text, position, _) in _doubled(step, seed).items():
                place = section.name, str(step.label), key
                if not _differs(seed, place, images) and not any(_differs(one, place, images) for one in line()):
                    taker = "this step" if key[0] is None else _op(step, key[0]).name
                    yield Problem(f"{text} has no effect: nothing in {taker} takes it", position)


def _op(step: s.Step, at: int) -> s.Op:
    op = step.pipe[at]
    assert isinstance(op, s.Op)
    return op


def _doubled(step: s.Step, genotype: Genotype) -> dict[_Key, tuple[str, Position | None, s.Step]]:
    """Returns the strides and widths of a step: the text and position of each, and the step with twice its value.

    A key is the place of the operation in the step, which is None for the stride after the step, and the setting.
    """
    definitions = genotype.space.definitions
    scope = {**names_at_a_use(genotype.space), **names(genotype), "channels": CHANNELS}
    found: dict[_Key, tuple[str, Position | None, s.Step]] = {}
    for at, op in enumerate(step.pipe):
        if not isinstance(op, s.Op):
            continue
        is_cell = op.name in definitions.cells and op.name not in definitions.ops
        formals = [formal.name for formal in definitions.ops[op.name].formals] if op.name in definitions.ops else []
        has_brackets = is_cell and definitions.cells[op.name] is not None
        for index, argument in enumerate(op.arguments):
            name = argument.name or (AMBIENT[0] if is_cell and not has_brackets else "")
            if name not in AMBIENT or name in formals or not (is_cell or op.name in definitions.ops):
                continue
            value = evaluate(argument.value, scope)
            if not isinstance(value, int) or (name == "stride" and value == 1):
                continue
            other = replace(argument, value=s.Number(2 * value))
            changed = replace(op, arguments=(*op.arguments[:index], other, *op.arguments[index + 1 :]))
            doubled = replace(step, pipe=(*step.pipe[:at], changed, *step.pipe[at + 1 :]))
            found[at, name] = f"{name}={expression(argument.value)}", argument.position, doubled
    stride = None if step.stride is None else evaluate(step.stride, scope)
    if step.stride is not None and isinstance(stride, int) and stride > 1:
        doubled = replace(step, stride=s.Number(2 * stride))
        found[None, "stride"] = f"stride {expression(step.stride)}", step.stride.position, doubled
    return found


def _differs(genotype: Genotype, place: tuple[str, str, _Key], images: Images) -> bool:
    """Returns whether a setting has an effect: whether the network with twice its value differs or cannot be built.

    `place` has the section and the label of a step, and the key of the setting in `_doubled`.
    """
    name, label, key = place
    section = next(section for section in genotype.network.sections if section.name == name)
    index, step = next(((i, one) for i, one in enumerate(s.labelled(section.steps)) if one.label == label), (0, None))
    found = None if step is None else _doubled(step, genotype).get(key)
    if found is None:
        return False
    steps = (*section.steps[:index], found[2], *section.steps[index + 1 :])
    sections = [replace(one, steps=steps) if one is section else one for one in genotype.network.sections]
    other = replace(genotype, network=replace(genotype.network, sections=tuple(sections)))
    cache = ResolveCache()  # Both genotypes have the same operations and cells.
    try:
        here, there = (_operations(one, images, section.of is not None, cache) for one in (genotype, other))
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
            yield Problem(f"`require {shown(item.condition)}` never holds: {tried}; {_of_seed(item, seed, images)}",
                          item.condition.position)  # fmt: skip
        elif is_count and not grows and space.mutations:
            yield Problem(f"`require {shown(item.condition)}` always holds: no rule changes these counts",
                          item.condition.position)  # fmt: skip


def broken_by_seed(seed: Genotype, images: Images) -> Iterator[Problem]:
    """Yields a problem for each requirement that the seed does not satisfy. Only its descendants have to."""
    for item in seed.space.requires:
        if not _satisfies(seed, item, images):
            yield Problem(f"the seed does not satisfy `require {shown(item.condition)}`: "
                          f"{_of_seed(item, seed, images)}", item.condition.position,
                          "a search tries only random genotypes and children that satisfy it")  # fmt: skip


def measured(seed: Genotype, images: Images) -> Iterator[str]:
    """Yields a line for each requirement of costs that depend on the images: the costs of the seed, and the images."""
    for item in seed.space.requires:
        if _reads_costs_of_images(item):
            yield _of_seed(item, seed, images)


def _of_seed(item: s.Require, seed: Genotype, images: Images) -> str:
    """Returns the costs of the seed that a requirement reads, and the images if the costs depend on them."""
    found = f"the seed has {values(item, seed, cost(seed, *images))}"
    if not _reads_costs_of_images(item):
        return found
    return f"{found} for images of {by_x(images[0])} and {plural(images[1], 'class', 'classes')} (--input, --classes)"


def _reads_costs_of_images(item: s.Require) -> bool:
    return any(path.names[0] in _OF_IMAGES for part in s.simple(item.condition) for path in s.paths(part))


def _is_fixed_count(path: s.Path, space: Space) -> bool:
    return path.names == ("nodes",) or path.names[0] in readable_params(space) or (
        len(path.names) > 1 and not set(path.names) & set(_VARYING)
    )  # fmt: skip


def _satisfies(genotype: Genotype, item: s.Require, images: Images) -> bool:
    try:
        return holds(item, genotype, cost(genotype, *images))
    except CompileError:
        return False
