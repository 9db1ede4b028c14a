"""An individual of a search, which is read from the store and the work directory without the store's lock."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import dsl
from compiler.errors import CompileError, pasted
from compiler.filesystem import Place, place
from compiler.networks.names import FACTS
from compiler.settings import DatasetSettings, Training
from evolve.errors import SearchError
from evolve.fitness.facts import Facts
from evolve.store.database import RANK, RANKED
from evolve.store.location import BEST, FINALISTS, WEIGHTS
from evolve.store.retraining import choice_in, retrained_in

if TYPE_CHECKING:
    from compiler.networks.saved import Saved

_FITTEST = (
    f"select id, genotype from individuals where {RANKED} and (rung, fitness) = (select rung, fitness from individuals "
    f"where {RANKED} order by rung desc, fitness desc limit 1) order by {RANK}"
)
MANY = 10  # the greatest number of ids or searches that a message lists


def best_of(db: sqlite3.Connection, meta: Mapping[str, str], folder: Path) -> int | None:
    """Returns the id of the best individual of a search, or None if there is none.

    It is the one that retrainings have chosen, or the fittest one. If several individuals are equally fit, it is
    the one in `best.cell`.
    """
    choice = choice_in(meta)
    if choice is not None and choice.id is not None:
        return choice.id
    fittest: Sequence[tuple[int, str]] = db.execute(_FITTEST).fetchall()
    path = folder / "best.cell"
    if len(fittest) > 1 and path.is_file():
        space, text = dsl.loads(meta["identity.the space"]).space, path.read_text(encoding="utf-8")
        own = [id for id, genotype in fittest if space.genotype(genotype).standalone() == text]
        return own[0] if own else fittest[0][0]
    return fittest[0][0] if fittest else None


@dataclass(frozen=True, slots=True)
class Found:
    """An individual of a search."""

    folder: Path  # the work directory
    id: int
    is_best: bool
    genotype: str
    fitness: float | None
    meta: Mapping[str, str]  # the facts of the search in the store

    @property
    def label(self) -> str:
        """A name for files about this individual: the name of the work directory and the id."""
        return f"{self.folder.absolute().name}-{self.id}"

    @property
    def text(self) -> str:
        """The `.cell` text of the individual, which needs no other file."""
        return self._network().standalone()

    @property
    def images(self) -> tuple[tuple[int, int, int], int]:
        """The shape of the images of the search, (height, width, channels), and the number of classes."""
        noted = self.meta["note.data"]
        facts = Facts.read(noted)
        if facts is not None:
            return facts.input_shape, facts.classes
        _, (height, width, channels), classes = json.loads(noted)  # the form of version 0.5.0
        return (height, width, channels), classes

    @property
    def digest(self) -> str:
        """The digest of the images of the search; "" if version 0.5.0 began the search, which stored no digest."""
        facts = Facts.read(self.meta["note.data"])
        return "" if facts is None else facts.digest

    def settings(self) -> tuple[DatasetSettings, Training] | None:
        """Returns the settings `dataset` and `training` of the search; None if the search trained nothing.

        Raises:
          CompileError: the file `config.gin` of the search is missing or cannot be read.
        """
        from evolve import config

        path = self.folder / "config.gin"
        if not path.is_file():
            raise CompileError(f"{path}, which has the settings of the search, is missing: give --gin_file")
        with as_compile_error():
            found = config.read([str(path)], [], is_stored=True)
        source = self.meta.get("note.source", found.dataset.source)  # an absolute path
        return (replace(found.dataset, source=source), found.training) if found.source.trains else None

    def trained(self) -> Saved:
        """Returns the network with its weights.

        Raises:
          CompileError: the weights were not kept, or are damaged.
        """
        from compiler.networks import saved, weights

        facts = Facts.read(self.meta["note.data"])
        if facts is None and not self.is_best:
            raise CompileError(
                f"version 0.5.0 began the search in {self.folder} and did not store how images were prepared, so only "
                f"the best individual can be exported: cell export {shlex.quote(str(self.folder))} --out best.keras"
            )
        genotype, best, again = self._network(), self._storage / BEST, retrained_in(self.meta, self.id)
        path = self._storage / WEIGHTS / f"{self.id}.npz"
        own = self._storage / FINALISTS / path.name  # a candidate is the network of its retrainings
        if own.is_file():
            path = own
        if facts is not None and path.is_file():
            is_accuracy = self.meta.get("identity.search.objectives", "accuracy max").startswith("accuracy max")
            fitness = again.fitness if again is not None and path == own else self.fitness
            accuracy = fitness if is_accuracy else None
            return saved.Saved(
                genotype, weights.read(path), facts.input_shape, facts.class_names, facts.mean, facts.std, accuracy,
                facts.preparation,
            )  # fmt: skip
        if self.is_best and (best / FACTS).is_file():
            found = saved.read(best)
            if dsl.fingerprint(found.genotype) == dsl.fingerprint(genotype):
                return found
        raise CompileError(self._without_weights())

    @property
    def _storage(self) -> Place:
        """The folder or address where the search keeps weights."""
        where = self.meta.get("setting.search.storage")
        if not where:
            return self.folder
        # `search.storage` may be relative to the folder in which the search was begun. The note `kept in` has the
        # absolute path.
        return place(self.meta.get("note.kept in", where))

    def _network(self) -> dsl.Genotype:
        return dsl.loads(self.meta["identity.the space"]).space.genotype(self.genotype)

    def _without_weights(self) -> str:
        folder = self._storage / WEIGHTS
        ids = sorted(int(path.stem) for path in folder.glob("*.npz") if path.stem.isdecimal())
        listed = ", ".join(map(str, ids[:MANY])) + ", ..." * (len(ids) > MANY) if ids else "none"
        return (
            f"the search in {self.folder} has not kept the weights of individual {self.id}; {folder} has the weights "
            f"of: {listed}\nsearch.keep_best is the number of individuals whose weights a search keeps: "
            f"{pasted('search.keep_best', MANY)}; this network can be trained: "
            f"cell train {shlex.quote(f'{self.folder}:{self.id}')}"
        )


@contextmanager
def as_compile_error() -> Iterator[None]:
    """A context that raises an error of this package as a CompileError, which the command `cell` prints."""
    try:
        yield
    except SearchError as error:
        raise CompileError(str(error)) from None
