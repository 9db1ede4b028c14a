"""A cache of results that were computed for objects, such as the text of a cell."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
_Ids = int | tuple[int, ...]


class Cache(Generic[T]):
    """A cache of results, each of which was computed from one object or from several objects together.

    Objects are compared by identity, which is fast. Comparison by identity finds most results of a child, since a
    child shares all unchanged objects with its parent. The cache holds the latest `size` results and at most twice
    that number.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._latest: dict[_Ids, tuple[tuple[object, ...], T]] = {}
        self._older: dict[_Ids, tuple[tuple[object, ...], T]] = {}

    def get(self, thing: object, *others: object) -> T | None:
        """Returns the result that `put` has added for these objects; None if the cache does not have it."""
        key = (id(thing), *map(id, others)) if others else id(thing)
        found = self._latest.get(key) or self._older.get(key)
        return None if found is None else found[1]

    def clear(self) -> None:
        """Empties the cache."""
        self._latest, self._older = {}, {}

    def put(self, value: T, thing: object, *others: object) -> None:
        """Adds the result for these objects. If the cache is full, the older half is removed."""
        if len(self._latest) >= self._size:
            # Removing one result at a time would be slow: a dict passes all removed keys to find its first key.
            self._latest, self._older = {}, self._latest
        # The cache holds the objects, so that Python does not give their ids to new objects.
        self._latest[(id(thing), *map(id, others)) if others else id(thing)] = ((thing, others), value)


class Alike(Generic[H]):
    """Finds the first object that was equal to an object, so that a `Cache` has the results of equal objects.

    A comparison by value takes long. It is made once for each object, while the object is one of the latest.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._known: Cache[H] = Cache(size)
        self._first: dict[H, H] = {}

    def first(self, thing: H) -> H:
        """Returns the first object that was equal to this one."""
        found = self._known.get(thing)
        if found is None:
            if len(self._first) >= self._size:
                self._first = {}
            found = self._first.setdefault(thing, thing)
            self._known.put(found, thing)
        return found
