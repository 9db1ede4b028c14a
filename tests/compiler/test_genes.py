"""Networks with genes: what a gene decides, and the cache of resolved parts over children with other genes."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

import compiler
import dsl
from compiler.graph.cache import ResolveCache
from tests.compiler.test_resolve import SHAPE, bare

EVERY_KIND = Path(__file__).parent.parent / "golden" / "cell" / "genes.cell"


def with_gene(genotype: dsl.Genotype, name: str, value: object) -> dsl.Genotype:
    """Returns the genotype with another value of one gene, which is a member of its domain by its text."""
    members = genotype.space.domains[name].members
    wanted = next(member for member in members if str(getattr(member, "name", member)) == str(value))
    return replace(genotype, genes=tuple((key, wanted if key == name else old) for key, old in genotype.genes))


@pytest.mark.parametrize(
    ("gene", "value", "differs"),
    [
        ("k", "5x5", True), ("act", "gelu", False), ("d", 3, True), ("width", 16, True), ("s", 2, True),
    ],
)  # fmt: skip
def test_a_gene_decides_what_reads_it(gene: str, value: object, differs: bool) -> None:
    seed = dsl.load(EVERY_KIND)
    other = with_gene(seed, gene, value)
    graphs = [compiler.resolve(one, SHAPE, 10) for one in (seed, other)]
    assert bare(graphs[0]) != bare(graphs[1])
    assert (compiler.cost(seed, SHAPE, 10).mult_adds != compiler.cost(other, SHAPE, 10).mult_adds) == differs
    assert dsl.fingerprint(seed) != dsl.fingerprint(other)


def test_repetitions_and_strides_are_those_of_the_genes() -> None:
    seed = with_gene(with_gene(dsl.load(EVERY_KIND), "d", 3), "s", 2)
    steps = compiler.resolve(seed, (32, 32, 3), 10).steps
    assert [step.name for step in steps[1:-1]] == ["net", "net", "net", "block", "net", "block"]
    assert [step.shape[:2] for step in steps[1:5]] == [(16, 16), (8, 8), (4, 4), (4, 4)]


def test_the_cache_between_children_with_other_genes_changes_no_graph() -> None:
    genotype = dsl.load(EVERY_KIND)
    rng, cache = random.Random(7), ResolveCache()
    check = compiler.requirement(genotype.space, SHAPE, 10)
    found: dict[str, object] = {}
    for _ in range(120):
        genotype = dsl.mutate(genotype, rng, check).genotype
        again, anew = compiler.resolve(genotype, SHAPE, 10, cache=cache), compiler.resolve(genotype, SHAPE, 10)
        assert bare(again) == bare(anew)
        assert compiler.cost(genotype, SHAPE, 10, cache) == compiler.cost(genotype, SHAPE, 10)
        cost = compiler.cost(genotype, SHAPE, 10)
        assert found.setdefault(dsl.fingerprint(genotype), cost) == cost
    assert len(found) > 50


def test_a_step_that_reads_no_changed_gene_is_resolved_once() -> None:
    seed, cache = dsl.load(EVERY_KIND), ResolveCache()
    first, again, wider = (
        compiler.resolve(one, SHAPE, 10, cache=cache).steps for one in (seed, seed, with_gene(seed, "k", "5x5"))
    )
    assert all(one.operations is two.operations for one, two in zip(first, again, strict=True))
    shared = [one.operations is two.operations for one, two in zip(first, wider, strict=True)]
    assert any(shared) and not all(shared)


def test_a_full_cache_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    seed, cache = dsl.load(EVERY_KIND), ResolveCache()
    first = compiler.resolve(seed, SHAPE, 10, cache=cache)
    monkeypatch.setattr("compiler.graph.cache.MAX_OPERATIONS", 5)
    again = compiler.resolve(seed, SHAPE, 10, cache=cache)
    assert bare(again) == bare(first)
    assert all(one.operations is not two.operations for one, two in zip(first.steps, again.steps, strict=True))


def test_requirements_read_genes() -> None:
    seed = dsl.load(EVERY_KIND)
    check = compiler.requirement(seed.space, SHAPE, 10)
    assert check(seed) is None
    many = with_gene(with_gene(seed, "d", 3), "width", 16)
    assert check(many) is None
    text = EVERY_KIND.read_text().replace("d * width <= 48", "d * width <= 40")
    tight = dsl.loads(text).space
    assert (
        compiler.requirement(tight, SHAPE, 10)(replace(many, space=tight)) == "require d * width <= 40 (d 3, width 16)"
    )


def test_a_real_number_of_repetitions_is_refused() -> None:
    text = """gene d = 2 in 1 .. 4
    cell net(x) { a = conv[3x3](x)  return a }
    network { stem: conv[3x3, filters=8]  body: net[8] * d  head: global_avg_pool | dense[classes] }
    mutation m { d = uniform(2.1, 2.9) }"""
    seed = dsl.loads(text)
    with pytest.raises(compiler.CompileError, match=r"a step is repeated 2\.5 times; allowed: a whole number"):
        compiler.cost(replace(seed, genes=(("d", 2.5),)), SHAPE, 10)
    with pytest.raises(dsl.CellError, match=r"a step is repeated 2\.\d+ to 2\.\d+ times"):
        dsl.mutate(seed, random.Random(1), compiler.requirement(seed.space, SHAPE, 10))
