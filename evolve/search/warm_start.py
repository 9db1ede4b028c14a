"""The first individuals of a search that begins from what another search of the same space has found."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from compiler.errors import pasted
from evolve.errors import UsageError
from evolve.store.database import FILE, RANK, RANKED, reading
from evolve.store.differences import differences

NOTED = "warm start"  # the key of the note with the genotypes, so that a resumed search does not need the other folder
_SPACE = "the space"


def starts(name: str, other: Path, own: Path, space: str, count: int) -> tuple[str, ...]:
    """Returns the genotypes of the first individuals of a search, the best first, as texts.

    They are in the store of the search if it has begun. Otherwise they are the best individuals of another search, each
    network once. The other search may still run, since its store is only read.

    Args:
      name: the other work directory as `search.warm_start` names it.
      other: the other work directory.
      own: the work directory of the search that begins.
      space: the search space as text.
      count: the greatest number of genotypes.

    Raises:
      UsageError: there is no search in the other folder, it is of another space, or it has no result.
    """
    noted = _noted(own)
    if noted is not None:
        return tuple(json.loads(noted))
    off = f"search.warm_start is {name!r}"
    if other.resolve() == own.resolve():
        raise UsageError(f"{off}, which is this search's own --workdir: name that of another search")
    try:
        with reading(other) as db:
            _check_space(db, off, space)
            found = _best(db, count)
    except UsageError as error:
        unchanged = str(error).startswith(off)
        raise error if unchanged else UsageError(f"{off}: {error}; {pasted('search.warm_start', '')}") from None
    if not found:
        raise UsageError(f"{off}: none of its individuals is finished; wait, or {pasted('search.warm_start', '')}")
    return found


def _noted(own: Path) -> str | None:
    """Returns the note in the store of a search that has begun, or None."""
    if not (own / FILE).is_file():
        return None
    with reading(own) as db:
        rows = db.execute("select value from meta where key = ?", (f"note.{NOTED}",)).fetchall()
    return rows[0][0] if rows else None


def _check_space(db: sqlite3.Connection, off: str, space: str) -> None:
    rows = db.execute("select value from meta where key = ?", (f"identity.{_SPACE}",)).fetchall()
    different = differences({_SPACE: rows[0][0] if rows else ""}, {_SPACE: space})
    if different:
        raise UsageError(
            f"{off}, which is a search of another space:\n{different[0]}\n"
            f"begin from a search of the same space, or from random individuals: {pasted('search.warm_start', '')}"
        )


def _best(db: sqlite3.Connection, count: int) -> tuple[str, ...]:
    rows = db.execute(
        f"select genotype from (select *, row_number() over (partition by fingerprint, genes order by {RANK}) as place "
        f"from individuals where {RANKED}) where place = 1 order by {RANK} limit ?",
        (count,),
    )
    return tuple(genotype for (genotype,) in rows)
