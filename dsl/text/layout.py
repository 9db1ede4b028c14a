"""Documents with possible line breaks. The formatter builds a document, and this module prints it.

The kinds of documents are those of P. Wadler, "A prettier printer" (2003), and comments, which end their line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A possible line break, which is a blank where the line does not break."""


@dataclass(frozen=True, slots=True)
class Hard:
    """A line break; `blank` adds an empty line."""

    blank: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment at the end of a line, or on a line of its own."""

    text: str
    own_line: bool
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Nest:
    """A part whose lines are indented further, by `indent` columns."""

    by: int
    inner: Doc


@dataclass(frozen=True, slots=True)
class Align:
    """A part whose lines begin in the column where the part begins."""

    inner: Doc


@dataclass(frozen=True, slots=True)
class Group:
    """A part that stays on one line if it fits. Otherwise the lines break at each possible break of the part."""

    inner: Doc


@dataclass(frozen=True, slots=True)
class Fill:
    """Parts with separators between them. A separator breaks the line only if the next part does not fit.

    With `rows`, the author's line breaks between parts are kept only if every resulting line fits.
    """

    parts: tuple[Doc, ...]
    rows: bool = False


_CONTINUED = 2  # columns of further indent for a line that goes on after a comment has ended the line before

Doc = str | Line | Hard | Comment | Nest | Align | Group | Fill | tuple["Doc", ...]


def must_break(doc: Doc) -> bool:
    """Returns whether the document contains a line break at every width."""
    return any(isinstance(leaf, Hard | Comment) for _, leaf in _leaves([_Todo(0, False, doc)]))


@dataclass(frozen=True, slots=True)
class _Rest:
    """The parts of a `Fill` that are not printed yet, beginning with the separator at `index`."""

    parts: tuple[Doc, ...]
    index: int


@dataclass(frozen=True, slots=True)
class _Todo:
    """A document to print, with its indent, and whether it stays on one line."""

    indent: int
    flat: bool
    doc: Doc | _Rest


class _Page:
    """The lines that are printed so far. A break is written with the next text, so that no line ends in blanks."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._code = ""
        self._comment = ""
        self._breaks = 0
        self._indent = 0
        self._empty = True

    def column(self, indent: int) -> int:
        """Returns the column at which the next text would begin."""
        if self.full:
            return indent + _CONTINUED
        return self._indent if self._breaks or self._empty else len(self._code)

    @property
    def full(self) -> bool:
        """Whether a comment has ended the current line, so that further text needs a new line."""
        return bool(self._comment) and not self._breaks

    def write(self, text: str, indent: int) -> None:
        if self.full:
            self.end_line(indent + _CONTINUED)
        if text.isspace() and (self._breaks or self._empty):
            return
        self._flush()
        self._code += text

    def end_line(self, indent: int, blank: bool = False) -> None:
        if not self._empty:
            self._breaks = max(self._breaks, 2 if blank else 1)
        self._indent = indent

    def comment(self, comment: Comment, indent: int) -> None:
        if comment.own_line:
            self.end_line(indent, comment.blank)
            self._flush()
            self._code += comment.text
            self.end_line(indent)
        else:
            self._flush()
            self._comment = comment.text

    def _flush(self) -> None:
        if self._breaks:
            self.lines.append((self._code.rstrip(), self._comment))
            self.lines.extend([("", "")] * (self._breaks - 1))
            self._code, self._comment = "", ""
        if self._breaks or self._empty:
            self._code = " " * self._indent
        self._breaks, self._empty = 0, False

    def finish(self) -> list[tuple[str, str]]:
        return self.lines if self._empty else [*self.lines, (self._code.rstrip(), self._comment)]


def render(doc: Doc, width: int) -> str:
    """Returns the text of a document. Lines have at most `width` characters where the possible breaks allow it."""
    page = _Page()
    todo = [_Todo(0, False, doc)]
    while todo:
        item = todo.pop()
        match item.doc:
            case str() as text:
                page.write(text, item.indent)
            case Line() if item.flat:
                page.write(" ", item.indent)
            case Line():
                page.end_line(item.indent)
            case Hard(blank):
                page.end_line(item.indent, blank)
            case Comment() as comment:
                page.comment(comment, item.indent)
            case _:
                todo.extend(reversed(_parts(item, page.column(item.indent), -1 if page.full else width, todo)))
    return "".join(f"{line}\n" for line in _with_comments(page.finish(), width))


