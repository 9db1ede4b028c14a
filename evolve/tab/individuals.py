"""The numbers of all individuals of a search. A row of the store is read again only while its individual is pending."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from evolve.algorithms.fronts import Point, Rated, joined
from evolve.errors import SearchError
from evolve.records import WORST, rank
from evolve.store.history import latest_correlation
from evolve.tab.about import About
from evolve.tab.living import Band, Living, algorithm_of
from evolve.tab.numbers import Number, number, rounded, significant, whole

PENDING, DONE, FAILED = 0, 1, 2  # the status of an individual
NO_MEMBERS = -1  # stands for the time at which an individual is removed, if the algorithm has no population
_STATUSES = {"done": DONE, "failed": FAILED}
# The number of epochs. A history is a list with a list for each epoch, so opening brackets are counted. SQLite cannot
# read a history as JSON if it has the loss NaN of a training that diverged.
_EPOCHS = "length(history) - length(replace(history, '[', '')) - 1"
# With rungs there are more results than individuals, and the first task of an individual has their number.
_AFTER = "coalesce((select after from rungs where rungs.id = individuals.id order by task limit 1), proposed_after)"
_SELECT = (
    f"select id, parent, rule, status, fitness, params, mult_adds, depth, seconds, {_EPOCHS}, flops, "
    f"finished, {_AFTER}, tries, "
    "inherited, nullif(rejected, '[]'), nullif(metrics, '{}'), step_seconds, "
    "mate, nullif(scores, '[]'), rung, predicted, data_seconds, fingerprint, genes, memo from individuals"
)
_CHUNK = 500  # the number of ids in one query


class Row(NamedTuple):
    """The numbers of one individual. An unknown number is None."""

    id: int
    parent: int  # the id of the parent; 0: no parent
    mate: int  # the id of the second parent; 0: the individual has only one
    rule: int  # the index of the rule's name in `Individuals.rules`
    status: int
    fitness: Number
    params: Number
    mult_adds: Number
    depth: Number
    seconds: Number
    epochs: Number
    flops: Number
    finished: int  # the place of the result in the order of results, from 1; 0: the algorithm has no result yet
    proposed_after: int  # the number of results that the algorithm had when the individual was proposed
    tries: Number
    inherited: Number
    rejected: int
    original: int  # the id of the first individual with the same network and genes
    rung: int  # the highest rung with a result, from 0 on
    predicted: Number  # the fitness that a model predicted when it chose the individual
    data_share: Number  # the share of the time of training and validation in which steps waited for images
    species: int | None = None  # the id of the individual that began its species


class Result(NamedTuple):
    """A result as the algorithm received it. With rungs, an individual has one for each rung that it has reached."""

    id: int
    rung: int
    fitness: float | None  # None: the individual or its promotion has failed
    scores: Point  # by several objectives


class Costs:
    """The counts and costs of all individuals that have a result."""

    def __init__(self) -> None:
        self.finished = self.failed = 0
        self.flops = self.simulated = self.steps = self.stepped = self.waited = self.measured = 0.0

    def add(self, row: Row, step_seconds: Number, data_seconds: Number) -> None:
        """Adds the costs of an individual that has a result."""
        self.finished += 1
        self.failed += row.status == FAILED
        self.flops += row.flops or 0
        if step_seconds:
            self.steps += step_seconds
            self.stepped += row.seconds or 0
        if data_seconds:
            self.waited += data_seconds
            self.measured += step_seconds or 0

    @property
    def step_share(self) -> float | None:
        """The share of the workers' time in which epochs were trained and validated; None without trainings."""
        return self.steps / self.stepped if self.stepped else None

    @property
    def data_share(self) -> float | None:
        """The share of the time of these epochs in which steps waited for images; None if it was not measured."""
        return self.waited / self.measured if self.measured else None


