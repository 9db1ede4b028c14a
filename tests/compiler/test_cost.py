"""Sizes from text alone, to the last parameter."""

from __future__ import annotations

import random

import pytest

import compiler
import dsl
from dsl.files import shipped_cells

CIFAR, IMAGENET = (32, 32, 3), (331, 331, 3)
EXACT = [
    ("amoebanet_a.cell", (), {"N": 6, "F": 32}, CIFAR, 10, 2_567_754, 407_671_808),
    ("amoebanet_a.cell", (), {"N": 6, "F": 36}, CIFAR, 10, 3_218_266, 509_668_992),
    ("amoebanet_a.cell", (), {"N": 2, "F": 24}, CIFAR, 10, 628_954, 106_565_376),
    ("amoebanet_b.cell", (), {"N": 6, "F": 36}, CIFAR, 10, 2_839_186, 454_925_952),
    ("amoebanet_a.cell", ("imagenet.cell",), {"N": 6, "F": 190}, IMAGENET, 1001, 86_721_838, 23_133_666_547),
    ("nasnet_a.cell", ("imagenet.cell",), {"N": 4, "F": 44}, (224, 224, 3), 1000, 5_289_978, 563_638_816),
    ("nasbench201.cell", (), {}, CIFAR, 10, 1_531_546, 220_119_680),
]


@pytest.mark.parametrize(("file", "overlays", "params", "shape", "classes", "size", "mult_adds"), EXACT)
def test_published_sizes(file, overlays, params, shape, classes, size, mult_adds):
    found = compiler.cost(dsl.load(file, params, overlays), shape, classes)
    assert (found.params, found.mult_adds) == (size, mult_adds)


@pytest.mark.parametrize(
    ("edges", "size", "mult_adds"),
    [("1x1", 241_306, None), ("skip on 0->3", 1_288_506, 184_730_240)],
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


@pytest.mark.parametrize(
    ("file", "params", "published"),
    [("nasnet_a_large.cell", {}, 88.9e6), ("pnasnet_5.cell", {"N": 4, "F": 216}, 86.1e6), ("darts.cell", {}, 3.3e6)],
)
def test_sizes_near_published_ones(file, params, published):
    shape, classes = (CIFAR, 10) if file == "darts.cell" else (IMAGENET, 1001)
    assert compiler.cost(dsl.load(file, params), shape, classes).params == pytest.approx(published, rel=0.02)


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
