"""Every shipped file parses, prints back, verifies, and loads alone. A new file is a new test."""

from __future__ import annotations

from pathlib import Path

import pytest

import dsl
from dsl import shipped_cells

FILES = sorted(shipped_cells().glob("*.cell"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
class TestShippedFile:
    def test_a_shipped_file_prints_back(self, path: Path) -> None:
        file = dsl.parse(path.read_text(), path.name)
        assert dsl.parse(dsl.unparse(file)) == file
        assert dsl.unparse(dsl.parse(dsl.unparse(file))) == dsl.unparse(file)

    def test_a_shipped_file_verifies_and_loads_alone(self, path: Path) -> None:
        genotype = dsl.load(path)
        again = dsl.loads(genotype.standalone())
        assert again == genotype
        assert dsl.fingerprint(again) == dsl.fingerprint(genotype)

    def test_individuals_text_reads_back(self, path: Path) -> None:
        genotype = dsl.load(path)
        assert genotype.space.genotype(genotype.text()) == genotype


def test_there_are_shipped_files() -> None:
    assert len(FILES) >= 14
