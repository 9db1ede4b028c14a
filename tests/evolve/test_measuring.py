"""The measures of exported networks: the latency, and the number that a command of the user prints."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import compiler
import dsl
from compiler import CompileError, lower
from compiler.layers.model import step_layers
from compiler.networks import weights
from compiler.networks.saved import Saved
from evolve import Store, UsageError
from evolve.errors import TimedOut
from evolve.executors.processes import Processes
from evolve.fitness import measuring
from evolve.fitness.measuring import Measuring, last_number
from evolve.settings import LatencySettings, SearchSettings
from tests.evolve.test_main import finish

TEXT = "network { body: conv[3x3, filters=4] | relu  head: global_avg_pool | dense[classes] }"
PYTHON = f"{sys.executable} -c"


@pytest.fixture(scope="module")
def network() -> Saved:
    genotype = dsl.loads(TEXT)
    model = lower(compiler.resolve(genotype, (8, 8, 3), 2))
    values = weights.weights_of(step_layers(model))
    return Saved(genotype, values, (8, 8, 3), ("a", "b"), (0.0,) * 3, (1.0,) * 3)


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("12", 12),
        ("first 3, then -4.5e-1 J", -0.45),
        ("latency: 3.4ms", 3.4),
        ("3.5\nnode7 p95", 3.5),
        ("nan inf .25", 0.25),
        ("1e999 2", 2),
    ],
)
def test_the_last_number_that_a_command_prints(printed: str, number: float) -> None:
    command = f"""{PYTHON} "print(bytes.fromhex('{printed.encode().hex()}').decode())" {{model}}"""
    assert last_number(command, Path("model"), 60) == number


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ("latency: 12,345 us", "12,345"),
        ("12.345,6", "12.345,6"),
        ("1.234.567 us", "1.234.567"),
        ("3 runs: 12'345.5", "12'345.5"),
        ("1_234", "1_234"),
        ("12\u202f345 us", "12\u202f345"),
        ("1,5e3", "1,5"),
    ],
)
def test_a_number_with_separators_is_refused_and_not_taken_in_parts(printed: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "printed").write_text(printed)
    with pytest.raises(CompileError) as caught:
        last_number("cat {model}", tmp_path / "printed", 60)
    assert f" printed {found!r}, which may be one number or several: print the number " in str(caught.value)
    assert str(caught.value).endswith(f"its output ends with:\n{printed}")


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("9,999 runs: 5.5 us", 5.5),
        ("resnet50,12.5", 12.5),
        ("v1.2,3.4", 3.4),
        ("3, 4", 4),
        ("3,-4", -4),
        ("took 5.6.", 5.6),
        ("1 234 us", 234),
        ("12:34", 34),
    ],
)
def test_separators_that_are_not_in_the_last_number_do_not_matter(printed: str, number: float, tmp_path: Path) -> None:
    (tmp_path / "printed").write_text(printed)
    assert last_number("cat {model}", tmp_path / "printed", 60) == number


def test_a_command_gets_the_path_of_the_model_with_and_without_a_shell(tmp_path: Path) -> None:
    model = tmp_path / "a model's file"
    model.write_bytes(b"12345")
    assert last_number(f"{PYTHON} 'import os, sys; print(os.path.getsize(sys.argv[1]))' {{model}}", model, 60) == 5
    assert last_number("wc -c < {model}", model, 9) == 5
    assert last_number("cat {model} | wc -c", model, 9) == 5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("no_such_program {model}", "cannot be run: no_such_program: No such file or directory"),
        ("false {model}", "failed with exit code 1; it printed nothing"),
        ("ls /nowhere/{model}", "failed with exit code 2; its output ends with:\nls: "),
        ("echo no number at all # {model}", "printed no number; its output ends with:\nno number at all"),
        ("echo begun; sleep 60; echo {model}", "took longer than 0.5 seconds; its output ends with:\nbegun"),
        (
            f"{PYTHON} 'raise SystemExit(\"out of paper\")' {{model}}",
            "exit code 1; its output ends with:\nout of paper",
        ),
    ],
)
def test_a_command_that_gives_no_number_is_named_with_the_end_of_its_output(command: str, reason: str) -> None:
    start = time.monotonic()
    with pytest.raises(CompileError) as caught:
        last_number(command, Path("model"), 0.5 if "sleep" in command else 60)
    assert f"search.measure, {command!r}, " in str(caught.value)
    assert reason in str(caught.value)
    assert time.monotonic() - start < 55, "the command's own processes were not ended"


def test_a_timeout_of_the_search_ends_the_command_with_all_its_processes(tmp_path: Path) -> None:
    noted = tmp_path / "group"
    command = f"sleep 600 & echo $$ > {noted}.new; mv {noted}.new {noted}; wait; echo {{model}}"
    executor = Processes(1, 9, tmp_path / "workers.log")
    try:
        hung = executor.submit(last_number, command, Path("model"), 600.0, timeout=6.0)
        while not (executor.wait([hung], 1.0) or noted.exists()):
            pass
        group = int(noted.read_text())
        os.killpg(group, 0)  # it runs
        with pytest.raises(TimedOut, match=r"search\.timeout, 6 seconds"):
            hung.result(60)
    finally:
        executor.close()
    deadline = time.monotonic() + 60
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)


@pytest.mark.parametrize("command", ["benchmark.sh", "benchmark '{model}", 7])
def test_a_command_without_a_model_is_refused(command: str) -> None:
    with pytest.raises(
        UsageError, match=r"search\.measure is .*--gin_param=\"search\.measure='benchmark\.sh {model}'\""
    ):
        SearchSettings(seed_file="nasnet.cell", measure=command)


def test_an_exported_network_is_measured(network: Saved, tmp_path: Path) -> None:
    latency = LatencySettings(warm_up=1, runs=5)
    found = dict(Measuring(latency=latency, command="wc -c < {model}").metrics(network, tmp_path))
    assert 0 < found["latency_ms"] < 1000
    assert found["measured"] > 500, "the command sees the exported file"
    assert [path.name for path in tmp_path.iterdir()] == [measuring.LOCK]


def test_one_worker_measures_at_a_time(tmp_path: Path) -> None:
    times: list[tuple[float, float]] = []

    def measured() -> None:
        with measuring._alone(tmp_path / measuring.LOCK):
            start = time.monotonic()
            time.sleep(0.05)
            times.append((start, time.monotonic()))

    threads = [threading.Thread(target=measured) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = np.array(sorted(times))
    assert (ordered[1:, 0] >= ordered[:-1, 1]).all()


def test_without_measures_nothing_is_exported() -> None:
    assert not Measuring()
    assert Measuring(command="wc {model}") and Measuring(latency=LatencySettings())


SPACE = """
op block[kernel] = relu | conv[kernel, stride=stride] | batch_norm
cell net(a) {
  b = block[3x3](a) + block[1x1](a)
  return b
}
network { body: net[4] stride 2  head: relu | global_avg_pool | dense[classes] }
values ops = { block[1x1], block[3x3] }
mutation op { choose c in cells, n in c.nodes, t in n.terms   t.op = any(ops) }
"""
SEARCH = """
dataset.source = 'digits'
dataset.validation = 0.7
search.seed_file = 'small.cell'
search.individuals = 2
search.executor = 'serial'
search.objectives = {'accuracy': 'max', 'measured': 'min'}
regularized_evolution.population_size = 2
regularized_evolution.sample_size = 1
training.epochs = 1
training.batch_size = 64
training.optimize_graph = False
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.cell").write_text(SPACE)
    (tmp_path / "small.gin").write_text(SEARCH)
    return tmp_path


def test_a_command_that_fails_for_the_seed_ends_the_search_before_it_trains(folder: Path) -> None:
    command = "ls /nowhere/{model}"
    ended = finish("--gin_file=small.gin", "--workdir=work", f"--gin_param=search.measure='{command}'", cwd=folder)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    words = f"the seed of the search cannot be measured: search.measure, {command!r}, failed with exit code 2"
    assert words in ended.stderr
    with Store(folder / "work") as store:
        assert store.counts() == (0, 0, 0)


def test_an_individual_for_which_the_command_fails_has_the_reason(folder: Path) -> None:
    """The command succeeds for the seed and for the first individual."""
    command = "echo >> calls; test $(wc -l < calls) -lt 3 && echo 5 # {model}"
    ended = finish("--gin_file=small.gin", "--workdir=work", f"--gin_param=search.measure='{command}'", cwd=folder)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr
    with Store(folder / "work") as store:
        good, bad = store.finished()
    assert (good.status, dict(good.metrics)["measured"]) == ("done", 5.0)
    reason = f"search.measure, {command!r}, failed with exit code 1"
    assert (bad.status, bad.error) == ("failed", f"{reason}; it printed nothing")
    assert f"1 of 2 individuals failed, the latest because: {reason}" in ended.stdout
