"""How a field of an individual is kept in the store: it is declared with the field, and all else derives from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, get_type_hints

from compiler.epochs import Epoch

Convert = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is written into a column, how it is read again, and how the column is shown in exported JSON."""

    write: Convert = _same
    read: Convert = _same
    show: Convert = _same


PLAIN = Form()
FLAG = Form(int, bool, bool)


def _as_json(plain: Convert, read: Convert) -> Form:
    """A form as JSON: `plain` makes lists and objects of a value, `read` makes the value of them."""
    return Form(lambda value: json.dumps(plain(value)), lambda text: read(json.loads(text)), json.loads)


PAIRS = _as_json(list, lambda pairs: tuple(map(tuple, pairs)))
NAMED = _as_json(dict, lambda named: tuple(named.items()))
EPOCHS = _as_json(lambda epochs: list(map(astuple, epochs)), lambda rows: tuple(Epoch(*values) for values in rows))


@dataclass(frozen=True, slots=True)
class Column:
    """What the table of individuals says of a field.

    Attributes:
      sql: type and constraints; a column that is newer than the table needs a default, which older rows then have.
      form: how a value is written.
      since: the schema that brought the column; that of the program is at least the highest one here.
      is_exported: whether `evolve export` writes it.
    """

    sql: str
    form: Form = PLAIN
    since: int = 3
    is_exported: bool = True


def columns(record: type) -> dict[str, Column]:
    """The columns of a dataclass by the names of its fields, in their order; a field without one is not stored."""
    hints = get_type_hints(record, include_extras=True)
    return {
        name: found
        for name, hint in hints.items()
        for found in getattr(hint, "__metadata__", ())
        if isinstance(found, Column)
    }
