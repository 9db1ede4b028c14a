"""The search as TensorBoard shows it: what is finished goes to the summaries, of earlier runs too."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import dsl
from compiler.picture import picture
from evolve.records import Individual
from evolve.store import Store
from evolve.summaries import IndividualSummary, Summaries

PICTURE_SCALE = 0.8  # Pixels a unit: two cells side by side at about the width of a page.


class Board:
    """Writes one summary an individual, and one more a new best."""

    def __init__(self, folder: Path, space: dsl.Space, store: Store) -> None:
        self._summaries = Summaries(folder, [rule.name for rule in space.mutations])
        self._space = space
        self._store = store

    def start(self, config: str, memory: int) -> None:
        """Show the settings, and what is finished already; `memory` is the size of the population."""
        self._summaries.start(config, self._space.text())
        population: deque[float] = deque(maxlen=memory)
        best: Individual | None = None
        for individual in self._store.finished():
            population.append(individual.fitness)
            if individual.status == "done" and (best is None or individual.fitness > best.fitness):
                best = individual
            new = best is individual
            genotype = self._space.genotype(individual.genotype) if new else self._space.seed
            self.individual(individual, genotype, population, best)

    def individual(
        self,
        individual: Individual,
        genotype: dsl.Genotype,
        population_fitnesses: Sequence[float],
        best: Individual | None,
    ) -> None:
        """Add one finished individual."""
        self._summaries.individual(
            IndividualSummary(
                done=individual.finished,
                id=individual.id,
                parent_fitness=self._store.fitness(individual.parent),
                rule=individual.rule,
                rejected=individual.rejected,
                fitness=individual.fitness,
                params=individual.params,
                mult_adds=individual.mult_adds,
                seconds=individual.seconds,
                failed=individual.status == "failed",
                population=tuple(population_fitnesses),
                best=best.fitness if best else 0.0,
            )
        )
        if best is not None and best.id == individual.id:
            drawing = picture(genotype.cells)
            self._summaries.new_best(
                individual.finished,
                individual.id,
                individual.genotype,
                drawing.png(PICTURE_SCALE),
                round(drawing.width * PICTURE_SCALE),
                round(drawing.height * PICTURE_SCALE),
                individual.history,
                individual.graph,
            )

    def close(self) -> None:
        """Close the files."""
        self._summaries.close()
