"""Children of two parents can be built, and the parts that they take of the mate are parts of the keys of weights."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import compiler
import dsl
from compiler import requirement
from compiler.main import main

NEAT = """
op act = batch_norm | relu
cell net(x) fit resize_and_pad { return x }
network { body: net  head: global_avg_pool | dense[classes] }
mutation node weight 3 { choose t in net.edges   insert conv[any({ 1x1, 3x3 }), depth=1] | any({ act, skip }) on t }
mutation link weight 5 { choose a in net.states, b in net.vertices where not (b reaches a or a feeds b)
                         connect a to b by conv[1x1, depth=1] }
mutation off           { choose t in net.edges where t.op is conv   t.op = none }
crossover terms        { for n in net.vertices, t in n.terms where mate has t { either { } or { t = mate.t } } mutate }
crossover nodes        { for n in net.vertices where mate has n { either { } or { n = mate.n } } mutate }
"""


def check_neat(pairs: int, crossovers: int, apart: int) -> None:
    """Checks crossovers of two lines that have `apart` mutations each since their common ancestor."""
    seed, rng = dsl.loads(NEAT), random.Random(0)
    check = requirement(seed.space, (8, 8, 1), 10)
    mutations = [rule for rule in seed.space.mutations if not rule.crossover]
    numbers = iter(range(1, 10**9))

    def line(genotype: dsl.Genotype) -> dsl.Genotype:
        for _ in range(apart):
            genotype = dsl.mutate(genotype, rng, check, mutations, born=next(numbers)).genotype
        return genotype

    for _ in range(pairs):
        common = line(seed)
        parents = line(common), line(common)
        for rule in (rule for rule in seed.space.mutations if rule.crossover):
            made = [
                dsl.mutate(parents[0], rng, check, [rule], mate=parents[1], born=next(numbers))
                for _ in range(crossovers)
            ]
            taken = [len(child.from_mate) for child in made]
            assert sum(taken) > crossovers
            # Nearly every draw of terms is a network that can be built, since their inputs stay.
            rejected = sum(len(child.rejected) for child in made)
            assert rejected <= crossovers / 20 or rule.name == "nodes"


def test_crossovers_of_neat_can_be_built() -> None:
    check_neat(pairs=1, crossovers=30, apart=20)


@pytest.mark.full
def test_1000_crossovers_of_neat_can_be_built() -> None:
    check_neat(pairs=20, crossovers=50, apart=50)


KEYS = """
op both[kernel] = relu | conv[kernel] | batch_norm
cell net(x) {
  a = concat(both[3x3](x), n9: conv[1x1](x))
  b = conv[1x1](x) + add(conv[3x3](a), both[5x5](x)) + relu(conv[5x5](a))
  c = conv[3x3](both[1x1](x)) | conv[1x1]
  return concat(a, b, conv[3x3](c))
}
network { stem: conv[3x3, filters=8]  body: net[8] * 2  head: global_avg_pool | dense[classes] }
mutation m { choose t in net.terms  t.op = any({ relu, skip }) }
crossover t { choose n in net.vertices, t in n.terms where t.op is conv or t.op is both  t = mate.t }
"""


def test_a_part_of_the_mate_is_the_key_of_the_weights_of_its_term() -> None:
    """Each term with weights is taken once, and its part is the key of its own weights and of no others."""
    seed = dsl.loads(KEYS)
    only = [rule for rule in seed.space.mutations if rule.crossover]
    weights = [key.split("/") for step in compiler.resolve(seed, (16, 16, 3), 10).steps for key, _ in step.weights()]
    inside = ["/".join(key[4:]) for key in weights if key[0] == "body"]
    parts = {dsl.mutate(seed, random.Random(i), only=only, mate=seed).from_mate[0] for i in range(200)}
    assert len(parts) == 8
    for part in parts:
        assert part[:2] == ("cell", "net")
        start = "/".join(part[2:]) + "/"
        own = {key for key in inside if key.startswith(start)}
        names = {key.removeprefix(start).split("/")[0] for key in own}
        assert names in ({"conv"}, {"both"}), (part, own)


CROSSES = 'include "nasnet.cell"\ncrossover cells weight 1e9 { choose c in cells  c = mate.c }\n'


def test_a_child_of_two_files_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = tmp_path / "ours.cell", tmp_path / "theirs.cell"
    ours.write_text(CROSSES)
    theirs.write_text('include "amoebanet_a.cell"')
    assert main(["mutate", str(ours), "--mate", str(theirs), "--count", "2"]) == 0
    output = capsys.readouterr().out
    assert output.count(", by cells\n") == 2
    assert "a = avg_pool[3x3](here) + max_pool[3x3](here)" in output
    assert main(["mutate", str(ours), "--mate", "nasbench201.cell"]) == 2
    error = capsys.readouterr().err
    assert "--mate nasbench201.cell is not an individual of the space of" in error
    assert "the space has normal, reduction" in error
