"""The control of `experiments.fronts`: NSGA-II of pymoo, which minimizes, over variables that are choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.mutation import Mutation
from pymoo.core.problem import ElementwiseProblem
from pymoo.operators.crossover.ux import UniformCrossover
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

Evaluate = Callable[[Sequence[int]], Sequence[float]]  # returns the scores of choices, of which larger is better


def search(
    evaluate: Evaluate,
    variables: int,
    choices: int,
    evaluations: int,
    seed: int,
    population: int = 10,
    children: int = 1,
) -> None:
    """Evaluates individuals. Each has `variables` numbers below `choices`, and two scores."""
    algorithm = NSGA2(
        pop_size=population,
        n_offsprings=children,
        sampling=IntegerRandomSampling(),
        crossover=UniformCrossover(prob=0.9),
        mutation=_Redraw(),
        eliminate_duplicates=True,
    )
    minimize(_Problem(evaluate, variables, choices), algorithm, ("n_eval", evaluations), seed=seed)


class _Problem(ElementwiseProblem):  # type: ignore[misc]
    """Individuals by their choices."""

    def __init__(self, evaluate: Evaluate, variables: int, choices: int) -> None:
        super().__init__(n_var=variables, n_obj=2, xl=0, xu=choices - 1, vtype=int)
        self._scores = evaluate

    def _evaluate(self, x: Any, out: dict[str, Any], *args: object, **kwargs: object) -> None:
        out["F"] = [-score for score in self._scores([int(value) for value in x])]


class _Redraw(Mutation):  # type: ignore[misc]
    """Each variable gets another value with a probability, with which one variable changes on average."""

    def _do(self, problem: Any, X: Any, *args: object, random_state: Any, **kwargs: object) -> Any:
        changed = random_state.random(X.shape) < 1 / problem.n_var
        choices = problem.xu[0] + 1
        return np.where(changed, (X + random_state.integers(1, choices, X.shape)) % choices, X)
