"""Where a search keeps weights and summaries, if not in its work directory: a folder or address of its own."""

from __future__ import annotations

import uuid

from compiler import filesystem
from compiler.filesystem import Place
from evolve.errors import UsageError
from evolve.store.store import Store

OWNER = "search.id"  # the file that says whose a storage is
_NOTE = "storage"


def claim(storage: Place, store: Store) -> None:
    """Make a storage that of this search, before anything else is written there.

    Raises:
      UsageError: it is another's, or cannot be written.
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
