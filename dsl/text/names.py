"""The names in a text: where each is declared, and where it is read. An editor follows and renames them.

The names come from the tokens of a text, so each has its exact place. If a declaration has a mistake, the names of the
other declarations are still found.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import lark

from dsl.text.format import lark_of_tokens
from dsl.text.parse import line_feeds
from dsl.text.words import next_declaration
from dsl.tree import syntax as s

_Tree = lark.Tree[lark.Token]


class Kind(Enum):
    """What a name is the name of."""

    PARAM = "param"
    GENE = "gene"
    VALUES = "values"
    OPERATION = "op"
    CELL = "cell"
    RULE = "rule"
    STEP = "step"
    SETTING = "setting"
    STATE = "state"
    VARIABLE = "variable"


NETWORK = "network"  # the extent of the network, which has no name, has this one
LOCAL = (Kind.SETTING, Kind.STATE, Kind.VARIABLE)


@dataclass(frozen=True, slots=True)
class Name:
    """One place of a name in a text.

    Attributes:
      text: the name.
      line: the number of its line, from 1.
      column: the column at which it begins, from 1.
      scope: the number of the declaration in which it stands, from 0.
      declares: what the name is the name of, if it is declared here; None where it is read.
      of: the operation whose setting the name is, where a call gives a setting by its name.
    """

    text: str
    line: int
    column: int
    scope: int
    declares: Kind | None = None
    of: str | None = None

    def is_at(self, line: int, column: int) -> bool:
        """Returns whether the name covers a column of a line. The column after its last character counts too."""
        return line == self.line and self.column <= column <= self.column + len(self.text)


@dataclass(frozen=True, slots=True)
class Extent:
    """A declaration in a text: what it declares, its first and last line, and its first column."""

    name: str
    kind: Kind | None
    first: int
    last: int
    column: int


@dataclass(frozen=True)
class Names:
    """All names of a text, in its order.

    Attributes:
      names: the names.
      extents: the declarations.
      includes: the names of the files that the text includes, with their lines.
      paths: the second and later names of all paths, such as `kernel` of `t.kernel`. The name after `mate.` in a
        crossover is left out, because `mate.t` reads the variable `t` of the mate.
      originals: the originals of the cells that are declared with `like`, by the names of these cells.
    """

    names: tuple[Name, ...]
    extents: tuple[Extent, ...]
    includes: tuple[tuple[str, int], ...]
    paths: frozenset[str]
    originals: Mapping[str, str]

    @functools.cached_property
    def declared(self) -> Mapping[str, Name]:
        """The names that the whole file can read, by their texts."""
        found = [name for name in self.names if name.declares not in (None, Kind.RULE, *LOCAL)]
        return {name.text: name for name in reversed(found)}

    def at(self, line: int, column: int) -> Name | None:
        """Returns the name at a place; None if there is none."""
        return next((name for name in self.names if name.is_at(line, column)), None)

    def local(self, name: Name) -> Name | None:
        """Returns the place in the same declaration that declares a name, such as a node; None without such a place."""
        if name.of is not None:
            return None
        return next((other for other in self.names if other.text == name.text and other.scope == name.scope
                     and other.declares in LOCAL), None)  # fmt: skip

    def setting(self, of: str, text: str) -> Name | None:
        """Returns the declaration of a setting of an operation of this file; None if there is none."""
        scopes = [name.scope for name in self.names if name.text == of and name.declares in _WITH_SETTINGS]
        return next((name for name in self.names if name.text == text and name.declares is Kind.SETTING
                     and name.scope in scopes), None)  # fmt: skip

    def same(self, local: Name) -> Iterator[Name]:
        """Yields all places of a local name in the declaration that declares it."""
        for name in self.names:
            if name.text == local.text and name.scope == local.scope and name.of is None:
                yield name

    def inputs(self, cell: Name, text: str) -> Iterator[Name]:
        """Yields all places of an input of a cell that this text declares at `cell`."""
        local = self.local(Name(text, cell.line, cell.column, cell.scope))
        if local is not None and local.declares is Kind.STATE:
            yield from self.same(local)

    def cell_of(self, state: Name) -> Name | None:
        """Returns the place that declares the cell of an input or a node; None for any other name."""
        if state.declares is not Kind.STATE:
            return None
        return next((name for name in self.names
                     if name.scope == state.scope and name.declares is Kind.CELL), None)  # fmt: skip

    def owner(self, setting: Name) -> str | None:
        """Returns the name of the operation or cell that declares a setting; None for any other name."""
        if setting.declares is not Kind.SETTING:
            return None
        return next((name.text for name in self.names
                     if name.scope == setting.scope and name.declares in _WITH_SETTINGS), None)  # fmt: skip


_WITH_SETTINGS = (Kind.OPERATION, Kind.CELL)


def names(text: str) -> Names:
    """Returns the names of a text. Declarations with mistakes have none."""
    text = line_feeds(text)
    found = _Collector()
    for tree in _trees(text):
        for item in tree.children:
            if isinstance(item, lark.Tree):
                found.declaration(item)
    return Names(
        tuple(found.names), tuple(found.extents), tuple(found.includes), frozenset(found.paths), found.originals
    )


def _trees(text: str) -> Iterator[_Tree]:
    """Yields the trees of all declarations of a text that can be read."""
    try:
        yield lark_of_tokens().parse(text)
        return
    except lark.UnexpectedInput:
        pass
    start: int | None = next_declaration(" " + text, 0, 0)
    start = None if start is None else start - 1
    while start is not None:
        end = next_declaration(text, start, start)
        # Line breaks and blanks before the declaration keep its lines and columns.
        before = "\n" * text.count("\n", 0, start) + " " * (start - text.rfind("\n", 0, start) - 1)
        part = before + text[start:end]
        with contextlib.suppress(lark.UnexpectedInput):
            yield lark_of_tokens().parse(part)
        start = end


# The rules of the grammar whose own names are neither declared nor read: functions, labels and kinds of genes.
_WITHOUT_READS = ("function", "term", "label", "kind")


class _Collector:
    """Collects the names of declarations."""

    def __init__(self) -> None:
        self.names: list[Name] = []
        self.extents: list[Extent] = []
        self.includes: list[tuple[str, int]] = []
        self.paths: set[str] = set()
        self.originals: dict[str, str] = {}
        self._scope = 0
        self._crosses = False

    def declaration(self, tree: _Tree) -> None:
        """Adds the names of one declaration."""
        tokens = list(_tokens(tree))
        before = len(self.names)
        if tree.data == "include":
            self.includes.append((str(tokens[-1])[1:-1], tokens[-1].line or 1))
        self._crosses = tree.data == "crossover"
        self._walk(tree)
        declared = [name for name in self.names[before:] if name.declares not in (None, *LOCAL, Kind.STEP)]
        name, kind = (declared[0].text, declared[0].declares) if declared else (str(tree.data), None)
        first, last = tokens[0], tokens[-1]
        original = next(tree.find_data("like"), None)
        if original is not None:
            self.originals[name] = str(next(filter(_is_name, original.children)))
        self.extents.append(Extent(name, kind, first.line or 1, last.end_line or 1, first.column or 1))
        self._scope += 1

    def _walk(self, declaration: _Tree) -> None:
        """Adds the names in a declaration, in the order of its text."""
        # A long sum is a deep tree, so the parts to visit are on a stack. Each part has its parent, its place there,
        # and the operation whose settings it gives.
        todo: list[tuple[_Tree, int, str | None]] = [(declaration, i, None) for i in _backwards(declaration)]
        while todo:
            parent, index, called = todo.pop()
            child = parent.children[index]
            if isinstance(child, lark.Token):
                self._token(child, parent, index, called)
                continue
            if child.data in ("op", "opvalue"):
                called = next((str(part) for part in child.children if _is_name(part)), None)
            todo += [(child, i, called) for i in _backwards(child)]

    def _token(self, token: lark.Token, parent: _Tree, index: int, called: str | None) -> None:
        """Adds a token if it is a name. `called` is the operation whose settings the parent gives."""
        if not _is_name(token):
            return
        own = _OWN_NAMES.get(str(parent.data), _none)(parent)
        if parent.data == "path" and index and not (self._crosses and _follows_mate(token, parent)):
            self.paths.add(str(token))
        elif index in own:
            self._add(token, own[index], None)
        elif parent.data == "arg":
            self._add(token, None, called)
        elif parent.data not in _WITHOUT_READS and not (parent.data == "section" and not index):
            self._add(token, None, None)

    def _add(self, token: lark.Token, declares: Kind | None, of: str | None) -> None:
        self.names.append(Name(str(token), token.line or 1, token.column or 1, self._scope, declares, of))


def _backwards(tree: _Tree) -> range:
    return range(len(tree.children) - 1, -1, -1)


def _tokens(tree: _Tree) -> Iterator[lark.Token]:
    """Yields the tokens of a tree, which may be deeper than Python's stack, in the order of the text."""
    todo: list[_Tree | lark.Token] = [tree]
    while todo:
        part = todo.pop()
        if isinstance(part, lark.Token):
            yield part
        else:
            todo += reversed(part.children)


