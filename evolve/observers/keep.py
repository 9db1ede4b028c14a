"""The observer that writes the best network and the front to the work directory, and removes weights."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import dsl
from compiler import filesystem
from compiler.errors import CompileError
from compiler.filesystem import Place
from compiler.networks import saved, weights
from evolve.errors import UsageError
from evolve.fitness.base import Fitness
from evolve.fitness.kept_weights import best_folder, checkpoint_file, weights_file
from evolve.records import Individual, Standing, accuracy_of
from evolve.store.location import FRONT


def checkpoints(weights: Place) -> set[tuple[int, int]]:
    """Returns the id and the rung of every checkpoint. Files that were not written to their ends are removed."""
    folder = checkpoint_file(weights, 0, 0).parent
    for cut_short in folder.glob("*.new"):
        cut_short.unlink()
    names = (re.fullmatch(r"(\d+)-(\d+)\.npz", path.name) for path in folder.glob("*.npz"))
    return {(int(name[1]), int(name[2])) for name in names if name}


def remove_checkpoints(weights: Place) -> None:
    """Removes the checkpoints of a search that is complete."""
    folder = checkpoint_file(weights, 0, 0).parent
    if folder.is_dir():
        filesystem.remove_folder(folder)


class Keeper:
    """Keeps `best.cell`, `best/`, the front, and the weights of the best individuals and of possible parents.

    The folder `front` has the file `<id>.cell` of each individual of the front, and its network with weights, `<id>/`,
    in the form of `best/`.
    """

    def __init__(
        self,
        fitness: Fitness,
        space: dsl.Space,
        best: Individual | None,
        waiting: frozenset[int] = frozenset(),
        retried: frozenset[int] = frozenset(),
        front: Iterable[Individual] = (),
    ) -> None:
        """Removes files that the last run left unfinished, and writes the best network and the front again.

        Args:
          fitness: the source of fitness. It has the folder of the weights, and says whether children inherit weights.
          space: the search space.
          best: the best individual so far.
          waiting: individuals with a held result. Their weights are kept until the algorithm receives the result.
          retried: individuals that are evaluated again. Weights of their last evaluation are removed.
          front: the individuals of the front so far.
        """
        self._fitness = fitness
        self._weights = weights = fitness.weights
        for cut_short in weights.glob("*.new"):
            cut_short.unlink()
        found = {int(path.stem) for path in weights.glob("*.npz") if path.stem.isdecimal()}
        for id in found & retried:
            weights_file(weights, id).unlink(missing_ok=True)
        self._kept = found - waiting - retried
        self._checkpoints = checkpoints(weights)
        # The last run may have ended after it wrote a row and before it wrote or removed files.
        if best is not None:
            write_best(fitness, best, space.genotype(best.genotype))
        names = {path.name.partition(".")[0] for folder in self._fronts() for path in folder.glob("[0-9]*")}
        self._front = {int(name) for name in names if name.isdecimal()}
        still = [*front]
        for one in still:
            self._write_in_front(one, space.genotype(one.genotype))
        self._remove_all_but([one.id for one in still])

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Writes a new best network, and removes weights that are not needed any more."""
        best = standing.best
        if best is not None and best.id == individual.id:
            write_best(self._fitness, individual, genotype)
        if individual.id in standing.front:
            self._write_in_front(individual, genotype)
        self._remove_all_but(standing.front)
        self._checkpoints |= {(individual.id, individual.rung)} if self._fitness.rungs else set()
        for id, rung in self._checkpoints - standing.checkpoints:
            checkpoint_file(self._weights, id, rung).unlink(missing_ok=True)
        self._checkpoints &= standing.checkpoints
        needed = standing.continued | (standing.inheritable if self._fitness.inherit else frozenset())
        top = {*standing.top, *standing.front, *((best.id,) if best else ())}
        # The worker kept the weights if the individual was better than the best ones when its task was sent. If other
        # individuals have become better since, the weights are removed here.
        self._kept.add(individual.id)
        for id in self._kept - needed - top:
            weights_file(self._weights, id).unlink(missing_ok=True)
            self._kept.remove(id)

    def _write_in_front(self, one: Individual, genotype: dsl.Genotype) -> None:
        folder, networks = self._fronts()
        folder.mkdir(exist_ok=True)
        filesystem.write(folder / f"{one.id}.cell", genotype.standalone().encode())
        _write_network(self._fitness, one, genotype, networks / str(one.id))
        self._front.add(one.id)

    def _remove_all_but(self, kept: Collection[int]) -> None:
        """Removes the files of individuals that are not in the front any more."""
        for id in self._front.difference(kept):
            texts, networks = self._fronts()
            for path in texts.glob(f"{id}.cell*"):
                path.unlink()
            if (networks / str(id)).is_dir():
                filesystem.remove_folder(networks / str(id))
            self._front.remove(id)

    def _fronts(self) -> tuple[Path, Place]:
        """Returns the folder of the texts of the front, and that of its networks."""
        return self._fitness.folder / FRONT, self._weights.parent / FRONT


def write_best(fitness: Fitness, best: Individual, genotype: dsl.Genotype) -> None:
    """Writes the best genotype to `best.cell`. If its weights were kept, writes `best/` for `cell export`."""
    filesystem.write(fitness.folder / "best.cell", genotype.standalone().encode())
    _write_network(fitness, best, genotype, best_folder(fitness.weights.parent))


def _write_network(fitness: Fitness, one: Individual, genotype: dsl.Genotype, folder: Place) -> None:
    """Writes a network with its weights, if they were kept."""
    path = weights_file(fitness.weights, one.id)
    if not path.exists():
        return
    facts, accuracy = fitness.known, accuracy_of(one)
    try:
        network = saved.Saved(
            genotype, weights.read(path), facts.input_shape, facts.class_names, facts.mean, facts.std, accuracy,
            facts.preparation,
        )  # fmt: skip
    except CompileError as error:
        raise UsageError(
            f"{path} cannot be used: {error}; remove it, and the same command resumes the search"
        ) from None
    saved.write(folder, network)
