"""The data of one search, as the page asks for them. What was read is kept, and later requests read what is new."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evolve.tab import overview
from evolve.tab.about import About
from evolve.tab.individuals import Individuals
from evolve.tab.overview import Answer
from evolve.tab.source import StoreSource

KEPT = 1000  # stamps after which a page can ask for the changes alone


class Data:
    """The answers about one search. Several threads may ask at the same time.

    Args:
      folder: the work directory.
    """

    def __init__(self, folder: Path) -> None:
        self._source = StoreSource(folder)
        self._lock = threading.RLock()
        self._seen: tuple[object, bool, Mapping[int, tuple[int, int]]] = (None, False, {})
        self._about = About({})
        self._individuals = Individuals(self._about)
        self._search: Answer = {}
        self._busy = 0
        self._stamps: dict[str, tuple[int, int]] = {}  # the version and the number of results at each stamp

    def summary(self) -> Answer:
        """Returns the search in short.

        Raises:
          UsageError: the search cannot be read.
        """
        with self._current():
            return self._search

    def overview(self, since: str = "") -> Answer:
        """Returns the search, and the individuals that have changed since a stamp; all of them if it is not known."""
        with self._current() as of:
            version, results = self._stamps.get(since, (-1, 0))
            places = [place for place, changed in enumerate(of.versions) if changed > version]
            folder = str(self._source.folder)
            return {
                "search": {**self._search, **overview.details(self._about, of, folder, self._busy)},
                **overview.columns(of, places),
                "population": overview.population(of, results),
                "stamp": self._search["stamp"],
                "whole": version < 0,
            }

    def curve(self) -> Answer:
        """Returns the curves of the search, for a comparison with others."""
        with self._current() as of:
            return overview.curve(of)

    @contextmanager
    def _current(self) -> Iterator[Individuals]:
        """A context with the individuals of the search as they are now, which no other thread changes."""
        with self._lock:
            self._refresh()
            yield self._individuals

    def _refresh(self) -> None:
        """Reads what was written since the last request."""
        seen = self._source.state, self._source.is_running, self._source.in_training
        if seen == self._seen:
            return
        if seen[0] != self._seen[0]:
            with self._source.opened() as db:
                self._read(db)
        self._seen = seen
        _, is_running, in_training = seen
        of, pending = self._individuals, self._individuals.pending
        self._busy = (len(in_training) or min(pending, self._about.workers or pending)) if is_running else 0
        found = overview.summary(self._about, of, is_running)
        stamp = overview.stamp(self._about, of, found, self._busy)
        self._search = {**found, "stamp": stamp}
        self._stamps.pop(stamp, None)
        self._stamps[stamp] = of.version, of.results
        if len(self._stamps) > KEPT:
            del self._stamps[next(iter(self._stamps))]

    def _read(self, db: sqlite3.Connection) -> None:
        db.execute("begin")  # All queries see the search at one moment.
        about = About(dict(db.execute("select key, value from meta").fetchall()))
        if not self._individuals.continues(about, db):
            self._individuals, self._stamps = Individuals(about), {}
        self._about = about
        self._individuals.read(db)
        db.execute("commit")
