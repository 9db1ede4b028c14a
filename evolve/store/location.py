"""The storage of a search: a folder or address of its own for weights and summaries."""

from __future__ import annotations

import uuid

from compiler import filesystem
from compiler.filesystem import Place
from evolve.errors import UsageError
from evolve.store.store import Store

OWNER = "search.id"  # the file with the id of the search that uses a storage
_NOTE = "storage"


def claim(storage: Place, store: Store) -> None:
    """Claims a storage for this search, before anything else is written there.

    Raises:
      UsageError: the storage is that of another search, or cannot be written.
    """
    own = store.noted(_NOTE)
    if own is None:
        own = uuid.uuid4().hex
        store.note(_NOTE, own)
    try:
        found = _owner(storage)
        if found == own:
            return
        if found is not None or any((storage / "weights").glob("*")):
            raise UsageError(
                f"search.storage {str(storage)!r} holds files of another search: choose another one, or remove them"
            )
        filesystem.write(storage / OWNER, own.encode())
    except OSError as error:
        raise UsageError(f"search.storage {str(storage)!r} cannot be used: {error.strerror or error}") from None


def _owner(storage: Place) -> str | None:
    try:
        return (storage / OWNER).read_bytes().decode()
    except FileNotFoundError:
        return None
