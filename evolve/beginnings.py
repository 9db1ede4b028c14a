"""The start of a search: its folder and version, and the removal of a work directory whose search was refused."""

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
    """Returns the folder in which a search was started, to which its relative paths refer; empty for a new search."""
    return tuple(map(Path, _noted(folder, "note.begun in")))


def _noted(folder: Path, like: str) -> tuple[str, ...]:
    """Returns the notes of a store whose keys match the SQL pattern `like`; none if the store cannot be read."""
    if not (folder / FILE).is_file():
        return ()
    try:
        with reading(folder) as db:
            rows = db.execute("select value from meta where key like ?", (like,)).fetchall()
    except SearchError:
        return ()  # There is no search yet, or the store cannot be used. Opening it for writing reports that.
    return tuple(value for (value,) in rows)


def is_of_earlier_version(store: Store) -> bool:
    """Whether version 0.5.0 or an earlier one began the search."""
    _, _, last = store.counts()
    return last > 0 and store.noted("version") is None


def check_earlier(store: Store, identity: Mapping[str, str]) -> None:
    """Checks that a store of an earlier version has the search of these settings, before that search is shown.

    The space and the path of the images are not compared, because earlier versions wrote them in another form.

    Raises:
      UsageError: a setting that both versions have differs.
    """
    found = store.signed("identity")
    both = [key for key in identity if key in found and key not in ("the space", "dataset.source")]
    different = [f"  {key}: there {found[key]}, now {identity[key]}" for key in both if found[key] != identity[key]]
    if different:
        folder = store.path.parent
        raise UsageError(f"{folder} holds another search:\n" + "\n".join(different) + f"\n{refusal(folder)}")


def refusal(folder: Path) -> str:
    """Returns the message that this version cannot resume a search of an earlier one, with what else can be done."""
    return (
        f"{folder} holds a search that version 0.5.0 or an earlier one began. This version fits states of a cell, "
        "normalizes batches and prepares images in another way, so that fitnesses would not be comparable.\n"
        f"`evolve export --workdir={folder} --csv` writes that search as a table, and `cell export {folder}/best "
        "--out best.keras` exports its best network; for a new search, choose another --workdir"
    )


@contextmanager
def leaving_nothing(folder: Path) -> Iterator[None]:
    """A context that removes a work directory made inside it if the search is refused before it begins."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except UsageError:
        if folder in missing and folder.is_dir() and not _noted(folder, "identity.%"):
            _remove(folder, missing)
        raise


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """Removes a work directory, and those of its parent folders in `made` that are empty."""
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", ".lock", "workers.log"):
        (folder / name).unlink(missing_ok=True)
    # This file is missing if some images could not be read. Then the folder stays, so that the other images are not
    # read again.
    if (folder / FOLDER / FACTS).is_file():
        shutil.rmtree(folder / FOLDER)
    for path in made:
        if not path.is_dir() or any(path.iterdir()):
            return
        path.rmdir()
