"""Reads gin files and bindings statement by statement, and checks that something reads every bound name.

Gin itself accepts any name as a macro or a scope, also if nothing reads the name. Here such a name is an error.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gin
from gin import config_parser

from compiler.errors import CompileError, did_you_mean, pasted, raised

_MACRO, _CONSTANT = "gin.macro", "gin.constant"
_IN_QUOTES = "a value is written as in Python, a text in quotes: dataset.source='digits'"


class ConfigError(CompileError):
    """The error for a wrong gin file or binding. The message names the file or binding and the remedy."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding that gin has accepted.

    Attributes:
      scope: the text before the slash; empty without a slash.
      selector: the name before the dot, such as `training`, or the name of a macro.
      name: the name after the dot; empty for a macro.
      value: the value.
      place: the file and line, or `--gin_param` with its text.
      is_typed: whether the binding was given on the command line and not by a file.
    """

    scope: str
    selector: str
    name: str
    value: Any
    place: str
    is_typed: bool

    @property
    def written(self) -> str:
        """The bound name as a user writes it, without a module."""
        short = self.selector.rpartition(".")[2] if self.name else self.selector
        return f"{self.scope}/" * bool(self.scope) + short + f".{self.name}" * bool(self.name)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The result of reading gin: the files in the order of reading, and all bindings of files and the command line."""

    paths: tuple[Path, ...]
    bindings: tuple[Binding, ...]

    def typed(self) -> frozenset[str]:
        """Returns the names that were bound on the command line."""
        return frozenset(binding.written for binding in self.bindings if binding.is_typed)

    def bound(self) -> tuple[str, ...]:
        """Returns the names that were bound anywhere, in the order of the first binding."""
        return tuple(dict.fromkeys(binding.written for binding in self.bindings))


@dataclass(frozen=True, slots=True)
class Moved:
    """A setting that has a new name, which may depend on the value of another setting.

    Attributes:
      by: the setting on which the new name depends.
      default: the value of the setting `by` if it is not bound.
      names: the new name for each value of the setting `by`. With any other value, the moved setting is not read.
    """

    by: str
    default: str
    names: Mapping[str, str]

    def message(self, binding: Binding, bound: Sequence[Binding]) -> str:
        """Returns the message on a binding of the old name."""
        last = {one.written: one for one in bound}
        found, macros = last.get(self.by), set()
        while found is not None and (macro := next(_macros(found), None)) is not None and macro not in macros:
            macros.add(macro)
            found = last.get(macro)
        chosen = self.default if found is None else next(_called(found), found.value)
        name = next(iter(self.names.values())) if len(self.names) == 1 else self.names.get(str(chosen))
        if name is None:
            known = " or ".join(self.names.values())
            return f"{binding.written} is {known} now, which {self.by}={chosen!r} does not use: leave it out"
        return f"{binding.written} is {name} now: {pasted(name, binding.value)}"


