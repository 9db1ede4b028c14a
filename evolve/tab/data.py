"""The answers to requests of the page about one search. Rows of the store are kept, so only new rows are read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dsl
from compiler.filesystem import Place
from compiler.pictures.picture import marked
from evolve.errors import UsageError
from evolve.tab import individual as one
from evolve.tab import overview
from evolve.tab.about import About
from evolve.tab.genotypes import Genotypes
from evolve.tab.individual import Lines
from evolve.tab.individuals import Individuals
from evolve.tab.overview import Answer
from evolve.tab.source import source
from evolve.tab.traits import Traits

KEPT = 1000  # the number of stamps that are kept; a page asks for the changes since a stamp that it received before


class Data:
    """The answers about one search. Several threads may call the methods at the same time.

    Args:
      folder: the work directory, or the storage of a search.
    """

    def __init__(self, folder: Place) -> None:
        self._source = source(folder)
        self._lock = threading.RLock()
        self._state: object = None  # `Source.state` at the last reading of the files
        self._seen: object = None  # `Source.state`, `is_running` and `in_training` at the last request
        self._about = About({})
        self._search: Answer = {}
        self._busy = 0
        self._begin(self._about)

    def _begin(self, about: About) -> None:
        """Begins without data of individuals, for the search with these settings and notes."""
        self._individuals = Individuals(about)
        self._traits = Traits()
        self._genotypes = Genotypes(about.space)
        self._lines = Lines()
        # for each stamp, the version of `Individuals` and the number of results at that time
        self._stamps: dict[str, tuple[int, int]] = {}

    def summary(self) -> Answer:
        """Returns a short description of the search: algorithm, state, counts and best fitness.

        Raises:
          UsageError: the search cannot be read.
        """
        with self._current():
            return self._search

    def overview(self, since: str = "") -> Answer:
        """Returns a description of the search, and the individuals that have changed since a stamp.

        If the stamp is not known, all individuals are returned.
        """
        with self._current() as of:
            version, results = self._stamps.get(since, (-1, 0))
            places = [place for place, changed in enumerate(of.versions) if changed > version]
            folder = "" if self._source.folder is None else str(self._source.folder)
            return {
                "search": {**self._search, **overview.details(self._about, of, folder, self._busy)},
                **overview.columns(of, places),
                "population": overview.population(of, results),
                "stamp": self._search["stamp"],
                "whole": version < 0,
            }

    def curve(self) -> Answer:
        """Returns the curves of the search, for a comparison with other searches."""
        with self._current() as of:
            return overview.curve(of)

    def traits(self) -> Answer:
        """Returns the genes and the counts of operations of all individuals."""
        with self._current(), self._source.opened() as db:
            self._traits.read(db)
            return self._traits.answer()

    def individual(self, id: int) -> Answer:
        """Returns everything about one individual.

        Raises:
          Missing: there is no such individual.
        """
        with self._current() as of:
            row = one.row_of(id, of)
            with self._source.opened() as db:
                found = one.described(row, of, self._about.rungs, db)
                pairs = [(row.parent, id), (row.mate, id)]
                difference, mate_difference = self._lines.of(pairs, self._genotypes, db)
            epochs = self._source.in_training.get(id)
            is_best, folder = overview.best_of(self._about, of) == id, self._source.folder
            return {
                **found,
                "retrained": self._about.retrained(id),
                "difference": difference,
                "mate_difference": mate_difference,
                "commands": [] if folder is None else one.commands(row, folder, self._about, is_best),
                "trained_now": None if epochs is None else {"epoch": epochs[0], "of": epochs[1]},
            }

    def ancestors(self, id: int) -> Answer:
        """Returns an individual and its ancestors, each with the differences from its parent."""
        with self._current() as of:
            line = one.line(one.row_of(id, of), of)
            with self._source.opened() as db:
                lines = self._lines.of([(row.parent, row.id) for row in line], self._genotypes, db)
            steps = [
                {
                    "id": row.id,
                    "mate": row.mate or None,
                    "rule": of.rules[row.rule],
                    "fitness": row.fitness,
                    "gain": one.gain(row, of),
                    "difference": difference,
                }
                for row, difference in zip(line, lines, strict=True)
            ]
            return {"line": steps}

    def difference(self, a: int, b: int) -> Answer:
        """Returns the differences between individual `a` and individual `b`, as lines of text."""
        with self._current() as of:
            before, after = self._texts(of, a, b)
            return {"lines": self._genotypes.differences(before, after)}

    def picture(self, id: int, against: int | None = None, dark: bool = False, only_changed: bool = False) -> str:
        """Returns the picture of an individual as SVG.

        Args:
          id: the individual.
          against: the individual from which the differences are marked, such as the parent; None marks nothing.
          dark: draws for a dark page.
          only_changed: leaves out the cells without a difference.

        Raises:
          UsageError: this version cannot read the genotype.
        """
        with self._current() as of:
            found = self._texts(of, id, *([] if against is None else [against]))
            try:
                after, *before = map(self._genotypes.read, found)
            except dsl.CellError as error:
                raise UsageError(f"the picture cannot be drawn: {error}") from None
        # Other requests about the search are answered while the picture is drawn.
        return marked(before[0] if before else None, after, dark=dark, only_changed=only_changed).svg()

    def genotypes(self, text: str) -> Answer:
        """Returns the ids of the individuals whose genotype, note or error contains `text`."""
        with self._current(), self._source.opened() as db:
            return {"ids": one.matching(text, db)}

    def _texts(self, of: Individuals, *ids: int) -> list[str]:
        rows = [one.row_of(id, of) for id in ids]
        with self._source.opened() as db:
            found = one.texts([row.id for row in rows], db)
        return [found[row.id] for row in rows]

    @contextmanager
    def _current(self) -> Iterator[Individuals]:
        """A context with the current individuals of the search. Other threads cannot change them meanwhile."""
        with self._lock:
            self._refresh()
            yield self._individuals

    def _refresh(self) -> None:
        """Reads the rows and reports that were written since the last request."""
        state = self._source.state
        if state != self._state:
            with self._source.opened() as db:
                self._read(db)
            self._state = state
        is_running, in_training = self._source.is_running, self._source.in_training
        seen = (state, is_running, in_training)
        if seen == self._seen:
            return
        self._seen = seen
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
        is_read = False
        db.execute("begin")  # In a transaction, all queries read the same state of the search.
        try:
            about = About(dict(db.execute("select key, value from meta").fetchall()))
            if not self._individuals.continues(about, db):
                self._begin(about)
            self._about = about
            self._individuals.read(db)
            is_read = True
        finally:
            db.execute("commit")
            if not is_read:  # What was read in part would be counted twice.
                self._begin(self._about)
