"""A search on the toy, for a test to kill: python -m tests.evolve.toy_driver FOLDER COUNT ALGORITHM WORKERS ORDER."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from evolve import Executor, Plan, Processes, Search, Serial, Store
from evolve.settings import Order
from tests.evolve import faults, toy

ALGORITHMS = {make.__name__: make for make in toy.MAKERS}


def main(folder: Path, individuals: int, name: str, workers: int, order: Order) -> None:
    """Runs the search in this process if WORKERS is 0, or else in worker processes."""
    folder.mkdir(exist_ok=True)
    executor: Executor = Processes(workers, 50, folder / "log") if workers else Serial()
    with Store(folder) as store:
        plan = Plan(individuals, 0, folder / "log", order=order)
        evaluate = toy.suited(ALGORITHMS[name], partial(faults.logged, folder))
        Search(plan, ALGORITHMS[name](), toy.ToySpace(), store, executor, evaluate).run()
    executor.close()


if __name__ == "__main__":
    where, count, algorithm, processes, chosen = sys.argv[1:]
    main(Path(where), int(count), algorithm, int(processes), "born" if chosen == "born" else "finished")
