"""Finds the storages whose search also has a work directory in the log directories, so that it is shown once."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from evolve.errors import SearchError
from evolve.store.database import reading
from evolve.store.location import NOTE, OWNER


def copies(storages: Iterable[Path], folders: Iterable[Path]) -> set[Path]:
    """Returns the storages that belong to the searches in work directories."""
    ids = {id for folder in folders for id in _id_of(folder)}
    return {storage for storage in storages if _owner(storage) in ids}


def _id_of(folder: Path) -> list[str]:
    """Returns the id of a search that has a storage. A store that cannot be read has none."""
    with contextlib.suppress(SearchError, sqlite3.Error), reading(folder, patience=0.1) as db:
        return [id for (id,) in db.execute("select value from meta where key = ?", (f"note.{NOTE}",)).fetchall()]
    return []


def _owner(storage: Path) -> str | None:
    try:
        return (storage / OWNER).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