def _parts(item: _Todo, column: int, width: int, todo: Sequence[_Todo]) -> list[_Todo]:
    """Returns the parts of a document, and decides for each part whether it stays on one line."""
    match item.doc:
        case tuple() as parts:
            return [_Todo(item.indent, item.flat, part) for part in parts]
        case Nest(by, inner):
            return [_Todo(item.indent + by, item.flat, inner)]
        case Align(inner):
            return [_Todo(column, item.flat, inner)]
        case Group(inner):
            flat = _Todo(item.indent, True, inner)
            fits = item.flat or (not must_break(inner) and _fits(width - column, [flat], todo))
            return [flat if fits else _Todo(item.indent, False, inner)]
        case Fill(parts) if item.flat or len(parts) < 2:
            return [_Todo(item.indent, item.flat, part) for part in parts]
        case Fill(parts, rows=True) if not _rows_fit(parts, width - column, todo):
            return [_Todo(item.indent, False, Fill(_refilled(parts)))]
        case Fill(parts):
            return [_Todo(item.indent, False, Group(parts[0])), _Todo(item.indent, False, _Rest(parts, 1))]
        case _Rest(parts, index):
            between, following = parts[index], Group(parts[index + 1])
            then = [] if index + 2 == len(parts) else [_Todo(item.indent, False, _Rest(parts, index + 2))]
            part = _Todo(item.indent, False, following)
            blank, whole = _Todo(item.indent, True, between), _Todo(item.indent, True, parts[index + 1])
            begun = _Todo(item.indent, False, parts[index + 1])
            breaks = must_break(parts[index + 1])
            fits = not breaks and _fits(width - column, [blank, whole, *then], todo)
            # A part that no line holds is measured up to its first break, in the same way as a part that the author
            # has broken. So the text does not move when it is laid out again.
            if breaks or not (fits or _fits(width - item.indent - _further(between), [whole, *then], todo)):
                fits = _fits(width - column, [blank, begun, *then], todo)
            return [_Todo(item.indent, fits, between), part, *then]
        case _:
            return []


def _further(separator: Doc) -> int:
    """Returns the columns by which a separator indents the line after it."""
    return separator.by + _further(separator.inner) if isinstance(separator, Nest) else 0


def _fits(room: int, first: Sequence[_Todo], todo: Sequence[_Todo]) -> bool:
    """Returns whether `first`, and what follows it on the same line, needs at most `room` characters."""
    for flat, leaf in _leaves(itertools.chain(first, reversed(todo))):
        match leaf:
            case str():
                room -= len(leaf)
            case Line() if flat:
                room -= 1
            case _:
                return True
        if room < 0:
            return False
    return True


def _rows_fit(parts: Sequence[Doc], room: int, todo: Sequence[_Todo]) -> bool:
    """Returns whether every row between hard breaks fits in `room` characters. Text after the last row counts too."""
    rows = [
        [_Todo(0, True, part) for part in row]
        for hard, row in itertools.groupby(parts, key=lambda part: isinstance(part, Hard))
        if not hard
    ]
    ends = [[_Todo(0, False, Hard())]] * (len(rows) - 1) + [todo]
    return all(_fits(room, row, end) for row, end in zip(rows, ends, strict=True))


def _refilled(parts: Sequence[Doc]) -> tuple[Doc, ...]:
    """Returns the parts without hard breaks between them, except those after a comment."""
    before = (Line(), *parts)
    return tuple(
        Line() if isinstance(part, Hard) and not must_break(last) else part
        for last, part in zip(before, parts, strict=False)
    )


def _leaves(items: Iterable[_Todo]) -> Iterator[tuple[bool, str | Line | Hard | Comment]]:
    """Yields the texts, breaks and comments of documents in order, each with whether it stays on one line.

    The parts are found one at a time, so that a caller that stops early does not walk the whole document.
    """
    stack: list[Iterator[tuple[bool, Doc | _Rest]]] = [((item.flat, item.doc) for item in items)]
    while stack:
        flat, doc = next(stack[-1], (False, None))
        match doc:
            case None:
                stack.pop()
            case (tuple() as parts) | Fill(parts):
                stack.append(zip(itertools.repeat(flat), parts, strict=False))
            case Nest(_, inner) | Align(inner) | Group(inner):
                stack.append(iter([(flat, inner)]))
            case _Rest(parts, index):
                stack.append(iter([(False, parts[index])]))
            case str() | Line() | Hard() | Comment():
                yield flat, doc


def _with_comments(lines: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Yields the lines with their comments. The comments of consecutive lines begin in one column.

    A line of code that is longer than `width` does not move the comments of its neighbours.
    """
    for commented, run in itertools.groupby(lines, key=lambda line: bool(line[1])):
        written = list(run)
        column = max((len(code) for code, _ in written if len(code) <= width), default=0) + 2
        for code, comment in written:
            yield f"{code:<{max(column, len(code) + 2)}}{comment}" if commented else code
