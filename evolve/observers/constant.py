"""The warning about an objective that has the same value for all individuals, and so does not direct the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from compiler.errors import pasted
from evolve.algorithms.fronts import Point
from evolve.objectives import Objectives
from evolve.records import Individual, Standing

ENOUGH = 20  # the number of individuals after which an objective may be called constant


class Constant:
    """Warns once in the log of a search, as soon as an objective had one value for the first `ENOUGH` individuals.

    Args:
      objectives: the objectives of the search. With one objective nothing is said.
      found: the individuals of earlier runs, of which the log has warned already.
      say: prints a warning.
    """

    def __init__(self, objectives: Objectives, found: Iterable[Individual], say: Callable[[str], None]) -> None:
        self._objectives, self._say = objectives, say
        self._points = [one.scores for one in found]

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        """Counts an individual, and warns if there are just enough of them."""
        if len(self._points) < ENOUGH and not individual.is_failed:
            self._points.append(individual.scores)
            for words in constant(self._objectives, self._points) if len(self._points) == ENOUGH else ():
                self._say(f"warning: {words}")


def constant(objectives: Objectives, points: Iterable[Point]) -> Iterator[str]:
    """Yields a warning for each of several objectives of which all of `ENOUGH` or more points have the same score."""
    scores = [*zip(*points, strict=True)]
    for objective, values in zip(objectives, scores, strict=False):
        if len(objectives) > 1 and len(values) >= ENOUGH and len({*values}) == 1:
            others = {one.name: one.direction for one in objectives if one is not objective}
            flag = pasted("search.objectives", others)
            yield (
                f"the objective {objective.name} is {objective.shown(values[0])} for all {len(values)} individuals, so "
                f"it does not direct the search. For another search, leave it out: {flag}"
            )
