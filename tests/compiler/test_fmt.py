"""The command `cell fmt`."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from compiler.main import main
from dsl import shipped_cells

UGLY, PRETTY = "param   A=1 # one\n\n\nparam B = 2", "param A = 1  # one\n\nparam B = 2\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.cell"
    path.write_text(UGLY)
    return path


def test_files_are_rewritten_and_named(ugly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.cell"
    good.write_text(PRETTY)
    before = good.stat().st_mtime_ns
    assert main(["fmt", str(ugly), str(good)]) == 0
    assert capsys.readouterr().out == f"{ugly}\n"
    assert ugly.read_text() == PRETTY
    assert good.stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.cell", "ugly.cell"]


def test_the_files_mode_and_links_to_it_stay(ugly: Path, tmp_path: Path) -> None:
    ugly.chmod(0o640)
    link = tmp_path / "link.cell"
    link.symlink_to(ugly)
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert ugly.read_text() == PRETTY
    assert stat.S_IMODE(ugly.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_replaced_stays_as_it_was(
    ugly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    assert main(["fmt", str(ugly)]) == 2
    assert "Permission denied" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == [UGLY]


def test_check_writes_nothing_and_exits_1(ugly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", str(ugly)]) == 1
    assert capsys.readouterr().out == f"{ugly}\n"
    assert ugly.read_text() == UGLY


def test_diff_shows_what_would_change(ugly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", "--diff", str(ugly)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"--- {ugly}", f"+++ {ugly}"]
    assert {"-param   A=1 # one", "+param A = 1  # one"} <= set(lines)
    assert ugly.read_text() == UGLY


def test_stdin_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code, printed in ([], 0, PRETTY), (["--check"], 1, "<stdin>\n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
        assert main(["fmt", *arguments, "-"]) == code
        assert capsys.readouterr().out == printed


def test_line_ends_and_byte_order_marks_are_formatted(tmp_path: Path) -> None:
    path = tmp_path / "windows.cell"
    path.write_bytes(b"\xef\xbb\xbfparam A = 1\r\n")
    assert main(["fmt", "--check", str(path)]) == 1
    assert main(["fmt", str(path)]) == 0
    assert path.read_bytes() == b"param A = 1\n"


def test_all_mistakes_of_all_files_are_printed_and_the_others_written(
    ugly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.cell"
    bad.write_text("param A = * 1\nparam B = * 2\n")
    latin = tmp_path / "latin.cell"
    latin.write_bytes(b"# \xe9")
    assert main(["fmt", str(bad), str(latin), str(ugly), "notes.txt"]) == 2
    error = capsys.readouterr().err
    for part in ("bad.cell:1:11", "bad.cell:2:11", "latin.cell is not UTF-8", "'notes.txt' is not a .cell file"):
        assert part in error
    assert "Traceback" not in error
    assert ugly.read_text() == PRETTY


def test_a_file_that_is_not_there_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", str(tmp_path / "nowhere.cell")]) == 2
    assert "nowhere.cell" in capsys.readouterr().err


def test_files_that_cannot_be_opened_do_not_stop_the_others(
    ugly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, folder = tmp_path / "bad.cell", tmp_path / "folder.cell"
    bad.write_text("param A = * 1\n")
    folder.mkdir()
    long = tmp_path / f"{'a' * 300}.cell"
    assert main(["fmt", str(bad), str(tmp_path / "nope.cell"), str(folder), str(tmp_path), str(long), str(ugly)]) == 2
    error = capsys.readouterr().err
    for part in (
        "bad.cell:1:11", "nope.cell cannot be read: No such file", f"{folder} is a folder", f"{tmp_path} is a folder",
        "aaa.cell cannot be read: File name too long",
    ):  # fmt: skip
        assert part in error
    assert ugly.read_text() == PRETTY


def test_a_file_that_cannot_be_written_does_not_stop_the_others(
    ugly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other, replace = tmp_path / "other.cell", os.replace
    other.write_text(UGLY)

    def refuse(source: str, target: Path) -> None:
        if Path(target) == ugly:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    assert main(["fmt", str(ugly), str(other)]) == 2
    assert f"{ugly} cannot be written: Permission denied" in capsys.readouterr().err
    assert (ugly.read_text(), other.read_text()) == (UGLY, PRETTY)


def test_check_prints_all_syntax_errors_of_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.cell").write_text("param A = * 1\nparam B = 2\nparam C = * 3\n")
    assert main(["check", str(tmp_path / "a.cell"), str(tmp_path / "b.cell")]) == 2
    error = capsys.readouterr().err
    assert [error.count(place) for place in ("a.cell:1:11", "a.cell:3:11", "b.cell:1:11", "b.cell:3:11")] == [1] * 4


def test_shipped_files_are_formatted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", *map(str, sorted(shipped_cells().glob("*.cell")))]) == 0
    assert capsys.readouterr().out == ""


def test_files_beside_a_formatted_one_stay(tmp_path: Path) -> None:
    """The new text is first written to a file whose name no other file has."""
    path = tmp_path / "a.cell"
    path.write_text("param   F=1\n")
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "a.cell.new").symlink_to(tmp_path / "notes")
    assert main(["fmt", str(path)]) == 0
    assert (path.is_symlink(), path.read_text()) == (False, "param F = 1\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.cell", "a.cell.new", "notes"]
    assert (tmp_path / "notes").read_text() == "mine"
