"""A whole search on the toy, as a process to be killed: python -m tests.evolve.toy_driver FOLDER COUNT ALGORITHM."""

from __future__ import annotations

import sys
from pathlib import Path

from evolve.executors import Serial
from evolve.search import Plan, Search
from evolve.store import Store
from tests.evolve import toy

ALGORITHMS = {make.__name__: make for make in (toy.evolution, toy.tournament)}


def main(folder: Path, individuals: int, name: str) -> None:
    """Run it with one serial worker."""
    space, algorithm = toy.ToySpace(), ALGORITHMS[name]()
    with Store(folder) as store:
        plan = Plan(individuals, 0, folder / "log")
        Search(plan, algorithm, space, store, Serial(), toy.evaluate_slowly).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
