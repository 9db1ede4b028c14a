"""The storage of a search: another folder than the work directory, or an address, for weights and summaries."""

from __future__ import annotations

import uuid

from compiler import filesystem
from compiler.filesystem import Place
from evolve.errors import UsageError
from evolve.store import JOURNAL as JOURNAL
from evolve.store.store import Store

# folders of a work directory, or of its storage
BEST, FINALISTS, FRONT, WEIGHTS = "best", "finalists", "front", "weights"
OWNER = "search.id"  # the file with the id of the search that uses a storage
NOTE = "storage"  # the note in a store that has this id


def claim(storage: Place, store: Store) -> None:
    """Writes the id of this search to a storage, before any other file is written there.

    Raises:
      UsageError: the storage has files of another search, or cannot be written.
    """
    own, path = store.noted(NOTE) or uuid.uuid4().hex, storage / OWNER
    store.note(NOTE, own)
    try:
        found = path.read_bytes().decode() if path.exists() else None
        if found == own:
            return
        if found is not None or any((storage / WEIGHTS).glob("*")):
            raise UsageError(
                f"search.storage {str(storage)!r} has files of another search: choose another storage, or remove them"
            )
        filesystem.write(path, own.encode())
    except OSError as error:
        raise UsageError(f"search.storage {str(storage)!r} cannot be used: {error.strerror or error}") from None
