"""Measures whether feeds are faster than training: `python -m experiments.bench.pipeline`.

For each kind of data set, the program prints the images a second that the feed prepares, and the images a second that a
small AmoebaNet-A trains on this machine. Larger networks train more slowly. The last column is the ratio of the two. If
it is above 1, training never waits for the feed. Feed and training are timed in turns, in one process, each alone, and
the best round of each counts. The last line is the time that a feed takes for each individual before its first step.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from PIL import Image

import dsl
from compiler import Dataset, Feed, Images, Training, feed, resolve
from compiler.images import data
from compiler.layers.model import build_layers, forward

ROUNDS = 2
SECONDS = 2.0  # a round of a feed
FILES = 200


@dataclass(frozen=True)
class Row:
    """One comparison: the feed of a data set, its augmentation, and the network that is trained."""

    name: str
    feed: Feed
    augment: tuple[str, ...]
    batch: int
    params: dict[str, int]
    overlays: tuple[str, ...] = ()


def main() -> None:
    """Measures and prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        _write_photographs(Path(folder))
        photographs = data.load(f"images:{folder}", stream=True, image_size=(224, 224))
        rows = (
            Row("digits 8x8x1, in memory", feed(data.load("digits")), (), 64, {"N": 1, "F": 8}),
            Row("made 32x32x3, in memory", feed(_small_images()), ("flip", "crop", "cutout"), 32, {"N": 2, "F": 24}),
            Row(
                "JPEG 500x375 to 224x224, streamed", feed(photographs), ("random_crop", "flip", "colour"), 4,
                {"N": 2, "F": 32}, ("imagenet.cell",),
            ),
        )  # fmt: skip
        print(f"{'images a second':<36} {'network':<12} {'feed':>10} {'training':>10} {'ratio':>8}")
        for row in rows:
            prepared, trained = _rates(row)
            network = " ".join(f"{name}={value}" for name, value in row.params.items())
            print(f"{row.name:<36} {network:<12} {prepared:>10,.0f} {trained:>10,.1f} {prepared / trained:>8.1f}")
        print(f"\nto the first batch of the next training: {1e3 * _set_up(rows[0]):.0f} ms of CPU (digits)")


def _rates(row: Row) -> tuple[float, float]:
    """Returns the images a second of the feed, and of training steps that all use one batch in memory."""
    batches = iter(row.feed.training(Training(augment=row.augment), row.batch, seed=0))
    images, labels = next(batches)
    step = _train_step(row, images, labels)
    step()
    prepared, trained = [], []
    for _ in range(ROUNDS):
        prepared.append(row.batch * _calls_a_second(lambda: next(batches)))
        start = time.perf_counter()
        step()
        trained.append(row.batch / (time.perf_counter() - start))
    return max(prepared), max(trained)


def _calls_a_second(call: Callable[[], object]) -> float:
    call()  # the first call is not timed: it takes batches that were prepared during the training before it
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        call()
        calls += 1
    return calls / (time.perf_counter() - start)


def _train_step(row: Row, images: tf.Tensor, labels: tf.Tensor) -> Callable[[], object]:
    """Returns a function that makes one cheap training step: it has no weight decay and no drop path."""
    genotype = dsl.load("amoebanet_a.cell", row.params, row.overlays)
    layers = build_layers(resolve(genotype, row.feed.input_shape, row.feed.classes), 0)
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    optimizer = tf_keras.optimizers.legacy.SGD(0.01, 0.9)
    optimizer._create_all_weights(variables)

    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = forward(layers, images, training=True)[-1]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    traced = tf.function(step, autograph=False)
    return lambda: float(traced())


def _set_up(row: Row) -> float:
    """Returns the CPU seconds until a used feed gives the first batch of another training, the least of several."""
    found = []
    for seed in range(1, 8):
        start = time.process_time()
        next(iter(row.feed.training(Training(augment=row.augment), row.batch, seed)))
        found.append(time.process_time() - start)
    return min(found)


def _small_images() -> Dataset:
    """Returns random images in the number, size and type of CIFAR-10's training images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (45_000, 32, 32, 3), dtype=np.uint8)
    part = Images(images, (np.arange(len(images)) % 10).astype(np.int32))
    few = Images(images[:100], part.labels[:100])
    return Dataset("made", part, few, few, tuple("0123456789"), (127.5,) * 3, (73.9,) * 3)


def _write_photographs(folder: Path) -> None:
    """Writes JPEG files of about 100 KB, as in ImageNet. They show smooth shapes with noise."""
    rng = np.random.default_rng(0)
    for number in range(FILES):
        shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize(
            (500, 375), Image.Resampling.BICUBIC
        )
        noisy = np.asarray(shapes, np.int16) + rng.integers(-20, 21, (375, 500, 3), dtype=np.int16)
        path = folder / f"class_{number % 4}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)


if __name__ == "__main__":
    main()
