"""The rows of the table of rungs. A search without rungs writes none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from evolve.errors import SearchError
from evolve.records import Evaluation, Individual
from evolve.store.rows import EVALUATION, INDIVIDUAL, TABLES

_COUNT = "(select max(coalesce(max(finished), 0), 0) from rungs)"
_SET = ", ".join(f"{name} = ?" for name in EVALUATION.names)
_EVALUATED = ", ".join(f"rungs.{name}" for name in EVALUATION.names)
_ALL = ", ".join(f"individuals.{name}" for name in INDIVIDUAL.names)
_COSTS = ("seconds", "step_seconds", "data_seconds", "flops")


def continued(before: Individual, result: Evaluation, failure: str) -> Evaluation:
    """Returns the result of a promotion with the costs and the notes of the whole training of an individual.

    Args:
      before: the individual before the promotion.
      result: what the worker returned, with the costs of this part of the training.
      failure: begins the note if the promotion failed.
    """
    costs = {name: getattr(before, name) + getattr(result, name) for name in _COSTS}
    note = f"{failure}: {result.error}" if result.is_failed else result.note
    inherited = before.inherited if result.inherited is None else result.inherited
    return replace(result, **costs, note="; ".join(filter(None, (before.note, note))), inherited=inherited)


def promoted(before: Individual, result: Evaluation, rung: int) -> Individual:
    """Returns an individual after a promotion. If the promotion failed, only its costs and its note are new."""
    names = ("note", *_COSTS) if result.is_failed else EVALUATION.names
    new: dict[str, Any] = {name: getattr(result, name) for name in names}
    return replace(before, **new, rung=before.rung if result.is_failed else rung, graph=result.graph)


class Unfinished(NamedTuple):
    """A training to a rung whose result the algorithm does not have."""

    task: int
    id: int
    rung: int
    waits: bool  # whether the result is held


class Rungs:
    """The results of a search by rung. `finished` is their place in the order in which the algorithm receives them.

    Args:
      execute: executes a statement with values, and returns its rows.
    """

    def __init__(self, execute: Callable[..., list[tuple[Any, ...]]]) -> None:
        self._execute = execute

    def start(self, id: int, rung: int) -> int:
        """Stores that an individual is trained to a rung. Returns the number of this task."""
        rows = self._execute(
            f"insert into rungs (id, rung, status, after) values (?, ?, 'running', {_COUNT}) returning task", (id, rung)
        )
        return int(rows[0][0])

    def finish(self, task: int, evaluation: Evaluation, rung: int, waits: bool = False) -> None:
        """Stores the result of a task. If `waits` is true, the result is held until `release`."""
        place = "-task" if waits else f"{_COUNT} + 1"
        rows = self._execute(
            f"update rungs set {_SET}, rung = ?, finished = {place} where task = ? and status = 'running' returning id",
            (*EVALUATION.written(evaluation), rung, task),
        )
        if not rows:
            raise SearchError(f"task {task} was finished twice, or was not started")

    def release(self, task: int) -> None:
        """Makes the held result of a task the latest one."""
        if not self._execute(
            f"update rungs set finished = {_COUNT} + 1 where task = ? and finished < 0 returning id", (task,)
        ):
            raise SearchError(f"task {task} was released twice, or its result was not held")

    def evaluation(self, task: int) -> Evaluation:
        """Returns the result of a task, with the costs of the whole training of its individual."""
        (row,) = self._execute(f"select {_EVALUATED} from rungs where task = ?", (task,))
        return EVALUATION.read(row)

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Returns the tasks whose results the algorithm does not have, in their order."""
        rows = self._execute(
            "select task, id, rung, finished is not null from rungs where finished is null or finished < 0 "
            "order by task"
        )
        return tuple(Unfinished(task, id, rung, bool(waits)) for task, id, rung, waits in rows)

    def results(self) -> Iterator[Individual]:
        """Yields each result in the order in which the algorithm received them, as the individual was after it."""
        latest: dict[int, Individual] = {}
        rows = self._execute(
            f"select {_ALL}, rungs.rung, {_EVALUATED} from rungs join individuals using (id) "
            "where rungs.finished > 0 order by rungs.finished"
        )
        for row in rows:
            values, rung = row[len(INDIVIDUAL.names) + 1 :], row[len(INDIVIDUAL.names)]
            result, before = EVALUATION.read(values), latest.get(row[0])
            if before is None:
                known = {name: getattr(result, name) for name in EVALUATION.names}
                now = replace(INDIVIDUAL.read(row[: len(INDIVIDUAL.names)]), **known, rung=rung)
            else:
                now = promoted(before, result, rung)
            latest[now.id] = now
            yield now

    def stored(self, id: int, above: int, count: int) -> list[tuple[Any, ...]]:
        """Returns the results of the individual `id`, and of the first `count` tasks with numbers greater than `above`.

        The values are those of the database, in the order of `TABLES["rungs"]`.
        """
        select = f"select {', '.join(TABLES['rungs'])} from rungs where finished > 0"
        own = self._execute(f"{select} and id = ? order by task", (id,))
        return own + self._execute(f"{select} and id != ? and task > ? order by task limit ?", (id, above, count))

    @property
    def last(self) -> int:
        """The number of the latest task."""
        return int(self._execute("select coalesce(max(task), 0) from rungs")[0][0])

    def promotions(self) -> list[tuple[int, int]]:
        """Returns the id and the rung of every promotion, whether it has a result or not."""
        # A duplicate has one task, whose row has the rung of its original. Only a further task is a promotion.
        rows = self._execute(
            "select id, rung from rungs where exists "
            "(select 1 from rungs as first where first.id = rungs.id and first.task < rungs.task) order by task"
        )
        return [(id, rung) for id, rung in rows]

    def known(self, id: int | None, by: Individual) -> float | None:
        """Returns the fitness of the individual `id` on the rung of another result, by which its own result was known.

        None is returned if it had no result on this rung when `by` had this result.
        """
        # The row of a promotion that failed has the fitness of failed individuals, and its individual has not failed.
        rows = self._execute(
            "select own.fitness from rungs as own join rungs as other on own.rung = other.rung "
            "where own.id = ? and other.id = ? and other.rung = ? and own.finished between 1 and other.finished "
            "and (own.status = 'done' or own.task = (select min(task) from rungs where id = own.id))",
            (id, by.id, by.rung),
        )
        return rows[0][0] if rows else None
