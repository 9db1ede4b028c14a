"""Wrong files and what must be said of them; the folder grows by dropping in a file.

A file's first comment lines (`# says: ...`) are parts of the message that it must give.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import dsl

FILES = sorted((Path(__file__).parent.parent / "bad").glob("*.cell"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_wrong_file_gets_its_message(path):
    wanted = [line[7:].strip() for line in path.read_text().splitlines() if line.startswith("# says:")]
    assert wanted, "a wrong file says what its message must hold"
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(path)
    for part in wanted:
        assert part in str(caught.value)


def test_there_are_wrong_files():
    assert len(FILES) >= 25


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    path = tmp_path / "two.cell"
    path.write_text(
        'include "nasnet.cell"\ncell normal(here: project, before: match) fit match {\n'
        "  a = sep_cov[3x3](here) + identity(befor)\n  return concat(a)\n}\n"
    )
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(path)
    assert len(caught.value.problems) == 2
    assert "did you mean 'sep_conv'?" in str(caught.value)
    assert "did you mean 'before'?" in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"param A = \x001", "param \u00e9 = 1".encode()])
def test_bytes_that_are_no_text_of_the_language(tmp_path, data):
    path = tmp_path / "odd.cell"
    path.write_bytes(data)
    with pytest.raises(dsl.CellError):
        dsl.load(path)


def test_files_of_another_kind_are_not_read(tmp_path):
    path = tmp_path / "space.cell"
    path.write_text('include "/etc/passwd"')
    with pytest.raises(dsl.CellError, match=r"not a \.cell file"):
        dsl.load(path)


def test_include_loop(tmp_path):
    (tmp_path / "a.cell").write_text('include "b.cell"')
    (tmp_path / "b.cell").write_text('include "a.cell"')
    with pytest.raises(dsl.CellError, match=r"a\.cell -> b\.cell -> a\.cell"):
        dsl.load(tmp_path / "a.cell")
