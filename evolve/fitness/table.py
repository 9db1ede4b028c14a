"""Fitness from a table of trained networks. Nothing is trained, and no images are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Self

import dsl
from compiler.errors import pasted
from compiler.graph.cost import Cost
from compiler.images.inventory import Progress
from evolve.fitness import lookup, table_files
from evolve.fitness.base import Fitness
from evolve.fitness.facts import Facts
from evolve.fitness.table_files import Table
from evolve.records import Evaluation, Task
from evolve.settings import TableSettings


class TableFitness(Fitness):
    """A source whose fitness, metrics and training seconds come from a table."""

    own: TableSettings
    settings = TableSettings
    not_read = dict.fromkeys(("dataset", "training"), "whose networks are trained already")
    is_simulated = True
    budget_advice = (
        f"table.budget_seconds is its budget: {Fitness.budget_advice} {pasted('table.budget_seconds', 12000)}"
    )

    def checked(self, seed: dsl.Genotype, beside: Callable[[str], str]) -> Self:
        """Checks that the table fits the search space. Returns this source with the path that was found."""
        found = replace(self, own=replace(self.own, path=beside(self.own.path)))
        lookup.check(seed, found.table, found.own)
        return found

    @property
    def table(self) -> Table:
        """The table. A process reads it once.

        Raises:
          UsageError: the table cannot be used.
        """
        return table_files.load(self.own)

    def identity(self) -> Mapping[str, object]:
        """Returns the settings of the table, with the digest of its contents in the place of its path."""
        settings = {f"table.{field.name}": getattr(self.own, field.name) for field in fields(self.own)}
        del settings["table.budget_seconds"]
        return {**settings, "table.path": f"a table with the digest {self.table.digest}"}

    def changeable(self) -> Mapping[str, object]:
        """Returns the budget of simulated seconds."""
        return {"table.budget_seconds": self.own.budget_seconds}

    def find_facts(self, known: Facts | None = None, progress: Progress | None = None) -> Facts:
        """Returns the facts of the images with which the networks of the table were trained."""
        height, width, channels = self.own.input_shape
        return Facts(description=self.table.describe(), input_shape=(height, width, channels), classes=self.own.classes)

    @property
    def budget_seconds(self) -> float | None:
        """The setting `table.budget_seconds`."""
        return self.own.budget_seconds

    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Returns the row of the genotype; a genotype without a row fails."""
        row = lookup.looked_up(genotype, self.table, self.own.operations)
        return Evaluation(row.fitness, seconds=row.seconds, metrics=row.metrics)
