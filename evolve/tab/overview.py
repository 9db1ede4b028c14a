"""The answers about a whole search: its settings, its state, and the numbers of its individuals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from evolve.search.plan import all_finished
from evolve.tab.about import About
from evolve.tab.individuals import Individuals, Row

MOST = 500  # the greatest number of points of a curve in a comparison
Answer = dict[str, object]


def summary(about: About, of: Individuals, is_running: bool) -> Answer:
    """Returns a short description of a search: algorithm, state, counts and best fitness."""
    limit, finished = about.individuals, of.costs.finished
    reason = about.reason
    if not reason and not is_running and finished == of.results == len(of.rows) > 0:
        # Versions up to 0.6.0 did not store why a search ended. A search that was interrupted has pending individuals.
        reason = all_finished(limit) if finished == limit else "a budget or the target was reached"
    return {
        "algorithm": about.algorithm,
        "state": "ended" if reason else "running" if is_running else "interrupted",
        "reason": reason,
        "finished": finished,
        "failed": of.costs.failed,
        "individuals": len(of.rows) if limit is None else limit,
        "metric": about.metric,
        "direction": about.direction,
        "best": None if of.best is None else of.best.fitness,
        **about.digests,
        "seed": about.seed,
    }


def stamp(about: About, of: Individuals, found: Answer, busy: int) -> str:
    """Returns a hash of the state of a search. If any answer about the search would be different, the hash differs."""
    tries = sum(row.tries or 0 for row in of.rows)
    last = of.rows[-1] if of.rows else None
    state = [found, busy, len(of.rows), of.results, tries, last, *sorted(about.meta.items())]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]


def details(about: About, of: Individuals, folder: str, busy: int) -> Answer:
    """Returns the facts that the overview shows of one search: its folder, version, costs, budget, workers and test."""
    return {
        "folder": folder,
        "version": about.note("version"),
        "population": of.population,
        "rungs": about.rungs,
        "model": of.model(),
        "objectives": [{"name": one.name, "direction": one.direction} for one in about.objectives],
        "front": [row.id for row in of.front],
        "new_bests": [*of.new_bests],
        "source": about.source,
        "seconds": about.seconds,
        "flops": of.costs.flops,
        "simulated": of.costs.simulated,
        "budget": about.budget,
        "workers": {"busy": busy, "of": about.workers},
        "step_share": of.costs.step_share,
        "data_share": of.costs.data_share,
        "chosen": about.chosen,
        "retrained": about.retrained(about.chosen),
        "test": about.test(best_of(about, of)),
    }


def best_of(about: About, of: Individuals) -> int | None:
    """Returns the id of the best individual: the one that retrainings have chosen, or the fittest one."""
    return about.chosen or (None if of.best is None else of.best.id)


def columns(of: Individuals, places: Sequence[int]) -> Answer:
    """Returns the numbers and the metrics of individuals, as one list for each column.

    Args:
      of: the individuals of the search.
      places: indices into `of.rows`, which select individuals.
    """
    rows = [of.rows[place] for place in places]
    found: Answer = dict(zip(Row._fields, map(list, zip(*rows, strict=True)), strict=True)) if rows else {
        name: [] for name in Row._fields
    }  # fmt: skip
    found["left"] = [of.left[place] for place in places]
    named = [of.metrics[place] for place in places]
    return {
        "rules": of.rules,
        "columns": found,
        "metrics": {name: [metrics.get(name) for metrics in named] for name in of.metric_names},
        "rejected": dict(of.rejected),
    }


def population(of: Individuals, since: int) -> Answer:
    """Returns the mean and the range of the population, and the best fitness, after each individual.

    The fitnesses are those that the search knew at that time. The first `since` individuals are left out.
    """
    bands = of.bands[since:]
    return {
        "finished": list(range(since + 1, of.results + 1)),
        "mean": [band.mean for band in bands],
        "low": [band.low for band in bands],
        "high": [band.high for band in bands],
        "best": of.bests[since:],
    }


def curve(of: Individuals) -> Answer:
    """Returns the best fitness so far and the mean of the population, at no more than `MOST` of the results."""
    count = min(MOST, of.results)
    ends = [(of.results * (index + 1)) // count for index in range(count)]
    return {
        "finished": ends,
        "best": [of.bests[end - 1] for end in ends],
        "mean": [of.bands[end - 1].mean for end in ends],
    }
