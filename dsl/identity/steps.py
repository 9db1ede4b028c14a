"""The texts of a network's steps in a fingerprint, where rules change steps: every repetition is written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dsl.errors import CellError
from dsl.primitives import IDENTITY, PRIMITIVES
from dsl.space.cache import Cache
from dsl.space.evaluate import Scope, Symbol, Value, number
from dsl.space.expand import Applied, Definitions, Place, Undecided, called, channels_after, walk
from dsl.space.genotype import Genotype
from dsl.space.stack import Repetition, cell_of, names, stacked
from dsl.space.steps import evaluated
from dsl.text.unparse import op as shown
from dsl.tree import edit
from dsl.tree import syntax as s

_READ = Symbol("channels of what the step reads")
_OF_A_CELL = Symbol("channels of a cell")


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a cell by a step.

    Attributes:
      cell: the name of the cell.
      has_filters: whether the step gives the cell filters.
      stride: the stride of the cell; None if the cell is a part of an operation.
    """

    cell: str
    has_filters: bool = True
    stride: Value | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    """What a repetition computes: its text, in which `<NAME>` stands for a cell, and the uses of these cells."""

    text: str
    cells: tuple[Use, ...]


class StepTexts:
    """A cache of the texts of steps, for first repetitions and for later ones, by the step and the genes."""

    def __init__(self) -> None:
        self._first: Cache[_Text] = Cache()
        self._later: Cache[_Text] = Cache()

    def written_out(self, genotype: Genotype, digest_of: Callable[[Use], str]) -> Iterator[str]:
        """Yields for each repetition of each step, but for those of `auxiliary`, what it reads and computes.

        `digest_of` returns the fingerprint of a cell of the genotype at its place of use.
        """
        for one in stacked(genotype):
            cache = self._later if one.number else self._first
            found = cache.get(one.step, genotype.genes)
            if found is None:
                found = _text(one, genotype)
                cache.put(found, one.step, genotype.genes)
            text = found.text
            for use in found.cells:
                text = text.replace(f"<{use.cell}>", digest_of(use))
            yield f"{one.inputs}{one.raw}{text}"


def _text(one: Repetition, genotype: Genotype) -> _Text:
    space, cell = genotype.space, cell_of(one.step, genotype)
    scope: Scope = {**space.definitions.scope, **names(genotype), **dict(genotype.genes)}
    given = Definitions(space.definitions.ops, space.definitions.cells, scope)
    ops = [part for part in one.step.pipe if isinstance(part, s.Op)]
    if cell is not None:
        own = 1 if cell.stride is None else number(cell.stride, scope)
        settings = called(ops[0], Place(None, own if one.stride is None else one.stride), _READ, scope, given)
        use = Use(cell.name, settings["filters"] is not None, settings["stride"])
        return _Text(f"<{cell.name}> {_listed(settings)}", (use,))
    texts: list[str] = []
    cells: list[str] = []
    channels: Value = _READ

    def follow(part: Applied) -> Value:
        texts.append(f"<{part.name}> {_listed(part.settings)}" if part.is_cell else _primitive(part))
        if part.is_cell:
            cells.append(part.name)
            return _OF_A_CELL
        return channels_after(part)

    for index, part in enumerate(ops):
        stride = 1 if index or one.stride is None else one.stride
        count = len(texts)
        try:
            channels = walk(part, Place(None, stride), channels, scope, given, follow)
        except (Undecided, CellError):
            # The primitives depend on the channels, or a setting is wrong here, so that the network cannot be built.
            inner = _cells_within(part, given)
            cells += inner
            genes = [(name, scope[name]) for name in sorted(space.genes_in(part))]
            texts[count:] = [f"{shown(evaluated(part, genotype))} at {stride} with {genes} {[f'<{n}>' for n in inner]}"]
            channels = Symbol(f"channels of {texts[-1]}")
    return _Text(
        "|".join(text for text in texts if text != IDENTITY) or IDENTITY, tuple(map(Use, dict.fromkeys(cells)))
    )


def _primitive(part: Applied) -> str:
    return f"{part.name} {_listed(counted(part))}".strip()


def _listed(settings: Mapping[str, Value | None]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(settings.items()) if value is not None)


def counted(part: Applied) -> dict[str, Value]:
    """Returns the settings that count: those with a value, but not the default of a setting that was added later."""
    later = {} if part.is_cell else PRIMITIVES[part.name].later
    return {name: value for name, value in part.settings.items() if value is not None and value != later.get(name)}


def _cells_within(part: s.Op, given: Definitions) -> list[str]:
    """Returns the cells that an operation may contain, through other operations too, sorted."""
    found: set[str] = set()
    waiting = list(edit.mentioned(part))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edit.all_names(edit.op_uses(given.ops[name])) if name in given.ops else ()
    return sorted(found & given.cells.keys() - given.ops.keys())
