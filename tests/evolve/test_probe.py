"""The measurement of the seed before a search begins, on a made-up GPU, and what a resumed search does with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from rich.console import Console

from compiler import Training
from compiler.epochs import Pace
from compiler.training import pace
from evolve import Serial, Store, UsageError, config, main
from evolve.executors.together import Meeting
from evolve.fitness.facts import Facts
from evolve.fitness.probe import Probe
from evolve.fitness.sharing import IMAGES, PRECISION, SHARE
from evolve.fitness.training import TrainingFitness
from evolve.prepared import Run, prepare
from evolve.whole import CHOICE, _with_choice, _with_gpu
from tests.evolve.test_rungs_trained import SPACE

FACTS = Facts(description="made-up images", input_shape=(8, 8, 1), classes=10, images=640, bytes=50_000)
AUTO = ("training.precision='auto'", "search.individuals=2")
Measured = Callable[[Probe, int, str, bool], list[Pace]]


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Returns a function that gives this machine a made-up GPU of a kind; an empty kind takes it away."""

    def give(kind: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f'#!/bin/sh\ncase "$*" in *name*) echo "{kind}";; *total*) echo 80000;; *) echo 0;; esac\n')
        tool.chmod(0o755)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0" if kind else "")
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return give


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Returns the measurements so far. Two workers take twice the steps of one, and bfloat16 half the time."""
    calls: list[tuple[int, str]] = []

    def measure(self: Probe, workers: int, precision: str, jit_compile: bool) -> list[Pace]:
        calls.append((workers, precision))
        step = 0.1 if precision == "float32" else 0.05
        return [Pace(1.0, step if workers <= 2 else step * workers, 10**9, "made-up GPU")] * workers

    monkeypatch.setattr(Probe, "measure", measure)
    monkeypatch.setattr("evolve.executors.machine.cores", lambda: 4)
    monkeypatch.setattr("evolve.executors.machine.available_memory", lambda: 10**12)
    return calls


def prepared(folder: Path, *bindings: str) -> Run:
    return prepare(config.read(["digits.gin"], [*AUTO, *bindings]), folder / "work").with_facts(FACTS)


def begun(folder: Path, *bindings: str) -> Run:
    """Returns a search after the decision, which the store of its work directory keeps."""
    with Store(folder / "work") as store:
        return _with_choice(prepared(folder, *bindings), store, Console())


def state(run: Run) -> tuple[object, str, str]:
    """Returns the share of a GPU of each worker, the precision, and the GPU that workers must have."""
    executor: Any = run.config.executor
    return executor.gpus_per_worker, run.fitness.training.precision, run.fitness.gpu


def test_a_search_keeps_what_was_measured_when_it_began(
    tmp_path: Path, gpu: Callable[[str], None], measures: list[tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    gpu("kind A")
    run = begun(tmp_path)
    assert "measuring trainings of the seed network on the GPU (kind A)" in capsys.readouterr().out
    assert measures == [(1, "float32"), (1, "bfloat16"), (2, "bfloat16"), (4, "bfloat16")]
    assert state(run) == (0.5, "bfloat16", "kind A")
    assert [name for name, _ in run.found] == [IMAGES, PRECISION, SHARE]
    assert run.workers == "2, GPUs 0"
    measures.clear()
    again = begun(tmp_path)
    assert not capsys.readouterr().out
    assert (state(again), again.found, measures) == (state(run), run.found, [])


def test_on_another_kind_of_gpu_only_workers_are_measured_again(
    tmp_path: Path, gpu: Callable[[str], None], measures: list[tuple[int, str]]
) -> None:
    gpu("kind A")
    begun(tmp_path)
    measures.clear()
    gpu("kind B")
    run = begun(tmp_path)
    assert measures == [(1, "bfloat16"), (2, "bfloat16"), (4, "bfloat16")]
    assert state(run) == (0.5, "bfloat16", "kind B")
    assert run.found[-1] == (
        "warning",
        "this search trained on kind A before, and trains on kind B now; precision and XLA stay as they were",
    )


def test_a_search_that_lost_its_gpu_goes_on_with_a_warning(
    tmp_path: Path, gpu: Callable[[str], None], measures: list[tuple[int, str]]
) -> None:
    gpu("kind A")
    begun(tmp_path)
    measures.clear()
    gpu("")
    run = begun(tmp_path)
    assert (state(run), measures) == (("auto", "bfloat16", ""), [])
    assert "trained on kind A before, and trains on the CPU now" in run.found[-1][1]


def test_without_a_gpu_the_precision_is_float32(
    tmp_path: Path, gpu: Callable[[str], None], measures: list[tuple[int, str]]
) -> None:
    gpu("")
    run = begun(tmp_path)
    assert (state(run), measures) == (("auto", "float32", ""), [])
    assert run.found == ((PRECISION, "float32: this machine has no GPU"),)
    with Store(tmp_path / "work") as store:
        assert store.noted(CHOICE) is not None


@pytest.mark.parametrize(
    ("bytes", "is_on_device", "reason"),
    [
        (140_000_000, True, "True: 140.0 MB of images, which each worker copies to its GPU"),
        (2 * 10**9, False, "False: 2,000.0 MB of images in memory, which are sent to the GPU in batches"),
        (0, False, "False: the images are read from their files during training"),
    ],
)
def test_the_size_of_the_images_decides_once_where_they_lie(
    tmp_path: Path,
    gpu: Callable[[str], None],
    measures: list[tuple[int, str]],
    bytes: int,
    is_on_device: bool,
    reason: str,
) -> None:
    bindings = ("training.precision='float32'", "processes.workers=2")
    gpu("kind A")
    with Store(tmp_path / "work") as store:
        run = _with_choice(prepared(tmp_path, *bindings).with_facts(replace(FACTS, bytes=bytes)), store, Console())
    assert (run.fitness.training.images_on_device, run.found) == (is_on_device, ((IMAGES, reason),))
    gpu("")
    again = begun(tmp_path, *bindings)
    assert again.fitness.training.images_on_device is is_on_device
    assert not measures, "the size decides, and no training is measured"


def test_images_stay_in_the_memory_of_a_cpu(tmp_path: Path, gpu: Callable[[str], None]) -> None:
    gpu("")
    bindings = ("training.precision='float32'",)
    run = begun(tmp_path, *bindings)
    assert (run.fitness.training.images_on_device, run.found) == (False, ())
    asked = begun(tmp_path / "asked", *bindings, "training.images_on_device=True")
    assert (asked.fitness.training.images_on_device, asked.found) == (True, ())


def test_a_number_of_workers_is_not_measured(
    tmp_path: Path, gpu: Callable[[str], None], measures: list[tuple[int, str]]
) -> None:
    gpu("kind A")
    run = begun(tmp_path, "processes.workers=3")
    assert [workers for workers, _ in measures] == [1, 1]
    assert state(run) == ("auto", "bfloat16", "")
    assert run.workers == "3, GPUs 0"


# --- the worker processes of a measurement ---


@dataclass(frozen=True)
class MadeUp:
    """A source of fitness whose pace is made up."""

    folder: Path
    training: Training = field(default_factory=Training)

    def pace(self, meeting: Meeting, number: int, seed: str, training: Training, seconds: float) -> Pace:
        meeting.wait(number)
        if seed == "large":
            raise MemoryError("OOM when allocating tensor")
        seen = f"{os.environ['CUDA_VISIBLE_DEVICES']} {os.environ.get('TF_FORCE_GPU_ALLOW_GROWTH')}"
        return Pace(float(number), 0.1, 0, f"{seen} {training.precision}")


def test_workers_of_a_measurement_share_the_gpu(tmp_path: Path) -> None:
    made_up: Any = MadeUp(tmp_path)
    found = Probe(made_up, "seed", "3").measure(2, "bfloat16", False)
    assert found == [Pace(float(number), 0.1, 0, "3 true bfloat16") for number in (0, 1)]
    with pytest.raises(MemoryError, match="OOM when allocating tensor"):
        Probe(made_up, "large", "3").measure(1, "float32", False)


def test_a_training_is_measured_as_a_worker_would_run_it(tmp_path: Path) -> None:
    (tmp_path / "small.cell").write_text(SPACE)
    bindings = [f"search.seed_file='{tmp_path / 'small.cell'}'", "search.params={}"]
    run = prepare(config.read(["digits.gin"], bindings), tmp_path / "work")
    fitness: Any = run.with_facts(run.fitness.find_facts()).fitness
    (tmp_path / "meeting").mkdir()
    found = fitness.pace(Meeting(tmp_path / "meeting", 1), 0, run.seed.text(), fitness.training, 0.0)
    assert found.setup > found.step > 0


def test_a_worker_without_the_gpu_of_its_search_ends_the_search(tmp_path: Path) -> None:
    fitness: Any = replace(prepared(tmp_path).fitness, gpu="kind A")
    with pytest.raises(UsageError, match=r"finds no GPU, and the search trains on kind A.*\n.*resumes the search"):
        fitness._check_gpu()


# --- the GPU of the workers whose number is set ---


class Losing(TrainingFitness):
    """Trainings whose first worker process has a made-up GPU, which later ones do not find."""

    def device(self) -> str:
        seen = self.folder / "processes"
        with seen.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return "kind A" if seen.read_text().split()[0] == str(os.getpid()) else ""


def test_a_replaced_worker_without_its_gpu_ends_the_search(
    tmp_path: Path, gpu: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evolve.fitness.sources.SOURCES", {"training": Losing})
    (tmp_path / "small.cell").write_text(SPACE)
    (tmp_path / "small.gin").write_text(
        "include 'digits.gin'\nsearch.seed_file = 'small.cell'\nsearch.params = {}\nsearch.individuals = 4\n"
        "regularized_evolution.population_size = 2\nregularized_evolution.sample_size = 2\ntraining.epochs = 1\n"
        # A worker process is asked for its GPU, trains two individuals, and is replaced.
        "processes.workers = 1\nprocesses.worker_tasks = 3\n"
    )
    command = [f"--gin_file={tmp_path / 'small.gin'}", f"--workdir={tmp_path / 'work'}"]
    gpu("kind A")
    assert main.run(command) == 2
    printed = capsys.readouterr()
    assert "with CUDA_VISIBLE_DEVICES=0 finds no GPU, and the search trains on kind A: nvidia-smi" in printed.err
    assert "no individual was recorded as failed" in printed.err and "warning" not in printed.out
    with Store(tmp_path / "work") as store:
        assert store.counts()[:2] == (2, 0)
    gpu("")
    assert main.run(command) == 0
    assert "trained on kind A before, and trains on the CPU now" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("kind", "seen", "gpus", "wanted"),
    [
        ("kind A", "kind A of TensorFlow", "'auto'", "kind A of TensorFlow"),
        ("kind A", "", "'auto'", ""),
        ("kind A", "kind A of TensorFlow", "0", ""),
        ("", "kind A of TensorFlow", "'auto'", ""),
    ],
)
def test_a_worker_is_asked_for_its_gpu(
    tmp_path: Path,
    gpu: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    seen: str,
    gpus: str,
    wanted: str,
) -> None:
    gpu(kind)
    monkeypatch.setattr(TrainingFitness, "device", lambda _: seen)
    run = prepared(tmp_path, "processes.workers=2", f"processes.gpus_per_worker={gpus}")
    found = _with_gpu(run, Serial())
    assert found.fitness.gpu == wanted
    warned = [text for title, text in found.found if title == "warning"]
    expected = "TensorFlow does not see the GPU (kind A), so workers use the CPU: pip install 'tensorflow[and-cuda]'"
    assert [text.startswith(expected) for text in warned] == ([True] if kind and not seen else [])


def test_no_worker_is_asked_for_a_gpu_that_was_measured(tmp_path: Path, gpu: Callable[[str], None]) -> None:
    gpu("kind A")
    run = prepared(tmp_path)
    run = replace(run, fitness=replace(run.fitness, gpu="kind A"))
    executor: Any = None
    assert _with_gpu(run, executor) is run


@pytest.mark.parametrize("fault", [[], tf.errors.InternalError(None, None, "no CUDA-capable device is detected")])
def test_a_gpu_that_does_not_start_is_no_gpu(monkeypatch: pytest.MonkeyPatch, fault: Any) -> None:
    def started(kind: str) -> list[Any]:
        if isinstance(fault, Exception):
            raise fault
        return list(fault)

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["/physical_device:GPU:0"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: {"device_name": "kind A"})
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["/device:GPU:0"])
    assert pace.device() == "kind A"
    monkeypatch.setattr(tf.config, "list_logical_devices", started)
    assert not pace.device()
