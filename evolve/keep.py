"""The files of a work directory that follow the search: the best genotype and its weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import dsl
from evolve.evaluate import weights_file
from evolve.records import Individual


class Keeper:
    """Keeps `best.cell` and the weights of the best up to date, and no others."""

    def __init__(self, folder: Path, weights: Path, space: dsl.Space, best: Individual | None) -> None:
        self._folder = folder
        self._weights = weights
        self._kept = best.id if best else None
        if best is not None:
            # The last run may have ended between writing the row and writing the file.
            write(folder / "best.cell", space.genotype(best.genotype).standalone())

    def individual(
        self,
        individual: Individual,
        genotype: dsl.Genotype,
        population_fitnesses: Sequence[float],
        best: Individual | None,
    ) -> None:
        """Write a new best; drop the weights that are not the best's."""
        if best is None or best.id != individual.id:
            # It may have beaten the best of the time it was sent, and not that of the time it came back.
            weights_file(self._weights, individual.id).unlink(missing_ok=True)
            return
        write(self._folder / "best.cell", genotype.standalone())
        if self._kept is not None:
            weights_file(self._weights, self._kept).unlink(missing_ok=True)
        self._kept = individual.id


def write(path: Path, text: str) -> None:
    """Write a whole file or, when killed, leave the old one."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
