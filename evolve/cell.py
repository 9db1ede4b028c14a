"""The command `cell`. In the place of a `.cell` file, it accepts the name of an individual, such as `runs/amoeba:33`.

The package `compiler` implements the command and knows no stores. This module reads a store without the store's lock,
so that `cell` can be used while the search is running.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from compiler.errors import CompileError
from compiler.filesystem import Place, Remote, place
from compiler.main import main
from evolve.found import MANY, Found, as_compile_error, best_of
from evolve.store.database import FILE, LARGEST_ID, reading


def run(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the console script `cell`."""
    # The best individual of a running search may change during a command, so each name is looked up once.
    sys.exit(main(sys.argv[1:] if arguments is None else arguments, functools.cache(find), for_good=True))


def find(name: str) -> Found | None:
    """Returns the individual of a name such as `runs/amoeba:33`, or the best one of a search such as `runs/amoeba`.

    Returns None if there is no search of this name. The name may be that of a `.cell` file.

    Raises:
      CompileError: the search does not exist, or does not have the individual.
    """
    before, _, after = name.rpartition(":")
    id = int(after) if before and re.fullmatch("[0-9]{1,1000}", after) and not _is_search(Path(name)) else None
    named = name if id is None else before
    folder = _work_directory(named)
    if folder is None and id is None:
        return None
    if folder is None:
        raise CompileError(f"there is no search in {named}, so individual {id} cannot be found{_where(named)}")
    with as_compile_error(), reading(folder) as db:
        facts = dict(db.execute("select key, value from meta").fetchall())
        best = best_of(db, facts, folder)
        wanted = best if id is None else id
        bound = None if wanted is None or wanted > LARGEST_ID else wanted
        row = db.execute("select genotype, fitness from individuals where id = ?", (bound,)).fetchone()
        count = db.execute("select count(*) from individuals").fetchone()[0]
    if wanted is None:
        raise CompileError(f"the search in {folder} has no best individual yet; it needs a finished individual")
    if row is None:
        raise CompileError(f"the search in {folder} has no individual {wanted}; it has {count}, from 1 to {count}")
    return Found(folder, wanted, wanted == best, row[0], row[1], facts)


def _work_directory(name: str) -> Path | None:
    """Returns the work directory of a search. `name` is the directory itself or the storage of the search.

    Returns None if there is no such search.
    """
    where = place(name)
    if isinstance(where, Path) and (_is_search(where) or not where.is_dir()):
        return where if _is_search(where) else None
    return next((folder for folder in _searches() if _storage_of(folder) == where), None)


def _searches() -> Iterator[Path]:
    """Returns the work directories in `runs/`, which is the default place of searches."""
    return (path.parent for path in sorted(Path("runs").glob(f"*/{FILE}")))


def _storage_of(folder: Path) -> Place | None:
    with as_compile_error(), reading(folder) as db:
        row = db.execute("select value from meta where key = 'setting.search.storage'").fetchone()
    return place(row[0]) if row and row[0] else None


def _is_search(folder: Path) -> bool:
    try:
        return (folder / FILE).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _where(name: str) -> str:
    """Returns the end of a message: it lists the searches in `runs/`, and says of an address that it has no store."""
    known = [str(folder) for folder in _searches()]
    is_address = isinstance(place(name), Remote)
    address = " an address has only the weights; name the work directory, which has the individuals;" * is_address
    return f";{address} searches here: {', '.join(known[:MANY]) or 'none in runs/'}"


if __name__ == "__main__":
    run()
