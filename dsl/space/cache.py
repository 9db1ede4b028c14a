"""What is known of the latest things, by the very objects."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")
_Ids = int | tuple[int, ...]


class Cache(Generic[T]):
    """What is known of the latest things, by the very objects: a child shares with its parent what no rule touched."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._latest: dict[_Ids, tuple[tuple[object, ...], T]] = {}
        self._older: dict[_Ids, tuple[tuple[object, ...], T]] = {}

    def get(self, thing: object, *others: object) -> T | None:
        """What is remembered of these."""
        key = (id(thing), *map(id, others)) if others else id(thing)
        found = self._latest.get(key) or self._older.get(key)
        return None if found is None else found[1]

    def clear(self) -> None:
        """Forget everything."""
        self._latest, self._older = {}, {}

    def put(self, value: T, thing: object, *others: object) -> None:
        """Remember something of these; the oldest are forgotten, as many at once as are kept at least."""
        if len(self._latest) >= self._size:
            # To take out one at a time, a dict would look for its first key past all that were taken out before.
            self._latest, self._older = {}, self._latest
        # Holding the things keeps their ids from being used again.
        self._latest[(id(thing), *map(id, others)) if others else id(thing)] = ((thing, others), value)
