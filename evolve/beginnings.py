"""The start of a search: its folder and version, and the removal of a work directory whose search was refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from compiler.errors import pasted
from compiler.images.kept import FACTS
from compiler.version import version
from evolve.errors import SearchError, UsageError
from evolve.fitness.facts import FOLDER, Facts
from evolve.prepared import Run
from evolve.search import warm_start
from evolve.store.database import FILE, reading
from evolve.store.store import Store


def begun_in(folder: Path) -> tuple[Path, ...]:
    """Returns the folder to which relative paths in the settings of a search refer; an empty tuple for a new search.

    It is the folder that was the current one when the search began.
    """
    return tuple(map(Path, _noted(folder, "note.begun in")))


def _noted(folder: Path, like: str) -> tuple[str, ...]:
    """Returns the values in the table `meta` of a store whose keys match the SQL pattern `like`.

    The values are an empty tuple if the store is missing or cannot be read.
    """
    if not (folder / FILE).is_file():
        return ()
    try:
        with reading(folder) as db:
            rows = db.execute("select value from meta where key like ?", (like,)).fetchall()
    except SearchError:
        return ()  # A store that cannot be used is reported later, when the store is opened for writing.
    return tuple(value for (value,) in rows)


def is_of_earlier_version(store: Store) -> bool:
    """Whether version 0.5.0 of this program or an earlier version began the search."""
    _, _, last = store.counts()
    return last > 0 and store.noted("version") is None


def check_earlier(store: Store, identity: Mapping[str, str]) -> None:
    """Checks that a store that an earlier version wrote has the search with the settings `identity`.

    The search space and the path of the images are not compared, because earlier versions stored both in another form.

    Raises:
      UsageError: a setting has another value in the store than in `identity`.
    """
    found = store.signed("identity")
    both = [key for key in identity if key in found and key not in ("the space", "dataset.source")]
    different = [f"  {key}: there {found[key]}, now {identity[key]}" for key in both if found[key] != identity[key]]
    if different:
        folder = store.path.parent
        raise UsageError(f"{folder} holds another search:\n" + "\n".join(different) + f"\n{refusal(folder)}")


def refusal(folder: Path) -> str:
    """Returns the message that a search of an earlier version cannot be resumed, with the commands that still work."""
    return (
        f"{folder} holds a search that version 0.5.0 or an earlier one began. This version adapts shapes of states, "
        "normalizes batches and prepares images in another way, so new fitnesses would not be comparable with the old "
        "ones.\n"
        f"`evolve export --workdir={folder} --csv` writes that search as a table, and `cell export {folder}/best "
        "--out best.keras` exports its best network; for a new search, choose another --workdir"
    )


def check_length(prepared: Run, store: Store) -> None:
    """Checks that the search has no more individuals than its settings allow.

    Raises:
      UsageError: the search has more individuals.
    """
    _, _, last = store.counts()
    if prepared.plan.individuals < last:
        raise UsageError(
            f"search.individuals is {prepared.plan.individuals}, and {prepared.folder} has {last} already: "
            f"give {last} or more, or choose another --workdir: {pasted('search.individuals', last)}"
        )


def note(prepared: Run, store: Store, facts: Facts) -> None:
    """Writes those facts about the search to the store that a later run and the command `cell` need."""
    if store.noted("data") is None:
        store.note("version", version())
        store.note("begun in", os.getcwd())
        if prepared.starts:
            store.note(warm_start.NOTED, json.dumps(prepared.starts))
    store.note("data", facts.text())
    store.note("kept in", str(prepared.storage.absolute() if isinstance(prepared.storage, Path) else prepared.storage))
    store.note("source", prepared.fitness.dataset.source)


@contextmanager
def leaving_nothing(folder: Path) -> Iterator[None]:
    """A context in which a search begins. If the search is refused, a work directory that was made here is removed."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except UsageError:
        if folder in missing and folder.is_dir() and not _noted(folder, "identity.%"):
            _remove(folder, missing)
        raise


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """Removes a work directory, and its empty parent folders that are listed in `made`."""
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", ".lock", "workers.log"):
        (folder / name).unlink(missing_ok=True)
    # The file with the facts of all images is missing if some images could not be read. In that case the folder stays,
    # because it has the facts of the other images, which are then not read again.
    if (folder / FOLDER / FACTS).is_file():
        shutil.rmtree(folder / FOLDER)
    for path in made:
        if not path.is_dir() or any(path.iterdir()):
            return
        path.rmdir()