class Individuals:
    """The individuals of a search in the order of their ids, and the state of the search after each result."""

    def __init__(self, about: About) -> None:
        self._identity = about.digests
        algorithm = algorithm_of(about.identity)
        self._living = None if algorithm is None else Living(algorithm)
        self.population = getattr(algorithm, "population_size", None)
        self.rules = list(about.rules)
        self._rule = {name: index for index, name in enumerate(self.rules)}
        self.rows: list[Row] = []
        self.place: dict[int, int] = {}  # the index of each id in `rows`
        self.left: list[int | None] = []
        self.versions: list[int] = []  # for each row, the value of `version` when the row changed last
        self.metrics: list[Mapping[str, Number]] = []
        self.scores: list[Point] = []  # by several objectives
        self.metric_names: dict[str, None] = {}
        self.rejected: Counter[str] = Counter()
        self.children: dict[int, list[int]] = {}
        self.mated: dict[int, list[int]] = {}  # the ids of the individuals of which an individual is the second parent
        self.duplicates: dict[int, list[int]] = {}  # the ids of all individuals with the same network, by the first id
        self._first: dict[tuple[str, str], int] = {}
        self.costs = Costs()
        # the band of the population and the best fitness after each individual, and after the promotions that followed
        self.bands: list[Band] = []
        self.bests: list[float | None] = []
        self.best: Row | None = None
        # the ids of the individuals that were fitter than all before them, the latest one last
        self.new_bests: dict[int, None] = {}
        # the predicted fitness and the first one that was measured, of individuals that a model chose
        self.chosen: list[tuple[float, float]] = []
        self.front: tuple[Row, ...] = ()  # the best by the first objective first
        self.version = 0
        self._worst = WORST  # the fitness of failed individuals
        self._promotions = 0  # the number of results of promotions
        self._memos: list[str] = []
        self._prints: list[str] = []
        self._latest = 0  # the id of the individual with the latest result
        self._open: set[int] = set()  # the ids of individuals whose results the algorithm does not have
        self._adopted = 0  # the number of proposals that were passed on to the algorithm
        self._told = 0  # the number of results that were passed on to the algorithm, those of promotions included

    @property
    def results(self) -> int:
        """The number of individuals whose results the algorithm has received."""
        return len(self.bands)

    @property
    def pending(self) -> int:
        """The number of individuals without a result."""
        return sum(self.rows[self.place[id]].status == PENDING for id in self._open)

    def continues(self, about: About, db: sqlite3.Connection) -> bool:
        """Returns whether the store still has the same search. A user may have removed it and begun another search."""
        if about.digests != self._identity:
            return False
        if not self.rows:
            return True
        if _promotions(db) != self._promotions:
            return False  # The rows of finished individuals have changed, so that all are read again.
        for id in {self.rows[-1].id, self._latest or self.rows[-1].id}:
            row = self.rows[self.place[id]]
            found = db.execute("select fingerprint, finished, seconds from individuals where id = ?", (id,)).fetchone()
            if found is None or found[0] != self._prints[self.place[id]]:
                return False
            if row.finished and (found[1] != row.finished or rounded(found[2]) != row.seconds):
                return False
        return True

    def read(self, db: sqlite3.Connection) -> None:
        """Reads new rows, and the rows of individuals that were pending.

        Args:
          db: a connection in a transaction, so that all queries read the same state of the search.
        """
        self.version += 1
        self._promotions = _promotions(db)
        last = self.rows[-1].id if self.rows else 0
        opened = [*self._open]
        for start in range(0, len(opened), _CHUNK):
            ids = opened[start : start + _CHUNK]
            marks = ", ".join("?" * len(ids))
            self._update(db.execute(f"{_SELECT} where id in ({marks})", ids).fetchall())
        self._append(db.execute(f"{_SELECT} where id > ? order by id", (last,)).fetchall())
        self._replay(db)

    def _append(self, found: Iterable[tuple[object, ...]]) -> None:
        for values in found:
            id, fingerprint, genes, memo = values[0], str(values[-3]), str(values[-2]), str(values[-1])
            if not isinstance(id, int):
                continue
            original = self._first.setdefault((fingerprint, genes), id)
            self.duplicates.setdefault(original, []).append(id)
            rejected = _pairs(values[15])
            self.rejected.update(rule for rule, _ in rejected)
            row = self._row(values, original, len(rejected))
            self.place[id] = len(self.rows)
            self.rows.append(row)
            self.left.append(None if self._living is None else 0 if self._living.has_members else NO_MEMBERS)
            self.versions.append(self.version)
            self.metrics.append({})
            self.scores.append(())
            self._memos.append(memo if self._living is not None and self._living.has_members else "")
            self._prints.append(fingerprint)
            if row.parent:
                self.children.setdefault(row.parent, []).append(id)
            if row.mate:
                self.mated.setdefault(row.mate, []).append(id)
            self._open.add(id)
            self._finish(row, values)

    def _update(self, found: Iterable[tuple[object, ...]]) -> None:
        for values in found:
            place = self.place[whole(values[0])]
            old = self.rows[place]
            row = self._row(values, old.original, old.rejected)
            if row != old:
                self.rows[place], self.versions[place] = row, self.version
                self._finish(row, values, old)

    def _finish(self, row: Row, values: tuple[object, ...], old: Row | None = None) -> None:
        """Counts the result of an individual that was pending before. Held results are counted too."""
        if row.status != PENDING and (old is None or old.status == PENDING):
            self.costs.add(row, number(values[17]), number(values[22]))
            self._worst = (number(values[4]) or WORST) if row.status == FAILED else self._worst
            self.metrics[self.place[row.id]] = named = _named(values[16])
            self.metric_names.update(dict.fromkeys(named))
            self.scores[self.place[row.id]] = _scores(values[19])

    def _row(self, values: tuple[object, ...], original: int, rejected: int) -> Row:
        rule, state = str(values[2]), _STATUSES.get(str(values[3]), PENDING)
        index = self._rule.setdefault(rule, len(self.rules))
        if index == len(self.rules):
            self.rules.append(rule)
        id, parent, finished, after, mate = (whole(values[place]) for place in (0, 1, 11, 12, 18))
        return Row(
            id=id,
            parent=parent if parent < id else 0,
            mate=mate if mate < id else 0,
            rule=index,
            status=state,
            fitness=number(values[4]) if state == DONE else None,
            params=number(values[5]),
            mult_adds=number(values[6]),
            depth=number(values[7]),
            seconds=rounded(values[8]),
            epochs=None if state == PENDING else number(values[9]),
            flops=None if state == PENDING else number(values[10]),
            finished=max(0, finished),
            proposed_after=after,
            tries=number(values[13]),
            inherited=significant(values[14]),
            rejected=rejected,
            original=original,
            rung=whole(values[20]),
            predicted=significant(values[21]),
            data_share=_waited(values[22], values[17]),
        )

    # The algorithm.

    def _replay(self, db: sqlite3.Connection) -> None:
        """Passes new proposals and results to the algorithm, in the order in which the search did so."""
        for result in self._received(db):
            self._adopt()
            self._told += 1
            if result.id in self._open:
                self._open.remove(result.id)
                self._tell(result)
            else:
                self._promote(result)
        self._adopt()

    def _received(self, db: sqlite3.Connection) -> list[Result]:
        """Returns the results that the algorithm received after those that were passed on, in their order.

        The results of rungs are those at their time. The rows of individuals have only the result of the highest rung.
        """
        if not db.execute("select 1 from rungs limit 1").fetchone():
            rows = (self.rows[self.place[id]] for id in self._open)
            ordered = sorted((row for row in rows if row.finished), key=lambda row: row.finished)
            return [Result(row.id, row.rung, row.fitness, self.scores[self.place[row.id]]) for row in ordered]
        found = db.execute(
            "select finished, id, rung, status, fitness, nullif(scores, '[]') from rungs where finished > ? "
            "order by finished",
            (self._told,),
        ).fetchall()
        # A copy that is being written may lack results, and those after a missing one are not passed on yet.
        return [
            Result(id, rung, number(fitness) if status == "done" else None, _scores(scores))
            for place, (finished, id, rung, status, fitness, scores) in enumerate(found, self._told + 1)
            if place == finished
        ]

    def _adopt(self) -> None:
        """Passes to the algorithm the proposals that the search made after the results that were passed on so far."""
        while self._adopted < len(self.rows) and self.rows[self._adopted].proposed_after <= self._told:
            row, memo = self.rows[self._adopted], self._memos[self._adopted]
            self._adopted += 1
            if self._living is not None:
                try:
                    self._leave(self._living.adopt(row.id, memo))
                    for id, species in self._living.species(memo).items():
                        place = self.place[id]
                        self.rows[place] = self.rows[place]._replace(species=species)
                        self.versions[place] = self.version
                except (SearchError, LookupError, ValueError, TypeError):
                    self._forget_living()

    def _tell(self, result: Result) -> None:
        """Passes the first result of an individual to the algorithm."""
        row, self._latest = self.rows[self.place[result.id]], result.id
        fitness = self._worst if result.fitness is None else result.fitness
        if row.predicted is not None:
            self.chosen.append((row.predicted, fitness))
        self.costs.simulated += row.seconds or 0
        if row.status == DONE and len(self.scores[self.place[row.id]]) > 1:
            self.front = joined(self.front, row, self._rated)
        left: Collection[int] = ()
        if self._living is not None:
            try:
                is_failed = result.fitness is None
                left = self._living.tell(result.id, fitness, result.scores, result.rung, is_failed)
            except SearchError:
                self._forget_living()
        self._compare(result)
        self.bands.append(self._band)
        self.bests.append(None if self.best is None else self.best.fitness)
        self._leave(left)

    def _promote(self, result: Result) -> None:
        """Passes the result of a promotion to the algorithm. A promotion that failed has no new result."""
        if self._living is not None and result.fitness is not None:
            try:
                self._living.promote(result.id, result.fitness, result.scores, result.rung)
            except SearchError:
                self._forget_living()
        self._compare(result)
        self.bands[-1] = self._band
        self.bests[-1] = None if self.best is None else self.best.fitness

    def _compare(self, result: Result) -> None:
        """Compares a result with the best individual so far."""
        if result.fitness is None:
            return
        known = self.rows[self.place[result.id]]._replace(fitness=result.fitness, rung=result.rung)
        if self.best is None or (known.rung, result.fitness) > (self.best.rung, self.best.fitness or 0):
            self.new_bests.pop(known.id, None)
            self.new_bests[known.id] = None
        if self.best is None or _rank(known) < _rank(self.best):
            self.best = known

    @property
    def _band(self) -> Band:
        """The band of the population as it is now."""
        band = Band() if self._living is None else self._living.band
        return Band(*map(significant, band))  # alike, so that equal numbers stay equal to their mean

    def _leave(self, ids: Collection[int]) -> None:
        for id in ids:
            self.left[self.place[id]], self.versions[self.place[id]] = self.results, self.version

    def _forget_living(self) -> None:
        """Marks the population as unknown. Another program has changed the rows, so the algorithm refuses them."""
        self._living = None
        self.left = [None] * len(self.rows)
        self.versions = [self.version] * len(self.rows)

    def _rated(self, row: Row) -> Rated:
        _, *order = _rank(row)
        return Rated(row.rung, self.scores[self.place[row.id]], tuple(order))

    def model(self) -> dict[str, object] | None:
        """Returns how many individuals a model chose, and the rank correlation of the latest predictions.

        Without predictions, None is returned.
        """
        if not self.chosen:
            return None
        return {"chosen": len(self.chosen), "correlation": latest_correlation(self.chosen)}

    def descendants(self, id: int) -> int:
        """Returns the number of children of an individual, their children, and so on."""
        count, waiting = 0, [id]
        while waiting:
            below = self.children.get(waiting.pop(), ())
            count += len(below)
            waiting += below
        return count


def _promotions(db: sqlite3.Connection) -> int:
    """Returns the number of promotions whose results the algorithm has received."""
    return whole(db.execute("select count(*) from rungs where rung > 0 and finished > 0").fetchone()[0])


def _rank(row: Row) -> tuple[float, ...]:
    return (-row.rung, *rank(row.fitness or 0, (whole(row.params), whole(row.mult_adds))), row.finished)


def _pairs(text: object) -> list[tuple[str, str]]:
    """Returns the (rule, reason) of each rejected child from the JSON in a row."""
    return [(str(rule), str(reason)) for rule, reason in json.loads(str(text))] if text else []


def _scores(text: object) -> Point:
    """Returns the scores in a row from their JSON."""
    return tuple(map(float, json.loads(str(text)))) if text else ()


def _waited(data_seconds: object, step_seconds: object) -> Number:
    """Returns the share of its steps' time in which a training waited for images; None if it was not measured."""
    waited, steps = number(data_seconds), number(step_seconds)
    return significant(waited / steps) if waited and steps else None


def _named(text: object) -> dict[str, Number]:
    """Returns the metrics in a row, by name, from their JSON."""
    return {str(name): significant(value) for name, value in dict(json.loads(str(text))).items()} if text else {}
