"""The columns of the store. Each column is declared at the field of `Individual` that it stores.

The table, the reading and writing of its rows, and the export derive from these declarations.
"""

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
    """Functions that write a value into a column, read it again, and show the column in exported JSON."""

    write: Convert = _same
    read: Convert = _same
    show: Convert = _same


PLAIN = Form()
FLAG = Form(int, bool, bool)


def _as_json(plain: Convert, read: Convert) -> Form:
    """Returns a form that stores a value as JSON.

    Args:
      plain: converts the value to a list or a dictionary.
      read: converts the list or dictionary to the value.
    """
    return Form(lambda value: json.dumps(plain(value)), lambda text: read(json.loads(text)), json.loads)


PAIRS = _as_json(list, lambda pairs: tuple(map(tuple, pairs)))
NAMED = _as_json(dict, lambda named: tuple(named.items()))
EPOCHS = _as_json(lambda epochs: list(map(astuple, epochs)), lambda rows: tuple(Epoch(*values) for values in rows))


@dataclass(frozen=True, slots=True)
class Column:
    """The column of a field in the table of individuals.

    Attributes:
      sql: type and constraints. A column that is newer than the table needs a default, which older rows receive.
      form: the functions that write, read and show a value.
      since: the number of the first schema that has the column. The program's own schema has no smaller number.
      is_exported: whether `evolve export` writes the column.
    """

    sql: str
    form: Form = PLAIN
    since: int = 3
    is_exported: bool = True


def columns(record: type) -> dict[str, Column]:
    """Returns the columns of a dataclass by field name, in the order of the fields. Other fields have no column."""
    hints = get_type_hints(record, include_extras=True)
    return {
        name: found
        for name, hint in hints.items()
        for found in getattr(hint, "__metadata__", ())
        if isinstance(found, Column)
    }
