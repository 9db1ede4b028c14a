"""Text to syntax tree: lark reads the grammar, this module turns its trees into frozen dataclasses."""

from __future__ import annotations

import functools
import importlib.resources
import math
import re
from typing import Any as Anything

import lark
from lark.visitors import Transformer_NonRecursive, v_args

from dsl import syntax as s
from dsl.errors import CellError, Position, Source

MAX_CHARACTERS = 1 << 20
MAX_NESTING = 64
_SUFFIX = {"K": 1e3, "M": 1e6, "B": 1e9}
_READABLE = {
    "LBRACE": "'{'", "RBRACE": "'}'", "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "EQUAL": "'='",
    "COMMA": "','", "COLON": "':'", "VBAR": "'|'", "PLUS": "'+'", "MINUS": "'-'", "STAR": "'*'", "SLASH": "'/'",
    "DOT": "'.'", "NAME": "a name", "NUMBER": "a number", "KERNEL": "a kernel such as 3x3", "STRING": "a string",
    "ASSIGN": "'=', '*=' or '+='", "COMPARE": "a comparison", "WIDTH": "'each' or 'split'",
    "RELATION": "'before', 'reaches' or 'feeds'", "$END": "the end of the file",
}  # fmt: skip


def parse(text: str, name: str = "<text>") -> s.File:
    """Reads one `.cell` text; `include` stays a declaration and names are not resolved.

    Raises:
      CellError: the text is not in the language.
    """
    source = Source(name, text)
    _check_limits(source)
    try:
        tree = _lark().parse(text)
        return _ToSyntax(source).transform(tree)  # type: ignore[no-any-return]
    except lark.UnexpectedInput as error:
        raise _syntax_error(error, source) from None
    except lark.exceptions.VisitError as error:
        if isinstance(error.orig_exc, CellError):
            raise error.orig_exc from None
        raise


@functools.cache
def _lark() -> lark.Lark:
    grammar = importlib.resources.files("dsl").joinpath("cell.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


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
                f"brackets nest deeper than {MAX_NESTING}", _position_of(source, match.start()), "flatten the text"
            )


def _position_of(source: Source, offset: int) -> Position:
    line = source.text.count("\n", 0, offset) + 1
    return Position(source, line, offset - (source.text.rfind("\n", 0, offset) + 1) + 1)


def _syntax_error(error: lark.UnexpectedInput, source: Source) -> CellError:
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
    return CellError(f"syntax error: {found} is not expected here", position, f"expected {' or '.join(words)}")


def _keyword(terminal: str) -> str:
    pattern = next((t.pattern.value for t in _lark().terminals if t.name == terminal), terminal.lower())
    return f"'{pattern}'"


def _deeper(position: Position, *parts: Anything) -> int:
    depth = 1 + max(getattr(part, "depth", 0) for part in parts)
    if depth > MAX_NESTING:
        raise CellError(f"expressions nest deeper than {MAX_NESTING}", position, "split it with a `param`")
    return depth


