"""The text of how a network is stacked: every repetition of its steps, in which names do not count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dsl.identity.labels import Use, call_text, label_of, uses_in
from dsl.primitives import IDENTITY
from dsl.space.cache import Alike, Cache
from dsl.space.evaluate import Symbol, Value, number
from dsl.space.expand import Place, called
from dsl.space.genotype import Genotype
from dsl.space.stack import Repetition, cell_of, stacked
from dsl.tree import syntax as s

_OF_THE_IMAGE, _OF_A_CELL = map(Symbol, ("of the image", "of a cell"))


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
    """What a repetition computes: its text, which has marks for uses of cells, these uses, and its channels."""

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
            text = text.replace(use.mark, f"<{uses.setdefault(use, len(uses))}>")
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
    within = dict.fromkeys(uses_in(settings, given))
    return _Line(f"{use.mark} {call_text(settings, given)}", (use, *within), _OF_A_CELL)


def _operations(one: Repetition, channels: Value, genotype: Genotype) -> _Line:
    """Returns the line of a step of operations."""
    given = genotype.definitions
    labels: list[str] = []
    uses: dict[Use, None] = {}
    stride: Value = 1 if one.stride is None else one.stride
    for part in one.step.pipe:
        assert isinstance(part, s.Op)
        label = label_of(part, Place(None, stride), channels, given, given.scope)
        # The symbols of the cells within a part mean nothing outside of it.
        after = label.channels
        channels = _OF_A_CELL if after is None or (label.uses and isinstance(after, Symbol)) else after
        uses |= dict.fromkeys(label.uses)
        if label.text != IDENTITY:
            labels.append(label.text)
        stride = 1
    return _Line("|".join(labels) or IDENTITY, tuple(uses), channels)
