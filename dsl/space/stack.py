"""Writes out a network: every repetition of every step, in the order in which the network is built."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from dsl.errors import CellError
from dsl.space.cache import Cache
from dsl.space.evaluate import Value, evaluate, number
from dsl.space.genotype import Genotype, Space
from dsl.tree import syntax as s

MAX_REPEATS = 10_000
MAX_REPETITIONS = 100_000
_MOST_KEPT = 200  # repetitions of a network that is kept in the cache
IMAGE = -1  # stands for the image among the inputs of a repetition


@dataclass(frozen=True, slots=True)
class Repetition:
    """One repetition of a step.

    Attributes:
      step: the step as it is written.
      section: its section.
      label: its label, which is its place in the section unless it has another one.
      number: the number of the repetition, from 0.
      stride: the stride that is written after the step and holds for its first repetition; None in later ones.
      inputs: what it reads: the places of earlier repetitions in the network, or IMAGE.
      raw: for each input, whether it counts back beyond the first step, so that the first step is read in its place.
    """

    step: s.Step
    section: s.Section
    label: str
    number: int
    stride: Value | None
    inputs: tuple[int, ...]
    raw: tuple[bool, ...]

    @property
    def key(self) -> str:
        """The beginning of the keys of its weights: `body/2/0`."""
        return f"{self.section.name}/{self.label}/{self.number}"


def names(genotype: Genotype) -> dict[str, Value]:
    """Returns the values of the params and genes, which expressions may name."""
    return {**genotype.space.params, **dict(genotype.genes)}


def repeats(step: s.Step, known: Mapping[str, Value]) -> int:
    """Returns how often a step is repeated.

    Raises:
      CellError: this is not a whole number from 0 to `MAX_REPEATS`.
    """
    if step.times is None:
        return 1
    times = number(step.times, known)
    if not (isinstance(times, int) and 0 <= times <= MAX_REPEATS):
        allowed = f"a whole number from 0 to {MAX_REPEATS:,}"
        raise CellError(f"a step is repeated {times} times; allowed: {allowed}", step.times.position)
    return times


def steps_back(wire: s.Expression, known: Mapping[str, Value]) -> int:
    """Returns which step an input in a step's brackets reads, counted from this step: -1 is the step before.

    Raises:
      CellError: this is not a whole number below 0.
    """
    back = number(wire, known)
    if not (isinstance(back, int) and back < 0):
        raise CellError(f"input {back} of a step is not below 0; write -1 for the step before", wire.position)
    return back


def cell_of(step: s.Step, genotype: Genotype) -> s.Cell | None:
    """Returns the cell that a step uses; None for a step of operations."""
    space, only = genotype.space, step.pipe[0]
    is_cell = isinstance(only, s.Op) and only.name in space.definitions.cells and only.name not in space.definitions.ops
    return genotype.cell(only.name) if is_cell and isinstance(only, s.Op) and len(step.pipe) == 1 else None


def mark_of(wire: s.Expression, known: Mapping[str, object]) -> str | None:
    """Returns the name of the step that an input in a step's brackets names; None for a number of steps back."""
    is_name = isinstance(wire, s.Path) and len(wire.names) == 1 and wire.names[0] not in known
    return str(wire) if is_name else None


def stacked(genotype: Genotype, with_auxiliary: bool = False) -> tuple[Repetition, ...]:
    """Returns the repetitions of all steps that are not in an `auxiliary` section and that the output depends on.

    A space keeps them for its latest networks.

    With more than `MAX_REPETITIONS`, which no network may have, the first ones are returned.

    Args:
      genotype: the genotype.
      with_auxiliary: whether repetitions that only an `auxiliary` section reads are returned too.

    Raises:
      CellError: a step reads a step that is repeated 0 times.
    """
    cache = genotype.space.once(_cache)
    found = cache.get(genotype.network, with_auxiliary, *genotype.network_read)
    if found is None:
        found = tuple(_live(genotype, with_auxiliary))
        if len(found) <= _MOST_KEPT:
            cache.put(found, genotype.network, with_auxiliary, *genotype.network_read)
    return found


def _cache(space: Space) -> Cache[tuple[Repetition, ...]]:
    return Cache(256)


