"""Networks that cannot be built, and the messages of `cell cost`. A file that is put into the folder is a new test.

A file's first comment lines are parts of the message that it must give (`# says: ...`), and, where the command needs
more than the file, its flags (`# cost: ...`).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from compiler.main import main

FILES = sorted((Path(__file__).parent.parent / "bad" / "shapes").glob("*.cell"))


def noted(path: Path, key: str) -> list[str]:
    return re.findall(rf"^# {key}: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_impossible_network_gives_one_message_with_place_and_reason(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted, flags = noted(path, "says"), shlex.split(" ".join(noted(path, "cost")))
    assert wanted, "a wrong file says what its message must hold"
    assert main(["cost", str(path), *flags]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    for part in wanted:
        assert part in output.err
    lines = output.err.splitlines()
    place = re.match(r"\S*\.cell:(\d+):(\d+): ", lines[0])
    assert place is not None
    assert lines[2].strip() == "^" and len(lines[2]) == int(place[2]) + 2
    assert sum(line.strip() == "^" for line in lines) == 1


def test_there_are_wrong_networks() -> None:
    assert len(FILES) >= 25
