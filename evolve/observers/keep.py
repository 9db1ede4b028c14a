"""The observer that writes the best network to the work directory, and removes weights that are not needed."""

from __future__ import annotations

import dsl
from compiler import filesystem
from compiler.errors import CompileError
from compiler.networks import saved, weights
from evolve.errors import UsageError
from evolve.fitness.base import Fitness
from evolve.fitness.training import best_folder, weights_file
from evolve.records import Individual, Standing


class Keeper:
    """Keeps `best.cell`, `best/`, the weights of the best individuals, and weights that children may inherit."""

    def __init__(
        self,
        fitness: Fitness,
        space: dsl.Space,
        best: Individual | None,
        waiting: frozenset[int] = frozenset(),
        retried: frozenset[int] = frozenset(),
    ) -> None:
        """Removes files that the last run left unfinished, and writes the best network again.

        Args:
          fitness: the source of fitness. It has the folder of the weights, and says whether children inherit weights.
          space: the search space.
          best: the best individual so far.
          waiting: individuals with a held result. Their weights are kept until the algorithm receives the result.
          retried: individuals that are evaluated again. Weights of their last evaluation are removed.
        """
        self._fitness = fitness
        self._weights = weights = fitness.weights
        for cut_short in weights.glob("*.new"):
            cut_short.unlink()
        found = {int(path.stem) for path in weights.glob("*.npz") if path.stem.isdecimal()}
        for id in found & retried:
            weights_file(weights, id).unlink(missing_ok=True)
        self._kept = found - waiting - retried
        if best is not None:
            # The last run may have ended after it wrote the row and before it wrote the files.
            self._write(best, space.genotype(best.genotype))

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Writes a new best network, and removes weights that are not needed any more."""
        best = standing.best
        if best is not None and best.id == individual.id:
            self._write(individual, genotype)
        needed = standing.inheritable if self._fitness.inherit else frozenset()
        top = {*standing.top, best.id} if best else set(standing.top)
        # The worker kept the weights if the individual was better than the best ones when its task was sent. If other
        # individuals have become better since, the weights are removed here.
        self._kept.add(individual.id)
        for id in self._kept - needed - top:
            weights_file(self._weights, id).unlink(missing_ok=True)
            self._kept.remove(id)

    def _write(self, best: Individual, genotype: dsl.Genotype) -> None:
        """Writes the best genotype to `best.cell`. If its weights were kept, writes `best/` for `cell export`."""
        filesystem.write(self._fitness.folder / "best.cell", genotype.standalone().encode())
        path = weights_file(self._weights, best.id)
        if not path.exists():
            return
        facts = self._fitness.known
        try:
            network = saved.Saved(
                genotype, weights.read(path), facts.input_shape, facts.class_names, facts.mean, facts.std, best.fitness,
                facts.preparation,
            )  # fmt: skip
        except CompileError as error:
            raise UsageError(
                f"{path} cannot be used: {error}; remove it, and the same command resumes the search"
            ) from None
        saved.write(best_folder(self._weights.parent), network)
