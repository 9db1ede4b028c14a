"""Searches in which individuals have two parents: names of new parts, what is stored, and how a search resumes."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import dsl
from evolve import (
    Algorithm,
    CellSpace,
    Evaluation,
    Individual,
    NonAgeingEvolution,
    PairwiseTournament,
    Plan,
    RegularizedEvolution,
    Search,
    Serial,
    Store,
    Task,
)
from tests.evolve.replay import replay

NEAT = """
gene rate = 0.1 in 0.001 .. 1
op act = batch_norm | relu
cell net(x) fit resize_and_pad {
  return x
}
network { body: net  head: global_avg_pool | dense[classes] }
mutation node  weight 3 { choose t in net.edges   insert conv[any({ 1x1, 3x3 }), depth=1] | any({ act, skip }) on t }
mutation rate           { rate *= loguniform(0.5, 2)   perturb weights by normal(0, 0.02) }
crossover net  weight 4 { for n in net.vertices, t in n.terms where mate has t { either { } or { t = mate.t } } }
crossover rates         { rate = mate.rate   forget weights }
"""
SPACE = dsl.loads(NEAT).space


def evaluate(task: Task) -> Evaluation:
    """Returns a fitness that grows with the kernels in the text, and noise that follows from the seed of the task."""
    return Evaluation(
        task.genotype.count("3x3") + random.Random(task.seed).random(), params=task.genotype.count("conv")
    )


def cells() -> CellSpace:
    return CellSpace(SPACE, (8, 8, 1), 10, sample_mutations=2)


def made(name: str) -> Algorithm[dsl.Genotype]:
    """Returns a new algorithm with a small population."""
    if name == "pairwise":
        return PairwiseTournament(cells(), 0, population_size=12)
    algorithm = RegularizedEvolution if name == "regularized" else NonAgeingEvolution
    return algorithm(cells(), 0, population_size=12, sample_size=3)


def found(folder: Path, name: str, individuals: int = 120) -> dict[int, Individual]:
    """Runs a search to a number of individuals, and returns all individuals by id."""
    with Store(folder) as store:
        Search(Plan(individuals, 0, folder / "log"), made(name), cells(), store, Serial(), evaluate).run()
        return {one.id: one for one in store.finished()}


@pytest.mark.parametrize("name", ["regularized", "non-ageing", "pairwise"])
class TestParents:
    """Properties of searches by every algorithm that draws a mate."""

    def test_only_crossed_individuals_have_a_mate_which_is_less_fit(self, tmp_path: Path, name: str) -> None:
        rows = found(tmp_path, name)
        crossed = [one for one in rows.values() if one.mate is not None]
        assert len(crossed) > 20
        assert {one.rule for one in crossed} == {"net", "rates"}
        assert not {one.rule for one in rows.values() if one.mate is None} & {"net", "rates"}
        for one in crossed:
            assert one.parent != one.mate
            assert rows[one.parent or 0].fitness >= rows[one.mate or 0].fitness
            assert one.rule == "net" or (one.forget and not one.weights_needed)

    def test_taken_terms_are_the_mates_and_their_weights_are_needed(self, tmp_path: Path, name: str) -> None:
        rows = found(tmp_path, name)
        taken = [one for one in rows.values() if one.from_mate]
        assert taken
        for one in taken:
            assert one.rule == "net" and one.weights_needed == {one.parent, one.mate}
            own, mate = (SPACE.genotype(rows[id or 0].genotype).cell("net") for id in (one.id, one.mate))
            for kind, cell, *names in one.from_mate:
                assert (kind, cell) == ("cell", "net")
                assert all(any(node.name == names[0] for node in cell.nodes) for cell in (own, mate)) or (
                    names[0] == "return"
                )
        assert all(not one.weights_needed - {one.parent} for one in rows.values() if not one.from_mate)

    def test_new_nodes_are_named_after_their_individual(self, tmp_path: Path, name: str) -> None:
        """So equal names mean common descent."""
        rows = found(tmp_path, name)
        for one in rows.values():
            before = {name for parent in one.parents for name in names_in(rows[parent])}
            new = names_in(one) - before
            assert all(re.fullmatch(rf"n{one.id}(_\d+)?", name) for name in new)
            assert bool(new) == (one.rule == "node") or one.rule == "random"

    def test_noise_is_stored(self, tmp_path: Path, name: str) -> None:
        for one in found(tmp_path, name).values():
            assert one.noise == (dsl.Noise("normal", 0, 0.02) if one.rule == "rate" else None)

    def test_a_search_resumes_with_the_same_proposals(self, tmp_path: Path, name: str) -> None:
        whole = found(tmp_path / "whole", name)
        for individuals in (5, 17, 40, 41, 90, 120):
            parts = found(tmp_path / "parts", name, individuals)
        assert parts == whole
        with Store(tmp_path / "whole") as store:
            replay(store, made(name), cells())


def names_in(individual: Individual) -> set[str]:
    """Returns the names of the nodes of a genotype."""
    return {node.name for node in SPACE.genotype(individual.genotype).cell("net").nodes}
