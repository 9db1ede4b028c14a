"""The result of a search: accuracy by class, and warnings if the best network may have learnt nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from evolve.fitness.facts import shown
from evolve.objectives import Objective
from evolve.observers.constant import constant
from evolve.observers.front import Found
from evolve.records import Classification, Individual, accuracy_of

SHOWN = 12  # the number of classes above which only the classes with the lowest accuracy are listed
WORST_CLASSES = 10
ERRORS = 2.0  # a difference is taken for chance if it is at most this number of standard errors


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a search: its best individuals, its counts, and the reason of the end."""

    # the best individuals, sorted from the best down; that were retrained, these are the finalists with their values
    best: tuple[Individual, ...] = ()
    tested: Classification | None = None  # the result of the best individual on the test images
    reason: str = ""  # why the search has ended
    finished: int = 0
    failed: int = 0
    failure: str = ""  # the error of the latest failed individual
    step_share: float | None = None  # the share of the workers' time in which epochs were trained and validated
    data_share: float | None = None  # the share of this time in which trainings waited for images
    validation: tuple[int, ...] = ()  # numbers of validation images by class, if the fitness is a validation accuracy
    objective: Objective = field(default_factory=lambda: Objective("accuracy"))  # gives the fitness
    front: Found | None = None  # the front of a search for several objectives
    predicted: tuple[int, float | None] = (0, None)  # how many individuals a model chose, and its rank correlation
    searched: Mapping[int, Individual] = field(default_factory=dict)  # the finalists as they were in the search, by id
    remedies: tuple[str, ...] = ()  # flags for another search that may reach a higher accuracy


class ClassAccuracy(NamedTuple):
    """The results of a network on the test images of one class."""

    name: str
    images: int
    accuracy: float  # the share of the images of the class that were classified correctly
    taken_for: str  # the most frequent wrong prediction, and its number of images


def by_class(tested: Classification) -> list[ClassAccuracy]:
    """Returns the results of every class that has test images, in the order of the classes."""
    found = []
    for place, row in enumerate(tested.confusion):
        wrong, where = max(((count, -other) for other, count in enumerate(row) if other != place), default=(0, 0))
        taken = f"{shown(tested.class_names[-where])} ({wrong})" if wrong else ""
        if sum(row):
            found.append(ClassAccuracy(shown(tested.class_names[place]), sum(row), row[place] / sum(row), taken))
    return found


def warnings(outcome: Outcome) -> Iterator[str]:
    """Returns warnings about the objectives and about the best individual, for the user."""
    if outcome.front is not None:
        yield from constant(outcome.front.objectives, [one.scores for one in outcome.front.individuals])
    if not outcome.best:
        return
    best, tested = outcome.best[0], outcome.tested
    found = [("validation", accuracy_of(best), outcome.validation)]
    if tested is not None:
        found.append(("test", tested.accuracy, tuple(sum(row) for row in tested.confusion)))
    doubtful = [doubt for part, accuracy, counts in found if (doubt := _doubt(part, best.id, accuracy, counts))]
    yield from doubtful
    if doubtful:
        yield (
            "The network may have learnt only which class is the largest. Add images of the other classes, or search "
            f"again in another --workdir, longer or with larger images: {' '.join(outcome.remedies)}"
        )


def _doubt(part: str, id: int, accuracy: float, counts: Sequence[int]) -> str:
    """Returns a warning if an accuracy is not clearly above that of always naming the largest class; else ""."""
    images = sum(counts)
    if not images:
        return ""
    share = max(counts) / images
    error = math.sqrt(share * (1 - share) / images)
    if accuracy > share + ERRORS * error:
        return ""
    return (
        f"the {part} accuracy of {id} is {accuracy:.4f}. To name the largest class for each of the {images:,} images "
        f"would give {share:.4f}. The difference is not above two standard errors ({ERRORS * error:.4f})."
    )
