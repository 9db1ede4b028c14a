"""`training.class_weights`: in the loss of a training, for images in memory and for streams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.utils.class_weight import compute_class_weight

import compiler
import dsl
from compiler import DataError, Dataset, Feed, Images, Training, feed
from compiler.images import data, fit
from compiler.layers.model import forward
from compiler.training.trainer import Trainer

# Without batch normalization, the logits in training are those in evaluation.
TEXT = "network { body: conv[3x3, filters=4] | relu  head: global_avg_pool | dense[classes] }"
COUNTS = (40, 8, 12)
BALANCED = Training(
    epochs=1, batch_size=sum(COUNTS), learning_rate=0.1, l2=0.0, drop_path_keep=1.0, augment=(), optimize_graph=False,
    fresh_statistics=False, class_weights="balanced",
)  # fmt: skip


def uneven() -> Dataset:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), COUNTS).astype(np.int32)
    part = Images(rng.normal(labels[:, None, None, None], 1, (len(labels), 6, 6, 1)).astype(np.float32), labels)
    return Dataset("uneven", part, part, part, ("a", "b", "c"), mean=(0.0,), std=(1.0,))


def trainer(images: Feed, training: Training) -> Trainer:
    graph = compiler.resolve(dsl.loads(TEXT), images.input_shape, images.classes)
    return Trainer(graph, images, training, tf.distribute.get_strategy(), seed=3)


def test_the_loss_of_a_step_is_weighted_as_scikit_learn_weighs_classes() -> None:
    images = uneven()
    made = trainer(feed(images), BALANCED)
    logits = forward(made.layers, images.train.images, training=False)[-1]
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(images.train.labels, logits).numpy()
    weights = compute_class_weight("balanced", classes=np.arange(3), y=images.train.labels)
    assert made.run(1)[0] == pytest.approx(float(np.mean(losses * weights[images.train.labels])), rel=1e-5)
    assert made.evaluate("validation")[0] != pytest.approx(float(np.mean(losses)), rel=1e-6), "the step changed nothing"


def test_the_validation_loss_is_not_weighted() -> None:
    plain = replace(BALANCED, class_weights=None)
    found = [trainer(feed(uneven()), training).evaluate("validation") for training in (BALANCED, plain)]
    assert found[0] == found[1]


def test_the_labels_of_a_stream_are_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, counts in (("train", COUNTS), ("test", (2, 2, 2))):
        for name, count in zip("abc", counts, strict=True):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{number}.png")
    stream = data.load(f"images:{tmp_path}", stream=True, image_size=(6, 6), validation=3)
    left = np.subtract(COUNTS, 1)
    assert feed(stream).class_counts() == tuple(left)
    weights = fit.class_weights(BALANCED, "it", feed(stream).class_counts())
    assert weights == pytest.approx(left.sum() / (3 * left))


def test_labels_that_are_not_known_before_the_training_are_refused_with_a_flag() -> None:
    with pytest.raises(DataError, match=r'tfds:beans are read only while .*: --gin_param="dataset\.stream=False"'):
        fit.class_weights(BALANCED, "tfds:beans", ())
    assert fit.class_weights(Training(), "tfds:beans", ()) is None
