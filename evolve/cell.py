"""The command `cell` for a user of searches: where a file is wanted, it takes an individual, such as `runs/amoeba:33`.

`compiler` has the command and does not know what a store is. A store is read here without its lock, also while its
search writes it.
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
    """Entry point of the console script."""
    # The best of a search that runs is the same one for the whole of a command.
    sys.exit(main(sys.argv[1:] if arguments is None else arguments, functools.cache(find), for_good=True))


def find(name: str) -> Found | None:
    """The individual that a name such as `runs/amoeba:33` means, or of `runs/amoeba` the best one.

    Raises:
      CompileError: there is no such search, or it has no such individual.
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
    """The best individual: of several that are equally fit the one that the search has written to `best.cell`."""
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
    meta: Mapping[str, str]  # what the store says of the search as a whole

    @property
    def label(self) -> str:
        """A name for files that are made of it."""
        return f"{self.folder.absolute().name}-{self.id}"

    @property
    def text(self) -> str:
        """Its `.cell` text, which stands alone."""
        return self._network().standalone()

    @property
    def images(self) -> tuple[tuple[int, int, int], int]:
        """The shape of the images of its search, and how many classes they have."""
        noted = self.meta["note.data"]
        facts = Facts.read(noted)
        if facts is not None:
            return facts.input_shape, facts.classes
        _, (height, width, channels), classes = json.loads(noted)  # as version 0.5.0 wrote them
        return (height, width, channels), classes

    @property
    def digest(self) -> str:
        """Of the contents of the images of its search; "" where version 0.5.0 did not note it."""
        facts = Facts.read(self.meta["note.data"])
        return "" if facts is None else facts.digest

    def settings(self) -> tuple[DatasetSettings, Training] | None:
        """The images of its search and how networks were trained there; None where nothing was trained.

        Raises:
          CompileError: `config.gin`, which has them, cannot be read.
        """
        from evolve import config

        path = self.folder / "config.gin"
        if not path.is_file():
            raise CompileError(f"{path}, which has the settings of the search, is not there: name a gin file")
        with _as_compile_error():
            found = config.read([str(path)], [])
        source = self.meta.get("note.source", found.dataset.source)  # whose path is relative to no folder
        return (replace(found.dataset, source=source), found.training) if found.source.trains else None

    def trained(self) -> Saved:
        """The network with its weights.

        Raises:
          CompileError: they were not kept, or are damaged.
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
        """Where weights are kept."""
        where = self.meta.get("setting.search.storage")
        if not where:
            return self.folder
        # A path of the user's is relative to the folder in which the search was begun.
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
    """The folder with the store of a search, named by itself or by the address of the search's storage."""
    where = place(name)
    if isinstance(where, Path) and (_is_search(where) or not where.is_dir()):
        return where if _is_search(where) else None
    return next((folder for folder in _searches() if _storage_of(folder) == where), None)


def _searches() -> Iterator[Path]:
    """The work directories where searches are by default."""
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
    """Which searches there are; of an address, that a store never lies at one."""
    known = [str(folder) for folder in _searches()]
    is_address = isinstance(place(name), Remote)
    address = " an address has only the weights; name the work directory, which has the individuals;" * is_address
    return f";{address} searches here: {', '.join(known[:_MANY]) or 'none in runs/'}"


@contextmanager
def _as_compile_error() -> Iterator[None]:
    """What is wrong with a search, as an error that `cell` shows."""
    try:
        yield
    except SearchError as error:
        raise CompileError(str(error)) from None


if __name__ == "__main__":
    run()
