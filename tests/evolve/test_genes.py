"""Genes in a search: which of them tell two individuals apart, and what the training reads."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

import dsl
from dsl.space.genes import GeneValue
from dsl.values import Kernel
from evolve import CellSpace, UsageError, config
from evolve.prepared import prepare

EVERY_KIND = Path(__file__).parents[1] / "golden" / "cell" / "genes.cell"


def with_genes(genotype: dsl.Genotype, **changed: GeneValue) -> dsl.Genotype:
    return replace(genotype, genes=tuple((name, changed.get(name, value)) for name, value in genotype.genes))


def test_individuals_differ_by_their_network_and_by_what_the_training_reads() -> None:
    text = EVERY_KIND.read_text().replace("gene s: int", "gene own = 3x3 in { 3x3, 5x5 }\ngene dead = 1\ngene s: int")
    seed = dsl.loads(text.replace("conv[k, filters=2 * width](a)", "conv[3x3, filters=dead](a)"))
    cells = CellSpace(seed.space, (8, 8, 1), 10)
    assert cells.genes(seed) == "own = 3x3\nlearning_rate = 0.1"

    def same(**changed: GeneValue) -> bool:
        other = with_genes(seed, **changed)
        return (cells.fingerprint(other), cells.genes(other)) == (cells.fingerprint(seed), cells.genes(seed))

    assert same(dead=7)  # which only a dead node reads
    assert not same(learning_rate=0.2) and not same(own=Kernel(5, 5))
    assert not same(d=3) and not same(width=16) and not same(s=2)


def test_a_gene_that_only_the_auxiliary_head_reads_tells_individuals_apart() -> None:
    seed = dsl.loads("""
    gene k = 3x3 in { 3x3, 5x5 }
    cell net(x) { a = conv[3x3](x)  return a }
    network {
      stem: conv[3x3, filters=8]
      body: net[8] as here
      auxiliary(here): conv[k] | global_avg_pool | dense[classes]
      head: global_avg_pool | dense[classes]
    }""")
    cells, other = CellSpace(seed.space, (8, 8, 1), 10), with_genes(seed, k=Kernel(5, 5))
    assert cells.fingerprint(seed) == cells.fingerprint(other)
    assert (cells.genes(seed), cells.genes(other)) == ("k = 3x3", "k = 5x5")


def test_a_stored_individual_comes_back_with_genes_of_every_kind() -> None:
    seed = dsl.load(EVERY_KIND)
    cells = CellSpace(seed.space, (8, 8, 1), 10)
    rng = random.Random(2)
    for _ in range(20):
        child = cells.mutate(seed, rng).genotype
        assert cells.read(cells.text(child)) == child


@pytest.mark.parametrize(
    ("gene", "message"),
    [
        ("learning_rate = relu in { relu, skip }",
         r"gene learning_rate is relu, and training\.learning_rate, which it replaces, is a number"),
        ("l2 = 3x3 in { 3x3, 5x5 }", r"gene l2 is 3x3, and training\.l2, .* such as gene l2 = "),
        ("momentum = 0.9 in { 0.9, 2 }", r"training\.momentum is 2; it must be a number from 0 to 1"),
    ],
)  # fmt: skip
def test_a_gene_that_the_training_cannot_read_is_an_error_before_anything_is_trained(
    tmp_path: Path, gene: str, message: str
) -> None:
    (tmp_path / "own.cell").write_text(f'include "nasbench201.cell"\ngene {gene}\n')
    made = config.read(["amoeba.gin"], [f"search.seed_file='{tmp_path / 'own.cell'}'", "search.params={'N': 1}"])
    with pytest.raises(UsageError, match=message):
        prepare(made, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
