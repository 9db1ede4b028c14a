"""A search that a program drives, for a test to kill: python -m tests.evolve.asking FOLDER COUNT [PAUSE]."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import evolve

SPACE = """
param F = 4
op conv[kernel] = conv[kernel, filters=F] | batch_norm | relu
values ops = { conv[1x1], conv[3x3], conv[5x5], max_pool[3x3] }
cell net(x) {
  a = conv[3x3](x) + max_pool[3x3](x)
  b = conv[1x1](a) + max_pool[3x3](a)
  c = conv[1x1](b) + max_pool[3x3](a)
  return c
}
network { stem: conv[1x1] body: net * 2 head: global_avg_pool | dense[classes] }
mutation op { choose c in cells, n in c.nodes, t in n.terms   t.op = any(other ops) }
mutation rewire { choose c in cells, n in c.nodes, t in n.terms   t.input = any(other n.earlier) }
"""


def begun(folder: Path, **settings: Any) -> evolve.AskStudy:
    """Begins or continues a small search in `folder/work`."""
    folder.mkdir(exist_ok=True)
    (folder / "space.cell").write_text(SPACE)
    given = {"algorithm": evolve.RegularizedEvolution(population_size=6, sample_size=3), "input_shape": (8, 8, 3)}
    return evolve.create(folder / "space.cell", workdir=folder / "work", **{**given, **settings})


def accuracy(trial: evolve.Trial) -> float:
    """Returns a made-up accuracy, which depends on the network and on the random seed of the trial."""
    return trial.genotype.text().count("conv[3x3]") / 8 + trial.seed % 1000 / 1e5


def main(folder: Path, count: int, pause: float) -> None:
    """Asks and tells until `count` individuals have been asked for."""
    study = begun(folder, individuals=count)
    while True:
        try:
            trial = study.ask()
        except evolve.SearchEnded:
            return
        (trial.directory / "asked").touch()
        time.sleep(pause)
        study.tell(trial, accuracy=accuracy(trial), latency_ms=float(trial.id))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
