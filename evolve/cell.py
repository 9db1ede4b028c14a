"""The command `cell` with names of individuals, such as `runs/amoeba:33`, in the place of `.cell` files.

The package `compiler` has the command itself and knows no stores. A store is read here without its lock, also while
its search writes it.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import dsl
from compiler.errors import CompileError, pasted
from compiler.filesystem import Place, Remote, place
from compiler.main import main
from compiler.settings import DatasetSettings, Training
from evolve.errors import SearchError
from evolve.fitness.facts import Facts
from evolve.store.database import FILE, RANK, RANKED, reading

if TYPE_CHECKING:
    from compiler.networks.saved import Saved

BEST, WEIGHTS = "best", "weights"  # folders of a work directory, or of its storage
_FITTEST = (
    f"select id, genotype from individuals where {RANKED} and fitness = "
    f"(select max(fitness) from individuals where {RANKED}) order by {RANK}"
)
_MANY = 10  # ids that a message lists


def run(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the console script `cell`."""
    # The best individual of a running search may change during a command, so it is looked up once.
    sys.exit(main(sys.argv[1:] if arguments is None else arguments, functools.cache(find), for_good=True))


def find(name: str) -> Found | None:
    """Returns the individual of a name such as `runs/amoeba:33`, or the best one of a search such as `runs/amoeba`.

    It returns None if the name is not that of a search, such as that of a file.

    Raises:
      CompileError: the search does not exist, or does not have the individual.
    """
    before, _, after = name.rpartition(":")
    id = int(after) if before and re.fullmatch("[0-9]{1,18}", after) and not _is_search(Path(name)) else None
    named = name if id is None else before
    folder = _work_directory(named)
    if folder is None and id is None:
        return None
    if folder is None:
        raise CompileError(f"there is no search in {named}, so individual {id} cannot be found{_where(named)}")
    with _as_compile_error(), reading(folder) as db:
        facts = dict(db.execute("select key, value from meta").fetchall())
        best = _best(db.execute(_FITTEST).fetchall(), facts, folder)
        wanted = best if id is None else id
        row = db.execute("select genotype, fitness from individuals where id = ?", (wanted,)).fetchone()
        count = db.execute("select count(*) from individuals").fetchone()[0]
    if wanted is None:
        raise CompileError(f"the search in {folder} has no best individual yet")
    if row is None:
        raise CompileError(f"the search in {folder} has no individual {wanted}; it has {count}, from 1 to {count}")
    return Found(folder, wanted, wanted == best, row[0], row[1], facts)


def _best(fittest: Sequence[tuple[int, str]], meta: Mapping[str, str], folder: Path) -> int | None:
    """Returns the best individual. Of several that are equally fit it is the one that `best.cell` has."""
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
        """(height, width, channels) of the images of its search, and the number of classes."""
        noted = self.meta["note.data"]
        facts = Facts.read(noted)
        if facts is not None:
            return facts.input_shape, facts.classes
        _, (height, width, channels), classes = json.loads(noted)  # the form of version 0.5.0
        return (height, width, channels), classes

    @property
    def digest(self) -> str:
        """The digest of the images of its search; "" for a search of version 0.5.0, which did not keep one."""
        facts = Facts.read(self.meta["note.data"])
        return "" if facts is None else facts.digest

    def settings(self) -> tuple[DatasetSettings, Training] | None:
        """Returns the settings of the images and of the training of its search; None if nothing was trained.

        Raises:
          CompileError: `config.gin`, which has them, cannot be read.
        """
        from evolve import config

        path = self.folder / "config.gin"
        if not path.is_file():
            raise CompileError(f"{path}, which has the settings of the search, is not there: name a gin file")
        with _as_compile_error():
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
                f"version 0.5.0 began the search in {self.folder} and did not note how its images were prepared, "
                f"so that only its best can be exported: cell export {shlex.quote(str(self.folder))} --out best.keras"
            )
        genotype, best = self._network(), self._storage / BEST
        path = self._storage / WEIGHTS / f"{self.id}.npz"
        if facts is not None and path.is_file():
            return saved.Saved(
                genotype, weights.read(path), facts.input_shape, facts.class_names, facts.mean, facts.std, self.fitness,
                facts.preparation,
            )  # fmt: skip
        if self.is_best and (best / saved.FACTS).is_file():
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
        # `search.storage` is relative to the folder in which the search was begun. The note has the absolute path.
        return place(self.meta.get("note.kept in", where))

    def _network(self) -> dsl.Genotype:
        return dsl.loads(self.meta["identity.the space"]).space.genotype(self.genotype)

    def _without_weights(self) -> str:
        folder = self._storage / WEIGHTS
        ids = sorted(int(path.stem) for path in folder.glob("*.npz") if path.stem.isdecimal())
        listed = ", ".join(map(str, ids[:_MANY])) + ", ..." * (len(ids) > _MANY) if ids else "none"
        return (
            f"the search in {self.folder} has not kept the weights of individual {self.id}; in {folder} are those of: "
            f"{listed}\nsearch.keep_best says of how many they are kept: {pasted('search.keep_best', _MANY)}; without "
            f"them, the network can be trained: cell train {shlex.quote(f'{self.folder}:{self.id}')}"
        )


def _work_directory(name: str) -> Path | None:
    """Returns the work directory of a search from its own name or that of the search's storage; None if not found."""
    where = place(name)
    if isinstance(where, Path) and (_is_search(where) or not where.is_dir()):
        return where if _is_search(where) else None
    return next((folder for folder in _searches() if _storage_of(folder) == where), None)


def _searches() -> Iterator[Path]:
    """Returns the work directories under `runs/`, where searches are by default."""
    return (path.parent for path in sorted(Path("runs").glob(f"*/{FILE}")))


def _storage_of(folder: Path) -> Place | None:
    with _as_compile_error(), reading(folder) as db:
        row = db.execute("select value from meta where key = 'setting.search.storage'").fetchone()
    return place(row[0]) if row and row[0] else None


def _is_search(folder: Path) -> bool:
    try:
        return (folder / FILE).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _where(name: str) -> str:
    """Returns the end of a message: the searches that exist, and for an address that a store is never at one."""
    known = [str(folder) for folder in _searches()]
    is_address = isinstance(place(name), Remote)
    address = " an address has only the weights; name the work directory, which has the individuals;" * is_address
    return f";{address} searches here: {', '.join(known[:_MANY]) or 'none in runs/'}"


@contextmanager
def _as_compile_error() -> Iterator[None]:
    """Raises errors of this package as a CompileError, which `cell` prints."""
    try:
        yield
    except SearchError as error:
        raise CompileError(str(error)) from None


if __name__ == "__main__":
    run()
