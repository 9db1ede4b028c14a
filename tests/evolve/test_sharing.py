"""What 'auto' decides about a GPU, from made-up measurements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler import CompileError
from compiler.epochs import Pace
from evolve import UsageError
from evolve.errors import TimedOut
from evolve.fitness.sharing import PRECISION, SHARE, XLA, Asked, Choice, Measure, decided, without_gpu

GPU = "made-up GPU"
GB = 10**9
ASKED = Asked(share=True, precision="float32", jit_compile=False, workers=16, steps=1000, memory=80 * GB)


def made_up(
    rates: dict[int, float], memory: int = GB, device: str = GPU, **others: Pace | Exception
) -> tuple[Measure, list[tuple[int, str, bool]]]:
    """Returns a measurement in which numbers of workers take these steps a second together, and the calls of it.

    Other precisions and XLA have paces of their own, by the names `bfloat16` and `xla`.
    """
    calls: list[tuple[int, str, bool]] = []

    def measure(workers: int, precision: str, jit_compile: bool) -> list[Pace]:
        calls.append((workers, precision, jit_compile))
        other = others.get("xla" if jit_compile else precision)
        if other is None and workers not in rates:
            raise MemoryError("OOM when allocating tensor")
        if isinstance(other, Exception):
            raise other
        if isinstance(other, Pace):
            return [other] * workers
        return [Pace(5.0, workers / rates[workers], memory, device)] * workers

    return measure, calls


@pytest.mark.parametrize(
    ("rates", "asked", "workers", "reason"),
    [
        ({1: 10, 2: 18, 4: 30, 8: 32}, ASKED, 4, "3.0 times the steps of one; 8 take 1.07 times the steps of 4"),
        ({1: 10, 2: 20, 4: 40, 8: 80, 16: 160}, ASKED, 16, "the machine has cores and memory for 16"),
        ({1: 10, 2: 20, 4: 40}, replace(ASKED, workers=3), 2, "the machine has cores and memory for 3"),
        ({1: 10, 2: 20}, ASKED, 2, "4 could not: out of memory: OOM when allocating tensor"),
        ({1: 10, 2: 20, 4: 40}, replace(ASKED, memory=3 * GB), 2, "4 would fill its memory, at 1.0 GB each"),
        ({1: 10, 2: 20, 4: 40, 8: 50}, replace(ASKED, workers=8, memory=0), 8, "5.0 times the steps of one"),
        ({1: 10, 2: 9}, ASKED, 1, "1 workers a GPU: one worker; 2 take 0.90 times the steps of 1"),
    ],
)
def test_workers_are_doubled_as_long_as_it_pays(
    rates: dict[int, float], asked: Asked, workers: int, reason: str
) -> None:
    found = decided(asked, GPU, made_up(rates)[0])
    assert found.share == 1 / workers
    assert reason in found.found[SHARE]
    assert (found.precision, found.jit_compile, found.gpu) == ("float32", False, GPU)


AUTO = replace(ASKED, share=False, precision="auto", jit_compile="auto")


@pytest.mark.parametrize(
    ("bfloat16", "precision", "reason"),
    [
        (Pace(5.0, 0.05, 1, GPU), "bfloat16", "bfloat16: bfloat16 takes 0.50 of the time of a step"),
        (Pace(5.0, 0.136, 1, GPU), "float32", "float32: bfloat16 takes 1.36 of the time of a step"),
        (Pace(99.0, 0.05, 1, GPU), "float32", "and 1.42 of that of a training with its set-up"),
        (TimedOut("too long"), "float32", "float32: bfloat16 could not be measured: too long"),
        (CompileError("no kernel"), "float32", "float32: bfloat16 could not be measured: no kernel"),
    ],
)
def test_mixed_precision_is_used_where_it_is_faster(bfloat16: Pace | Exception, precision: str, reason: str) -> None:
    measure, _ = made_up({1: 10}, bfloat16=bfloat16, xla=Pace(5.0, 0.1, 1, GPU))
    found = decided(AUTO, GPU, measure)
    assert found.precision == precision
    assert reason in found.found[PRECISION]
    assert (found.jit_compile, found.share) == (False, None)


def test_what_is_faster_is_measured_with_what_was_chosen_before() -> None:
    measure, calls = made_up({1: 10}, bfloat16=Pace(5.0, 0.05, GB, GPU), xla=Pace(20.0, 0.02, GB, GPU))
    found = decided(replace(AUTO, share=True, workers=2), GPU, measure)
    assert calls == [(1, "float32", False), (1, "bfloat16", False), (1, "bfloat16", True), (2, "bfloat16", True)]
    assert (found.precision, found.jit_compile, found.share) == ("bfloat16", True, 0.5)
    assert found.found[XLA].startswith("True: True takes 0.40 of the time of a step")
    assert Choice.read(found.text()) == found


def test_a_full_gpu_ends_the_search_before_it_begins() -> None:
    with pytest.raises(UsageError, match=r"the GPU \(made-up GPU\) has no memory .*OOM when .*CUDA_VISIBLE_DEVICES=-1"):
        decided(ASKED, GPU, made_up({})[0])


def test_a_gpu_that_tensorflow_does_not_see_is_left_out() -> None:
    measure, calls = made_up({1: 10}, device="")
    found = decided(replace(AUTO, share=True), GPU, measure)
    assert (found.share, found.precision, found.jit_compile, len(calls)) == (0, "float32", False, 1)
    assert all("TensorFlow does not see the GPU" in reason for reason in found.found.values())


def test_without_a_gpu_nothing_is_measured() -> None:
    found = without_gpu(AUTO)
    assert found == Choice(
        found={PRECISION: "float32: this machine has no GPU", XLA: "False: this machine has no GPU"},
    )


def test_a_seed_that_cannot_be_trained_leaves_the_decision_out() -> None:
    def measure(*_: object) -> list[Pace]:
        raise CompileError("no such operation")

    found = decided(ASKED, GPU, measure)
    assert (found.share, found.found) == (None, {SHARE: "no such operation"})
