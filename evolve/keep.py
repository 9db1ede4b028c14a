"""The files of a work directory that follow the search: the best genotype, its weights, and those of parents to be."""

from __future__ import annotations

from pathlib import Path

import dsl
from compiler import files
from compiler.files import Place
from evolve.evaluate import weights_file
from evolve.records import Individual, Standing


class Keeper:
    """Keeps `best.cell` up to date, the weights of the best few, and where weights are inherited those that may be."""

    def __init__(self, folder: Path, weights: Place, inherit: bool, space: dsl.Space, best: Individual | None) -> None:
        self._folder = folder
        self._weights = weights
        self._inherit = inherit
        for cut_short in weights.glob("*.new"):
            cut_short.unlink()
        self._kept = {int(path.stem) for path in weights.glob("*.npz") if path.stem.isdecimal()}
        if best is not None:
            # The last run may have ended between writing the row and writing the file.
            files.write(folder / "best.cell", space.genotype(best.genotype).standalone().encode())

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Write a new best; drop the weights that nobody needs any more."""
        best = standing.best
        if best is not None and best.id == individual.id:
            files.write(self._folder / "best.cell", genotype.standalone().encode())
        needed = standing.heritable if self._inherit else frozenset()
        top = {*standing.top, best.id} if best else set(standing.top)
        # It may have weights though it is none of the best: it may have beaten those of the time it was sent.
        self._kept.add(individual.id)
        for id in self._kept - needed - top:
            weights_file(self._weights, id).unlink(missing_ok=True)
            self._kept.remove(id)
