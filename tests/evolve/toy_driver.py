"""A whole search on the toy, as a process that a test can kill: python -m tests.evolve.toy_driver FOLDER COUNT."""

from __future__ import annotations

import sys
from pathlib import Path

from evolve.algorithms import RegularizedEvolution
from evolve.search import Plan, Search
from evolve.store import Store
from evolve.workers import Serial
from tests.evolve import toy


def main(folder: Path, individuals: int) -> None:
    """Run it with one serial worker."""
    space = toy.ToySpace()
    with Store(folder) as store:
        algorithm = RegularizedEvolution(space, 0, 10, 3)
        plan = Plan(individuals, 1, 0, folder / "log")
        Search(plan, algorithm, space, store, Serial(), toy.evaluate_slowly).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
