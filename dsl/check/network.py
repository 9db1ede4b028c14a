"""Checks of the network: its sections, and the steps with their inputs, repetitions, strides and labels."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from dsl.check.uses import check_call, check_is_some, check_numbers, check_use, names_at_a_use
from dsl.errors import CellError, Problem, nearest, problems_of
from dsl.primitives.records import STRIDE
from dsl.space.evaluate import Symbol, evaluate
from dsl.space.genotype import Genotype, Space
from dsl.space.stack import mark_of, names, repeats, steps_back
from dsl.text.unparse import step as step_text
from dsl.tree import syntax as s

MAX_OF_NETWORK, MAX_WRITTEN_OUT = 1_000, 2_000  # steps and repetitions in all of a network that rules change
_ORDER = ("stem", "body", "head")


def check_network(genotype: Genotype, kept: Collection[int] = ()) -> Iterator[Problem]:
    """Yields the errors of the network. `kept` has the ids of steps that are known to be right."""
    network = genotype.network
    steps = [step for section in network.sections for step in section.steps]
    if genotype.space.evolves_network:
        large = _large(network, steps, genotype)
        if large is not None:
            yield large
            return
    marks = [step.name for step in steps if step.name is not None]
    seen: set[str] = set()
    for section in network.sections:
        if section.name not in s.SECTIONS:
            message = f"unknown section {section.name!r} of the network"
            yield Problem(message, section.position, nearest(section.name, s.SECTIONS))
        if section.of is not None and section.name != "auxiliary":
            yield Problem(f"section {section.name!r} cannot name a step; only auxiliary can", section.position)
        if section.name in seen:
            yield Problem(f"the network has two sections {section.name!r}", section.position)
        seen.add(section.name)
        if section.name == "auxiliary" and section.of not in marks:
            hangs = "no step" if section.of is None else f"{section.of!r}, and no step has this name"
            hint = nearest(section.of or "", marks) or "write `as NAME` after a step, and auxiliary(NAME)"
            yield Problem(f"auxiliary hangs on {hangs}", section.position, hint)
        new = [step for step in section.steps if id(step) not in kept]
        yield from problems_of(lambda step: _check_step(step, genotype), new)
        yield from _check_labels(section)
    yield from _check_wires(network, {**genotype.space.params, **genotype.space.genes})
    twice = {name for name, count in Counter(marks).items() if count > 1}
    for step in steps:
        if step.name in twice:
            yield Problem(f"two steps are called {step.name!r}", step.position)
            break
    built = [section for section in network.sections if section.name in _ORDER]
    for above, section in itertools.pairwise(built):
        if _ORDER.index(above.name) > _ORDER.index(section.name):
            yield Problem(f"section {section.name!r} stands after {above.name!r}", section.position,
                          f"a network is built in the order of its text: {', '.join(_ORDER)}")  # fmt: skip
    if not seen.issuperset(("head", "body")):
        missing = "body" if "head" in seen else "head"
        yield Problem(f"the network has no {missing}", network.position, "a network has a body and a head")


def _pipe_checker(space: Space) -> Callable[[s.Pipe], None]:
    """Returns a function that checks the operations of a step. Correct ones are checked once for all genotypes."""
    scope = names_at_a_use(space)

    @functools.lru_cache(maxsize=2048)
    def check(pipe: s.Pipe) -> None:
        for op in pipe:
            check_is_some(op, "a step of the network", space)
            check_use(op, space, scope)
            check_call(op, space, scope, alone=len(pipe) == 1)

    return check


def _check_step(step: s.Step, genotype: Genotype) -> None:
    space, known = genotype.space, names(genotype)
    space.once(_pipe_checker)(step.pipe)
    arities = {cell.name: len(cell.inputs) for cell in genotype.cells}
    alone = step.pipe[0] if len(step.pipe) == 1 else None
    is_cell = isinstance(alone, s.Op) and alone.name not in space.definitions.ops
    wanted = arities.get(alone.name, 0) if is_cell and isinstance(alone, s.Op) else 0
    if step.inputs and len(step.inputs) != wanted:
        message = f"inputs in the step's brackets: {len(step.inputs)}; this step takes {wanted or 'none'}"
        raise CellError(message, step.position)
    for wired in step.inputs:
        if mark_of(wired, known) is None:
            check_numbers(wired, space, "an input of a step")
            steps_back(wired, known)
    if step.times is not None:
        check_numbers(step.times, space, "the number of repetitions of a step")
        _check_times(step, genotype)
    if step.stride is not None:
        _check_first_stride(step, step.stride, space)


def _large(network: s.Network, steps: Sequence[s.Step], genotype: Genotype) -> Problem | None:
    """Returns the error of a network that rules change, if it has too many steps or repetitions."""
    if len(steps) > MAX_OF_NETWORK:
        message = f"the network has {len(steps):,} steps; at most {MAX_OF_NETWORK:,} where rules change steps"
        return Problem(message, network.position, "use `* N` for equal steps in a row")
    known = names(genotype)
    try:
        count = sum(repeats(step, known) for step in steps if step.times is not None)
    except CellError:  # The check of the step has this error.
        return None
    if count <= MAX_WRITTEN_OUT:
        return None
    message = f"the network has {count:,} repetitions of steps; at most {MAX_WRITTEN_OUT:,} where rules change steps"
    return Problem(message, network.position, "repeat the steps of it less often")


def _check_times(step: s.Step, genotype: Genotype) -> None:
    try:
        repeats(step, names(genotype))
    except CellError as error:
        problem = error.problems[0]
        if isinstance(step.times, s.Path) and str(step.times) in genotype.space.genes:
            problem = replace(problem, hint=f"declare whole numbers, such as: gene {step.times}: int = 2 in 1 .. 4")
        raise CellError.of([problem]) from None


def _check_first_stride(step: s.Step, written: s.Expression, space: Space) -> None:
    """Checks the stride that is written after a step."""
    first = step.pipe[0]
    given = next((each for each in first.arguments if each.name == "stride"), None) if isinstance(first, s.Op) else None
    if given is not None:
        raise CellError("this step has two strides", given.position, "`stride` after the step is that of the first "
                        "repetition, and `stride=` in brackets that of each one; keep one of them")  # fmt: skip
    stride = evaluate(written, space.definitions.scope)
    if isinstance(stride, s.Op) or not (isinstance(stride, Symbol) or STRIDE.holds(stride)):
        is_product = isinstance(written, s.Binary) and written.operator == "*"
        hint = "repetitions stand before the stride: ... * N stride S" if is_product else ""
        raise CellError(f"the stride of a step is {stride}; allowed: {STRIDE.allowed}", written.position, hint)


def _check_labels(section: s.Section) -> Iterator[Problem]:
    if all(step.label is None for step in section.steps):
        return
    labels = [str(step.label) for step in s.labelled(section.steps)]
    for place, (step, label) in enumerate(zip(section.steps, labels, strict=True)):
        if not label.isidentifier() and not label.isdigit():
            yield Problem(f"{label} is not a label; a label is a name or a whole number", step.position)
        if label in labels[:place]:
            free = next(str(number) for number in itertools.count(len(labels)) if str(number) not in labels)
            hint = (f"labels: {', '.join(labels)}; a step without a label has its place, counted from 0; write "
                    f"{free}: {step_text(replace(step, label=None))}")  # fmt: skip
            yield Problem(f"two steps of section {section.name!r} have the label {label}", step.position, hint)


def _check_wires(network: s.Network, known: Mapping[str, object]) -> Iterator[Problem]:
    """Yields the errors of inputs that name steps. A step may read the named steps above it."""
    all_ = [step.name for section in network.sections for step in section.steps if step.name is not None]
    above: list[str] = []
    # The steps of an auxiliary section are built last.
    for section in sorted(network.sections, key=lambda section: section.of is not None):
        for step in section.steps:
            for wire in step.inputs:
                mark = mark_of(wire, known)
                if mark is None or mark in above:
                    continue
                if mark in all_:
                    hint = f"named above it: {', '.join(above) or 'none'}"
                    yield Problem(f"a step reads steps above it, and {mark!r} is not above it", wire.position, hint)
                else:
                    hint = nearest(mark, above) or f"write `as {mark}` after the step that is to be read"
                    yield Problem(f"no step is called {mark!r}", wire.position, hint)
            if step.name is not None:
                above.append(step.name)
