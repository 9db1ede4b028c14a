"""The search as TensorBoard shows it: what is finished goes to the summaries, of earlier runs too."""

from __future__ import annotations

import dsl
from compiler.files import Place
from compiler.pictures.picture import picture
from evolve.history import standings
from evolve.records import Individual, Standing
from evolve.store import Store
from evolve.summaries import IndividualSummary, Summaries

PICTURE_SCALE = 0.8  # Pixels a unit: two cells side by side at about the width of a page.


class Board:
    """Writes one summary an individual, and one more a new best."""

    def __init__(self, folder: Place, space: dsl.Space, store: Store) -> None:
        self._summaries = Summaries(folder, [rule.name for rule in space.mutations])
        self._space = space
        self._store = store

    def start(self, config: str, window: int | None) -> None:
        """Show the settings, and what is finished already; no more than the latest `window` are alive."""
        self._summaries.start(config, self._space.text())
        for individual, standing in standings(self._store, window):
            new = standing.best is individual
            genotype = self._space.genotype(individual.genotype) if new else self._space.seed
            self.individual(individual, genotype, standing)

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Add one finished individual."""
        best = standing.best
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
                population=standing.population,
                best=best.fitness if best else 0.0,
                inherited=individual.inherited,
            )
        )
        if best is not None and best.id == individual.id:
            drawing = picture(genotype.cells)
            self._summaries.new_best(
                individual.finished,
                individual.id,
                f"{_origin(individual)}\n{individual.genotype}",
                drawing.png(PICTURE_SCALE),
                round(drawing.width * PICTURE_SCALE),
                round(drawing.height * PICTURE_SCALE),
                individual.history,
                individual.graph,
            )

    def close(self) -> None:
        """Close the files."""
        self._summaries.close()


def _origin(individual: Individual) -> str:
    """Comments on where it came from, for the head of its text."""
    lines = [f"by {individual.rule}" if individual.parent is None else f"by {individual.rule} from {individual.parent}"]
    if individual.inherited is not None:
        lines[0] += f", {individual.inherited:.0%} of its weights inherited"
    lines += [f"{name} {value:.6g}" for name, value in individual.metrics]
    if individual.note:
        lines.append(individual.note)
    return "\n".join(f"# {line}" for line in lines)
