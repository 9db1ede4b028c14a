"""The command `evolve`: exit codes, one message for each mistake, and searches that resume after kills and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evolve import Store, config, main
from evolve.fitness.facts import Facts
from evolve.prepared import prepare
from evolve.records import Classification
from tests.evolve.test_search import ROOT, rows, wait_for
from tests.evolve.test_summaries import _read

SLOW = "--gin_param=search.fitness='tests.evolve.made_up:slow'"


def evolve(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "evolve.main", *map(str, arguments)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def finish(*arguments: str | Path, cwd: Path | None = None, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        evolve(*arguments), env=environment(), cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
    )


def test_help_lists_our_flags_and_loads_nothing_heavy() -> None:
    heavy = ("tensorflow", "tf_keras", "tensorboard", "numpy", "ray", "rich")
    code = (
        "import sys, evolve; from evolve import main; code = main.run(['--help']); "
        f"print([name for name in {heavy} if name in sys.modules], code)"
    )
    ended = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    for words in ("--gin_file", "--gin_param", "--workdir", "--resume", "--help", "evolve board ", "--host", "--port"):
        assert words in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[] 0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gin_fil=amoeba.gin"], "gin_file"),
        (["amoeba.gin"], "did you mean --gin_file=amoeba.gin"),
        (["board", "runs/amoeba"], "did you mean --workdir=runs/amoeba"),
        (["board", "--gin_file=amoeba.gin"], "gin_file"),
        (["board"], "there is no folder runs: name a work directory"),
        (["board", "--workdir=runs/amoeba"], "there is no folder runs/amoeba: name a work directory"),
        (["board", "--port=http"], "--port is 'http'; it must be a number from 0 to 65535"),
        (["board", "--port=65536"], "--port is '65536'; "),
        ([], "evolve --gin_file=amoeba.gin"),
        (["--gin_file=amoeba.gin", "--resume=all"], "--resume is 'all'; it may be 'changed'"),
        (["--gin_file=amoeba.gin", "--gin_param=processes.gpus_per_worker=64"], "processes.gpus_per_worker is 64; "),
        (["--gin_file=amoba.gin"], "did you mean 'amoeba.gin'"),
        (["--gin_file=amoeba.gin", "--gin_param=search.sead=1"], "did you mean 'search.seed'"),
        (["--gin_file=amoeba.gin", "--gin_param=search.seed_file='nope.cell'"], "nope.cell"),
        (["--gin_file=amoeba.gin", "--gin_param=search.params={'Q': 1}"], "'Q'"),
        (["--gin_file=amoeba.gin", "--gin_param=processes.workers=9999"], "processes.workers is 9999"),
        (
            ["--gin_file=amoeba.gin", "--gin_param=regularized_evolution.sample_size=21"],
            "sample_size is 21, population_size is 20",
        ),
        (["--gin_file=amoeba.gin", "--gin_param=search.fitness='no.such:thing'"], "no.such:thing"),
        (
            ["--gin_file=amoeba.gin", "--gin_param=search.budget_flops=1e9", "--gin_param=training.epochs=0"],
            "search.budget_flops is 1000000000.0 and training.epochs is 0, with which no individual takes FLOPs: ",
        ),
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
    assert main.run(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("evolve: ")
    assert not printed.out
    assert not (tmp_path / "runs").exists()


def test_images_that_are_not_there_can_be_put_right(small_gin: Path, tmp_path: Path) -> None:
    work = f"--workdir={tmp_path / 'work'}"
    assert main.run([f"--gin_file={small_gin}", work, "--gin_param=dataset.source='npz:nope.npz'"]) == 2
    assert main.run([f"--gin_file={small_gin}", work]) == 0


def test_rules_may_draw_one_attribute_from_two_sets(small_gin: Path, tmp_path: Path) -> None:
    small_gin.with_name("two.cell").write_text(
        'include "nasbench201.cell"\nmutation pool { choose t in net.terms  t.op = any({ max_pool[3x3], skip }) }\n'
    )
    arguments = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}", "--gin_param=search.seed_file='two.cell'"]
    assert main.run([*arguments, "--gin_param=search.fitness='tests.evolve.made_up:all_equal'"]) == 0


def test_a_work_directory_at_a_file_is_refused(small_gin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([f"--gin_file={small_gin}", f"--workdir={small_gin}"]) == 2
    assert "is a file" in capsys.readouterr().err
    assert main.run([f"--gin_file={small_gin}", f"--workdir={small_gin / 'work'}"]) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_a_search_without_training_does_not_import_tensorflow(small_gin: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from evolve import main; code = main.run(sys.argv[1:]); print('tensorflow' in sys.modules, code)"
    )
    arguments = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment(), capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "False 0"
    assert ended.stderr == ""
    for words in (
        "images of 8x8x1, 3 classes",
        "nasnet.cell with N=1, F=8",
        "30/30  best ",
        f"evolve board --workdir={tmp_path / 'work'}",
        "tensorboard --samples_per_plugin",
        "http://localhost:6006/#amoeba",
    ):
        assert words in ended.stdout
    work = tmp_path / "work"
    names = {path.name for path in work.iterdir()}
    assert {"search.sqlite", "config.gin", "space.cell", "best.cell", "tensorboard"} <= names
    assert "search.individuals = 30" in (work / "config.gin").read_text()
    before = rows(work)
    (work / "best.cell").unlink()
    again = finish(*arguments)
    assert again.returncode == 0 and "accuracy" in again.stdout
    assert rows(work) == before


def test_the_best_cell_is_the_best(small_gin: Path, tmp_path: Path) -> None:
    import dsl

    work = tmp_path / "work"
    assert main.run([f"--gin_file={small_gin}", f"--workdir={work}"]) == 0
    best = min(rows(work), key=lambda row: (-row[5], row[6], row[7], row[12]))
    assert dsl.load(work / "best.cell").text() == best[3]


def test_of_equals_the_smaller_is_the_best_everywhere(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import dsl

    work = tmp_path / "work"
    binding = "--gin_param=search.fitness='tests.evolve.made_up:all_equal'"
    assert main.run([f"--gin_file={small_gin}", f"--workdir={work}", binding]) == 0
    found = sorted((int(str(row[6])), int(str(row[7])), int(str(row[12])), row) for row in rows(work))
    distinct = {row[4]: (params, mult_adds, row) for params, mult_adds, _, row in reversed(found)}
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table]
    assert [(one[1], one[2], int(one[3]), one[4], one[5]) for one in cells] == [
        (f"{params:,}", f"{mult_adds:,}", row[0], row[2], str(row[1] or ""))
        for params, mult_adds, row in sorted(distinct.values(), key=lambda one: (one[0], one[1], one[2][12]))[:5]
    ]
    assert dsl.load(work / "best.cell").text() == found[0][3][3]


def test_the_matrix_of_a_best_that_stays_is_shown_again(small_gin: Path, tmp_path: Path) -> None:
    """A resumed search writes its summaries anew."""
    arguments = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}"]
    assert main.run(arguments) == 0
    with Store(tmp_path / "work") as store:
        for id in range(1, 32):
            store.note(f"test of {id}", Classification.of(((8, 2), (1, 9)), ("a", "b")).text())
    run = tmp_path / "work" / "tensorboard" / "search"
    assert main.run(arguments) == 0
    assert "best/confusion" not in _read(run).Tags()["tensors"]
    assert main.run([*arguments, "--gin_param=search.individuals=31", "--resume=changed"]) == 0
    (event,) = _read(run).Tensors("best/confusion")
    assert event.step == 31 and len(_read(run).Tensors("best/accuracy")) == 31


@pytest.mark.parametrize(("source", "is_file"), [("digits", False), ("images:photos", True), ("npz:a.npz", False)])
def test_the_advice_for_a_chance_result_can_be_pasted(
    source: str, is_file: bool, small_gin: Path, tmp_path: Path
) -> None:
    trained = "search.fitness='training'"
    read = config.read([str(small_gin)], [trained, "training.epochs=3", f"dataset.source='{source}'"])
    fitness = replace(
        prepare(read, tmp_path / "work").fitness, facts=Facts(description="", input_shape=(32, 48, 3), classes=2)
    )
    _, flags = fitness.chance()
    assert flags[0] == '--gin_param="training.epochs=12"'
    assert flags[1:] == (('--gin_param="dataset.image_size=(64, 96)"',) if is_file else ())
    bindings = [flag.partition("=")[2].strip('"') for flag in flags]
    assert config.read([str(small_gin)], [trained, *bindings]).training.epochs == 12


def test_a_work_directory_of_another_search_is_refused(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}"]
    assert main.run(arguments) == 0
    before = {path: path.read_bytes() for path in (tmp_path / "work").glob("*.*")}
    for binding, words in (
        ("search.seed=1", "search.seed: there 0, now 1"),
        ("search.params={'N': 2, 'F': 8}", "the space, line"),
        ("regularized_evolution.sample_size=2", "regularized_evolution.sample_size: there 3, now 2"),
        ("training.epochs=6", "training.epochs: there 12, now 6"),
    ):
        assert main.run([*arguments, f"--gin_param={binding}"]) == 2
        assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "work").glob("*.*")} == before
    longer = [*arguments, "--gin_param=search.individuals=35"]
    assert main.run(longer) == 2
    printed = capsys.readouterr().err
    assert "search.individuals: there 30, now 35" in printed and "--resume=changed" in printed
    assert len(rows(tmp_path / "work")) == 30
    assert main.run([*longer, "--resume=changed"]) == 0
    assert len(rows(tmp_path / "work")) == 35
    assert main.run(longer) == 0  # from now on these are its settings
    assert main.run([*longer, "--gin_param=search.individuals=20", "--resume=changed"]) == 2
    assert "search.individuals is 20, and" in capsys.readouterr().err
    assert main.run([*longer, "--gin_param=search.seed=1", "--resume=changed"]) == 2
    assert "search.seed: there 0, now 1" in capsys.readouterr().err
    assert main.run([*longer, "--gin_param=search.order='born'", "--resume=changed"]) == 2
    assert "search.order: there finished, now born" in capsys.readouterr().err


def test_some_settings_may_change_between_two_runs(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}", "--gin_param=search.target=0.05"]
    assert main.run(arguments) == 0
    printed = capsys.readouterr().out
    assert "has reached the target, 0.05" in printed and "accuracy" in printed
    first = rows(tmp_path / "work")
    assert 0 < len(first) < 30
    others = [
        "search.target=0.9",
        "search.executor='processes'",
        "processes.workers=1",
        "search.timeout=60",
        "search.retries=3",
        "search.keep_best=2",
        "search.budget='1h'",
        "processes.worker_tasks=9",
    ]
    changed = [*arguments, *(f"--gin_param={binding}" for binding in others)]
    assert main.run(changed) == 2
    printed = capsys.readouterr().err
    for binding in others:
        assert binding.split("=")[0] in printed
    assert rows(tmp_path / "work") == first
    assert main.run([*changed, "--resume=changed"]) == 0
    assert "ended: all 30 individuals are finished" in capsys.readouterr().out
    assert rows(tmp_path / "work")[: len(first)] == first and len(rows(tmp_path / "work")) == 30


def test_a_search_of_failures_has_exit_code_1(
    small_gin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binding = "--gin_param=search.fitness='tests.evolve.made_up:refused'"
    assert main.run([f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}", binding]) == 1
    assert "all of the first 10 individuals failed:\n  there is no such layer" in capsys.readouterr().err


def test_a_killed_search_resumes_to_the_same_end(small_gin: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main.run([f"--gin_file={small_gin}", SLOW, f"--workdir={whole}"]) == 0
    arguments = [f"--gin_file={small_gin}", SLOW, f"--workdir={killed}"]
    driver = subprocess.Popen(evolve(*arguments), env=environment(), stdout=subprocess.DEVNULL)
    wait_for(killed, 12)
    driver.kill()
    driver.wait()
    assert finish(*arguments).returncode == 0
    assert rows(killed) == rows(whole)


def listen() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_ctrl_c_keeps_finished_individuals_and_prints_how_to_resume(
    executor: str, small_gin: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    arguments = [f"--gin_file={small_gin}", SLOW, f"--workdir={work}"]
    arguments.append(f"--gin_param=search.executor='{executor}'")
    driver = subprocess.Popen(
        evolve(*arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=listen,  # a test run in the background ignores Ctrl-C, and its children would inherit that
    )
    wait_for(work, 5)
    os.killpg(driver.pid, signal.SIGINT)  # to driver and workers, as a terminal does
    out, err = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert err == ""
    assert "individuals are finished and kept in" in out and "the same command resumes the search" in out
    kept = [row for row in rows(work) if row[12] is not None]
    assert 5 <= len(kept) < 30
    ended = finish(*arguments)
    assert ended.returncode == 0
    assert len(rows(work)) == 30 and set(kept) <= set(rows(work))
