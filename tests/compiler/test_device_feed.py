"""Images on the device: the same batches as from the host, by operations that a GPU has; and the decision by size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

import compiler
import dsl
from compiler import CompileError, DataError, Feed, Training, feed
from compiler.batches.pipeline import placed
from compiler.images import data, fit
from compiler.training.trainer import Trainer
from tests.compiler.test_pipeline import arrays, folder

EVERY = Training(augment=("flip", "crop", "cutout", "colour"), crop_padding=2, cutout_size=3, images_on_device=True)
TEXT = "network { body: conv[3x3, filters=4] | batch_norm | relu  head: global_avg_pool | dense[classes] }"


@pytest.fixture
def both(tmp_path: Path) -> tuple[Feed, Feed]:
    """Returns a feed of the host, and that of the same images on the device."""
    host = arrays(tmp_path)
    return host, placed(host, EVERY, tf.distribute.get_strategy())


def test_batches_are_those_of_the_host(both: tuple[Feed, Feed]) -> None:
    host, device = both
    assert host is not device
    for first in (0, 9):
        pairs = zip(host.training(EVERY, 8, 1, first), device.training(EVERY, 8, 1, first), strict=False)
        for (images, labels), element in (next(pairs) for _ in range(5)):
            found, own = device.batch(EVERY, *element)
            np.testing.assert_array_equal(found, images)
            np.testing.assert_array_equal(own, labels)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_evaluations_are_those_of_the_host(both: tuple[Feed, Feed], split: str) -> None:
    host, device = both
    for expected, element in zip(host.evaluation(split, 4), device.evaluation(split, 4), strict=True):
        for one, other in zip(device.evaluated(*element), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_images_are_copied_once_for_a_strategy(both: tuple[Feed, Feed]) -> None:
    host, device = both
    assert placed(host, EVERY, tf.distribute.get_strategy()) is device
    assert placed(host, EVERY, tf.distribute.OneDeviceStrategy("CPU:0")) is not device


def test_a_training_is_the_same_with_images_on_the_device() -> None:
    digits, found = feed(data.load("digits", validation=0.2)), []
    graph = compiler.resolve(dsl.loads(TEXT), digits.input_shape, digits.classes)
    for where in (False, True):
        training = Training(epochs=1, batch_size=32, augment=("flip", "crop"), images_on_device=where)
        trainer = Trainer(graph, digits, training, tf.distribute.get_strategy(), seed=1)
        found.append((trainer.run(4), trainer.validate(), trainer.evaluate("test")))
        assert trainer.data_seconds > 0
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.skipif(
    not any(kernel.device_type == "GPU" for kernel in kernels.get_registered_kernels_for_op("MatMul").kernel),
    reason="this installation of TensorFlow has no kernels for GPUs",
)
def test_a_gpu_has_every_operation_of_a_batch(both: tuple[Feed, Feed]) -> None:
    """Without a kernel for a GPU, the images would be copied to the CPU in every step."""
    device = both[1]
    element = next(iter(device.training(EVERY, 8, 1)))
    graph = tf.function(lambda *given: device.batch(EVERY, *given), autograph=False).get_concrete_function(*element)
    lacking = {node.name: node.type for node in graph.graph.get_operations() if not _has_kernel(node)}
    assert not lacking
    assert any(node.type == "ResourceGather" for node in graph.graph.get_operations())


def _has_kernel(node: Any) -> bool:
    """Returns whether this installation of TensorFlow has a kernel for a GPU and for the types of an operation."""
    types = {name: value.type for name, value in node.node_def.attr.items() if value.type}
    for kernel in kernels.get_registered_kernels_for_op(node.type).kernel:
        fits = all(
            one.name not in types or types[one.name] in one.allowed_values.list.type for one in kernel.constraint
        )
        if kernel.device_type in ("GPU", "DEFAULT") and fits:
            return True
    return node.type in ("Placeholder", "NoOp")


@pytest.mark.parametrize(
    ("wanted", "bytes", "has_accelerator", "memory", "is_on_device"),
    [
        ("auto", 10, True, 0, True),
        ("auto", 10, False, 0, False),
        ("auto", 2**30, True, 0, True),
        ("auto", 2**30 + 1, True, 0, False),
        ("auto", 2**30 + 1, True, 80e9, False),
        ("auto", 10**9, True, 8e9, True),
        ("auto", 10**9 + 1, True, 8e9, False),
        ("auto", 0, True, 80e9, False),
        (True, 2**40, False, 8e9, True),
        (False, 10, True, 8e9, False),
    ],
)
def test_the_size_of_the_images_decides(
    wanted: bool | str, bytes: int, has_accelerator: bool, memory: float, is_on_device: bool
) -> None:
    assert fit.is_on_device(Training(images_on_device=wanted), bytes, has_accelerator, memory) is is_on_device


def test_images_on_a_cpu_stay_where_they_are(tmp_path: Path) -> None:
    host = arrays(tmp_path)
    assert placed(host, replace(EVERY, images_on_device="auto"), tf.distribute.get_strategy()) is host


def test_a_stream_cannot_lie_on_a_device(tmp_path: Path) -> None:
    stream = folder(tmp_path)
    with pytest.raises(DataError, match=r"are read from their files.*images_on_device='auto'.*dataset\.stream=False"):
        stream.training(replace(EVERY, images_on_device=True), 4, 1)


def test_several_machines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", type(tf.distribute.get_strategy()))
    with pytest.raises(CompileError, match=r"the machines of 'multi_worker'.*images_on_device=False"):
        placed(arrays(tmp_path), EVERY, tf.distribute.get_strategy())
