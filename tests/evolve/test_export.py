"""The export of a search as a table: complete, in standard formats, and possible while the search runs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compiler import Epoch
from dsl import Noise
from evolve import Evaluation, Proposal, Store, main
from evolve.records import failed
from evolve.store.database import FILE
from evolve.store.rows import EXPORTED
from evolve.store.rungs import promoted
from tests.evolve.permissions import obey_permissions
from tests.evolve.test_main import environment, evolve


def fill(store: Store) -> None:
    """Records one failed, one finished and one running individual."""
    for id in (1, 2, 3):
        rejected = (("op", 'too "large", by 3'),)
        store.propose(Proposal(id, f"cell a {{\n  return {id}\n}}\n", None, "random", rejected), f"f{id}", "l2 = 0.1")
    store.finish(2, Evaluation(0.75, params=10, mult_adds=20, history=(Epoch(1, 0.5, 0.8, 0.6, 0.7),)))
    store.finish(1, failed("it is ö, and no more"))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    with Store(tmp_path / "work") as store:
        fill(store)
    return tmp_path / "work"


def test_csv_has_every_column_of_every_individual(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["export", f"--workdir={work}", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert tuple(rows[0]) == EXPORTED
    assert [(row["id"], row["status"], row["fitness"], row["error"]) for row in rows] == [
        ("1", "failed", "0.0", "it is ö, and no more"),
        ("2", "done", "0.75", ""),
        ("3", "running", "", ""),
    ]
    assert rows[1]["genotype"] == "cell a {\n  return 2\n}\n"
    assert json.loads(rows[1]["rejected"]) == [["op", 'too "large", by 3']]


def test_both_parents_are_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise, parts = Noise("normal", 0.0, 0.02), (("cell", "net", "n3", "0"), ("step", "body", "1"))
    with Store(tmp_path) as store:
        store.propose(Proposal(4, "g", 2, "cross", mate=3, from_mate=parts, noise=noise, compared=(1, 2)), "f")
        store.finish(4, Evaluation(0.5, weight_differences=((1, 0.25),)))
    assert main.run(["export", f"--workdir={tmp_path}", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    exported = {"parent": 2, "mate": 3, "from_mate": [*map(list, parts)], "noise": ["normal", 0.0, 0.02],
                "compared": [1, 2], "weight_differences": [[1, 0.25]]}  # fmt: skip
    assert exported.items() <= row.items()
    assert main.run(["export", f"--workdir={tmp_path}", "--csv"]) == 0
    (line,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert {name: json.loads(line[name]) for name in exported} == exported


def test_the_results_of_all_rungs_are_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path) as store:
        for id, fitness in ((1, 0.5), (2, 0.75)):
            store.propose(Proposal(id, "g"), "f")
            store.finish(id, Evaluation(fitness, seconds=2.0))
            store.rungs.finish(store.rungs.start(id, 0), Evaluation(fitness, seconds=2.0), 0)
        task, result = store.rungs.start(2, 1), Evaluation(0.875, seconds=6.0)
        store.rungs.finish(task, result, 1)
        store.promote(promoted(store.individual(2), result, 1))
        store.rungs.start(1, 1)
    assert main.run(["export", f"--workdir={tmp_path}", "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out)
    assert [(row["rung"], row["fitness"], row["seconds"]) for row in two["rungs"]] == [(0, 0.75, 2.0), (1, 0.875, 6.0)]
    assert (two["rung"], two["fitness"], len(one["rungs"])) == (1, 0.875, 1)
    assert main.run(["export", f"--workdir={tmp_path}", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [json.loads(row["rungs"]) for row in rows] == [one["rungs"], two["rungs"]]


def test_json_keeps_numbers_lists_and_missing_values(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["export", f"--workdir={work}", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["fitness"] for row in rows] == [0.0, 0.75, None]
    assert rows[1]["history"] == [[1, 0.5, 0.8, 0.6, 0.7]]
    assert (rows[0]["forget"], rows[0]["genes"], rows[0]["rejected"]) == (
        False,
        "l2 = 0.1",
        [["op", 'too "large", by 3']],
    )


def test_numbers_that_json_does_not_have_are_null_in_both_formats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, metrics = (Epoch(1, 0.5, 0.8, math.nan, None), Epoch(2, 0.4, 0.8, 0.6, 0.7)), (("test", math.nan),)
    with Store(tmp_path) as store:
        store.propose(Proposal(1, "NaN"), "f")
        store.finish(1, Evaluation(0.5, history=history, metrics=(*metrics, ("high", math.inf), ("low", 0.25))))
        store.rungs.finish(store.rungs.start(1, 0), Evaluation(0.5, seconds=math.inf), 0)

    def strict(text: str) -> Any:
        def refuse(word: str) -> None:
            raise AssertionError(word)

        return json.loads(text, parse_constant=refuse)

    assert main.run(["export", f"--workdir={tmp_path}", "--json"]) == 0
    (row,) = strict(capsys.readouterr().out)
    assert row["metrics"] == {"test": None, "high": None, "low": 0.25} and row["genotype"] == "NaN"
    assert row["history"][0] == [1, 0.5, 0.8, None, None, *row["history"][0][5:]]
    assert row["rungs"][0]["seconds"] is None
    assert main.run(["export", f"--workdir={tmp_path}", "--csv"]) == 0
    (line,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert {name: strict(line[name]) for name in ("metrics", "history", "rungs")} == {
        name: row[name] for name in ("metrics", "history", "rungs")
    }
    assert line["genotype"] == "NaN"


def test_a_running_search_can_be_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path / "work") as store:
        fill(store)
        with store.event():
            store.propose(Proposal(4, "g"), "f")
            assert main.run(["export", f"--workdir={tmp_path / 'work'}", "--json"]) == 0
            assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [1, 2, 3]
        assert main.run(["export", f"--workdir={tmp_path / 'work'}", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 4


def test_a_search_without_individuals_is_an_empty_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store(tmp_path).close()
    assert main.run(["export", f"--workdir={tmp_path}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv"], "name a search and one format"),
        (["--workdir=nowhere"], "name a search and one format"),
        (["--workdir=nowhere", "--csv", "--json"], "name a search and one format"),
        (["--workdir=nowhere", "--csv"], "there is no search in nowhere"),
        (["--workdir=nowhere", "--csv", "more"], "'more' is not a flag"),
        (["--workdri=nowhere", "--csv"], "workdri"),
    ],
)
def test_mistakes_give_one_message_and_exit_code_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["export", *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and not printed.out
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_a_database_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)
    assert main.run(["export", f"--workdir={tmp_path}", "--csv"]) == 2
    assert "cannot be used: file is not a database" in capsys.readouterr().err


def test_a_reader_that_has_had_enough(tmp_path: Path) -> None:
    with Store(tmp_path / "work") as store:
        for id in range(1, 2000):
            store.propose(Proposal(id, "genotype " * 20), "f")
    read, write = os.pipe()
    exporter = subprocess.Popen(
        evolve("export", f"--workdir={tmp_path / 'work'}", "--csv"),
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    assert os.read(read, 10) == b"id,parent,"
    os.close(read)
    _, printed = exporter.communicate(timeout=60)
    assert (exporter.returncode, printed) == (0, b"")


def test_export_does_not_import_tensorflow(work: Path) -> None:
    code = "import sys; from evolve import main; main.run(sys.argv[1:]); assert 'tensorflow' not in sys.modules"
    arguments = [sys.executable, "-c", code, "export", f"--workdir={work}", "--csv"]
    assert subprocess.run(arguments, env=environment(), capture_output=True, check=True).stdout.startswith(b"id,")


def unprivileged(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command without the root user's rights, so that a folder without write permission is read-only."""
    return subprocess.run(
        evolve(*arguments), env=environment(), capture_output=True, text=True, check=False, preexec_fn=obey_permissions
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    """Returns a work directory, which a test makes read-only."""
    yield tmp_path / "archive"
    os.chmod(tmp_path / "archive", 0o755)


def read_only(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_a_read_only_work_directory(
    archive: Path, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(archive) as store:
        fill(store)
    shutil.copytree(archive, tmp_path / "copy")
    assert main.run(["export", f"--workdir={tmp_path / 'copy'}", form]) == 0
    expected = capsys.readouterr().out
    read_only(archive)
    found = unprivileged("export", f"--workdir={archive}", form)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == expected and "it is ö, and no more" in found.stdout
    assert sorted(path.name for path in archive.iterdir()) == [".lock", FILE]


def test_a_read_only_copy_of_a_search_that_runs(archive: Path, tmp_path: Path) -> None:
    """Rows that only the log of the database has are exported too."""
    with Store(tmp_path / "work") as store:
        fill(store)
        shutil.copytree(tmp_path / "work", archive)
    (archive / f"{FILE}-shm").unlink()
    assert (archive / f"{FILE}-wal").stat().st_size > 0
    read_only(archive)
    found = unprivileged("export", f"--workdir={archive}", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    assert [row["id"] for row in json.loads(found.stdout)] == [1, 2, 3]
    assert sorted(path.name for path in archive.iterdir()) == [".lock", FILE, f"{FILE}-wal"]


def test_a_work_directory_that_may_not_be_read(archive: Path) -> None:
    with Store(archive) as store:
        fill(store)
    (archive / FILE).chmod(0o000)
    archive.chmod(0o555)
    found = unprivileged("export", f"--workdir={archive}", "--csv")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith(f"evolve: {archive / FILE} cannot be used: ") and "Traceback" not in found.stderr
    archive.chmod(0o000)
    found = unprivileged("export", f"--workdir={archive}", "--csv")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"evolve: {archive / FILE} cannot be used: Permission denied; let this user read the file\n"
