"""The objectives of a search: the metrics by which individuals are compared, each with its direction."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from compiler.errors import did_you_mean, pasted
from compiler.training.metrics import RECALL, recall_of
from evolve.errors import UsageError
from evolve.records import LOWEST, WORST, Evaluation

Direction = Literal["max", "min"]
_ONE = re.compile(r"(.+?) (max|min)(?:, |$)")

MEASURES = ("params", "mult_adds", "depth", "seconds")  # metrics that every evaluation has, in columns of their own
_SHOWN = 12  # the number of metrics that a message lists
_COUNTS = ("params", "mult_adds", "depth")
SHARES = ("accuracy", "balanced_accuracy", "macro_f1", "auc")  # metrics from 0 to 1, of which more is better
_LARGEST_SHARE = 1 + 1e-6  # the sum of rounded parts may be a little more than 1
QUALITIES = (*SHARES, "loss")  # metrics on the validation images, of all classes together
NATURAL: Mapping[str, Direction] = {
    **dict.fromkeys(("fitness", *SHARES), "max"),
    **dict.fromkeys(("loss", *MEASURES, "latency_ms", "measured"), "min"),
}


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric, and whether more of it ('max') or less of it ('min') is better."""

    name: str
    direction: Direction = "max"

    def score(self, value: float) -> float:
        """Returns a value of the metric as a score, of which more is better. Called with a score, returns the value."""
        # A subtraction gives 0.0 for 0.0, where a minus sign would give -0.0.
        return value if self.direction == "max" else 0.0 - value

    @property
    def title(self) -> str:
        """The metric as the user reads it. The fitness that no setting chose is shown as an accuracy."""
        return "accuracy" if self.name == "fitness" else self.name.replace("_", " ")

    def shown(self, fitness: float) -> str:
        """Returns a fitness as the value of the metric, with its own sign, for the user."""
        value = self.score(fitness)
        return f"{value:,.0f}" if self.name in _COUNTS else f"{value:.4f}"

    @property
    def worst(self) -> float:
        """The score of a failed individual, which no other score is below."""
        return WORST if self.direction == "max" and is_share(self.name) else LOWEST


class Objectives(tuple[Objective, ...]):
    """The objectives of a search, of which there is at least one. The first one gives the fitness."""

    __slots__ = ()

    @property
    def first(self) -> Objective:
        """The objective that gives the fitness."""
        return self[0]

    @property
    def worst(self) -> float:
        """The fitness of a failed individual."""
        return self.first.worst

    def __str__(self) -> str:
        return ", ".join(f"{one.name} {one.direction}" for one in self)

    @classmethod
    def read(cls, text: str) -> Objectives:
        """Returns the objectives of a text that `str` has made."""
        return cls(Objective(name, _direction(way)) for name, way in _ONE.findall(text))

    def scores(self, evaluation: Evaluation) -> tuple[float, ...]:
        """Returns the scores of an evaluation in the order of the objectives. More is better in all of them.

        Raises:
          KeyError: the evaluation lacks a metric.
        """
        return tuple([one.score(metric_of(evaluation, one.name)) for one in self])

    def judged(self, found: Evaluation, natural: str) -> Evaluation:
        """Returns an evaluation with the fitness, and with several objectives the scores, that follow from its metrics.

        An evaluation that lacks the metric of an objective has failed, and so has one whose metric is not finite.

        Args:
          found: an evaluation whose `fitness` is the value of the metric `natural`, if that is not a measure.
          natural: the metric that the source of fitness measures.
        """
        if found.is_failed:
            return replace(found, fitness=self.worst, scores=())
        known = dict(found.metrics)
        # A measure has a column of its own. A function that returns other metrics leaves out the fitness.
        if natural not in MEASURES and not (known and math.isnan(found.fitness)):
            known = {natural: found.fitness} | known
        full = replace(found, metrics=tuple(known.items()))
        for one in self:
            try:
                value = metric_of(full, one.name)
            except KeyError:
                near = did_you_mean(one.name, known)
                return self._failed(found, f"the evaluation has no metric {one.name!r}, only {', '.join(known)}{near}")
            if not abs(value) < -LOWEST:  # also true for a value that is not a number
                return self._failed(found, f"the {'fitness' if one.name == natural else one.name} is {value}")
            if is_no_share(one.name, value):
                return self._failed(found, f"{one.name} is {value:g}; {self.share_advice(one.name, value)}")
        is_needed = self.first != Objective(natural)  # otherwise the fitness is this metric
        scores = self.scores(full)
        return replace(full if is_needed else found, fitness=scores[0], scores=scores if len(scores) > 1 else ())

    def share_advice(self, name: str, value: float) -> str:
        """Returns what to do about an objective with the name of a share whose value is not from 0 to 1."""
        percent = f"give {value / 100:g} for {value:g} %, or " if 1 < value <= 100 else ""
        ways = {"score" if one.name == name else one.name: one.direction for one in self}
        lower = f"; if less is better: {pasted('search.metric', 'loss')}" if len(self) == 1 and value < 0 else ""
        return (
            f"a metric of this name is from 0 to 1: {percent}choose another name, such as "
            f"{pasted('search.objectives', ways)}{lower}"
        )

    def _failed(self, found: Evaluation, reason: str) -> Evaluation:
        return replace(found, fitness=self.worst, status="failed", error=reason, graph="")


