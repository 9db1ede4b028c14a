"""What came of a search, and what is to be said of it: accuracy by class, and whether it has learnt anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evolve.fitness.facts import shown
from evolve.records import Examined, Individual

SHOWN = 12  # classes that are all listed; of more only the worst
WORST_CLASSES = 10
ERRORS = 2.0  # standard errors that are more than luck


@dataclass(frozen=True, slots=True)
class Outcome:
    """A search at its end."""

    best: tuple[Individual, ...] = ()  # the best few networks
    tested: Examined | None = None  # the first one on the test images
    reason: str = ""  # why the search has ended
    finished: int = 0
    failed: int = 0
    failure: str = ""  # why the latest of the failed ones did
    step_share: float | None = None  # of the workers' time that went into steps
    validation: tuple[int, ...] = ()  # validation images of each class, where fitness is the accuracy on them
    remedies: tuple[str, ...] = ()  # flags with which a search learns more of such images


class ClassAccuracy(NamedTuple):
    """How the test images of a class were classified."""

    name: str
    images: int
    right: int
    taken_for: str  # the wrong class that it was taken for most often, and how often

    @property
    def accuracy(self) -> float:
        """The share of its images that were classified rightly."""
        return self.right / self.images


def by_class(tested: Examined) -> list[ClassAccuracy]:
    """Every class that has test images, in order."""
    found = []
    for place, row in enumerate(tested.confusion):
        wrong, where = max(((count, -other) for other, count in enumerate(row) if other != place), default=(0, 0))
        taken = f"{shown(tested.class_names[-where])} ({wrong})" if wrong else ""
        if sum(row):
            found.append(ClassAccuracy(shown(tested.class_names[place]), sum(row), row[place], taken))
    return found


def warnings(outcome: Outcome) -> Iterator[str]:
    """What the user should know of the best before it is used."""
    if not outcome.best:
        return
    best, tested = outcome.best[0], outcome.tested
    found = [("validation", best.fitness, outcome.validation)]
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
    """Whether an accuracy may be that of naming the largest class every time; nothing if it is above that."""
    images = sum(counts)
    if not images:
        return ""
    share = max(counts) / images
    error = math.sqrt(share * (1 - share) / images)
    if accuracy > share + ERRORS * error:
        return ""
    return (
        f"the {part} accuracy of {id} is {accuracy:.4f}, and that of always naming the largest class is {share:.4f} on "
        f"these {images:,} images: the difference is not above two standard errors ({ERRORS * error:.4f})."
    )
