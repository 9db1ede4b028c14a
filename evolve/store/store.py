"""The store of a search: one SQLite file, which stays correct if the process ends at any moment.

A result, and the proposals that are made after it, are written in one transaction. A proposal is stored before it is
sent to a worker. A result is stored no later than the first proposal that depends on the result. Therefore the rows
always show which individuals have finished and which are pending.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from evolve.errors import SearchError, UsageError
from evolve.records import Classification, Evaluation, Individual, Proposal, Spent
from evolve.store.database import FILE, PATIENCE, RANK, RANKED, WRITE_AHEAD, explained_errors, hold, prepare
from evolve.store.differences import differences
from evolve.store.rows import EVALUATION, INDIVIDUAL, PROPOSAL
from evolve.store.rungs import Rungs

ENDED = "ended"  # the key of the note why the search has ended; a search that continues removes the note
TESTED = "test of {}"  # the key of the note with the test result of an individual
_FINGERPRINTS = "fingerprints"  # the key of the note with the version of the stored fingerprints
SHARE = 0.05  # the share of the time that may be spent on waiting for the disk
SAVED = 1.0  # the greatest number of seconds of waiting that can be saved up while nothing is written
# `finished` counts results from 1. It is null while an individual is pending, and negative while its result is held.
_WAITS = "finished < 0"
_COUNT = "(select max(coalesce(max(finished), 0), 0) from individuals)"
_ALL, _PROPOSED = ", ".join(INDIVIDUAL.names), ", ".join(PROPOSAL.names)
_PROPOSE = (
    f"insert into individuals ({_PROPOSED}, fingerprint, genes, status, proposed_after) "
    f"values ({'?, ' * len(PROPOSAL.names)}?, ?, 'running', {_COUNT})"
)
_SET = ", ".join(f"{name} = ?" for name in EVALUATION.names)


class Syncing:
    """Decides which transactions wait until they are on the disk.

    A transaction that does not wait is kept if the process ends. If the power fails before a later transaction has
    waited, it is lost. If individuals take seconds, all transactions wait. If thousands of individuals finish in a
    second, only some transactions wait, so that waiting takes at most the share `SHARE` of the time.

    Args:
      clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._saved, self._counted = SAVED, clock()

    def waits(self) -> bool:
        """Whether the transaction that begins now must wait."""
        now = self._clock()
        self._saved = min(SAVED, self._saved + SHARE * (now - self._counted))
        self._counted = now
        return self._saved > 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """A context whose time counts as spent on waiting."""
        start = self._clock()
        yield
        self._saved -= self._clock() - start