def _live(genotype: Genotype, with_auxiliary: bool) -> list[Repetition]:
    found = written_out(genotype)
    if len(found) > MAX_REPETITIONS:
        return found
    wanted = {len(found) - 1}
    if with_auxiliary:
        known = names(genotype)
        sections = [section for section in genotype.network.sections if section.of is not None]
        marks = {mark_of(wire, known) for one in sections for step in one.steps for wire in step.inputs}
        marks.update(section.of for section in sections)
        last = {one.step.name: place for place, one in enumerate(found) if one.step.name is not None}
        wanted.update(place for name, place in last.items() if name in marks)
    for place in range(len(found) - 1, -1, -1):
        if place in wanted:
            wanted.update(found[place].inputs)
    places = sorted(wanted - {IMAGE})
    if len(places) == len(found):
        return found
    now = {IMAGE: IMAGE, **{place: index for index, place in enumerate(places)}}
    return [replace(found[place], inputs=tuple([now[at] for at in found[place].inputs])) for place in places]


def written_out(genotype: Genotype) -> list[Repetition]:
    """Returns the repetitions of all steps that are not in an `auxiliary` section, at most `MAX_REPETITIONS` and one.

    Raises:
      CellError: a step reads a step that is repeated 0 times.
    """
    return list(itertools.islice(_all(genotype), MAX_REPETITIONS + 1))


def _all(genotype: Genotype) -> Iterator[Repetition]:
    history: list[int] = []
    marks: dict[str, int] = {}
    for section in genotype.network.sections:
        if section.of is None:
            yield from _section(section, genotype, history, marks, len(history))


def branch(section: s.Section, genotype: Genotype) -> Iterator[Repetition]:
    """Yields the repetitions of the steps of an `auxiliary` section, which follow those of `stacked` with it.

    Raises:
      CellError: the section, or a step of it, reads a step that is repeated 0 times.
    """
    built = stacked(genotype, with_auxiliary=True)
    marks = {one.step.name: place for place, one in enumerate(built) if one.step.name is not None}
    if section.of not in marks:
        message = f"{section.name}: this section reads {section.of!r}, which is repeated 0 times"
        raise CellError(message, section.position)
    yield from _section(section, genotype, [marks[section.of]], marks, len(built))


def _section(
    section: s.Section, genotype: Genotype, history: list[int], marks: dict[str, int], place: int
) -> Iterator[Repetition]:
    """Yields the repetitions of the steps of a section; `place` is the place of the first one in the network.

    `history` has the places of the earlier repetitions that the section may read, the latest at the end, and `marks`
    the place of the last repetition of each named step. Both are extended.
    """
    known = names(genotype)
    for index, step in enumerate(section.steps):
        cell = cell_of(step, genotype)
        count = 1 if cell is None else len(cell.inputs)
        times = repeats(step, known)
        for repetition in range(times):
            if step.inputs:
                wires = enumerate(step.inputs)
                read = [_read(wire, repetition > 0 and not i, known, history, marks) for i, wire in wires]
            else:
                read = [_back(-1 - i, history) for i in range(count)]
            stride = None if step.stride is None or repetition else evaluate(step.stride, known)
            inputs, raw = tuple([at for at, _ in read]), tuple([is_raw for _, is_raw in read])
            yield Repetition(step, section, step.label or str(index), repetition, stride, inputs, raw)
            history.append(place)
            place += 1
        if step.name is not None and times:
            marks[step.name] = history[-1]


def _read(
    wire: s.Expression,
    is_chained: bool,
    known: Mapping[str, Value],
    history: list[int],
    marks: Mapping[str, int],
) -> tuple[int, bool]:
    """Returns the place of the repetition that an input reads, and whether the input counts back beyond the first one.

    With `is_chained`, an input that names a step reads the repetition before instead: that of the same step.
    """
    mark = mark_of(wire, known)
    if mark is None:
        return _back(steps_back(wire, known), history)
    if is_chained:
        return history[-1], False
    if mark not in marks:
        raise CellError(f"this step reads {mark!r}, which is repeated 0 times", wire.position)
    return marks[mark], False


def _back(back: int, history: list[int]) -> tuple[int, bool]:
    """Returns what is `-back` steps back, or the first step, and whether `-back` counts beyond the first step."""
    before = history or [IMAGE]
    return (before[back], False) if -back <= len(before) else (before[0], True)
