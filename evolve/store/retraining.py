"""The results of retrainings, which are notes in the store: the best individuals of a search, trained again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from evolve.records import Evaluation, Individual, Metrics, Status, rank

RETRAINED = "retraining of {}"  # the key of the note with the result of an individual's retrainings
CHOSEN = "chosen"  # the key of the note with the choice, which is removed when the search continues


@dataclass(frozen=True, slots=True)
class Retrained:
    """The result of the retrainings of one individual.

    Attributes:
      trainings: the number of trainings, of which `fitness` and `metrics` are means.
      error: why they failed; empty if they did not fail.
    """

    trainings: int
    fitness: float
    fitness_error: float | None
    metrics: Metrics
    seconds: float
    error: str = ""

    @classmethod
    def of(cls, trainings: int, found: Evaluation) -> Retrained:
        """Returns the result that an evaluation has."""
        error = found.error if found.is_failed else ""
        return cls(trainings, found.fitness, found.fitness_error, found.metrics, found.seconds, error)

    @classmethod
    def read(cls, text: str) -> Retrained:
        """Returns the result from JSON that the method `text` has made."""
        found = json.loads(text)
        return cls(**{**found, "metrics": tuple((name, value) for name, value in found["metrics"])})

    def seen(self, one: Individual) -> Individual:
        """Returns an individual with the values of its retrainings in the place of those of the search."""
        status: Status = "failed" if self.error else "done"
        return replace(
            one, fitness=self.fitness, fitness_error=self.fitness_error, metrics=self.metrics, status=status,
            error=self.error,
        )  # fmt: skip

    def text(self) -> str:
        """Returns the result as JSON, for the store."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of the best individual among finalists by their retrainings.

    Attributes:
      id: the chosen individual; None if the retrainings of all finalists failed.
      finalists: the ids of the finalists, the best by their retrainings first.
      trainings: the number of retrainings of each finalist.
    """

    id: int | None
    finalists: tuple[int, ...]
    trainings: int

    @classmethod
    def of(cls, finalists: Sequence[Individual], retrained: Mapping[int, Retrained], trainings: int) -> Choice:
        """Returns the choice. Of equal results the smaller network is better, then the one that was finished first.

        Args:
          finalists: the finalists, the best in the search first.
          retrained: the result of each, by its id.
          trainings: the number of retrainings of each.
        """

        def order(one: Individual) -> tuple[float, ...]:
            found = retrained[one.id]
            return (True,) if found.error else (False, *rank(found.fitness, one.size), one.finished)

        ids = tuple(one.id for one in sorted(finalists, key=order))
        return cls(None if retrained[ids[0]].error else ids[0], ids, trainings)

    @classmethod
    def read(cls, text: str) -> Choice:
        """Returns the choice from JSON that the method `text` has made."""
        found = json.loads(text)
        return cls(found["id"], tuple(found["finalists"]), found["trainings"])

    def text(self) -> str:
        """Returns the choice as JSON, for the store."""
        return json.dumps(asdict(self))


def choice_in(meta: Mapping[str, str]) -> Choice | None:
    """Returns the choice of a search; None if it has none.

    Args:
      meta: the settings and notes of the search, by the keys of the store.
    """
    noted = meta.get(f"note.{CHOSEN}")
    return None if noted is None else Choice.read(noted)


def retrained_in(meta: Mapping[str, str], id: int) -> Retrained | None:
    """Returns the result of an individual's retrainings; None if it has none."""
    noted = meta.get(f"note.{RETRAINED.format(id)}")
    return None if noted is None else Retrained.read(noted)
