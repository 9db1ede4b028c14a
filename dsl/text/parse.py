"""Reads a `.cell` text as a syntax tree: lark parses the text, and this module makes dataclasses of its trees."""

from __future__ import annotations

import functools
import importlib.resources
import math
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any as Anything
from typing import TypeVar

import lark
from lark.visitors import Transformer, v_args

from dsl.errors import CellError, Position, Problem, Source
from dsl.primitives import PRODUCT
from dsl.text.corrections import right_form, right_keyword, right_number
from dsl.text.words import next_declaration
from dsl.tree import syntax as s

MAX_CHARACTERS = 1 << 19  # A text of this length is parsed in about a second.
MAX_NESTING = 64
MAX_PROBLEMS = 20
T = TypeVar("T")
_SUFFIX = {"K": 1e3, "M": 1e6, "B": 1e9}
_READABLE = {
    "LBRACE": "'{'", "RBRACE": "'}'", "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "EQUAL": "'='",
    "COMMA": "','", "COLON": "':'", "VBAR": "'|'", "PLUS": "'+'", "MINUS": "'-'", "STAR": "'*'", "SLASH": "'/'",
    "DOT": "'.'", "NAME": "a name", "NUMBER": "a number", "KERNEL": "a kernel such as 3x3", "STRING": "a string",
    "ASSIGN": "'=', '*=', '+=' or '-='", "COMPARE": "a comparison", "WIDTH": "'each' or 'split'",
    "RELATION": "'before', 'reaches', 'feeds' or 'has'", "$END": "the end of the file",
}  # fmt: skip

# A name, a number or a kernel, also if it is written in other characters than those of the language.
_WORD = re.compile(r"[\w\u00d7]+(?:\.\d+\w*)?")

# The text that is being read. The grammar's actions run inside lark, which gives them only the parsed tokens.
_READING: ContextVar[Source] = ContextVar("_READING")


def parse(text: str, name: str = "<text>") -> s.File:
    """Returns the syntax tree of one `.cell` text. Included files are not read, and names are not looked up.

    Raises:
      CellError: the text is not in the language; the error has the first mistake of each declaration.
    """
    source = Source(name, line_feeds(text))
    _check_limits(source)
    outer = _READING.set(source)
    try:
        return _parse(source)
    finally:
        _READING.reset(outer)


def line_feeds(text: str) -> str:
    """Returns the text with a line feed in place of each carriage return that ends a line alone."""
    return re.sub(r"\r(?!\n)", "\n", text)


def grammar() -> str:
    """Returns the grammar of the language in lark's notation."""
    return importlib.resources.files("dsl").joinpath("cell.lark").read_text(encoding="utf-8")


def _parse(source: Source) -> s.File:
    problems: list[Problem] = []
    start: int | None = 0
    while start is not None and len(problems) < MAX_PROBLEMS:
        try:
            file = _from(source.text, start)
        except lark.UnexpectedInput as unexpected:
            error = _syntax_error(unexpected, source)
        except CellError as wrong:
            error = wrong
        else:
            if not problems:
                return file
            break
        problems.extend(error.problems)
        start = next_declaration(source.text, start, _offset_of(error.problems[0].position))
    raise CellError.of(problems)


def _from(text: str, start: int) -> s.File:
    if start:
        # The declarations before `start` are replaced by blanks, so that lines and columns stay the same.
        text = re.sub(r"[^\n]", " ", text[:start]) + text[start:]
    return _lark().parse(text)  # type: ignore[return-value]


@functools.cache
def _lark() -> lark.Lark:
    return lark.Lark(grammar(), parser="lalr", transformer=_ToSyntax(visit_tokens=False), maybe_placeholders=True)


def _check_limits(source: Source) -> None:
    if len(source.text) > MAX_CHARACTERS:
        raise CellError(f"{source.name}: {len(source.text):,} characters; at most {MAX_CHARACTERS:,} are read")
    depth = 0
    for match in re.finditer(r'#[^\n]*|"[^"\n]*"|[(\[{]|[)\]}]', source.text):
        if match[0] in "([{":
            depth += 1
        elif match[0] in ")]}":
            depth -= 1
        if depth > MAX_NESTING:
            raise CellError(
                f"brackets nest deeper than {MAX_NESTING}", _position_of(source, match.start()), "nest fewer brackets"
            )


def _position_of(source: Source, offset: int) -> Position:
    line = source.text.count("\n", 0, offset) + 1
    return Position(source, line, offset - (source.text.rfind("\n", 0, offset) + 1) + 1)


def _offset_of(position: Position | None) -> int:
    if position is None:
        return 0
    lines = position.source.text.split("\n", position.line - 1)
    return len(position.source.text) - len(lines[-1]) + position.column - 1


