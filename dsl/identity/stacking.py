"""The text of how a network is stacked: every repetition of its steps, in which names do not count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dsl.identity.labels import OF_A_CELL, call_text, cells_of, label_of, walked
from dsl.primitives import IDENTITY
from dsl.space.cache import Alike, Cache
from dsl.space.evaluate import Symbol, Value, number
from dsl.space.expand import Applied, Place, called, channels_after
from dsl.space.genotype import Genotype
from dsl.space.stack import Repetition, cell_of, stacked
from dsl.tree import syntax as s

_OF_THE_IMAGE = Symbol("of the image")


class Use(NamedTuple):
    """A use of a cell by a step.

    Attributes:
      cell: the name of the cell.
      has_filters: whether the step gives the cell filters.
      stride: the stride of the cell; None if the cell is a part of an operation.
    """

    cell: str
    has_filters: bool = True
    stride: Value | None = None


class Stacking(NamedTuple):
    """How a network is stacked.

    Attributes:
      text: the text, which names a use of a cell by its place in `uses`.
      uses: the different uses of cells, in the order of the network.
      steps: the text of each repetition, and the places of the repetitions that it reads; -1 for the image.
    """

    text: str
    uses: tuple[Use, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]


class _Line(NamedTuple):
    """What a repetition computes: its text, in which `<NAME>` stands for a cell, these cells, and its channels."""

    text: str
    uses: tuple[Use, ...]
    channels: Value


class Lines:
    """A cache of the lines of steps. A step that a child shares with its parent is expanded once."""

    def __init__(self) -> None:
        self._known: Cache[dict[tuple[object, ...], _Line]] = Cache(2048)
        self._pipes: Alike[s.Pipe] = Alike(2048)

    def line(self, one: Repetition, channels: Value, genotype: Genotype) -> _Line:
        """Returns the line of a repetition that reads a state with these channels."""
        pipe = self._pipes.first(one.step.pipe)
        known = self._known.get(pipe)
        if known is None:
            known = {}
            self._known.put(known, pipe)
        key = (one.stride, channels, genotype.read_by(pipe, *genotype.cells))
        found = known.get(key)
        if found is None:
            found = known[key] = _line(one, channels, genotype)
        return found


def stacking_of(genotype: Genotype, lines: Lines) -> Stacking:
    """Returns how the network of a genotype is stacked, without sections that only training uses.

    A repetition that only hands its input on has no part in the text.
    """
    written: list[str] = []
    steps: list[tuple[str, tuple[int, ...]]] = []
    uses: dict[Use, int] = {}
    made: list[tuple[int, Value]] = []  # for each repetition: the part that computes its output, and the channels
    for one in stacked(genotype):
        read = [(-1, _OF_THE_IMAGE) if index < 0 else made[index] for index in one.inputs]
        line = lines.line(one, read[0][1], genotype)
        if line.text == IDENTITY:
            made.append(read[0])
            continue
        text = line.text
        for use in line.uses:
            text = text.replace(f"<{use.cell}>", f"<{uses.setdefault(use, len(uses))}>")
        written.append(f"{text} ({_inputs(read, one.raw)})")
        steps.append((text, tuple([place for place, _ in read])))
        made.append((len(written) - 1, line.channels))
    return Stacking("\n".join(written), tuple(uses), tuple(steps))


def _inputs(read: Sequence[tuple[int, Value]], raw: Sequence[bool]) -> str:
    return ",".join(f"{place}{'*' * is_raw}" for (place, _), is_raw in zip(read, raw, strict=True))


def _line(one: Repetition, channels: Value, genotype: Genotype) -> _Line:
    cell = cell_of(one.step, genotype)
    return _operations(one, channels, genotype) if cell is None else _call(one, cell, channels, genotype)


def _call(one: Repetition, cell: s.Cell, channels: Value, genotype: Genotype) -> _Line:
    """Returns the line of a step that uses a cell."""
    op, given = one.step.pipe[0], genotype.definitions
    assert isinstance(op, s.Op)
    own: Value = 1 if cell.stride is None else number(cell.stride, given.scope)
    settings = called(op, Place(None, own if one.stride is None else one.stride), channels, given.scope, given)
    use = Use(cell.name, settings["filters"] is not None, settings["stride"])
    within = map(Use, dict.fromkeys(cells_of(settings, given)))
    return _Line(f"<{cell.name}> {call_text(settings, given)}", (use, *within), OF_A_CELL)


def _operations(one: Repetition, channels: Value, genotype: Genotype) -> _Line:
    """Returns the line of a step of operations."""
    given = genotype.definitions
    labels: list[str] = []
    cells: list[str] = []
    stride: Value = 1 if one.stride is None else one.stride
    for part in one.step.pipe:
        assert isinstance(part, s.Op)
        place = Place(None, stride)
        label, _, inner = label_of(part, place, channels, given, given.scope)
        channels = walked(part, place, channels, given, _after) or OF_A_CELL
        cells += inner
        if label != IDENTITY:
            labels.append(label)
        stride = 1
    return _Line("|".join(labels) or IDENTITY, tuple(map(Use, dict.fromkeys(cells))), channels)


def _after(applied: Applied) -> Value:
    return OF_A_CELL if applied.is_cell else channels_after(applied)
