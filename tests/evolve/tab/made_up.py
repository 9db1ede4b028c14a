"""A made-up search of any size: the store of a search whose trainings took no time.

The genotypes are real: the algorithm proposes them, and the rules of the space mutate them. Their results are computed
from their texts. From the command line:

    python -m tests.evolve.tab.made_up FOLDER --individuals=20000
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import dsl
from compiler import Epoch
from evolve import Algorithm, CellSpace, Evaluation, Proposal, Standing, Store, config
from evolve.fitness.facts import Facts
from evolve.objectives import Objectives
from evolve.observers.journal import Journal
from evolve.prepared import prepare
from evolve.records import Classification, failed
from evolve.search.loop import Observer
from evolve.store.store import ENDED

SPACE = """
include "nasnet.cell"
gene learning_rate = 0.05 in 1e-4 .. 1
mutation rate weight 0.1 { learning_rate *= loguniform(0.5, 2) }
"""
CROSSOVER = """
crossover terms weight 0.5 { for c in cells, n in c.nodes, t in n.terms where mate has t
                             { either { } or { t = mate.t } }
                             perturb weights by normal(0, 0.02) }
"""
FACTS = Facts(
    description="digits: 719 training, 718 validation and 360 test images of 8x8x1 in 10 classes",
    input_shape=(8, 8, 1),
    classes=10,
    class_names=tuple("0123456789"),
    mean=(4.9,),
    std=(6.0,),
    images=719,
    digest="made up",
)
WORKERS = 8
EPOCHS = 6
SCRIPT = "<script>document.title = 'attacked'</script>"
_USE = re.compile(r"[a-z]\w*(?:\[[^]]*\])?\(\w+\)")
_RATE = re.compile(r"^gene learning_rate = (\S+)", re.MULTILINE)
_FAILURES = (
    "the loss is nan in epoch 2",
    "the evaluation ran out of memory",
    "the worker was lost",
    "the fitness is nan",
)


@dataclass(frozen=True)
class MadeUp:
    """The settings of a made-up search.

    Attributes:
      individuals: the number of individuals after which the search ends.
      finished: the number of results after which it is interrupted; None: it reaches its end.
      seed: the random seed, on which everything depends.
      algorithm: the algorithm by its gin name.
      population: the size of its population.
      inherits: whether children inherit weights.
      crosses: whether the space has a crossover, so that a part of the children has two parents.
      objectives: the objectives, such as "accuracy max, mult_adds min"; "" for the accuracy alone.
      hostile: whether texts of the store contain HTML.
      pace: seconds between results, each of which is then a transaction of its own; 0: one transaction for all.
    """

    individuals: int = 200
    finished: int | None = None
    seed: int = 0
    algorithm: str = "regularized_evolution"
    population: int = 50
    inherits: bool = False
    crosses: bool = False
    objectives: str = ""
    hostile: bool = False
    pace: float = 0.0

    def write(
        self, folder: Path, storage: Path | None = None, observers: Sequence[Observer[dsl.Genotype]] = ()
    ) -> None:
        """Writes the store of the search into a new work directory, and its copy into a storage."""
        space = dsl.loads(SPACE + CROSSOVER * self.crosses, {"N": 1, "F": 8}).space
        cells = CellSpace(space, FACTS.input_shape, FACTS.classes, unfit=lambda genotype: None)
        settings = config.read(["digits.gin"], self._bindings(), beside=["regularized_evolution"])
        algorithm = settings.algorithm(cells)
        prepared = prepare(settings, folder)
        with Store(folder) as store:
            store.sign({**prepared.identity(algorithm), "the space": space.text()}, prepared.settings())
            notes = {"version": "0.7.0", "data": FACTS.text(), "kept in": str(folder.absolute()), "source": "digits"}
            for key, value in notes.items():
                store.note(key, value)
            (folder / "tensorboard").mkdir(exist_ok=True)
            (folder / "config.gin").write_text(config.in_force())
            (folder / "space.cell").write_text(space.text())
            with ExitStack() as stack:
                if storage is not None:
                    (storage / "tensorboard").mkdir(parents=True, exist_ok=True)
                    observers = (stack.enter_context(Journal(storage, store)), *observers)
                stack.enter_context(nullcontext() if self.pace else store.event())
                self._run(store, algorithm, cells, observers)

    def _bindings(self) -> list[str]:
        has_samples = self.algorithm in ("regularized_evolution", "non_ageing_evolution")
        size = "window" if self.algorithm == "random_search" else "population_size"
        named = {
            "search.individuals": self.individuals,
            "search.seed": self.seed,
            "search.algorithm": repr(self.algorithm),
            "search.inherit_weights": self.inherits,
            "training.epochs": EPOCHS,
            "training.validate": "'epochs'",
            "search.objectives": {one.name: one.direction for one in Objectives.read(self.objectives)},
            f"{self.algorithm}.{size}": self.population,
            **({f"{self.algorithm}.sample_size": 10} if has_samples else {}),
        }
        return [f"{name}={value}" for name, value in named.items()]

    def _run(
        self,
        store: Store,
        algorithm: Algorithm[dsl.Genotype],
        cells: CellSpace,
        observers: Sequence[Observer[dsl.Genotype]],
    ) -> None:
        """Runs the search with workers whose clock is a number."""
        running: list[tuple[float, int, Evaluation]] = []
        seed = dsl.loads(SPACE)
        now, id, best, best_id = 0.0, 0, -math.inf, 0
        for done in range(self.individuals + 1):
            with store.event() if self.pace else nullcontext():
                if done:
                    now, finished, evaluation = heapq.heappop(running)
                    individual = store.finish(finished, evaluation)
                    algorithm.tell(individual)
                    if evaluation.status == "done" and evaluation.fitness > best:
                        best, best_id = evaluation.fitness, finished
                while len(running) <= WORKERS and id < self.individuals:
                    id += 1
                    proposal = self._with_rejected(algorithm.ask(id))
                    text = cells.text(proposal.genotype)
                    genes = cells.genes(proposal.genotype)
                    store.propose(proposal.with_genotype(text), cells.fingerprint(proposal.genotype), genes)
                    evaluation = self._evaluation(id, text, proposal)
                    if evaluation.error == "the worker was lost":
                        store.try_again(id, 1)
                    heapq.heappush(running, (now + evaluation.seconds, id, evaluation))
                store.note("seconds", repr(now))
            if done:
                for observer in observers:
                    observer.individual(individual, seed, Standing((), None))
            if done == self.finished:
                return
            time.sleep(self.pace)
        store.note(ENDED, f"all {self.individuals} individuals are finished")
        store.note(f"test of {best_id}", Classification(round(best - 0.01, 4), class_names=FACTS.class_names).text())

    def _judged(self, found: Evaluation) -> Evaluation:
        """Returns an evaluation with its scores, if the search has several objectives."""
        return Objectives.read(self.objectives).judged(found, "accuracy") if self.objectives else found

    def _with_rejected(self, proposal: Proposal[dsl.Genotype]) -> Proposal[dsl.Genotype]:
        rng = random.Random(f"{self.seed}:{proposal.id}:rejected")
        if proposal.parent is None or rng.random() < 0.9:
            return proposal
        reason = f"require params <= 3M (params {SCRIPT if self.hostile else '3,123,456'})"
        return replace(proposal, rejected=((rng.choice(("op", "rewire")), reason),) * rng.randint(1, 3))

    def _evaluation(self, id: int, text: str, proposal: Proposal[dsl.Genotype]) -> Evaluation:
        rng = random.Random(f"{self.seed}:{id}:result")
        uses = _USE.findall(text)
        rate = math.log10(float(_RATE.findall(text)[0]) / 0.05)
        pairs = enumerate(zip(uses, [*uses[1:], ""], strict=True))
        quality = sum(_effect(place, *pair) for place, pair in pairs) - rate * rate
        fitness = 0.15 + 0.83 / (1 + math.exp(1 - quality / 6)) + rng.gauss(0, 0.008)
        fitness = round(min(fitness, 0.995) * 718) / 718  # a share of the validation images
        heavy = sum(1 + int(size) for use in uses for size in re.findall(r"\d+(?=x)", use))
        params, mult_adds, depth = 9_000 + 800 * heavy, 400_000 + 52_000 * heavy, 12 + heavy // 8
        seconds = round((8 + heavy / 4) * rng.uniform(0.9, 1.3), 3)
        if rng.random() < 0.02:
            reason = SCRIPT if self.hostile else rng.choice(_FAILURES)
            found = replace(failed(reason), history=_history(0.1, 1, rng))
        else:
            tenth = round(rng.uniform(0.9, 1.1) * heavy / 10, 3)
            metrics = (("latency_ms", tenth), ("robust accuracy", round(fitness - rng.uniform(0.05, 0.1), 4)))
            note = (SCRIPT if self.hostile else "started anew: the weights are damaged") * (rng.random() < 0.01)
            found = Evaluation(
                fitness, history=_history(fitness, EPOCHS, rng), note=note, step_seconds=round(seconds * 0.7, 3),
                data_seconds=round(seconds * 0.007 * (id % 4), 3),  # 0: a training of an earlier version
                metrics=metrics, flops=3.0 * mult_adds * FACTS.images * EPOCHS,
                inherited=round(rng.uniform(0.4, 1), 3) if self.inherits and proposal.parent is not None else None,
            )  # fmt: skip
            found = replace(found, weight_differences=tuple((other, rng.uniform(3, 9)) for other in proposal.compared))
        return self._judged(replace(found, params=params, mult_adds=mult_adds, depth=depth, seconds=seconds))


@cache
def _effect(place: int, use: str, following: str) -> float:
    """Returns what two terms at a place of the text contribute to the quality of a genotype."""
    return random.Random(f"{place}:{use}:{following}").gauss(0, 0.8)


def _history(fitness: float, epochs: int, rng: random.Random) -> tuple[Epoch, ...]:
    shares = [1 - math.exp(-3 * (epoch + 1) / EPOCHS) for epoch in range(epochs)]
    return tuple(
        Epoch(
            epoch + 1,
            round(2.3 * (1 - share * fitness), 4),
            round(share * min(1.0, fitness + 0.02), 4),
            round(2.4 * (1 - share * fitness) + rng.uniform(0, 0.05), 4),
            round(share * fitness, 4),
        )
        for epoch, share in enumerate(shares)
    )


def main() -> None:
    """Writes the search that the command line describes."""
    parser = argparse.ArgumentParser(description="Writes the store of a made-up search.")
    parser.add_argument("folder", type=Path, help="a new work directory")
    parser.add_argument("--storage", type=Path, help="a folder for a copy of the search")
    for name, default in vars(MadeUp()).items():
        if isinstance(default, bool):
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=int if default is None else type(default), default=default)
    arguments = vars(parser.parse_args())
    folder, storage = arguments.pop("folder"), arguments.pop("storage")
    MadeUp(**arguments).write(folder, storage)


if __name__ == "__main__":
    main()
