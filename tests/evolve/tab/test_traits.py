"""The counts of operations that are read from texts are those of the parsed genotypes."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import dsl
from dsl.text import unparse
from dsl.tree import edit
from dsl.tree import syntax as s
from evolve.store.database import FILE
from evolve.tab.data import Data
from evolve.tab.traits import genes, operations
from tests.evolve.tab.made_up import MadeUp

CELLS = sorted((Path(__file__).parents[3] / "experiments" / "cells").glob("*.cell"))


def counted(genotype: dsl.Genotype) -> Counter[str]:
    flows = [flow for cell in genotype.cells for flow in (*(node.flow for node in cell.nodes), cell.output)]
    # As a sum has no operation in a text, the product that is a whole node has none.
    products = sum(isinstance(term, s.Call) and s.is_product(term) for flow in flows for term in flow.terms)
    return Counter(unparse.op(op) for op in edit.flow_ops(flows)) - Counter({"multiply": products})


@pytest.mark.parametrize("path", CELLS, ids=lambda path: path.stem)
def test_operations_are_counted_as_in_the_tree(path: Path) -> None:
    rng, family = random.Random(0), [dsl.load(str(path))]
    while family[0].space.mutations and len(family) < 30:
        family.append(dsl.mutate(rng.choice(family), rng).genotype)
    for genotype in family:
        assert operations(genotype.text()) == counted(genotype)


def test_operations_with_settings_tails_labels_and_nesting_are_counted() -> None:
    text = """include "nasnet.cell"
cell normal(here: project, before: match) fit shape {
  a = first: conv[3x3, filters=filters // 2](here) + add(relu(before), here) | relu | conv[1x1, stride=2]
  b = conv_1x7_7x1(max_pool[3x3, padding=valid](a)) | batch_norm
  return concat(a, b) | dropout[rate=0.5]
}
"""
    genotype = dsl.loads(text)
    found = operations(genotype.text())
    assert found == counted(genotype)
    assert found["relu"] == 2 and found["conv[3x3, filters=filters // 2]"] == 1 and found["dropout[rate=0.5]"] == 1


@pytest.mark.parametrize("text", ["a" * 300_000, "a[" * 150_000, "  x = " + "a[b]" * 100_000, "| a[" + "[b]" * 100_000])
def test_odd_texts_of_any_length_are_counted_at_once(text: str) -> None:
    assert sum(operations(text).values()) <= 1


def test_genes_are_read_with_their_values() -> None:
    text = """\
gene l2 = 0.0001
gene learning_rate = 0.5 in 0.01 .. 1
gene depth: int = 2 in 1 .. 4
gene k: kernel = 3x3 in { 3x3, 5x5 }
gene act = relu in activations

cell net(x) {
  gene = conv[k](x)
  return gene
}
"""
    assert genes("") == {}
    assert genes(text) == {"l2": 0.0001, "learning_rate": 0.5, "depth": 2, "k": "3x3", "act": "relu"}


def test_the_traits_of_all_individuals_are_read_once(tmp_path: Path) -> None:
    MadeUp(individuals=60, population=10, finished=40).write(tmp_path)
    data = Data(tmp_path)
    found: dict[str, Any] = data.traits()
    rows = sqlite3.connect(tmp_path / FILE).execute("select genotype from individuals order by id").fetchall()
    assert found["id"] == [*range(1, 50)] and len(rows) == 49
    assert [genes(text)["learning_rate"] for (text,) in rows] == found["genes"]["learning_rate"]
    for name, counts in found["operations"].items():
        assert counts == [operations(text)[name] for (text,) in rows]
    assert data.traits() == found


def test_many_kinds_of_settings_are_counted_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MadeUp(individuals=30, population=10).write(tmp_path)
    apart: dict[str, Any] = Data(tmp_path).traits()["operations"]  # type: ignore[assignment]
    monkeypatch.setattr("evolve.tab.traits.MOST", 5)
    joined: dict[str, Any] = Data(tmp_path).traits()["operations"]  # type: ignore[assignment]
    several = [counts for name, counts in apart.items() if name.startswith("sep_conv[")]
    assert len(several) == 3 and joined["sep_conv"] == [sum(counts) for counts in zip(*several, strict=True)]
