"""The documents of an editor: texts that may not be saved yet, and the files that they include."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dsl.shipped import Shipped, shipped_cells
from dsl.text.includes import is_file
from dsl.text.names import Kind, Name, Names, names
from dsl.text.parse import line_feeds

_MOST_FILES = 1000


@dataclass(frozen=True)
class Document:
    """A `.cell` text with its path, and its names."""

    path: Path
    text: str

    @classmethod
    def of(cls, path: Path, text: str) -> Document:
        """Returns the document of a text, in which each line ends in a line feed, as in the texts that are parsed."""
        return cls(path, line_feeds(text.replace("\r\n", "\n")))

    @cached_property
    def names(self) -> Names:
        """The names of the text."""
        return names(self.text)


@dataclass
class Project:
    """The documents that an editor has open, and the files on disk.

    Attributes:
      shipped: returns the folder of the shipped `.cell` files.
      opened: the documents that are open, by their paths. They may differ from the files.
    """

    shipped: Shipped = shipped_cells
    opened: dict[Path, Document] = field(default_factory=dict)
    _files: dict[Path, tuple[int, Document]] = field(default_factory=dict, repr=False)

    def document(self, path: Path) -> Document | None:
        """Returns the open document of a path, or the document of the file; None if the file cannot be read as text."""
        if path in self.opened:
            return self.opened[path]
        try:
            changed = path.stat().st_mtime_ns
            known = self._files.get(path)
            if known is None or known[0] != changed:
                known = self._files[path] = (changed, Document.of(path, path.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError):
            return None
        return known[1]

    def included(self, document: Document, name: str) -> Path | None:
        """Returns the path of a file that a document includes by this name; None if neither folder has the file."""
        for folder in (document.path.parent, self.shipped()):
            if "\0" not in name:
                path = Path(os.path.realpath(folder / name))
                if path in self.opened or is_file(path):
                    return path
        return None

    def unsaved(self) -> dict[Path, str]:
        """Returns the texts of the open documents, which count more than the files of their paths."""
        return {path: document.text for path, document in list(self.opened.items())}

    def readers(self, path: Path) -> list[Path]:
        """Returns the paths of the open documents that include the file of a path."""
        return [
            one.path for one in list(self.opened.values())
            if one.path != path and any(other.path == path for other in self.closure(one))
        ]  # fmt: skip

    def closure(self, document: Document) -> list[Document]:
        """Returns a document and all files that it includes, in the order in which their declarations hold."""
        found = {document.path: document}
        level = [document]
        while level:
            paths = [self.included(one, name) for one in level for name, _ in one.names.includes]
            level = [
                other for path in dict.fromkeys(paths)
                if path is not None and path not in found and (other := self.document(path)) is not None
            ]  # fmt: skip
            found.update({one.path: one for one in level})
        return list(found.values())

    def declaration(self, document: Document, name: Name) -> tuple[Document, Name] | None:
        """Returns the document and the place that declare a name of a document; None if no document declares it."""
        if name.declares is Kind.RULE:
            return document, name
        local = document.names.local(name)
        if local is not None:
            return document, local
        documents = self.closure(document)
        if name.of is not None:
            return next(((one, found) for one in documents if (found := one.names.setting(name.of, name.text))), None)
        return _first(documents, name.text)

    def reads(self, where: Document, declaration: Name) -> Iterator[tuple[Document, Name]]:
        """Yields all places of a name that `where` declares, in the documents and files of its folder too."""
        if declaration.declares is Kind.RULE:
            yield where, declaration
            return
        is_local, owner = where.names.local(declaration) is not None, where.names.owner(declaration)
        if is_local:
            yield from ((where, name) for name in where.names.same(declaration))
            yield from self._copied(where, declaration)
            if owner is None:
                return
        # Calls in any file that has `where` may give a setting by its name.
        seen: set[tuple[Path, Name]] = set()
        for root in self._roots(where):
            documents = self.closure(root)
            text = owner if is_local else declaration.text
            first = _first(documents, str(text))
            if first is None or first[0].path != where.path:
                continue
            for one in documents:
                for name in one.names.names:
                    is_read = name.of == owner if is_local else name.of is None and one.names.local(name) is None
                    if name.text == declaration.text and is_read and name.declares is not Kind.RULE:
                        if (one.path, name) not in seen:
                            yield one, name
                        seen.add((one.path, name))

    def _copied(self, where: Document, local: Name) -> Iterator[tuple[Document, Name]]:
        """Yields the places of an input in the copies and the originals of its cell, whose inputs have equal names."""
        cell = where.names.cell_of(local)
        if cell is None:
            return
        seen: set[tuple[Path, Name]] = set()
        for root in self._roots(where):
            documents = self.closure(root)
            links = {pair for one in documents for pair in one.names.originals.items()}
            if _first(documents, cell.text) != (where, cell) or not links:
                continue
            for text in _linked(cell.text, links) - {cell.text}:
                found = _first(documents, text)
                if found is None:
                    continue
                document, declared = found
                for name in document.names.inputs(declared, local.text):
                    if (document.path, name) not in seen:
                        yield document, name
                    seen.add((document.path, name))

    def rule(self, where: Document, text: str) -> tuple[Document, Name] | None:
        """Returns the rule of this name in the documents that read `where` or that it reads; None if there is none."""
        return next(
            (
                (one, name) for root in self._roots(where) for one in self.closure(root) for name in one.names.names
                if name.declares is Kind.RULE and name.text == text
            ),
            None,
        )  # fmt: skip

    def _roots(self, where: Document) -> Iterator[Document]:
        """Yields the documents whose texts may read the names of a document: open ones, and the files around it."""
        paths = [where.path, *self.opened]
        if where.path.parent != self.shipped():
            paths += sorted(where.path.parent.glob("*.cell"))[:_MOST_FILES]
        for path in dict.fromkeys(paths):
            document = self.document(path)
            if document is not None and any(one.path == where.path for one in self.closure(document)):
                yield document


def _linked(cell: str, links: Collection[tuple[str, str]]) -> set[str]:
    """Returns the names of a cell, and of all copies and originals to which links lead from it."""
    found = {cell}
    while more := {name for link in links if not found.isdisjoint(link) for name in link} - found:
        found |= more
    return found


def _first(documents: list[Document], text: str) -> tuple[Document, Name] | None:
    return next(((one, one.names.declared[text]) for one in documents if text in one.names.declared), None)