def _direction(word: str) -> Direction:
    return "max" if word == "max" else "min"


def is_share(name: str) -> bool:
    """Whether a metric is a number from 0 to 1, of which more is better."""
    return name in SHARES or name.startswith(RECALL)


def is_no_share(name: str, value: float) -> bool:
    """Whether a metric has the name of a share, and a finite value that is not from 0 to 1.

    A failed individual has the fitness 0 if the fitness is a share, so a share below 0 would be worse than a failure.
    """
    return is_share(name) and math.isfinite(value) and not 0 <= value <= _LARGEST_SHARE


def metric_of(evaluation: Evaluation, name: str) -> float:
    """Returns the value of a metric of an evaluation.

    Raises:
      KeyError: the evaluation lacks the metric.
    """
    if name in MEASURES:
        value = getattr(evaluation, name)
        if value is None:
            raise KeyError(name)
        return float(value)
    return dict(evaluation.metrics)[name]


def column_of(name: str, taken: Collection[str]) -> str:
    """Returns the name of a metric's column in a table that has columns of the names `taken` too."""
    return f"metrics.{name}" if name in taken else name


def direction_of(name: str) -> Direction | None:
    """Returns the natural direction of a metric; None if the metric is not known."""
    return "max" if is_share(name) else NATURAL.get(name)


def chosen(
    metric: str | None, objectives: Mapping[str, Direction], natural: str, known: Collection[str] | None
) -> Objectives:
    """Returns the objectives that the settings `search.metric` and `search.objectives` choose.

    Args:
      metric: the setting `search.metric`.
      objectives: the setting `search.objectives`.
      natural: the metric that the source of fitness measures.
      known: the metrics of the source; None if a function of the user may return any.

    Raises:
      UsageError: a metric does not exist, or a direction is missing or against the metric.
    """
    for name, direction in objectives.items():
        _check_name("search.objectives", name, known)
        if (name in QUALITIES or is_share(name)) and direction != direction_of(name):
            better = {**objectives, name: direction_of(name)}
            raise UsageError(
                f"search.objectives has {name!r}: {direction!r}, which looks for the worst networks: "
                f"{pasted('search.objectives', better)}"
            )
    if objectives:
        return Objectives(Objective(name, direction) for name, direction in objectives.items())
    name = natural if metric is None else metric
    _check_name("search.metric", name, known)
    found = direction_of(name)
    if found is None:
        raise UsageError(
            f"search.metric is {name!r}, and whether more or less of it is better is not known: "
            f"{pasted('search.objectives', {name: 'max'})}, or {pasted('search.objectives', {name: 'min'})}"
        )
    return Objectives([Objective(name, found)])


def check_recall(name: str, class_names: Sequence[str], counts: Sequence[int]) -> None:
    """Checks that the metric of a class is that of one class, which has validation images.

    Args:
      name: the metric, such as `recall_cat`.
      class_names: the names of the classes.
      counts: the number of validation images of each class; empty if the labels are not known.

    Raises:
      UsageError: no class or several classes have this metric, or it has no images.
    """
    metrics = [recall_of(one) for one in class_names]
    found = [one for one, metric in zip(class_names, metrics, strict=True) if metric == name]
    if not found:
        shown = ", ".join(metrics[:_SHOWN]) + ", ..." * (len(metrics) > _SHOWN)
        raise UsageError(f"{name!r} is the recall of no class; there are {shown}{did_you_mean(name, metrics)}")
    if len(found) > 1:
        raise UsageError(f"{name!r} may be the recall of {' or '.join(map(repr, found))}: rename one of these classes")
    if counts and not counts[metrics.index(name)]:
        raise UsageError(f"{name!r} cannot be measured: class {found[0]!r} has no validation images")


def _check_name(setting: str, name: str, known: Collection[str] | None) -> None:
    """Checks that a source of fitness has a metric. Names of classes are checked when the images are known."""
    if known is None or name in known or (RECALL in known and name.startswith(RECALL)):
        return
    listed = ", ".join(f"{one}CLASS" if one == RECALL else one for one in known)
    near = did_you_mean(name, known)
    raise UsageError(f"{setting} has {name!r}, which is not a metric of this search; its metrics are {listed}{near}")
