"""The observer that writes a search to TensorBoard's summaries."""

from __future__ import annotations

import dsl
from compiler.filesystem import Place
from compiler.pictures import card, confusion_matrix
from compiler.pictures.picture import picture
from evolve.algorithms import Algorithm
from evolve.fitness.facts import shown
from evolve.objectives import Objective
from evolve.observers.summaries import ACCURACY, Summaries, show_confusion
from evolve.records import Classification, Individual, Standing
from evolve.store.history import standings
from evolve.store.store import Store


class Board:
    """Writes a summary for each individual, and a further summary for each new best individual."""

    def __init__(self, folder: Place, space: dsl.Space, store: Store, objective: Objective = ACCURACY) -> None:
        self._summaries = Summaries(folder, [rule.name for rule in space.mutations], objective)
        self._objective = objective
        self._space = space
        self._store = store

    def start(self, config: str, unused: Algorithm[dsl.Genotype]) -> None:
        """Writes the settings, and the individuals of earlier runs.

        Args:
          config: the text of the settings.
          unused: an algorithm that has received no result yet. It receives the stored results, and the curves show its
            populations.
        """
        self._summaries.start(config, self._space.text())
        for individual, standing in standings(self._store, unused):
            new = standing.best is individual
            genotype = self._space.genotype(individual.genotype) if new else self._space.seed
            self.individual(individual, genotype, standing)

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Adds one finished individual to the summaries."""
        best, parent = standing.best, individual.parent
        # The row of the parent has the fitness of a longer training if the parent was promoted since.
        has_rungs, rungs = self._store.has_rungs, self._store.rungs
        fitness = rungs.known(parent, individual) if has_rungs else self._store.fitness(parent)
        self._summaries.individual(individual, standing, fitness)
        if best is not None and best.id == individual.id:
            drawing = picture(genotype.cells, title(individual, self._objective), stacked=True)
            text = f"{_origin(individual)}\n{individual.genotype}"
            self._summaries.new_best(individual, text, card.drawn(drawing))

    def close(self) -> None:
        """Closes the files."""
        self._summaries.close()


def show_test(folder: Place, best: Individual, tested: Classification, finished: int) -> None:
    """Adds the confusion matrix of the best individual to the summaries. Nothing is added if it is not known."""
    if not tested.confusion:
        return
    heading = f"{best.id}: test accuracy {tested.accuracy:.4f}, {by(best)}"
    names = [shown(name) for name in tested.class_names]
    show_confusion(folder, finished, card.fit(confusion_matrix.png(tested.confusion, names, heading)), names)


def title(individual: Individual, objective: Objective = ACCURACY) -> str:
    """Returns the title of the picture of an individual."""
    return f"{individual.id}: {objective.title} {objective.shown(individual.fitness)}, {by(individual)}"


def by(individual: Individual) -> str:
    """Returns text with the rule that made an individual, and the ids of its parents."""
    parents = " and ".join(map(str, individual.parents))
    return f"by {individual.rule} from {parents}" if parents else f"by {individual.rule}"


def _origin(individual: Individual) -> str:
    """Returns comment lines for the head of an individual's `.cell` text, with its rule, parent and metrics."""
    lines = [by(individual)]
    if individual.inherited is not None:
        lines[0] += f", {individual.inherited:.0%} of its weights inherited"
    lines += [f"{name} {value:.6g}" for name, value in individual.metrics]
    if individual.note:
        lines.append(individual.note)
    return "\n".join(f"# {line}" for line in lines)
