"""Where and by which version a search was begun, and the removal of a folder whose search was refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from compiler.images.kept import FACTS
from evolve.errors import SearchError, UsageError
from evolve.fitness.facts import FOLDER
from evolve.store.database import FILE, reading
from evolve.store.store import Store


def begun_in(folder: Path) -> tuple[Path, ...]:
    """The current folder of the process that began a search: what its relative paths are relative to."""
    return tuple(map(Path, _noted(folder, "note.begun in")))


def _noted(folder: Path, like: str) -> tuple[str, ...]:
    """What the store of a folder notes under the keys that are like a pattern; nothing if it cannot be read."""
    if not (folder / FILE).is_file():
        return ()
    try:
        with reading(folder) as db:
            rows = db.execute("select value from meta where key like ?", (like,)).fetchall()
    except SearchError:
        return ()  # there is no search yet, or the store cannot be used, which opening it for writing reports
    return tuple(value for (value,) in rows)


def is_of_earlier_version(store: Store) -> bool:
    """Whether version 0.5.0 or an earlier one began the search."""
    _, _, last = store.counts()
    return last > 0 and store.noted("version") is None


def check_earlier(store: Store, identity: Mapping[str, str]) -> None:
    """Refuses to show a search of an earlier version in the place of another one.

    What the versions write otherwise is left out: the space, whose text has changed, and where images lie.

    Raises:
      UsageError: a setting that both versions know differs.
    """
    found = store.identity()
    both = [key for key in identity if key in found and key not in ("the space", "dataset.source")]
    different = [f"  {key}: there {found[key]}, now {identity[key]}" for key in both if found[key] != identity[key]]
    if different:
        folder = store.path.parent
        raise UsageError(f"{folder} holds another search:\n" + "\n".join(different) + f"\n{refusal(folder)}")


def refusal(folder: Path) -> str:
    """Why this version does not go on with a search of an earlier one, and what can be done with that search."""
    return (
        f"{folder} holds a search that version 0.5.0 or an earlier one began. This version fits states of a cell, "
        "normalizes batches and prepares images otherwise, so that fitnesses would not be comparable.\n"
        f"`evolve export --workdir={folder} --csv` writes that search as a table, and `cell export {folder}/best "
        "--out best.keras` takes its best network away; to search anew, choose another --workdir"
    )


@contextmanager
def leaving_nothing(folder: Path) -> Iterator[None]:
    """Removes a work directory that was made inside, where the search was refused before it began."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except UsageError:
        if folder in missing and folder.is_dir() and not _noted(folder, "identity.%"):
            _remove(folder, missing)
        raise


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """Removes a work directory and the folders around it that were made for it."""
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", ".lock", "workers.log"):
        (folder / name).unlink(missing_ok=True)
    if (folder / FOLDER / FACTS).is_file():  # else some files could not be read, and the others need not be read again
        shutil.rmtree(folder / FOLDER)
    for path in made:
        if not path.is_dir() or any(path.iterdir()):
            return
        path.rmdir()
