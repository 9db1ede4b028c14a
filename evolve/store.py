"""The search on disk: one SQLite file that loses nothing when the process is killed.

Every event is one transaction: a proposal is written before it is trained, and its result before the
algorithm hears of it. So whatever the moment of death, the rows say what is done and what is to be run again.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

from compiler.records import Epoch
from evolve.errors import SearchError, UsageError
from evolve.records import Evaluation, Individual, Proposal

SCHEMA = 3
FILE = "search.sqlite"

_TABLES = """
create table if not exists individuals (
  id integer primary key, parent integer, rule text not null,
  genotype text not null, fingerprint text not null,
  fitness real, params integer, mult_adds integer, seconds real,
  status text not null check (status in ('running', 'done', 'failed')), error text not null default '',
  rejected text not null default '[]', forget integer not null default 0,
  history text not null default '[]', finished integer unique,
  killed text not null default '[]', proposed_after integer not null,
  inherited real, note text not null default '', metrics text not null default '{}'
);
create table if not exists meta (key text primary key, value text not null);
"""
_COLUMNS = (
    "id, parent, rule, genotype, fingerprint, fitness, params, mult_adds, seconds, status, error, rejected, "
    "forget, history, finished, killed, inherited, note, metrics"
)


class Store:
    """The work directory's database, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = _hold(folder)
        with self._speaking_plainly():
            self._db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            # WAL lets others read while the search runs; FULL also survives a power cut, a few ms a row.
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the database and of the work directory."""
        self._db.close()
        self._lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _speaking_plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise SearchError(f"{self.path}: {error}") from error
            remedy = (
                "another program holds it: close that program"
                if "locked" in str(error)
                else "move the work directory away, or choose another one with --workdir"
            )
            raise UsageError(f"{self.path} cannot be used: {error}; {remedy}") from error

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """One statement, which without an open transaction is one transaction."""
        with self._speaking_plainly():
            return self._db.execute(statement, values).fetchall()

    # What the search is: compared when it is resumed.

    def compare(self, identity: Mapping[str, str]) -> None:
        """Refuse a work directory of another search, and name what differs.

        Raises:
          UsageError: it was signed with something else.
        """
        rows = self._execute("select key, value from meta where key like 'identity.%'")
        found = {key.removeprefix("identity."): value for key, value in rows}
        wanted = {"schema": str(SCHEMA), **identity}
        different = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
        if found and different:
            lines = [_difference(key, found.get(key, ""), wanted.get(key, "")) for key in different]
            raise UsageError(
                f"{self.path.parent} holds another search:\n"
                + "\n".join(lines)
                + "\ngo on with its own settings, or choose another --workdir"
            )

    def sign(self, identity: Mapping[str, str]) -> None:
        """Make the work directory that of this search, for good."""
        self.compare(identity)
        wanted = {"schema": str(SCHEMA), **identity}
        values = [part for key, value in wanted.items() for part in (f"identity.{key}", value)]
        places = ", ".join(["(?, ?)"] * len(wanted))
        self._execute(f"insert or ignore into meta values {places}", tuple(values))

    def note(self, key: str, value: str) -> None:
        """Keep a fact about the search as a whole."""
        self._execute("insert or replace into meta values (?, ?)", (f"note.{key}", value))

    def noted(self, key: str) -> str | None:
        """A fact that was kept, or None."""
        rows = self._execute("select value from meta where key = ?", (f"note.{key}",))
        return str(rows[0][0]) if rows else None

    # Individuals.

    def propose(self, proposal: Proposal[str], fingerprint: str) -> None:
        """Write an individual that is about to run, and with it whom it killed and after how many results."""
        self._execute(
            "insert into individuals "
            "(id, parent, rule, genotype, fingerprint, status, rejected, forget, killed, proposed_after) "
            "values (?, ?, ?, ?, ?, 'running', ?, ?, ?, (select coalesce(max(finished), 0) from individuals))",
            (
                proposal.id,
                proposal.parent,
                proposal.rule,
                proposal.genotype,
                fingerprint,
                json.dumps(proposal.rejected),
                int(proposal.forget),
                json.dumps(proposal.killed),
            ),
        )

    def finish(self, id: int, evaluation: Evaluation) -> Individual:
        """Write what became of a running individual; the row as it now stands."""
        self._execute(
            "update individuals set fitness = ?, params = ?, mult_adds = ?, seconds = ?, "
            "status = ?, error = ?, history = ?, inherited = ?, note = ?, metrics = ?, "
            "finished = (select coalesce(max(finished), 0) + 1 from individuals) "
            "where id = ? and status = 'running'",
            (
                evaluation.fitness,
                evaluation.params,
                evaluation.mult_adds,
                evaluation.seconds,
                evaluation.status,
                evaluation.error,
                json.dumps([astuple(epoch) for epoch in evaluation.history]),
                evaluation.inherited,
                evaluation.note,
                json.dumps(dict(evaluation.metrics)),
                id,
            ),
        )
        rows = self._execute(f"select {_COLUMNS} from individuals where id = ? and finished > 0", (id,))
        if not rows:
            raise SearchError(f"individual {id} was finished without having been proposed")
        return _individual(rows[0])

    def finished(self) -> Iterator[Individual]:
        """All finished individuals in the order of finishing, one at a time."""
        return self._individuals("finished > 0", None)

    def living(self, latest: int | None = None) -> Iterator[Individual]:
        """The latest finished individuals that nobody killed, or all of them, as `finished` gives them."""
        dead = "select value from individuals, json_each(killed)"
        return self._individuals(f"finished > 0 and id not in ({dead})", latest)

    def _individuals(self, condition: str, latest: int | None) -> Iterator[Individual]:
        with self._speaking_plainly():
            rows = self._db.execute(
                f"select * from (select {_COLUMNS} from individuals where {condition} "
                "order by finished desc limit ?) order by finished",
                (-1 if latest is None else latest,),
            )
            for row in rows:
                yield _individual(row)

    def deaths(self) -> Mapping[int, tuple[int, ...]]:
        """Who was killed, by how many individuals were finished then."""
        rows = self._execute(
            "select proposed_after, json_group_array(value) from individuals, json_each(killed) group by proposed_after"
        )
        return {after: tuple(json.loads(ids)) for after, ids in rows}

    def fitness(self, id: int | None) -> float | None:
        """The fitness of an individual, None where there is none."""
        rows = self._execute("select fitness from individuals where id = ?", (id,))
        return rows[0][0] if rows else None

    def unfinished(self) -> tuple[Proposal[str], ...]:
        """The proposals that were running when the last run ended, in the order of their ids."""
        rows = self._execute(
            "select id, genotype, parent, rule, rejected, forget, killed from individuals "
            "where finished is null order by id"
        )
        return tuple(
            Proposal(id, genotype, parent, rule, _pairs(rejected), bool(forget), tuple(json.loads(killed)))
            for id, genotype, parent, rule, rejected, forget, killed in rows
        )

    def best(self, count: int) -> tuple[Individual, ...]:
        """The fittest, of equals the one that was finished first."""
        rows = self._execute(
            f"select {_COLUMNS} from individuals where status = 'done' order by fitness desc, finished limit ?",
            (count,),
        )
        return tuple(_individual(row) for row in rows)

    def counts(self) -> tuple[int, int, int]:
        """How many are finished, how many of those failed, and the highest id of all."""
        row = self._execute("select count(finished), sum(status = 'failed'), max(id) from individuals")[0]
        return row[0], row[1] or 0, row[2] or 0

    def seconds(self) -> float:
        """What all finished individuals took together, added up in the order of finishing as a search does."""
        total = 0.0
        for (seconds,) in self._execute("select seconds from individuals where finished > 0 order by finished"):
            total += seconds
        return total

    def reasons(self, count: int) -> tuple[str, ...]:
        """The errors of the latest failed individuals, each once."""
        rows = self._execute(
            "select error from individuals where status = 'failed' group by error order by max(finished) desc limit ?",
            (count,),
        )
        return tuple(str(error) for (error,) in rows)


def _hold(folder: Path) -> IO[str]:
    """Take the work directory for this process; the lock goes when the process does, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise UsageError(f"the work directory {folder} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UsageError(f"another search is running in {folder}: wait for it, or choose another --workdir") from None
    return lock


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((rule, reason) for rule, reason in json.loads(text))


def _individual(row: tuple[Any, ...]) -> Individual:
    columns = dict(zip(_COLUMNS.split(", "), row, strict=True))
    columns["rejected"] = _pairs(columns["rejected"])
    columns["forget"] = bool(columns["forget"])
    columns["killed"] = tuple(json.loads(columns["killed"]))
    columns["metrics"] = tuple(json.loads(columns["metrics"]).items())
    columns["history"] = tuple(Epoch(*values) for values in json.loads(columns["history"]))
    return Individual(**columns)


def _difference(key: str, found: str, wanted: str) -> str:
    """One line on a setting that differs; of a long text the first line that does."""
    if "\n" not in found + wanted:
        return f"  {key}: there {found or 'nothing'}, now {wanted or 'nothing'}"
    there, now = found.splitlines(), wanted.splitlines()
    length = max(len(there), len(now))
    pairs = zip(there + [""] * (length - len(there)), now + [""] * (length - len(now)), strict=True)
    line, (old, new) = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    return f"  {key}, line {line}: there {old.strip() or 'nothing'!r}, now {new.strip() or 'nothing'!r}"
