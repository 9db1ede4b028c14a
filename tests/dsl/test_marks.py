"""The parts of a genotype, by which NEAT compares individuals."""

from __future__ import annotations

import random

import dsl
from dsl.identity.marks import parts

NET = """
op act = batch_norm | relu
cell net(x) fit resize_and_pad {
  a = act(x) + skip(x)
  return a
}
fixed cell same(x) {
  b = relu(x)
  return b
}
network { stem: same  body: net  head: global_avg_pool | dense[classes] }
mutation node { choose t in net.edges   insert conv[3x3, depth=1] | act on t }
mutation link { choose a in net.states, b in net.vertices where not (b reaches a or a feeds b)  connect a to b by skip }
"""
SEED = {"net/a/0": 0, "net/a/1": 0, "net/return/0": 0}


def child(parent: dsl.Genotype, rule: str, born: int) -> dsl.Genotype:
    """Returns the child of individual `born` by a rule."""
    only = [one for one in parent.space.mutations if one.name == rule]
    return dsl.mutate(parent, random.Random(born), only=only, born=born).genotype


def test_the_parts_of_the_file_are_born_in_no_individual() -> None:
    assert parts(dsl.loads(NET)) == SEED


def test_new_parts_have_the_individual_in_which_they_were_born() -> None:
    seed = dsl.loads(NET)
    node = child(seed, "node", 57)
    assert parts(node) == {**SEED, "net/n57/0": 57}
    link = child(node, "link", 60)
    (name,) = parts(link).keys() - parts(node).keys()
    assert parts(link)[name] == 60 and name.endswith("/n60")
    again = child(child(seed, "node", 7), "node", 7)
    assert parts(again) == {**SEED, "net/n7/0": 7, "net/n7_2/0": 7}


def test_equal_changes_of_two_individuals_are_two_parts() -> None:
    seed = dsl.loads(NET)
    assert parts(child(seed, "node", 5)).keys() ^ parts(child(seed, "node", 6)).keys() == {"net/n5/0", "net/n6/0"}


STEPS = """
op conv_bn[k] = conv[k, stride=stride] | batch_norm
network {
  stem: conv_bn[3x3, filters=8]
  body: conv_bn[3x3], conv_bn[1x1]
  head: global_avg_pool | dense[classes]
}
mutation step { choose s in steps   insert conv_bn[3x3] after s }
"""


def test_steps_are_parts_where_they_evolve() -> None:
    seed = dsl.loads(STEPS)
    before = {"stem/0": 0, "body/0": 0, "body/1": 0, "head/0": 0}
    assert parts(seed) == before
    assert parts(child(seed, "step", 12)) == {**before, "body/n12": 12}
