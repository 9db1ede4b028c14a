"""The benchmark of GPUs: its rows, their limits, and a tiny run on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

import compiler
from compiler.epochs import Pace
from evolve.errors import TimedOut, WorkerLost
from evolve.executors.together import Meeting
from experiments.bench import gpu, kernels
from experiments.bench.gpu import CANDIDATES, PLAIN, Row, table

FOUND = Pace(6.0, 0.04)


def measure(monkeypatch: pytest.MonkeyPatch, folder: Path, total: float = 1e9, **found: object) -> list[str]:
    """Prints the table of the plain command with made-up measurements by the names of rows, and made-up `peaks`."""

    def at_once(workers: int, folder: Path, limit: float, function: object, *args: object) -> object:
        if function is gpu.peaks:
            result = found.get("peaks", ({"float32": 1e14, "bfloat16": 2e14}, "made-up GPU"))
        else:
            row = args[0]
            assert isinstance(row, Row)
            result = found.get(f"{row.side}_{row.workers}_{row.precision}_{row.xla}", FOUND)
        if isinstance(result, Exception):
            raise result
        return [result] * workers

    monkeypatch.setattr(gpu, "at_once", at_once)
    return table(PLAIN, folder, 1.0, 60.0, total)


def test_each_row_is_printed_with_its_rates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not measure(monkeypatch, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert "products of matrices in float32, on made-up GPU: 100 TFLOP/s" in lines
    (one,) = [line for line in lines if line.startswith("ours  paper              1  float32    no")]
    setup, _, step, _, rate, models, share = one.split()[5:]
    steps = 25 * 351
    assert (setup, step, rate) == ("6.0", "40.0", "3,200")
    assert models == f"{3600 / (6 + steps * 0.04):,.1f}"
    case = CANDIDATES["paper"].case
    mult_adds = compiler.graph_cost(compiler.resolve(case.genotype, case.shape, 10)).mult_adds
    assert share == f"{3200 * 6 * mult_adds / 1e14:.1%}"
    (sixteen,) = [line for line in lines if line.startswith("ours  paper             16")]
    assert sixteen.split()[9] == "51,200", "images a second count all workers"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (TimedOut("too long"), "ended after 60 s"),
        (WorkerLost("the worker process ended with signal 9"), "the worker process ended with signal 9"),
        (MemoryError("OOM when allocating"), "out of memory: OOM when allocating"),
        (compiler.CompileError("no kernel\nfor this type"), "no kernel"),
    ],
)
def test_a_row_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, shown: str
) -> None:
    failed = measure(monkeypatch, tmp_path, ours_2_float32_False=error, stock_1_float32_False=error)
    assert [line.endswith(shown) for line in failed] == [True, True]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2 + 1 + len(PLAIN) and set(failed) < set(printed)


def test_a_precision_that_the_card_lacks_costs_only_its_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evolve.executors.machine.gpus", lambda _: ("0",))
    found = {"float32": 1e14, "bfloat16": "no kernel for bfloat16"}
    assert not measure(monkeypatch, tmp_path, peaks=(found, "made-up GPU"))
    lines = capsys.readouterr().out.splitlines()
    assert "products of matrices in bfloat16, on made-up GPU: not measured: no kernel for bfloat16" in lines
    assert [line.endswith("%") for line in lines if "  bfloat16" in line] == [False]
    assert not measure(monkeypatch, tmp_path, peaks=MemoryError("OOM"))
    assert "the products of matrices were not measured: out of memory: OOM" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"TensorFlow does not see the GPU .*pip install 'tensorflow\[and-cuda\]'"):
        measure(monkeypatch, tmp_path, peaks=(found, "the CPU"))


def test_the_stock_model_runs_out_of_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> Pace:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nGraph execution error")

    monkeypatch.setattr(gpu, "plain", full)
    row = Row("tiny", side="stock")
    with pytest.raises(MemoryError, match=r"^OOM when allocating tensor$"):
        gpu.stock(Meeting(tmp_path, 1), 0, row, gpu.images_of(tmp_path, CANDIDATES["tiny"].case), 0.1)


def test_more_processes_than_the_machine_has_memory_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("evolve.executors.machine.available_memory", lambda: 10**10)
    with pytest.raises(MemoryError, match=r"16 processes need 19\.2 GB of RAM, and 10\.0 GB are free"):
        gpu.at_once(16, tmp_path, 1.0, print)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--side", "stock", "--precision", "bfloat16"], "--side stock trains in float32 and without XLA only"),
        (["--side", "stock", "--xla"], "--side stock trains in float32 and without XLA only"),
        (["--side", "timm"], "--side timm trains NASNet-A large only: --side timm --candidate nasnet_large"),
    ],
)
def test_a_row_is_not_named_after_what_it_does_not_train(
    monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.setattr("sys.argv", ["gpu", *options])
    with pytest.raises(SystemExit, match=f"^{message}$"):
        gpu.main()


def test_no_row_begins_after_the_time_of_the_whole_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failed = measure(monkeypatch, tmp_path, total=0.0)
    assert len(failed) == len(PLAIN)
    assert all(line.endswith("left out, because 0 s are over") for line in failed)


def test_a_tiny_network_is_measured_in_a_worker_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not table([Row("tiny")], tmp_path, 0.1, 120.0, 1e9)
    assert "ours  tiny               1  float32" in capsys.readouterr().out


def test_a_profile_names_the_kernels_that_take_most_of_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    space = xplane_pb2.XSpace()
    host, card = space.planes.add(name="/host:CPU"), space.planes.add(name="/device:GPU:0")
    for plane in (host, card):
        for number, name in ((1, "conv"), (2, "norm")):
            plane.event_metadata[number].name = name
    for plane, line, events in (
        (host, "tf_Compute", ((1, 9e9),)),
        (card, "Stream #1(Compute)", ((1, 2e9), (1, 2e9), (2, 1e9))),
        (card, "Stream #2(MemcpyH2D)", ((2, 5e8),)),
        (card, "XLA Ops", ((1, 7e9),)),  # a second view of the same time
    ):
        added = plane.lines.add(name=line)
        for number, duration in events:
            added.events.add(metadata_id=number, duration_ps=int(duration))
    found = kernels.summary(space, 2, 0.004).lines()
    assert found[0] == "a step takes 4.0 ms; the GPU computes for 2.8 ms of it, in 2 kernels"
    assert [line.split() for line in found[2:]] == [["2.00", "ms", "1", "conv"], ["0.75", "ms", "1", "norm"]]
    assert kernels.summary(xplane_pb2.XSpace(), 2, 0.004).lines() == [
        "a step takes 4.0 ms; TensorFlow's profiler saw no kernels of a GPU"
    ]


def test_a_training_is_profiled_in_a_worker_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["kernels", "--candidate", "tiny"])
    kernels.main()
    assert capsys.readouterr().out.endswith("TensorFlow's profiler saw no kernels of a GPU\n")


def test_a_row_with_xla_has_more_time() -> None:
    assert Row(xla=True).limit > Row().limit


def test_candidates_of_one_shape_have_images_of_their_own(tmp_path: Path) -> None:
    few, many = (gpu.images_of(tmp_path, CANDIDATES[name].case) for name in ("tiny", "digits"))
    assert few != many


def test_a_number_of_workers_is_at_least_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["gpu", "--workers", "0"])
    with pytest.raises(SystemExit):
        gpu.main()
    assert "--workers: " in capsys.readouterr().err
