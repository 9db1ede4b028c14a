"""The `.cell` texts that the READMEs show are in the language."""

import random
import re
from pathlib import Path

import pytest

import dsl

ROOT = Path(__file__).parent.parent
SHOWN = [
    pytest.param(block, id=f"{name}-{number}")
    for name in ("README.md", "dsl/README.md")
    for number, block in enumerate(
        re.findall(r"^```cell\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize("text", SHOWN)
def test_every_cell_text_of_a_readme_parses(text: str) -> None:
    file = dsl.parse(text)
    assert dsl.parse(dsl.unparse(file)) == file


def test_the_space_that_a_newcomer_copies_has_children_by_every_rule() -> None:
    (text,) = (block.values[0] for block in SHOWN if "# tiles.cell" in str(block.values[0]))
    seed = dsl.loads(str(text), name="tiles.cell")
    rules = {dsl.mutate(seed, random.Random(number)).rule for number in range(100)}
    assert rules == {rule.name for rule in seed.space.mutations}


def test_there_are_texts_to_check() -> None:
    assert len(SHOWN) >= 5
