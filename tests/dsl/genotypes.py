"""Genotypes for the language's tests: random ones of the shipped spaces."""

from __future__ import annotations

import random

import hypothesis.strategies as st

import dsl

SAMPLED = (
    "nasnet.cell", "nasbench201.cell", "nasbench101.cell", "darts.cell", "hierarchical.cell", "large_scale.cell",
    "nasnet_13.cell",
)  # fmt: skip


@st.composite
def genotypes(draw: st.DrawFn) -> dsl.Genotype:
    """Returns a genotype that was sampled from a shipped space and mutated a few times."""
    space = dsl.load(draw(st.sampled_from(SAMPLED))).space
    rng = random.Random(draw(st.integers(0, 2**32)))
    genotype = dsl.sample(space, rng)
    for _ in range(draw(st.integers(0, 5))):
        genotype = dsl.mutate(genotype, rng).genotype
    return genotype
