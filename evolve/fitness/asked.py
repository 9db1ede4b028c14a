"""Fitness from the user's own program, which asks for individuals and tells their metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, ClassVar

import dsl
from compiler.errors import DataError, pasted
from compiler.graph.cost import Cost
from compiler.graph.cost import cost as cost_of
from compiler.images import data
from compiler.images.inventory import Progress
from dsl.wording import by_x, plural
from evolve.errors import UsageError
from evolve.fitness.base import parsed, sized
from evolve.fitness.facts import Facts
from evolve.fitness.images import ImagesFitness, facts_of
from evolve.records import Evaluation, Task, failed
from evolve.settings import AskSettings, SearchSettings

ASK = "ask"  # the name of this source in `search.fitness`
# The settings that only an evaluation by the search itself reads, each with the value that has no effect.
_UNUSED: Mapping[str, object] = {
    "budget": None, "storage": "", "rungs": (), "repeats": 1, "finalists": None, "callbacks": (), "measure": "",
}  # fmt: skip
REASON = "error"  # what is told in place of metrics if an individual has failed
NO_METRIC = f"{REASON} cannot be the name of a metric, because it is the reason of a failure: call it {REASON}_rate"
# The settings that it does not read either, but that a gin file may have, because the file may serve several searches.
_IDLE = ("timeout", "retries", "keep_best", "reduction", "stop", "finalist_repeats", "measure_seconds")
_WITHOUT = "which is for individuals that the search itself evaluates"


class AskedFitness(ImagesFitness):
    """A source whose metrics a program of the user measures and tells."""

    own: AskSettings
    settings = AskSettings
    metric = "accuracy"
    not_read: ClassVar[Mapping[str, str]] = {
        "training": "which trains nothing",
        **{f"search.{name}": "which has no workers and keeps no weights" for name in _IDLE},
    }

    @classmethod
    def check(cls, search: SearchSettings) -> None:
        """Checks that no setting of the search is set that only an evaluation by the search itself reads."""
        super().check(search)
        if REASON in search.metrics:
            setting = "search.objectives" if search.objectives else "search.metric"
            raise UsageError(f"{setting} has {REASON!r}; {NO_METRIC}")
        for name, unset in _UNUSED.items():
            value = getattr(search, name)
            if value != unset:
                raise UsageError(
                    f"search.{name} is {value!r}, {_WITHOUT}, and search.fitness is {ASK!r}: "
                    f"{pasted(f'search.{name}', unset)}"
                )

    @classmethod
    def metrics(cls, own: Any) -> None:
        """Returns None, because the program of the user may tell any metrics."""
        return None

    def identity(self) -> Mapping[str, object]:
        """Returns the settings `ask`. The settings of the images are added if the shape follows from the images."""
        own = {f"ask.{field.name}": getattr(self.own, field.name) for field in fields(self.own)}
        return own if self.own.input_shape is not None else {**super().identity(), **own}

    def find_facts(self, known: Facts | None = None, progress: Progress | None = None) -> Facts:
        """Returns the facts of the images: those in the settings, or those of the data set. No image is kept."""
        if known is not None:
            return known
        if self.own.input_shape is not None:
            height, width, channels = self.own.input_shape
            shape = (height, width, channels)
            return Facts(
                description=f"images of {by_x(shape)} in {plural(self.own.classes, 'class', 'classes')}",
                input_shape=shape,
                classes=self.own.classes,
            )
        if self.needs_worker:
            raise UsageError(
                f"dataset.source is {self.dataset.source!r}, which only TensorFlow reads; give the shape of its images "
                f"and the number of classes: {pasted('ask.input_shape', (32, 32, 3))} {pasted('ask.classes', 10)}"
            )
        try:
            found = data.load(**asdict(self.dataset), progress=progress)
        except DataError as error:
            raise UsageError(str(error)) from None
        return replace(facts_of(found), bytes=0)

    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Raises an error, because no worker evaluates these individuals."""
        raise UsageError(f"search.fitness is {ASK!r}, with which your own program evaluates individuals")

    def told(self, genotype: str, metrics: Mapping[str, float], error: str = "", seconds: float = 0.0) -> Evaluation:
        """Returns the evaluation that follows from what a program has told about an individual.

        Args:
          genotype: the genotype of the individual as text.
          metrics: the metrics by name.
          error: why the individual failed; empty if it did not fail.
          seconds: the seconds of its evaluation. An individual whose seconds are not finite is stored with 0.
        """
        cost = cost_of(parsed(self.space).genotype(genotype), self.known.input_shape, self.known.classes)
        first = self.objectives.first.name
        found = failed(error) if error else Evaluation(metrics.get(first, 0.0), metrics=tuple(metrics.items()))
        judged = self.objectives.judged(sized(replace(found, seconds=seconds), cost), first)
        return judged if math.isfinite(seconds) else replace(judged, seconds=0.0)  # so that their sum is a number