def _syntax_error(error: lark.UnexpectedInput, source: Source) -> CellError:
    written = _miswritten(error, source)
    if written is not None:
        return written
    if isinstance(error, lark.UnexpectedCharacters):
        found = repr(source.text[error.pos_in_stream]) if error.pos_in_stream is not None else "a character"
        position, expected = Position(source, error.line, error.column), error.allowed or set()
    elif isinstance(error, lark.UnexpectedToken) and error.token.type != "$END":
        found = repr(str(error.token))
        position, expected = Position(source, error.line, error.column), error.accepts or error.expected
    else:
        found, position = "the end of the file", _position_of(source, len(source.text.rstrip()))
        expected = error.accepts or error.expected if isinstance(error, lark.UnexpectedToken) else set()
    words = sorted(_READABLE.get(name, _keyword(name)) for name in expected)
    hint = right_form(source.text, _offset_of(position), words)
    if hint is None:
        hint = right_keyword(found.strip("'"), words) + f"expected {' or '.join(words)}"
    if {found, *words} >= {"'+'", "'*'", "'|'"}:
        hint = "a node is a sum or a product; write multiply(a, b) + c, or give the product a node of its own"
    return CellError(f"syntax error: {found} is not expected here", position, hint)


def _miswritten(error: lark.UnexpectedInput, source: Source) -> CellError | None:
    """Returns the error that shows the right form of a number, kernel or name; None if there is no such mistake."""
    offset = error.pos_in_stream
    if offset is None or offset >= len(source.text):
        return None
    found = next((word for word in _WORD.finditer(source.text) if word.start() <= offset < word.end()), None)
    if found is None:
        return None
    word, position = found[0], _position_of(source, found.start())
    right = right_number(word)
    if right is not None and right != word:
        return CellError(f"syntax error: {word!r} is not a number or a kernel of the language", position,
                         f"write {right}")  # fmt: skip
    if not word.isascii():
        return CellError(f"syntax error: {word!r} has other characters than ASCII letters, digits and '_'", position,
                         "names and numbers are written in these characters")  # fmt: skip
    return None


def _keyword(terminal: str) -> str:
    pattern = next((t.pattern.value for t in _lark().terminals if t.name == terminal), terminal.lower())
    return f"'{pattern}'"


def _at(first: lark.Token | s.Syntax | s.Pipe) -> Position | None:
    """Returns the position of the first token in a part of the text."""
    if isinstance(first, lark.Token):
        return Position(_READING.get(), first.line or 1, first.column or 1)
    return first[0].position if isinstance(first, tuple) else first.position


def _plain(part: Anything) -> Anything:
    """Returns the text of a token, and any other part unchanged."""
    return str(part) if isinstance(part, lark.Token) else part


def _fields(kind: Callable[..., T]) -> Callable[..., T]:
    """Returns the method for a rule of the grammar whose parts, in their order, are the fields of the record `kind`."""
    return lambda self, *parts: kind(*map(_plain, parts), position=_at(parts[0]))


def _keyword_and_fields(kind: Callable[..., T]) -> Callable[..., T]:
    """Returns the method for a rule with a keyword and then parts, which are the fields of the record `kind`."""
    return lambda self, at, *parts: kind(*map(_plain, parts), position=_at(at))


def _trait(name: str) -> Callable[..., tuple[str, Anything]]:
    """Returns the method for a rule of the grammar with one trait of a cell. The method returns its name and value."""
    return lambda self, value: (name, _plain(value))


def _deeper(position: Position | None, *parts: Anything) -> int:
    depth = 1 + max(getattr(part, "depth", 0) for part in parts)
    if depth > MAX_NESTING:
        raise CellError(f"expressions nest deeper than {MAX_NESTING}", position, "put a part of it into a `param`")
    return depth


