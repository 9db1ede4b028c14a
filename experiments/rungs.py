"""Compares evolution with and without rungs on a table: `python -m experiments.rungs --table nb101_sample.npz`.

The table has the accuracies of a sample of the cells of NAS-Bench-101 after 4, 12, 36 and 108 epochs (Ying et al. 2019;
`experiments.nasbench101` describes the file). Both searches spend the same epochs. Without rungs each cell is trained
for all epochs of the last rung. With rungs a cell is trained for the epochs of the first one, and one of `--reduction`
is trained on to the next. The result of a search is the accuracy after the last rung of the best cell that has reached
the highest rung. Searches run without stores and workers, and propose no cell twice.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dsl import CellError
from evolve import Individual, SearchError
from evolve.fitness.table_files import Row
from evolve.prepared import bred
from evolve.search.rungs import Ladder
from experiments import nasbench101
from experiments.nasbench201 import World, prepared, row_of, spread, whole_number

GIN = "nasbench101.gin"
RUNGS = (4, 12, 36, 108)
BUDGETS = (2700, 5400, 10800)  # epochs
COLUMN = "val_acc_{}"


def main(arguments: Sequence[str] | None = None, gin_file: str = GIN) -> int:
    """Runs all searches, prints their table and returns the exit code."""
    options = _options(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = nasbench101.by_fingerprints(options.table, Path(folder) / "table.npz")
            print(f"{'epochs':<14}" + "".join(f"{budget:>18,}" for budget in options.budgets))
            for name, rungs in (("no rungs", options.rungs[-1:]), ("rungs", options.rungs)):
                world = prepared(gin_file, str(path), bindings(rungs, options.reduction, options.gin_param))
                found = [list(one_search(world, seed, options.budgets)) for seed in range(options.seeds)]
                print(f"{name:<14}" + "".join(f"{spread(column):>18}" for column in zip(*found, strict=True)))
    except (SearchError, CellError) as error:
        print(f"rungs: {error}", file=sys.stderr)
        return 2
    print(f"accuracy after {options.rungs[-1]} epochs in percent, means of {options.seeds} searches, standard errors")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.rungs", description=__doc__.split("\n\n")[0])
    parser.add_argument("--table", required=True, help="a sample of NAS-Bench-101, or its table by fingerprints")
    parser.add_argument("--gin_param", action="append", default=[], help="a setting of both searches; repeatable")
    parser.add_argument("--seeds", type=whole_number, default=30, help="number of searches of each kind (30)")
    parser.add_argument("--rungs", type=whole_number, nargs="+", default=RUNGS, help="the epochs of the rungs")
    parser.add_argument("--reduction", type=whole_number, default=3, help="of this number of results, one goes on (3)")
    parser.add_argument("--budgets", type=whole_number, nargs="+", default=BUDGETS, help="epochs of the results shown")
    return parser.parse_args(arguments)


def bindings(rungs: Sequence[int], reduction: int, others: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the settings of a search on these rungs. With one, every training is whole."""
    columns = tuple(COLUMN.format(epochs) for epochs in rungs)
    own = [f"table.epochs={rungs[-1]}", f"table.metrics={columns[-1:]}", f"table.fitness={columns[-1]!r}"]
    if len(rungs) > 1:
        own[-1] = f"table.fitness={columns}"
        own += [f"search.rungs={tuple(rungs)}", f"search.reduction={reduction}"]
    return (*others, *own, "search.repeat_networks=False", f"search.individuals={10**6}")


def one_search(world: World, seed: int, budgets: Sequence[float]) -> Iterator[float]:
    """Runs a search, and yields its result at each budget, in epochs."""
    search = replace(world.config.search, seed=seed)
    algorithm = bred(replace(world.config, search=search), world.space)
    rungs = search.rungs or (round(world.settings.epochs),)
    ladder = Ladder(rungs, search.reduction, search.individuals)
    cells: dict[int, Row] = {}
    best, result, spent = (-1, 0.0), math.nan, 0.0
    left = list(budgets)
    while True:
        id, rung = ladder.next() or (len(cells) + 1, 0)
        price = rungs[rung] - (rungs[rung - 1] if rung else 0)
        while left and spent + price > left[0]:
            yield result
            del left[0]
        if not left:
            return
        spent += price
        if rung:
            ladder.promote(id, rung)
        else:
            cells[id] = row_of(world, algorithm.ask(id).genotype)
        row = cells[id]
        fitness = row.rungs[rung] if row.rungs else row.fitness
        one = Individual(id, "", fitness=fitness, fingerprint="", finished=id, metrics=row.metrics, rung=rung)
        algorithm.tell(one)
        ladder.add(one)
        if (rung, fitness) > best:
            best, result = (rung, fitness), dict(row.metrics)[world.settings.metrics[0]]


if __name__ == "__main__":
    sys.exit(main())
