"""Evaluates expressions and conditions.

A value that depends on the use of a cell, such as its filters, is a `Symbol` while the use is not known. A value that
is computed from a symbol is a symbol too, and the result of a comparison with a symbol is None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence

from dsl.errors import CellError, nearest
from dsl.space.functions import FUNCTIONS
from dsl.text.parse import whole
from dsl.text.unparse import condition as shown
from dsl.text.unparse import expression as written
from dsl.tree import syntax as s
from dsl.tree.syntax import Symbol as Symbol

WORDS = frozenset({"same", "valid", "full", "nearest", "bilinear", "zeros", "yes", "no"})
_MANY = 8  # the number of members from which on a set is not repeated in a hint
DISTRIBUTIONS = ("uniform", "loguniform", "normal")

# An operation is the value of a setting such as `act=relu`.
Value = int | float | str | s.Kernel | s.Op | Symbol
Scope = Mapping[str, Value]

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


def _drawn_apart(drawn: s.Expression) -> str:
    """Returns a hint that shows where a draw may stand, and a gene in its place."""
    hint = "a draw is the whole right side of an assignment, such as x = any({ 16, 24 }) or x *= any({ 0.75, 1.25 })"
    match drawn:
        case s.Any(s.Set((first, *others)) as values) if len(others) < _MANY:
            domain = written(values)
        case s.Function(_, (first, high)):
            domain = f"{written(first)} .. {written(high)}"
        case s.Any() | s.Function():
            return hint
        case _:
            return ""
    return f"{hint}; an expression may read a gene: gene factor = {written(first)} in {domain}"


def evaluate(expression: s.Expression, scope: Scope) -> Value:
    """Returns the value of an expression; `scope` has the values of names, and of dotted paths such as `c.nodes.count`.

    Raises:
      CellError: a name is unknown, a divisor is zero, or arithmetic has an operand that is not a number.
    """
    match expression:
        case s.Number(value):
            return value
        case s.Kernel():
            return expression
        case s.Path((name,)):
            if name in scope:
                return scope[name]
            if name in WORDS:
                return name
            raise CellError(f"unknown name {name!r}", expression.position, nearest(name, [*scope, *WORDS]), name)
        case s.Path() if str(expression) in scope:
            return scope[str(expression)]
        case s.Path((state, "channels")):
            raise CellError(f"{expression} has no value here", expression.position,
                            f"a cell with brackets knows the channels of its states: cell NAME[]({state})")  # fmt: skip
        case s.Negative(value):
            return _arithmetic("-", 0, evaluate(value, scope), expression)
        case s.Binary(symbol, left, right):
            return _arithmetic(symbol, evaluate(left, scope), evaluate(right, scope), expression)
        case s.Function(name, arguments) if name in FUNCTIONS:
            return call(expression, [evaluate(argument, scope) for argument in arguments])
        case Symbol():
            return expression
        case s.Function(name) if name not in DISTRIBUTIONS:
            raise CellError(f"unknown function {name!r}", expression.position, nearest(name, FUNCTIONS))
        case _:
            message = f"a number, a kernel or a name is wanted here, found {written(expression)}"
            raise CellError(message, expression.position, _drawn_apart(expression))


def call(function: s.Function, values: Sequence[object]) -> int | float | Symbol:
    """Returns the value of a function of numbers; a symbol if an argument is one.

    Raises:
      CellError: the function takes another number of arguments, or an argument is not a number that it takes.
    """
    record, shown = FUNCTIONS[function.name], f"{function.name}({', '.join(map(_shown, values))})"
    least, most = len(record.arguments), record.most
    if len(values) < least or (most is not None and len(values) > most):
        example = f"write {function.name}({', '.join(record.arguments)}{', ...' if most is None else ''})"
        many = f"at least {least}" if most is None else str(least)
        wanted = f"{many} argument{'s' * (least > 1)}, found {len(values)}"
        raise CellError(f"{function.name} takes {wanted}", function.position, example)
    wrong = next((value for value in values if not isinstance(value, int | float | Symbol)), None)
    if wrong is not None:
        raise CellError(f"{function.name} takes numbers, and {_shown(wrong)} is not a number", function.position)
    if record.arguments[-1] == "divisor" and isinstance(values[-1], int | float) and values[-1] <= 0:
        raise CellError(f"{shown}: the divisor is {values[-1]}; allowed: a number above 0", function.position)
    if any(isinstance(value, Symbol) for value in values):
        return Symbol(shown)
    return whole(record.apply(*values))


def _arithmetic(symbol: str, left: Value, right: Value, at: s.Expression) -> Value:
    if right == 0 and symbol in ("/", "//"):
        raise CellError(f"{_shown(left)} {symbol} {right} divides by zero", at.position)
    if isinstance(left, Symbol) or isinstance(right, Symbol):
        return Symbol(f"({_shown(left)}{symbol}{_shown(right)})")
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        message = f"{_shown(left)} {symbol} {_shown(right)} is not arithmetic on numbers"
        raise CellError(message, at.position, "a kernel, or a word such as same, is not a number")
    try:
        value = _ARITHMETIC[symbol](left, right)
    except OverflowError:
        raise CellError("too large a number", at.position) from None
    if abs(value) > 1e15:
        raise CellError(f"{left} {symbol} {right} is too large a number", at.position, "allowed: from -1e15 to 1e15")
    return whole(value)


def _shown(value: object) -> str:
    return written(value) if isinstance(value, Symbol | s.Op) else str(value)


def decide(condition: s.Condition, scope: Scope) -> bool | None:
    """Returns whether the condition of an `if` holds; None if the result depends on a symbol."""
    match condition:
        case s.Not(inner):
            value = decide(inner, scope)
            return None if value is None else not value
        case s.And(parts):
            found = [decide(part, scope) for part in parts]
            return False if False in found else None if None in found else True
        case s.Or(parts):
            found = [decide(part, scope) for part in parts]
            return True if True in found else None if None in found else False
        case s.Compare(symbol, left, right):
            return _compare(symbol, evaluate(left, scope), evaluate(right, scope), condition)
        case _:
            raise CellError(f"`{shown(condition)}` is the condition of a rule; an `if` compares values",
                            condition.position, "such as: if stride > 1")  # fmt: skip


def _compare(symbol: str, left: Value, right: Value, at: s.Compare) -> bool | None:
    if left == right and isinstance(left, Symbol):
        return symbol in ("<=", ">=", "==")
    if isinstance(left, int | float) and isinstance(right, int | float):
        return COMPARISONS[symbol](left, right)
    is_open = isinstance(left, Symbol) or isinstance(right, Symbol)
    # Kernels have no order. So `<` with a kernel is a mistake even if the value on the other side is a symbol.
    if symbol not in ("==", "!=") and (not is_open or isinstance(left, s.Kernel) or isinstance(right, s.Kernel)):
        message = f"{_shown(left)} {symbol} {_shown(right)} does not compare numbers"
        raise CellError(message, at.position, "allowed for kernels and words: == and !=")
    return None if is_open else (left == right) == (symbol == "==")


def number(expression: s.Expression, scope: Scope) -> int | float:
    """Returns the value of an expression that must be a known number."""
    value = evaluate(expression, scope)
    if not isinstance(value, int | float):
        raise CellError(f"a number is wanted here, found {_shown(value)}", expression.position)
    return value