@v_args(meta=True, inline=True)
class _ToSyntax(Transformer_NonRecursive):  # type: ignore[type-arg]
    """One method for each rule of the grammar, under the rule's name."""

    def __init__(self, source: Source) -> None:
        super().__init__(visit_tokens=False)
        self._source = source

    def _at(self, meta: Anything) -> Position:
        return Position(self._source, getattr(meta, "line", 1), getattr(meta, "column", 1))

    # files and declarations

    def start(self, meta: Anything, *items: s.Declaration) -> s.File:
        return s.File(items, position=self._at(meta))

    def include(self, meta: Anything, path: str) -> s.Include:
        return s.Include(str(path)[1:-1], position=self._at(meta))

    def param(self, meta: Anything, name: str, value: s.Expression) -> s.Param:
        return s.Param(str(name), value, position=self._at(meta))

    def gene(self, meta: Anything, name: str, value: s.Expression, *domain: s.Expression) -> s.Gene:
        return s.Gene(str(name), value, *domain, position=self._at(meta))

    def values(self, meta: Anything, name: str, items: s.Set) -> s.Values:
        return s.Values(str(name), items, position=self._at(meta))

    def require(self, meta: Anything, condition: s.Condition) -> s.Require:
        return s.Require(condition, position=self._at(meta))

    def opdef(self, meta: Anything, name: str, *parts: s.Formal | s.Case | None) -> s.OpDef:
        formals = tuple(part for part in parts if isinstance(part, s.Formal))
        cases = tuple(part for part in parts if isinstance(part, s.Case))
        return s.OpDef(str(name), formals, cases, position=self._at(meta))

    def formal(self, meta: Anything, name: str, default: s.Expression | None) -> s.Formal:
        return s.Formal(str(name), default, position=self._at(meta))

    def case(self, meta: Anything, pipe: s.Pipe, condition: s.Condition | None) -> s.Case:
        return s.Case(pipe, condition, position=self._at(meta))

    # cells

    def cell(self, meta: Anything, fixed: str | None, name: str, *parts: Anything) -> s.Cell | s.Like:
        position = self._at(meta)
        inputs = tuple(part for part in parts if isinstance(part, s.Input))
        nodes = tuple(part for part in parts if isinstance(part, s.Node))
        outputs = [part for part in parts if isinstance(part, s.Flow)]
        marks = [part for part in parts if isinstance(part, tuple)]
        traits: dict[str, Anything] = dict(marks)
        if "like" in traits:
            return s.Like(str(name), inputs, traits["like"], fixed is not None, position=position)
        if len(traits) != len(marks):
            twice = next(key for key, _ in marks if [k for k, _ in marks].count(key) > 1)
            raise CellError(f"cell {name} says `{twice}` twice", position, "keep one of them")
        return s.Cell(
            str(name), inputs, nodes, outputs[0], traits.get("stride"), traits.get("fit"), traits.get("width"),
            fixed is not None, position=position,
        )  # fmt: skip

    def like(self, meta: Anything, name: str) -> tuple[str, str]:
        return "like", str(name)

    def stride(self, meta: Anything, value: s.Expression) -> tuple[str, s.Expression]:
        return "stride", value

    def fit(self, meta: Anything, op: s.Op) -> tuple[str, s.Op]:
        return "fit", op

    def width(self, meta: Anything, word: str) -> tuple[str, str]:
        return "width", str(word)

    def input(self, meta: Anything, name: str, each: str | None, kind: s.Op | None) -> s.Input:
        return s.Input(str(name), kind, each is not None, position=self._at(meta))

    def node(self, meta: Anything, name: str, flow: s.Flow) -> s.Node:
        return s.Node(str(name), flow, position=self._at(meta))

    def output(self, meta: Anything, flow: s.Flow) -> s.Flow:
        return flow

    def flow(self, meta: Anything, *parts: s.Term | s.Op | s.Any) -> s.Flow:
        tail = tuple(part for part in parts if isinstance(part, s.Op | s.Any))
        written = [part for part in parts if isinstance(part, s.Wire | s.Call)]
        return s.Flow(_canonical_labels(written), tail, position=self._at(meta))

    def term(self, meta: Anything, label: str | None, body: s.Term) -> s.Term:
        if label is None:
            return body
        if isinstance(body, s.Wire):
            return s.Wire(body.state, str(label), position=self._at(meta))
        return s.Call(body.op, body.arguments, str(label), position=self._at(meta))

    def label(self, meta: Anything, word: str) -> str:
        return str(word)

    def wire(self, meta: Anything, name: str) -> s.Wire:
        return s.Wire(str(name), position=self._at(meta))

    def call(self, meta: Anything, op: s.Op, *arguments: s.Term) -> s.Call:
        return s.Call(op, _canonical_labels(arguments), position=self._at(meta))

    def pipe(self, meta: Anything, *ops: s.Op) -> s.Pipe:
        return ops

    def op(self, meta: Anything, name: str | s.Any, *arguments: s.Argument | None) -> s.Op | s.Any:
        if isinstance(name, s.Any):
            return name
        return s.Op(str(name), tuple(a for a in arguments if a is not None), position=self._at(meta))

    opvalue = op

    def arg(self, meta: Anything, name: str | None, value: s.Expression) -> s.Argument:
        return s.Argument(None if name is None else str(name), value, position=self._at(meta))

    # network

    def network(self, meta: Anything, *sections: s.Section) -> s.Network:
        return s.Network(sections, position=self._at(meta))

    def section(self, meta: Anything, name: str, of: str | None, *steps: s.Step) -> s.Section:
        return s.Section(str(name), steps, None if of is None else str(of), position=self._at(meta))

    def step(self, meta: Anything, pipe: s.Pipe, *rest: Anything) -> s.Step:
        *inputs, times, name = rest
        wired = tuple(value for value in inputs if value is not None)
        return s.Step(pipe, wired, times, None if name is None else str(name), position=self._at(meta))

    # rules

    def mutation(self, meta: Anything, name: str, weight: s.Expression | None, block: s.Block) -> s.Mutation:
        return s.Mutation(str(name), block, weight, position=self._at(meta))

    def block(self, meta: Anything, *statements: s.Statement) -> s.Block:
        inner = [block for st in statements if isinstance(st, s.Either) for block in st.blocks]
        return s.Block(statements, _deeper(self._at(meta), None, *inner), position=self._at(meta))

    def choose(self, meta: Anything, *parts: Anything) -> s.Choose:
        *bindings, where = parts
        return s.Choose(tuple(bindings), where, position=self._at(meta))

    def binding(self, meta: Anything, name: str, values: s.Path | s.Set) -> s.Binding:
        return s.Binding(str(name), values, position=self._at(meta))

    def assign(self, meta: Anything, target: s.Path, operator: str, value: s.Expression) -> s.Assign:
        return s.Assign(target, str(operator), value, position=self._at(meta))

    def insert(self, meta: Anything, pipe: s.Pipe, on: str) -> s.Insert:
        return s.Insert(pipe, str(on), position=self._at(meta))

    def connect(self, meta: Anything, source: str, target: str, pipe: s.Pipe) -> s.Connect:
        return s.Connect(str(source), str(target), pipe, position=self._at(meta))

    def remove(self, meta: Anything, name: str) -> s.Remove:
        return s.Remove(str(name), position=self._at(meta))

    def forget(self, meta: Anything) -> s.Forget:
        return s.Forget(position=self._at(meta))

    def either(self, meta: Anything, *blocks: s.Block) -> s.Either:
        return s.Either(blocks, position=self._at(meta))

    # conditions

    def cond(self, meta: Anything, *parts: s.Condition) -> s.Condition:
        return parts[0] if len(parts) == 1 else s.Or(parts, position=self._at(meta))

    def conj(self, meta: Anything, *parts: s.Condition) -> s.Condition:
        return parts[0] if len(parts) == 1 else s.And(parts, position=self._at(meta))

    def compare(self, meta: Anything, left: s.Expression, operator: str, right: s.Expression) -> s.Compare:
        return s.Compare(str(operator), left, right, position=self._at(meta))

    def is_(self, meta: Anything, path: s.Path, negated: str | None, op: s.Op) -> s.Is:
        return s.Is(path, op, negated is not None, position=self._at(meta))

    def relation(self, meta: Anything, left: s.Path, kind: str, right: s.Path) -> s.Relation:
        return s.Relation(str(kind), left, right, position=self._at(meta))

    def negated(self, meta: Anything, _: str, condition: s.Condition) -> s.Not:
        return s.Not(condition, _deeper(self._at(meta), condition), position=self._at(meta))

    # expressions

    def any(
        self, meta: Anything, other: str | None, values: s.Path | s.Set, excluded: s.Path | s.Set | None = None
    ) -> s.Any:
        return s.Any(values, other is not None, excluded, position=self._at(meta))

    def set(self, meta: Anything, *items: s.Expression | None) -> s.Set:
        return s.Set(tuple(item for item in items if item is not None), position=self._at(meta))

    def path(self, meta: Anything, *names: str) -> s.Path:
        return s.Path(tuple(str(name) for name in names), position=self._at(meta))

    def number(self, meta: Anything, token: str) -> s.Number:
        scale = _SUFFIX.get(token[-1], 1)
        value = float(str(token).rstrip("KMB")) * scale
        if math.isinf(value):
            raise CellError(f"{token} is too large a number", self._at(meta))
        return s.Number(whole(value), position=self._at(meta))

    def kernel(self, meta: Anything, token: str) -> s.Kernel:
        height, width = token.split("x")
        if len(token) > 12:
            raise CellError(f"{token} is too large a kernel", self._at(meta))
        return s.Kernel(int(height), int(width), position=self._at(meta))

    def neg(self, meta: Anything, value: s.Expression) -> s.Negative:
        return s.Negative(value, _deeper(self._at(meta), value), position=self._at(meta))

    def function(self, meta: Anything, name: str, *arguments: s.Expression) -> s.Function:
        return s.Function(str(name), arguments, position=self._at(meta))

    def _binary(self, operator: str, meta: Anything, left: s.Expression, right: s.Expression) -> s.Binary:
        position = self._at(meta)
        return s.Binary(operator, left, right, _deeper(position, left, right), position=position)

    def add(self, meta: Anything, left: s.Expression, right: s.Expression) -> s.Binary:
        return self._binary("+", meta, left, right)

    def sub(self, meta: Anything, left: s.Expression, right: s.Expression) -> s.Binary:
        return self._binary("-", meta, left, right)

    def mul(self, meta: Anything, left: s.Expression, right: s.Expression) -> s.Binary:
        return self._binary("*", meta, left, right)

    def div(self, meta: Anything, left: s.Expression, right: s.Expression) -> s.Binary:
        return self._binary("/", meta, left, right)

    def floordiv(self, meta: Anything, left: s.Expression, right: s.Expression) -> s.Binary:
        return self._binary("//", meta, left, right)


def whole(value: float) -> int | float:
    """An int where that loses nothing, so that `3`, `3.0` and `3e0` are one number."""
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def _canonical_labels(terms: Anything) -> tuple[s.Term, ...]:
    """Drops a label that only repeats its term's place."""
    return tuple(term if term.label != str(place) else s.with_label(term, None) for place, term in enumerate(terms))
