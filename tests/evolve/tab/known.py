"""What a store has, read by SQL: the numbers that the page must show."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dsl
from dsl.report.diff import differences
from evolve.store.database import FILE

Row = dict[str, Any]


class Known:
    """The individuals of a search by id. Each is a row of the store."""

    def __init__(self, folder: Path) -> None:
        with closing(sqlite3.connect(folder / FILE)) as db:
            db.row_factory = sqlite3.Row
            self.rows: dict[int, Row] = {row["id"]: dict(row) for row in db.execute("select * from individuals")}
        self._space = dsl.load(folder / "space.cell").space

    @property
    def done(self) -> list[Row]:
        """Those with a result, in the order of the results."""
        found = [row for row in self.rows.values() if row["status"] == "done"]
        return sorted(found, key=lambda row: int(row["finished"]))

    @property
    def failed(self) -> list[int]:
        return [id for id, row in self.rows.items() if row["status"] == "failed"]

    @property
    def best(self) -> Row:
        return min(self.done, key=lambda row: (-row["fitness"], row["params"], row["mult_adds"], row["finished"]))

    @property
    def bests(self) -> list[int]:
        """The individuals that were fitter than all before them."""
        return sorted(_records(self.done))

    def front_of(self, cost: str) -> list[int]:
        """The Pareto front of a cost and the fitness, by rising cost."""
        return _records(sorted(self.done, key=lambda row: (row[cost], -row["fitness"], row["id"])))

    def gain(self, id: int) -> float | None:
        row = self.rows[id]
        parent = self.rows.get(row["parent"])
        if parent is None or {row["status"], parent["status"]} != {"done"}:
            return None
        return float(row["fitness"] - parent["fitness"])

    def line(self, id: int) -> list[int]:
        """The ids from the first ancestor to an individual."""
        parent = self.rows[id]["parent"]
        return [*(self.line(parent) if parent else []), id]

    def children(self, id: int) -> list[int]:
        return [other for other, row in self.rows.items() if row["parent"] == id]

    def descendants(self, id: int) -> set[int]:
        return {below for child in self.children(id) for below in (child, *self.descendants(child))}

    def changes(self, id: int, of: str = "parent") -> list[str]:
        """What differs from a parent of an individual to itself, without the spaces that a page leaves out."""
        texts = [self.rows[one]["genotype"] for one in (self.rows[id][of], id)]
        found = differences(*map(self._space.genotype, texts))
        return [" ".join(str(one).split()) for one in found]

    def by_rule(self, rule: str) -> list[int]:
        """The children by a rule that have a result."""
        return [id for id, row in self.rows.items() if row["rule"] == rule and row["parent"] and row["finished"]]

    def rejected(self, rule: str) -> int:
        return sum(name == rule for row in self.rows.values() for name, _ in json.loads(row["rejected"]))

    def where(self, condition: Callable[[Row], bool]) -> list[int]:
        return [id for id, row in self.rows.items() if condition(row)]


def _records(order: Iterable[Row]) -> list[int]:
    def better() -> Iterator[int]:
        best = -1.0
        for row in order:
            if row["fitness"] > best:
                best = row["fitness"]
                yield int(row["id"])

    return list(better())