@dataclass(frozen=True, slots=True)
class Names:
    """The settings that a command reads.

    Attributes:
      names: every setting, such as `training.epochs`.
      elsewhere: the message on a setting of another command, by the name before the dot.
      moved: old names of settings.
      may_be_old: whether a setting with an old name is ignored, as in a file that an earlier version has written.
    """

    names: Sequence[str]
    elsewhere: Mapping[str, str]
    moved: Mapping[str, Moved] = field(default_factory=dict)
    may_be_old: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """The names that a setting may have before its dot, such as `training`."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name in self.names))


def read_file(
    path: Path, names: Names, find: Callable[[str, Path], Path], above: tuple[Path, ...] = ()
) -> Iterator[Binding | Path]:
    """Gives the bindings of a file to gin. Yields the file, each included file and each binding, in order.

    Args:
      path: the file.
      names: the settings that may be bound.
      find: returns the path of an included file, from its name and the folder of the file that includes it.
      above: the files that include this file.

    Raises:
      ConfigError: the file is not UTF-8 text, or includes itself, or a statement of it cannot be read.
    """
    yield path
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Some editors begin a file with a byte-order mark.
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    for statement, place in _statements(text, f"{path}, line "):
        if isinstance(statement, config_parser.IncludeStatement):
            try:
                included = find(statement.filename, path.parent)
            except ConfigError as error:
                raise ConfigError(f"{place}: {error}") from None
            if included in (*above, path):
                raise ConfigError(f"{place}: {included} includes itself")
            yield from read_file(included, names, find, (*above, path))
        else:
            yield from _taken(statement, place, names, is_typed=False)


def read_text(text: str, names: Names, find: Callable[[str, Path], Path]) -> Iterator[Binding | Path]:
    """Gives a binding of the command line to gin and yields it. The text may also include a file.

    Raises:
      ConfigError: the text cannot be read.
    """
    for statement, place in _statements(text, ""):
        if isinstance(statement, config_parser.IncludeStatement):
            yield from read_file(find(statement.filename, Path()), names, find)
        else:
            yield from _taken(statement, place, names, is_typed=True)


def _statements(text: str, before: str) -> Iterator[tuple[Any, str]]:
    """Yields the statements of a text, each with its place: a line of a file, or a flag.

    The statements are read one at a time, since a statement may use a name that an earlier statement imports.
    """

    def place(line: int) -> str:
        return f"{before}{line}" if before else f"--gin_param={text!r}"

    line = 1
    try:
        for statement in config_parser.ConfigParser(text, gin.config.ParserDelegate()):
            line = statement.location.line_num
            yield statement, place(line)
    except SyntaxError as error:
        is_value = re.search("malformed node|Failed to parse", error.msg)
        reason = "this is not a valid Python value" if is_value else error.msg
        source = f": {error.text.strip()}" if before and error.text else ""
        raise ConfigError(f"{place(error.lineno or line)}: {reason}{source}\n{_IN_QUOTES}") from None
    except tokenize.TokenError:  # The place of the error is the end of the text, and not the place of the bracket.
        where = "in or below " if before else ""
        raise ConfigError(f"{where}{place(line)}: a bracket or a quote is not closed\n{_IN_QUOTES}") from None
    except ValueError as error:  # the place in gin's message on an unknown name after @
        number = re.search(r"\n  In .* line (\d+)\n", str(error))
        raise ConfigError(f"{place(int(number[1]) if number else line)}: {_first_line(str(error))}") from None


def _taken(statement: Any, place: str, names: Names, is_typed: bool) -> Iterator[Binding]:
    """Gives one statement to gin. Returns its binding, or None for a statement without a binding."""
    if isinstance(statement, config_parser.ImportStatement):
        try:
            gin.parse_config(statement.format())
        except Exception as error:  # A user's module may raise any exception.
            # After these words gin names the place, which the message has.
            lines = raised(error).split("\n  In bindings string")[0]
            raise ConfigError(f"{place}: {statement.format()!r} raised an exception:\n{lines}") from None
    elif isinstance(statement, config_parser.BindingStatement):
        scope, selector, name, value, _ = statement
        if not name:
            macro = f"{scope}/{selector}" if scope else selector
            gin.bind_parameter((macro, _MACRO, "value"), value)
            yield Binding("", macro, "", value, place, is_typed)
            return
        try:
            if f"{selector.rpartition('.')[2]}.{name}" not in names.moved:
                gin.bind_parameter((scope, selector, name), value)
        except ValueError as error:
            raise ConfigError(f"{place}: {_unknown(str(error), selector, name, names)}") from None
        yield Binding(scope, selector, name, value, place, is_typed)


def _unknown(message: str, selector: str, name: str, names: Names) -> str:
    """Returns the message on a name that gin does not know."""
    scope = selector.rpartition(".")[2]
    if scope in names.scopes:
        allowed = [known for known in names.names if known.startswith(f"{scope}.")]
        nearest = did_you_mean(f"{scope}.{name}", allowed)
        return f"there is no setting {scope}.{name}{nearest}\n{scope} has: {', '.join(allowed)}"
    if scope in names.elsewhere or "No configurable matching" in message:
        return _not_read(f"{scope}.{name}", scope, names)
    return _first_line(message)


def _not_read(written: str, scope: str, names: Names) -> str:
    """Returns the message on a setting with a name before the dot that this command does not know."""
    if scope in names.elsewhere:
        return f"this command does not read {written}: {names.elsewhere[scope]}"
    return f"nothing reads {written}{did_you_mean(scope, names.scopes)}\nthis command reads: {', '.join(names.scopes)}"


def check(bindings: Iterable[Binding], names: Names) -> None:
    """Checks that something reads every bound name.

    Raises:
      ConfigError: nothing reads a name, a setting has another name now, or a binding reads a macro that is not bound.
    """
    bound = tuple(bindings)
    for binding in bound:
        if binding.written in names.moved and not names.may_be_old:
            raise ConfigError(f"{binding.place}: {names.moved[binding.written].message(binding, bound)}")
    bound = tuple(binding for binding in bound if binding.written not in names.moved)
    macros = {binding.selector for binding in bound if not binding.name}
    read, called = _reached(bound, names)
    for binding in bound:
        for name in _macros(binding):
            if name not in macros:
                nearest = did_you_mean(name, macros)
                raise ConfigError(f"{binding.place}: {binding.written} reads %{name}, which is not bound{nearest}")
    mentioned = {name for binding in bound for name in _macros(binding)}
    # If nothing reads several macros, the message is about a macro to which no other macro refers.
    for binding in sorted(bound, key=lambda binding: not binding.name and binding.selector in mentioned):
        scope = binding.selector.rpartition(".")[2]
        if not binding.name and binding.selector not in read:
            raise ConfigError(f"{binding.place}: {_unread_macro(binding.selector, names)}")
        if binding.name and not binding.scope and binding.written not in names.names and scope not in called:
            raise ConfigError(f"{binding.place}: {_not_read(binding.written, scope, names)}")
        if binding.scope and scope not in called:
            plain = f"{scope}.{binding.name}"
            raise ConfigError(f"{binding.place}: nothing reads {binding.written}; did you mean {plain!r}?")


def _reached(bound: Sequence[Binding], names: Names) -> tuple[set[str], set[str]]:
    """Returns the macros and functions to which settings refer, directly or through other macros and functions.

    The last binding of a name counts.

    Raises:
      ConfigError: a macro or a function refers to itself.
    """
    last = {(binding.scope, binding.selector, binding.name): binding for binding in bound}
    macros = {selector: binding for (_, selector, name), binding in last.items() if not name}
    functions: dict[str, list[Binding]] = {}
    for binding in last.values():
        if binding.name:
            functions.setdefault(binding.selector.rpartition(".")[2], []).append(binding)
    read: set[str] = set()
    called: set[str] = set()

    def follow(binding: Binding, path: tuple[str, ...]) -> None:
        for name in _macros(binding):
            enter(f"%{name}", path, binding, [macros[name]] if name in macros else [])
            read.add(name)
        for name in _called(binding):
            enter(f"@{name}", path, binding, functions.get(name, []))
            called.add(name)

    def enter(reference: str, path: tuple[str, ...], binding: Binding, further: Sequence[Binding]) -> None:
        if reference in path:
            raise ConfigError(f"{binding.place}: {binding.written or binding.selector} refers to itself by {reference}")
        for one in further:
            follow(one, (*path, reference))

    for binding in last.values():
        if binding.name and not binding.scope and binding.written in names.names:
            follow(binding, (f"@{binding.selector.rpartition('.')[2]}",))
    return read, called


def _macros(binding: Binding) -> Iterator[str]:
    """Yields the names of the macros to which a binding refers by %name."""
    for reference in gin.config.iterate_references([binding.value]):
        if reference.config_key[1] == _MACRO:
            yield "/".join(reference.scopes)


def _called(binding: Binding) -> Iterator[str]:
    """Yields the names, without modules, of the functions to which a binding refers by @name."""
    for reference in gin.config.iterate_references([binding.value]):
        if reference.config_key[1] not in (_MACRO, _CONSTANT):
            yield reference.config_key[1].rpartition(".")[2]


def _unread_macro(macro: str, names: Names) -> str:
    """Returns the message on a macro to which nothing refers. The user probably meant a setting."""
    same = [name for name in names.names if name.partition(".")[2] == macro.rpartition("/")[2]]
    nearest = f"; did you mean {' or '.join(map(repr, same))}?" if same else did_you_mean(macro, names.names)
    return f"nothing reads {macro}{nearest}\na name without a dot is a macro, which another binding reads as %{macro}"


def _first_line(text: str) -> str:
    return re.split(r"\n", text.strip(), maxsplit=1)[0].rstrip(".")