@v_args(inline=True)
class _ToSyntax(Transformer):  # type: ignore[type-arg]
    """Makes the syntax tree. Each rule of the grammar has a method of the same name."""

    # files and declarations

    def start(self, *items: s.Declaration) -> s.File:
        return s.File(items, position=items[0].position if items else Position(_READING.get(), 1, 1))

    def include(self, at: lark.Token, path: str) -> s.Include:
        return s.Include(str(path)[1:-1], position=_at(at))

    param = _keyword_and_fields(s.Param)

    def gene(self, at: lark.Token, name: str, kind: str | None, value: s.Expression, *within: Anything) -> s.Gene:
        domain = [part for part in within if part is not None]
        low, high = domain if len(domain) == 2 else (None, None)
        members = domain[0] if len(domain) == 1 else None
        return s.Gene(str(name), value, low, high, members, kind, position=_at(at))

    def kind(self, name: lark.Token) -> str:
        return str(name)

    values = _keyword_and_fields(s.Values)
    require = _keyword_and_fields(s.Require)

    def opdef(self, at: lark.Token, name: str, *parts: s.Formal | s.Case | None) -> s.OpDef:
        formals = tuple(part for part in parts if isinstance(part, s.Formal))
        cases = tuple(part for part in parts if isinstance(part, s.Case))
        return s.OpDef(str(name), formals, cases, position=_at(at))

    formal = _fields(s.Formal)
    case = _fields(s.Case)

    # cells

    def cell(self, fixed: lark.Token | None, at: lark.Token, name: str, *parts: Anything) -> s.Cell | s.Like:
        position = _at(fixed or at)
        inputs = tuple(part for part in parts if isinstance(part, s.Input))
        nodes = tuple(part for part in parts if isinstance(part, s.Node))
        outputs = [part for part in parts if isinstance(part, s.Flow)]
        settings = next((part for part in parts if isinstance(part, list)), None)
        marks = [part for part in parts if isinstance(part, tuple)]
        traits: dict[str, Anything] = dict(marks)
        if "like" in traits:
            if settings is not None:
                raise CellError(f"cell {name} is a copy of {traits['like']}, and has its settings", position,
                                f"leave the brackets out: cell {name}(...) like {traits['like']}")  # fmt: skip
            return s.Like(str(name), inputs, traits["like"], fixed is not None, position=position)
        if len(traits) != len(marks):
            twice = next(key for key, _ in marks if [k for k, _ in marks].count(key) > 1)
            raise CellError(f"cell {name} has `{twice}` twice", position, "keep one of them")
        own = None if settings is None else tuple(settings)
        return s.Cell(
            str(name), inputs, nodes, outputs[0], **traits, fixed=fixed is not None, settings=own, position=position
        )

    def settings(self, *formals: s.Formal | None) -> list[s.Formal]:
        return [formal for formal in formals if formal is not None]

    like = _trait("like")
    stride = _trait("stride")
    fit = _trait("fit")
    width = _trait("width")

    def input(self, name: lark.Token, each: str | None, kind: s.Op | None) -> s.Input:
        return s.Input(str(name), kind, each is not None, position=_at(name))

    node = _fields(s.Node)

    def flow(self, *parts: s.Term | s.Op | s.Any | lark.Token) -> s.Flow:
        tail = tuple(part for part in parts if isinstance(part, s.Op | s.Any))
        written = [part for part in parts if isinstance(part, s.Wire | s.Call)]
        if any(isinstance(part, lark.Token) for part in parts):
            position = _at(written[0])
            factors = s.canonical_labels(written)
            written = [s.Call(s.Op(PRODUCT, position=position), factors, position=position)]
        elif len(written) == 1 and isinstance(written[0], s.Call) and s.is_sum(written[0]):
            written = [*written[0].arguments]
        return s.Flow(s.canonical_labels(written), tail, position=_at(parts[0]))

    def term(self, label: lark.Token | None, body: s.Term) -> s.Term:
        return body if label is None else replace(body, label=str(label), position=_at(label))

    wire = _fields(s.Wire)

    def call(self, op: s.Op, *arguments: s.Term) -> s.Call:
        return s.Call(op, s.canonical_labels(arguments), position=_at(op))

    def pipe(self, *ops: s.Op) -> s.Pipe:
        return ops

    def op(self, name: lark.Token | s.Any, *arguments: s.Argument | None) -> s.Op | s.Any:
        if isinstance(name, s.Any):
            return name
        return s.Op(str(name), tuple(a for a in arguments if a is not None), position=_at(name))

    opvalue = op

    def arg(self, name: lark.Token | None, value: s.Expression) -> s.Argument:
        return s.Argument(None if name is None else str(name), value, position=_at(name or value))

    # network

    def network(self, at: lark.Token, *sections: s.Section) -> s.Network:
        return s.Network(sections, position=_at(at))

    def section(self, name: lark.Token, of: str | None, *steps: s.Step) -> s.Section:
        return s.Section(str(name), s.canonical_labels(steps), None if of is None else str(of), position=_at(name))

    def step(self, label: lark.Token | None, pipe: s.Pipe, *rest: Anything) -> s.Step:
        *inputs, times, stride, name = rest
        if label in s.SECTIONS:
            message = f"syntax error: ':' is not expected here: {str(label)!r} begins a section, and a step is wanted"
            raise CellError(
                message, _at(label), "a section has at least one step, and no comma stands before a section"
            )
        wired = tuple(value for value in inputs if value is not None)
        return s.Step(
            pipe, wired, times, None if name is None else str(name), stride, None if label is None else str(label),
            position=_at(pipe if label is None else label),
        )  # fmt: skip

    # rules

    def mutation(self, at: lark.Token, name: str, weight: s.Expression | None, block: s.Block) -> s.Mutation:
        return s.Mutation(str(name), block, weight, position=_at(at))

    def crossover(self, *parts: Anything) -> s.Mutation:
        return replace(self.mutation(*parts), crossover=True)

    def block(self, at: lark.Token, *statements: s.Statement) -> s.Block:
        inner = [block for statement in statements for block in s.blocks(statement)]
        return s.Block(statements, _deeper(_at(at), None, *inner), position=_at(at))

    def choose(self, at: lark.Token, *bindings: s.Binding) -> s.Choose:
        return s.Choose(bindings, position=_at(at))

    def for_(self, at: lark.Token, *parts: Anything) -> s.For:
        *bindings, block = parts
        return s.For(tuple(bindings), block, position=_at(at))

    binding = _fields(s.Binding)
    assign = _fields(s.Assign)

    def insert(self, at: lark.Token, pipe: s.Pipe, word: lark.Token, name: lark.Token) -> s.Insert:
        return s.Insert(pipe, str(name), str(word) == "after", position=_at(at))

    connect = _keyword_and_fields(s.Connect)
    remove = _keyword_and_fields(s.Remove)
    forget = _keyword_and_fields(s.Forget)
    perturb = _keyword_and_fields(s.Perturb)
    mutate = _keyword_and_fields(s.Mutate)

    def either(self, at: lark.Token, *blocks: s.Block) -> s.Either:
        return s.Either(blocks, position=_at(at))

    # conditions

    def cond(self, *parts: s.Condition) -> s.Condition:
        if len(parts) == 1:
            return parts[0]
        # Brackets around one of the parts change nothing where `or` stands in them too.
        flat = tuple(one for part in parts for one in (part.conditions if isinstance(part, s.Or) else (part,)))
        position = _at(parts[0])
        return s.Or(flat, _deeper(position, *flat), position=position)

    def conj(self, *parts: s.Condition) -> s.Condition:
        if len(parts) == 1:
            return parts[0]
        flat = tuple(one for part in parts for one in s.conjuncts(part))
        position = _at(parts[0])
        return s.And(flat, _deeper(position, *flat), position=position)

    def compare(self, left: s.Expression, operator: str, right: s.Expression) -> s.Compare:
        return s.Compare(str(operator), left, right, position=_at(left))

    def is_(self, path: s.Path, negated: str | None, op: s.Op) -> s.Is:
        return s.Is(path, op, negated is not None, position=_at(path))

    def relation(self, left: s.Path, kind: str, right: s.Path) -> s.Relation:
        return s.Relation(str(kind), left, right, position=_at(left))

    def negated(self, at: lark.Token, condition: s.Condition) -> s.Not:
        position = _at(at)
        return s.Not(condition, _deeper(position, condition), position=position)

    def group(self, condition: s.Condition) -> s.Condition:
        return condition

    # expressions

    def any(
        self, at: lark.Token, other: str | None, values: s.Path | s.Set, excluded: s.Path | s.Set | None = None
    ) -> s.Any:
        return s.Any(values, other is not None, excluded, position=_at(at))

    def set(self, at: lark.Token, *items: s.Expression | None) -> s.Set:
        return s.Set(tuple(item for item in items if item is not None), position=_at(at))

    def path(self, *names: lark.Token) -> s.Path:
        return s.Path(tuple(str(name) for name in names), position=_at(names[0]))

    def number(self, token: lark.Token) -> s.Number:
        scale = _SUFFIX.get(token[-1], 1)
        value = float(str(token).rstrip("KMB")) * scale
        if math.isinf(value):
            raise CellError(f"{token} is too large a number", _at(token))
        return s.Number(whole(value), position=_at(token))

    def kernel(self, token: lark.Token) -> s.Kernel:
        height, width = token.split("x")
        if len(token) > 12:
            raise CellError(f"{token} is too large a kernel", _at(token))
        return s.Kernel(int(height), int(width), position=_at(token))

    def neg(self, at: lark.Token, value: s.Expression) -> s.Negative:
        return s.Negative(value, _deeper(_at(at), value), position=_at(at))

    def function(self, name: lark.Token, *arguments: s.Expression) -> s.Function:
        return s.Function(str(name), arguments, _deeper(_at(name), *arguments), position=_at(name))

    def sum(self, left: s.Expression, operator: str, right: s.Expression) -> s.Binary:
        position = _at(left)
        return s.Binary(str(operator), left, right, _deeper(position, left, right), position=position)

    product = sum


def whole(value: float) -> int | float:
    """Returns a whole number as an int, and any other number unchanged. So `3`, `3.0` and `3e0` are one number."""
    return int(value) if value == int(value) and abs(value) < 1e15 else value
