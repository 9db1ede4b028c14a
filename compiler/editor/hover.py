"""What an editor shows about the name under the pointer: its meaning, and the shape and the cost of a term."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import dsl
from compiler.editor.diagnostics import loaded
from compiler.editor.project import Document, Project
from compiler.errors import CompileError
from compiler.graph.effects import Images
from compiler.graph.resolve import resolve
from compiler.graph.structure import Step
from compiler.primitives.base import Operation
from dsl.errors import CellError
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Primitive
from dsl.primitives.reference import described
from dsl.text.names import LOCAL, NETWORK, Extent, Kind, Name
from dsl.tree import syntax as s
from dsl.wording import by_x

_MOST_LINES = 12


def hover(project: Project, document: Document, line: int, column: int, images: Images) -> str | None:
    """Returns the Markdown text about a place of a document; None where nothing is known."""
    name = document.names.at(line, column)
    parts = [] if name is None else [text for text in (_meaning(project, document, name),) if text]
    parts += _measured(project, document, line, column, images)
    return "\n\n".join(parts) or None


def _meaning(project: Project, document: Document, name: Name) -> str | None:
    found = project.declaration(document, name)
    if found is not None:
        where, declared = found
        return _declared(where, declared)
    if name.of is not None and name.of in PRIMITIVES:
        return next((described(one) for one in PRIMITIVES[name.of].settings if one.name == name.text), None)
    if name.text in PRIMITIVES and name.of is None:
        return primitive_text(PRIMITIVES[name.text])
    return _AMBIENT.get(name.text)


_AMBIENT = {
    "filters": "`filters`: the filters that the place of use asks for",
    "stride": "`stride`: the stride that the place of use asks for",
    "channels": "`channels`: the number of channels of the input",
    "classes": "`classes`: the number of classes of the data set",
}


def primitive_text(primitive: Primitive) -> str:
    """Returns the Markdown text about a primitive: its meaning and its settings."""
    settings = map(described, primitive.settings)
    return "\n".join([f"**{primitive.name}** (primitive): {primitive.meaning}", "", *(f"- {one}" for one in settings)])


def _declared(where: Document, name: Name) -> str:
    """Returns the text of the declaration of a name, with the comment above it."""
    kind = "rule" if name.declares is None else name.declares.value
    lines = where.text.split("\n")
    extent = None if name.declares in (Kind.STEP, *LOCAL) else where.names.extents[name.scope]
    first, last = (name.line, name.line) if extent is None else (extent.first, extent.last)
    shown = lines[first - 1 : min(last, first - 1 + _MOST_LINES)]
    more = ["..."] if last - first >= _MOST_LINES else []
    comments = _comments(lines, first) if extent is not None else ""
    text = "\n".join([f"**{name.text}** ({kind} in {where.path.name})", "```cell", *shown, *more, "```"])
    return f"{text}\n\n{comments}" if comments else text


def _comments(lines: Sequence[str], first: int) -> str:
    above: list[str] = []
    for line in reversed(lines[: first - 1]):
        if not line.startswith("#"):
            break
        above.insert(0, line.lstrip("# ").rstrip())
    return "\n".join(above)


# --- shapes and costs ------------------------------------------------------------------------------------------


def _measured(project: Project, document: Document, line: int, column: int, images: Images) -> list[str]:
    """Returns the shape and the cost of the term of a cell, or of the step of the network, at a place."""
    extent = next((one for one in document.names.extents if one.first <= line <= one.last), None)
    if extent is None or not (extent.kind is Kind.CELL or extent.name == NETWORK):
        return []
    try:
        seed = loaded(project, document)
        steps = resolve(seed, *images, auxiliary=True)
    except (CellError, CompileError):
        return []
    every = (*steps.steps, *steps.auxiliary)
    found = _of_step(seed, every, line, column) if extent.kind is None else _of_term(seed, every, extent, line, column)
    return [] if found is None else [f"{found} (images of {by_x(images[0])}, {images[1]} classes)"]


def _of_step(seed: dsl.Genotype, steps: Sequence[Step], line: int, column: int) -> str | None:
    before = [
        f"{section.name}/{step.label or index}/"
        for section in seed.network.sections for index, step in enumerate(section.steps)
        if step.position is not None and (step.position.line, step.position.column) <= (line, column)
    ]  # fmt: skip
    if not before:
        return None
    found = [step for step in steps if step.key.startswith(before[-1])]
    if not found:
        return None
    repeated = "" if len(found) == 1 else f", {len(found)} repetitions"
    return (f"output {by_x(found[-1].shape)}{repeated}: {sum(step.params for step in found):,} params, "
            f"{sum(step.mult_adds for step in found):,} mult-adds")  # fmt: skip


def _of_term(seed: dsl.Genotype, steps: Sequence[Step], extent: Extent, line: int, column: int) -> str | None:
    cell = seed.space.written.get(extent.name)
    if cell is None:
        return None
    terms = [one for one in _terms(cell) if one[1] <= (line, column)]
    uses = [step for step in steps if step.is_cell and step.name == cell.name]
    if not terms or not uses:
        return None
    place = max(terms, key=lambda one: one[1])[0]
    parts = [_within(step, f"{step.key}/{cell.name}/{place}") for step in uses]
    if not parts[0]:
        return None
    first, every = parts[0], [operation for part in parts for operation in part]
    text = f"output {by_x(first[-1].shape)}: {_params(first):,} params, {sum(o.mult_adds for o in first):,} mult-adds"
    return text if len(uses) == 1 else f"{text} in the first of {len(uses)} uses; {_params(every):,} params in all"


def _terms(cell: s.Cell) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yields the part of the weights' keys that names a term or the tail of a node, with its place in the text."""
    for name, flow in (*((node.name, node.flow) for node in cell.nodes), ("return", cell.output)):
        yield from _parts(flow.terms, name)
        if flow.tail and flow.tail[0].position is not None:
            yield f"{name}/tail", (flow.tail[0].position.line, flow.tail[0].position.column)


def _parts(terms: Sequence[s.Term], key: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for place, term in enumerate(terms):
        own = f"{key}/{term.label or place}"
        if term.position is not None:
            yield own, (term.position.line, term.position.column)
        if isinstance(term, s.Call) and s.is_join(term):
            yield from _parts(term.arguments, key if len(terms) == 1 else own)


def _within(step: Step, prefix: str) -> list[Operation]:
    return [operation for operation in step.operations if f"{operation.key}/".startswith(f"{prefix}/")]


def _params(operations: Sequence[Operation]) -> int:
    return sum(prod(weight.shape) for one in operations for weight in one.weights if weight.trainable)
