"""A whole search on the toy, to be killed: python -m tests.evolve.toy_driver FOLDER COUNT ALGORITHM [WORKERS]."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from evolve.executors import Executor, Processes, Serial
from evolve.search import Plan, Search
from evolve.store import Store
from tests.evolve import faults, toy

ALGORITHMS = {make.__name__: make for make in toy.MAKERS}


def main(folder: Path, individuals: int, name: str, workers: int) -> None:
    """Run it in this process, or in workers."""
    folder.mkdir(exist_ok=True)
    executor: Executor = Processes(workers, 50, folder / "log") if workers else Serial()
    with Store(folder) as store:
        plan = Plan(individuals, 0, folder / "log")
        evaluate = partial(faults.logged, folder)
        Search(plan, ALGORITHMS[name](), toy.ToySpace(), store, executor, evaluate).run()
    executor.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
