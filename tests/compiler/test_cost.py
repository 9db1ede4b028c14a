"""Sizes from text alone, to the last parameter."""

from __future__ import annotations

import random

import pytest

import compiler
import dsl
from dsl.files import shipped_cells

CIFAR = (32, 32, 3)


@pytest.mark.parametrize(
    ("edges", "size", "mult_adds"),
    [("1x1", 241_306, None), ("3x3, skip on 0->3", 1_288_506, 184_730_240)],
)
def test_sizes_of_nasbench201_cells(edges, size, mult_adds):
    if edges == "1x1":
        body = "a = {0}(x)\n b = {0}(x) + {0}(a)\n c = {0}(x) + {0}(a) + {0}(b)".format("relu_conv[1x1]")
    else:
        body = "a = {0}(x)\n b = {0}(x) + {0}(a)\n c = skip(x) + {0}(a) + {0}(b)".format("relu_conv[3x3]")
    genotype = dsl.loads(f'include "nasbench201.cell"\ncell net(x) {{\n {body}\n return c\n}}')
    found = compiler.cost(genotype, CIFAR, 10)
    assert found.params == size
    assert mult_adds in (None, found.mult_adds)


def test_every_shipped_file_has_a_cost():
    for path in shipped_cells().glob("*.cell"):
        assert compiler.cost(dsl.load(path), (64, 64, 3), 10).params > 0


def test_dead_nodes_cost_nothing():
    text = 'include "nasbench201.cell"\ncell net(x) {{\n a = relu_conv[3x3](x){}\n return a\n}}'
    alive, dead = (dsl.loads(text.format(extra)) for extra in ("", "\n dead = relu_conv[3x3](a)"))
    assert compiler.cost(alive, CIFAR, 10) == compiler.cost(dead, CIFAR, 10)


def test_the_auxiliary_head_costs_nothing():
    genotype = dsl.load("amoebanet_a.cell", {"N": 1, "F": 8})
    plain = compiler.resolve(genotype, CIFAR, 10)
    full = compiler.resolve(genotype, CIFAR, 10, auxiliary=True)
    assert len(full.auxiliary) == 1
    assert compiler.graph_cost(full) == compiler.graph_cost(plain)


def test_random_genotypes_resolve():
    rng = random.Random(1)
    space = dsl.load("nasnet.cell", {"N": 1, "F": 8}).space
    for _ in range(50):
        assert compiler.cost(dsl.sample(space, rng), (8, 8, 1), 10).params > 1000