class Store:
    """The database of a work directory. One process at a time can open it.

    Args:
      folder: the work directory, which is made if it is missing.
      patience: seconds to wait for another program that has locked the database.
      syncing: decides which transactions wait for the disk; by default `Syncing()`.
      lock_patience: seconds to wait for another process that has opened the store.

    A store of an earlier version is migrated when it is opened. The migration is written to the file when the search is
    resumed (by `compare`, or the first event). Before that, the file is unchanged, and the earlier version can use it.
    """

    def __init__(
        self,
        folder: Path,
        patience: float = 10.0,
        syncing: Syncing | None = None,
        lock_patience: float = PATIENCE,
    ) -> None:
        self.path = folder / FILE
        self._lock = hold(folder, lock_patience)
        with explained_errors(self.path):
            self._db = sqlite3.connect(self.path, timeout=patience, isolation_level=None)
            prepare(self._db, self.path)
        self._syncing = syncing or Syncing()
        self._is_synced = True  # the state that `prepare` has set
        self._file = self.path.stat().st_ino
        self.rungs = Rungs(self._execute)

    def close(self) -> None:
        """Closes the database and releases the lock of the work directory."""
        self._db.close()
        self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def event(self) -> Iterator[None]:
        """A context whose writes are one transaction.

        The writes are kept even if an error is raised in the context, because a search can be resumed after any write.
        """
        self.check_place()
        self._keep_migration()
        waits = self._syncing.waits()
        if waits != self._is_synced:
            self._execute(f"pragma synchronous={'full' if waits else 'normal'}")
            self._is_synced = waits
        self._execute("begin immediate")
        try:
            yield
        finally:
            # After an error of the database there is no transaction, since SQLite has undone it.
            if self._db.in_transaction:
                with self._syncing.counted() if waits else nullcontext():
                    self._execute("commit")

    def check_place(self) -> None:
        """Checks that the database is still in its work directory.

        Raises:
          UsageError: the work directory was moved or removed.
        """
        try:
            unchanged = self.path.stat().st_ino == self._file
        except OSError:
            unchanged = False
        if not unchanged:
            raise UsageError(
                f"the work directory {self.path.parent} was moved or removed while the search ran; "
                "move it back, and the same command resumes the search, or choose another --workdir"
            )

    def _keep_migration(self) -> None:
        if self._db.in_transaction:
            self._execute("commit")
            self._execute(WRITE_AHEAD)

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Executes a statement and returns its rows. Outside of a transaction, the statement is its own transaction."""
        with explained_errors(self.path):
            return self._db.execute(statement, values).fetchall()

    # The identity and the settings of the search. Both are compared when the search is resumed.

    def compare(
        self, identity: Mapping[str, str], settings: Mapping[str, str] | None = None, changed: bool = False
    ) -> None:
        """Checks that the stored search has these settings.

        Args:
          identity: the settings that identify a search. With other values, it would be another search.
          settings: the settings that may change when a search is resumed.
          changed: whether the user has allowed that `settings` differ from the stored values.

        Raises:
          UsageError: stored settings differ. The message names the settings.
        """
        found = self.signed("identity")
        folder = self.path.parent
        other = differences(found, identity) if found else []
        if other:
            raise UsageError(
                f"{folder} holds another search:\n" + "\n".join(other) + "\n"
                "restore these settings to resume that search, or choose another --workdir"
            )
        moved = differences(self.signed("setting"), settings or {}) if found else []
        if moved and not changed:
            raise UsageError(
                f"{folder} holds this search with other settings:\n" + "\n".join(moved) + "\n"
                "restore the settings, or resume the search with the new settings: --resume=changed"
            )
        self._keep_migration()

    def signed(self, kind: Literal["identity", "setting"]) -> dict[str, str]:
        """Returns the stored settings that identify the search, or those that may change, by name."""
        rows = self._execute("select key, value from meta where key like ?", (f"{kind}.%",))
        return {key.removeprefix(f"{kind}."): value for key, value in rows}

    def sign(self, identity: Mapping[str, str], settings: Mapping[str, str] | None = None) -> None:
        """Stores the identity and the settings of the search. Only the settings may change later.

        Raises:
          UsageError: the work directory has another search.
        """
        self.compare(identity, settings, changed=True)
        named = {f"identity.{key}": value for key, value in identity.items()}
        named |= {f"setting.{key}": value for key, value in (settings or {}).items()}
        values = [part for pair in named.items() for part in pair]
        self._execute("delete from meta where key like 'setting.%'")  # settings of another executor must not stay
        self._execute(f"insert or replace into meta values {', '.join(['(?, ?)'] * len(named))}", tuple(values))

    def meta(self) -> dict[str, str]:
        """Returns all settings and notes, by the keys of the database."""
        return dict(self._execute("select key, value from meta"))

    def note(self, key: str, value: str) -> None:
        """Stores a fact about the search."""
        self._execute("insert or replace into meta values (?, ?)", (f"note.{key}", value))

    def forget(self, key: str) -> None:
        """Removes a stored fact, which may be missing."""
        self._execute("delete from meta where key = ?", (f"note.{key}",))

    def noted(self, key: str) -> str | None:
        """Returns the fact that `note` has stored under a key, or None."""
        rows = self._execute("select value from meta where key = ?", (f"note.{key}",))
        return str(rows[0][0]) if rows else None

    # Individuals.

    def propose(self, proposal: Proposal[str], fingerprint: str, genes: str = "") -> None:
        """Stores a proposal, and the number of individuals that are finished now."""
        self._execute(_PROPOSE, (*PROPOSAL.written(proposal), fingerprint, genes))

    def renew(self, version: str, keys: Callable[[str], tuple[str, str]]) -> None:
        """Computes the fingerprint and the genes of all individuals anew if another version has computed them.

        Args:
          version: the version of the function `keys`.
          keys: returns the fingerprint and the genes of a genotype's text.
        """
        if self.noted(_FINGERPRINTS) == version:
            return
        found = [(*keys(text), id) for id, text in self._execute("select id, genotype from individuals")]
        with self.event():
            with explained_errors(self.path):
                self._db.executemany("update individuals set fingerprint = ?, genes = ? where id = ?", found)
            self.note(_FINGERPRINTS, version)

    def try_again(self, id: int, retries: int) -> bool:
        """Counts one more retry of an individual. Returns False if there have been `retries` retries already."""
        rows = self._execute(
            "update individuals set tries = tries + 1 where id = ? and tries <= ? returning id",
            (id, retries),
        )
        return bool(rows)

    def finish(self, id: int, evaluation: Evaluation, waits: bool = False, rung: int = 0) -> Individual:
        """Stores the result of a pending individual, and returns the row of the individual, with the graph.

        If `waits` is true, the result is held. The individual then counts as finished only after `release`.
        """
        place = "-id" if waits else f"{_COUNT} + 1"
        rows = self._execute(
            f"update individuals set {_SET}, rung = ?, finished = {place} where id = ? and status = 'running' "
            f"returning {_ALL}",
            (*EVALUATION.written(evaluation), rung, id),
        )
        if not rows:
            raise SearchError(f"individual {id} was finished twice, or was not proposed")
        return INDIVIDUAL.read(rows[0], graph=evaluation.graph)

    def promote(self, individual: Individual) -> None:
        """Stores an individual after a promotion."""
        values = (*EVALUATION.written(individual), individual.rung, individual.id)
        self._execute(f"update individuals set {_SET}, rung = ? where id = ?", values)
        self.forget(TESTED.format(individual.id))  # its weights are others now

    def release(self, id: int, graph: str = "") -> Individual:
        """Makes an individual with a held result the latest finished individual. Returns its row, with the graph."""
        rows = self._execute(
            f"update individuals set finished = {_COUNT} + 1 where id = ? and {_WAITS} returning {_ALL}", (id,)
        )
        if not rows:
            raise SearchError(f"individual {id} was released twice, or its result was not held")
        return INDIVIDUAL.read(rows[0], graph=graph)

    def original(self, id: int) -> tuple[int, bool] | None:
        """Returns the id of the original of a duplicate, and whether the original has a result; None if `id` has none.

        The original is the first individual with the same network and genes that has not failed.
        """
        rows = self._execute(
            "select original.id, original.status = 'done' from individuals as own join individuals as original "
            "on original.fingerprint = own.fingerprint and original.genes = own.genes "
            "where own.id = ? and (original.status = 'done' or (original.status = 'running' and original.id < own.id)) "
            "order by original.status, original.id limit 1",
            (id,),
        )
        return (rows[0][0], bool(rows[0][1])) if rows else None

    def individual(self, id: int) -> Individual:
        """Returns an individual that has a result. The result may be held."""
        return INDIVIDUAL.read(
            self._execute(f"select {_ALL} from individuals where id = ? and finished is not null", (id,))[0]
        )

    def stored(self, id: int, above: int, count: int) -> list[tuple[Any, ...]]:
        """Returns the row of the individual `id` and the first `count` rows with ids greater than `above`, as stored.

        The values are those of the database, in the order of `INDIVIDUAL.names`.
        """
        own = self._execute(f"select {_ALL} from individuals where id = ?", (id,))
        return own + self._execute(f"select {_ALL} from individuals where id > ? order by id limit ?", (above, count))

    def proposed(self, above: int = 0) -> Iterator[tuple[Proposal[str], int]]:
        """Yields proposals by id, each with the number of results that the algorithm had when it was made.

        Only those with ids greater than `above` are yielded.
        """
        # With rungs there are more results than individuals, and the first task of an individual has their number.
        after = (
            "(select after from rungs where rungs.id = individuals.id order by task limit 1)"
            if self.has_rungs
            else "proposed_after"
        )
        query = f"select {_PROPOSED}, {after} from individuals where id > ? order by id"
        with explained_errors(self.path):
            for *columns, count in self._db.execute(query, (above,)):
                yield PROPOSAL.read(columns), count

    def finished_after(self, place: int) -> Iterator[Individual]:
        """Yields the individuals that were finished after the one with the place `place`, in this order."""
        query = f"select {_ALL} from individuals where finished > ? order by finished"
        with explained_errors(self.path):
            for row in self._db.execute(query, (place,)):
                yield INDIVIDUAL.read(row)

    def finished(self, latest: int | None = None) -> Iterator[Individual]:
        """Yields the last `latest` finished individuals, or all finished individuals, in the order of finishing."""
        with explained_errors(self.path):
            rows = self._db.execute(
                f"select * from (select {_ALL} from individuals where finished > 0 "
                "order by finished desc limit ?) order by finished",
                (-1 if latest is None else latest,),
            )
            for row in rows:
                yield INDIVIDUAL.read(row)

    def results(self, latest: int | None = None) -> Iterator[Individual]:
        """Yields the results that the algorithm has received, in their order.

        Without rungs these are the last `latest` finished individuals, or all. With rungs they are all results, and an
        individual appears once for each.
        """
        return self.rungs.results() if self.has_rungs else self.finished(latest)

    @property
    def has_rungs(self) -> bool:
        """Whether the search has rungs."""
        return bool(self._execute("select 1 from rungs limit 1"))

    def proposal(self, id: int) -> Proposal[str]:
        """Returns the proposal of an individual."""
        return PROPOSAL.read(self._execute(f"select {_PROPOSED} from individuals where id = ?", (id,))[0])

    def fitness(self, id: int | None) -> float | None:
        """Returns the fitness of an individual, or None if there is no result."""
        rows = self._execute("select fitness from individuals where id = ?", (id,))
        return rows[0][0] if rows else None

    def unfinished(self) -> tuple[tuple[Proposal[str], bool], ...]:
        """Returns the proposals of unfinished individuals, by id, each with a flag whether its result is held."""
        rows = self._execute(
            f"select {_PROPOSED}, finished is not null from individuals where finished is null or {_WAITS} order by id"
        )
        return tuple((PROPOSAL.read(columns), bool(waits)) for *columns, waits in rows)

    def best(self, count: int) -> tuple[Individual, ...]:
        """Returns the `count` best individuals in the order of `records.rank`, each network once."""
        rows = self._execute(
            f"select {_ALL} from individuals where id in (select id from (select id, rung, fitness, params, mult_adds, "
            f"finished, row_number() over (partition by fingerprint, genes order by {RANK}) as place from individuals "
            f"where {RANKED}) where place = 1 order by {RANK} limit ?) order by {RANK}",
            (count,),
        )
        return tuple(INDIVIDUAL.read(row) for row in rows)

    def tested(self, id: int) -> Classification | None:
        """Returns the test result of an individual, or None if the individual was not tested."""
        noted = self.noted(TESTED.format(id))
        return None if noted is None else Classification.read(noted)

    def scored(self) -> Iterator[Individual]:
        """Yields the individuals that have scores by several objectives, in the order of finishing."""
        with explained_errors(self.path):
            for row in self._db.execute(
                f"select {_ALL} from individuals where {RANKED} and scores != '[]' order by finished"
            ):
                yield INDIVIDUAL.read(row)

    def networks(self) -> Mapping[int, tuple[str, str]]:
        """Returns the fingerprint and the genes of every individual, by id."""
        rows = self._execute("select id, fingerprint, genes from individuals")
        return {id: (fingerprint, genes) for id, fingerprint, genes in rows}

    def predicted(self) -> list[tuple[float, float]]:
        """Returns the predicted and the measured fitness of individuals that a model chose, in the order of results.

        With rungs, the measured fitness is that of the first rung, because the model predicts it.
        """
        first = "select fitness from rungs where rungs.id = individuals.id and finished > 0 order by task limit 1"
        return self._execute(
            f"select predicted, coalesce(({first}), fitness) from individuals "
            "where predicted is not null and finished > 0 order by finished"
        )

    def step_share(self) -> float | None:
        """Returns the share of the workers' time in which epochs were trained and validated; None without trainings."""
        return self._share("step_seconds", "seconds")

    def data_share(self) -> float | None:
        """Returns the share of the time of these epochs in which they waited for images; None without trainings.

        Trainings of versions before 0.10.0 are left out, since those versions did not measure this time.
        """
        return self._share("data_seconds", "step_seconds")

    def _share(self, part: str, whole: str) -> float | None:
        query = f"select total({part}), total({whole}) from individuals where {part} > 0"
        parts, wholes = self._execute(query)[0]
        return parts / wholes if wholes else None

    def spent(self) -> Spent:
        """Returns the counts and costs of all runs together. Held results are included.

        Simulated seconds are added in the order of finishing. A search adds them in the same order, so that rounding is
        the same.
        """
        finished, failed, _ = self.counts()
        table = "rungs" if self.has_rungs else "individuals"
        (flops,) = self._execute(f"select total(most) from (select max(flops) as most from {table} group by id)")[0]
        simulated, before = 0.0, dict[int, float]()
        for id, seconds in self._execute(f"select id, seconds from {table} where finished > 0 order by finished"):
            simulated += seconds - before.get(id, 0.0)
            before[id] = seconds
        return Spent(finished, failed, float(self.noted("seconds") or 0), flops, simulated)

    def counts(self) -> tuple[int, int, int]:
        """Returns the number of results (with held ones), the number of failed individuals, and the highest id."""
        row = self._execute("select count(finished), sum(status = 'failed'), max(id) from individuals")[0]
        return row[0], row[1] or 0, row[2] or 0

    def reasons(self, count: int) -> tuple[str, ...]:
        """Returns at most `count` different errors of failed individuals, the latest first."""
        rows = self._execute(
            "select error from individuals where status = 'failed' group by error order by max(finished) desc limit ?",
            (count,),
        )
        return tuple(str(error) for (error,) in rows)
