"""The front of a search as a table, as JSON and as a picture, also while the search runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from compiler import filesystem
from compiler.errors import pasted
from compiler.pictures import scatter
from compiler.pictures.scatter import Axis, Dot, Panel
from evolve.errors import UsageError
from evolve.objectives import Objective, Objectives, column_of
from evolve.records import Individual
from evolve.search.front import Front
from evolve.store.database import RANKED, explained_errors, reading
from evolve.store.rows import INDIVIDUAL

PICTURE = "front.svg"  # the file in the work directory with the picture of the front
_OTHERS = ("id", "rule", "parent", "mate")  # the values in JSON that are not metrics
_TITLES: Mapping[str, str] = {"mult_adds": "mult-adds", "latency_ms": "latency (ms)", "seconds": "training (s)"}


@dataclass(frozen=True, slots=True)
class Found:
    """The individuals of a search that have scores, and those of them that no other dominates."""

    name: str  # of the search
    objectives: Objectives
    individuals: tuple[Individual, ...]
    front: tuple[Individual, ...]

    @classmethod
    def of(cls, name: str, objectives: Objectives, individuals: Iterable[Individual]) -> Found:
        """Returns the front of the individuals of a search."""
        scored = tuple(individuals)
        return cls(name, objectives, scored, tuple(Front(scored)))

    def table(self) -> Table:
        """Returns the front as a table for the terminal."""
        table = Table(title=f"The front: {self.counts}", title_justify="left")
        sizes = [name for name in ("params", "mult_adds") if name not in [one.name for one in self.objectives]]
        for heading in (*(one.name for one in self.objectives), *sizes, "id"):
            table.add_column(title(heading), justify="right")
        table.add_column("rule")
        table.add_column("parents" if any(one.mate is not None for one in self.front) else "parent", justify="right")
        for one in self.front:
            values = [*(value for _, value in self._metrics(one)), *(getattr(one, name) for name in sizes)]
            table.add_row(*map(_written, values), str(one.id), Text(one.rule), ", ".join(map(str, one.parents)))
        return table

    def json(self) -> str:
        """Returns the front as a JSON list, one object on each line.

        If an objective has the name of another value, such as `id`, its own name begins with `metrics.`.
        """
        rows = [
            {
                "id": one.id,
                "params": one.params,
                "mult_adds": one.mult_adds,
                **{column_of(each.name, _OTHERS): _plain(value) for each, value in self._metrics(one)},
                "rule": one.rule,
                "parent": one.parent,
                "mate": one.mate,
            }
            for one in self.front
        ]
        return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]" if rows else "[]"

    def svg(self) -> str:
        """Returns a picture: a diagram of the first objective over each of the others."""
        ids = {one.id for one in self.front}
        up, *others = self.objectives
        panels = []
        for place, across in enumerate(others, 1):
            dots = tuple(
                Dot(
                    across.score(one.scores[place]), up.score(one.scores[0]), str(one.id), self._note(one),
                    one.id in ids,
                )
                for one in self.individuals
            )  # fmt: skip
            panels.append(Panel(_axis(across), _axis(up), dots, has_steps=len(others) == 1))
        return scatter.svg(panels, f"The front of {self.name}: {self.counts}", "each number is the id of an individual")

    @property
    def counts(self) -> str:
        """The number of individuals of the front, and of all that have scores."""
        return f"{len(self.front)} of {len(self.individuals)} individual{'s' * (len(self.individuals) != 1)}"

    def _note(self, one: Individual) -> str:
        return f"{one.id}: " + ", ".join(f"{title(each.name)} {_written(value)}" for each, value in self._metrics(one))

    def _metrics(self, one: Individual) -> Iterator[tuple[Objective, float]]:
        """Yields the objectives with the metrics of an individual, in their own units."""
        return ((each, each.score(score)) for each, score in zip(self.objectives, one.scores, strict=True))


def read(folder: Path) -> Found:
    """Returns the front of a search. The search may be running meanwhile.

    Raises:
      UsageError: there is no search in the folder, or it has one objective.
    """
    with reading(folder) as db, explained_errors(folder):
        row = db.execute("select value from meta where key = 'identity.search.objectives'").fetchone()
        objectives = Objectives.read(row[0]) if row else Objectives()
        if len(objectives) < 2:
            wanted = {"accuracy": "max", "mult_adds": "min"}
            raise UsageError(
                f"the search in {folder} has one objective, so its front is its best individual: cell draw {folder}\n"
                f"a search for a front has several, in a work directory of its own: "
                f"{pasted('search.objectives', wanted)}"
            )
        rows = db.execute(
            f"select {', '.join(INDIVIDUAL.names)} from individuals where {RANKED} and scores != '[]' order by finished"
        )
        return Found.of(str(folder), objectives, map(INDIVIDUAL.read, rows))


def write(found: Found, path: Path) -> None:
    """Writes the picture of a front to a file.

    Raises:
      UsageError: the front has no individual yet, or the file cannot be written.
    """
    if not found.front:
        raise UsageError(
            f"the search in {found.name} has no individual with all objectives yet, so there is no picture"
        )
    try:
        filesystem.write(path, found.svg().encode())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}; choose another --out") from None


def title(name: str) -> str:
    """Returns a metric's name as tables and pictures show it, with its unit."""
    return _TITLES.get(name, name.replace("_", " "))


def _axis(objective: Objective) -> Axis:
    return Axis(title(objective.name), objective.direction == "max")


def _plain(value: float) -> float:
    """Returns a value, as a whole number if it is one of 2 or more: a count has no decimals in JSON."""
    return int(value) if value == int(value) and abs(value) >= 2 else value


def _written(value: float) -> str:
    if isinstance(_plain(value), int):
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:.5g}"
