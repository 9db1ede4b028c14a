"""Every example of the documents is read and run. A `cell` block is a file, or a part of a file that includes NASNet's.

A line `# gives: NODES` in a block is a child that its rules must be able to make of its last cell.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

import dsl
from compiler import requirement
from dsl.primitives.reference import table
from dsl.rules.sample import relative
from dsl.tree import syntax as s

ROOT = Path(__file__).parent.parent
DRAWS, CHECKED = 500, 12


def blocks() -> list[tuple[str, str]]:
    found = []
    for path in (ROOT / "README.md", ROOT / "dsl" / "README.md"):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^```cell\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 2
            found.append((f"{path.parent.name}/{path.name}:{line}", match[1]))
    return found


@pytest.mark.parametrize(("name", "text"), blocks(), ids=[name for name, _ in blocks()])
def test_example_runs(name: str, text: str) -> None:
    file = dsl.parse(text, name)
    kinds = {type(item) for item in file.items}
    if s.Include not in kinds and not {s.Network, s.Cell} <= kinds:
        text = f'include "nasnet.cell"\n{text}'
    params = dsl.loads(text, name=name).space.params
    genotype = dsl.loads(text, {key: value for key, value in {"N": 1, "F": 8}.items() if key in params}, name)
    check = requirement(genotype.space, (32, 32, 3), 10)
    assert check(genotype) is None
    assert dsl.loads(genotype.standalone()) == genotype
    own = tuple(item for item in file.items if isinstance(item, s.Mutation))
    if own:
        genotype = replace(genotype, space=replace(genotype.space, mutations=own))
        mate = relative(genotype, random.Random(0), check) if genotype.space.has_crossover else None
        made = [
            dsl.mutate(genotype, random.Random(seed), check if seed < CHECKED else None, mate=mate)
            for seed in range(DRAWS)
        ]
        assert {rule.name for rule in own} == {child.rule for child in made}
        cell = next(item.name for item in reversed(file.items) if isinstance(item, s.Cell)) if given(text) else ""
        bodies = {body(child.genotype.cell(cell)) for child in made if cell}
        assert given(text) <= bodies | {line for child in made for line in sections(child.genotype)}
        assert check(dsl.sample(genotype.space, random.Random(0), 3, check)) is None


def given(text: str) -> set[str]:
    return {" ".join(line.split()) for line in re.findall(r"^# gives:(.*)$", text, re.MULTILINE)}


def body(cell: s.Cell) -> str:
    """Returns the nodes and the return in one line."""
    return "; ".join(line.strip() for line in dsl.unparse(s.File((cell,))).strip().splitlines()[1:-1])


def sections(genotype: dsl.Genotype) -> list[str]:
    """Returns the lines of the network; none if it is the same for the whole space."""
    network = dsl.unparse(s.File((genotype.network,))) if genotype.space.evolves_network else ""
    return [line.strip() for line in network.splitlines()]


def test_there_are_examples() -> None:
    assert len(blocks()) >= 13


def test_every_word_of_the_language_has_its_example() -> None:
    """Every keyword of the grammar stands in some example of the reference."""
    grammar = (ROOT / "dsl" / "cell.lark").read_text(encoding="utf-8")
    words = set(re.findall(r'"([a-z]+)"', grammar)) | {"before", "reaches", "feeds"}
    shown = "\n".join(text for name, text in blocks() if name.startswith("dsl/"))
    missing = {word for word in words if not re.search(rf"\b{word}\b", shown)}
    assert not missing


def test_the_reference_holds_the_table_of_the_primitives() -> None:
    """`python -m dsl.primitives.reference` prints it."""
    assert f"\n\n{table()}\n" in (ROOT / "dsl" / "README.md").read_text(encoding="utf-8")
