"""The confusion matrix of a trained network."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from compiler.batches.pipeline import Feed, naming_faults
from compiler.layers.model import forward, step_layers
from compiler.training.trainer import EVALUATION_BATCH

Matrix = tuple[tuple[int, ...], ...]


def confusion(model: tf_keras.Model, feed: Feed, split: str) -> Matrix:
    """Returns the confusion matrix `[classes, classes]`: numbers of images by true (row) and predicted class (column).

    The sum of the diagonal divided by the number of images is the accuracy.

    Raises:
      DataError: an image cannot be read.
    """
    heads = [layer for layer in step_layers(model) if not layer.step.key.startswith("auxiliary")]

    def step(images: Any) -> Any:
        return tf.argmax(tf.cast(forward(heads, images, training=False)[-1], tf.float32), -1, output_type=tf.int32)

    traced = tf.function(step, autograph=False)
    counts = np.zeros((feed.classes, feed.classes), np.int64)
    with naming_faults(feed):
        for images, labels, weights in feed.evaluation(split, min(EVALUATION_BATCH, feed.count(split))):
            real = weights.numpy() > 0  # The last batch is padded.
            np.add.at(counts, (labels.numpy()[real], traced(images).numpy()[real]), 1)
    return tuple(tuple(map(int, row)) for row in counts)
