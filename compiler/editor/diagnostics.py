"""The mistakes and warnings of a document, with the places at which an editor underlines them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import dsl
from compiler.commands.checking import warnings_of
from compiler.editor.project import Document, Project
from compiler.errors import CompileError
from compiler.graph.effects import Images
from dsl.errors import CellError, Position, Problem
from dsl.text.includes import display
from dsl.text.names import NETWORK

_WORD = re.compile(r"[\w.]+|\S")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message at a part of a line; `is_error` is False for a warning. Lines and columns count from 1."""

    message: str
    line: int
    first: int
    end: int
    is_error: bool = True


def loaded(project: Project, document: Document) -> dsl.Genotype:
    """Returns the seed of a document. Of an included file that is open, the text in the editor is read.

    Raises:
      CellError: the text has a mistake.
    """
    return dsl.loads(document.text, name=str(document.path), folder=document.path.parent, unsaved=project.unsaved())


def mistakes(project: Project, document: Document) -> list[Diagnostic]:
    """Returns the mistakes of a document."""
    try:
        loaded(project, document)
    except CellError as error:
        found = error.problems
    else:
        return []
    return [_placed(project, document, problem) for problem in found if not _is_fragment(project, document, problem)]


def warnings(project: Project, document: Document, images: Images) -> list[Diagnostic]:
    """Returns what `cell check` finds in a document without a mistake when it builds the seed and tries the rules."""
    try:
        return [
            _placed(project, document, one, is_error=False) for one in warnings_of(loaded(project, document), images)
        ]
    except CellError as error:
        found: Iterable[Problem] = error.problems
    except CompileError as error:
        found = (error.problem or Problem(str(error)),)
    return [_placed(project, document, problem) for problem in found if not _is_fragment(project, document, problem)]


def _is_fragment(project: Project, document: Document, problem: Problem) -> bool:
    """Returns whether the problem is only that no file declares a network, as in a file that others include."""
    extents = (extent for one in project.closure(document) for extent in one.names.extents)
    return problem.position is None and all(extent.name != NETWORK for extent in extents)


def _placed(project: Project, document: Document, problem: Problem, is_error: bool = True) -> Diagnostic:
    message = "\n".join(part for part in (problem.message, problem.hint) if part)
    position = problem.position
    if position is not None and position.source.name == str(document.path):
        return _at(document, position, message, is_error)
    where = "" if position is None else f"{position}: "
    line = _include_line(project, document, position)
    text = document.text.split("\n")[line - 1] if document.text else ""
    return Diagnostic(where + message, line, 1, len(text) + 1, is_error)


def _at(document: Document, position: Position, message: str, is_error: bool) -> Diagnostic:
    lines = document.text.split("\n")
    text = lines[position.line - 1] if position.line <= len(lines) else ""
    word = _WORD.match(text, position.column - 1)
    end = word.end() + 1 if word is not None else position.column + 1
    return Diagnostic(message, position.line, position.column, end, is_error)


def _include_line(project: Project, document: Document, position: Position | None) -> int:
    """Returns the line of the include through which the text of a position is read, or else 1."""
    for name, line in document.names.includes:
        path = project.included(document, name)
        other = None if path is None else project.document(path)
        shown = [] if other is None else [display(one.path) for one in project.closure(other)]
        if position is not None and position.source.name in shown:
            return line
    return 1