def _is_name(part: object) -> bool:
    return isinstance(part, lark.Token) and part.type == "NAME"


def _follows_mate(token: lark.Token, path: _Tree) -> bool:
    """Returns whether a name of a path is the second one, after `mate`."""
    first, second = itertools.islice(filter(_is_name, path.children), 2)
    return second is token and first == s.MATE


def _none(tree: _Tree) -> Mapping[int, Kind]:
    return {}


def _first(kind: Kind) -> Callable[[_Tree], Mapping[int, Kind]]:
    """Returns the function for a rule of the grammar whose first name is declared by the rule."""
    return lambda tree: {next(i for i, part in enumerate(tree.children) if _is_name(part)): kind}


def _last_of_step(tree: _Tree) -> Mapping[int, Kind]:
    """Returns the name after `as`, which the last token of a step is."""
    is_named = _is_name(tree.children[-1]) and len(tree.children) > 1
    return {len(tree.children) - 1: Kind.STEP} if is_named else {}


_OWN_NAMES: Mapping[str, Callable[[_Tree], Mapping[int, Kind]]] = {
    "param": _first(Kind.PARAM),
    "gene": _first(Kind.GENE),
    "values": _first(Kind.VALUES),
    "opdef": _first(Kind.OPERATION),
    "cell": _first(Kind.CELL),
    "mutation": _first(Kind.RULE),
    "crossover": _first(Kind.RULE),
    "formal": _first(Kind.SETTING),
    "input": _first(Kind.STATE),
    "node": _first(Kind.STATE),
    "binding": _first(Kind.VARIABLE),
    "step": _last_of_step,
}
