"""Normalization and regularization: layers in TensorFlow, and stock layers of Keras."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from compiler.primitives.base import Operation, whole_number
from compiler.primitives.layering import Layers, Norm, Run, Stock, Tensor


def local_norm(value: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Normalizes values by the statistics of this replica's batch. Returns the values, the means and the variances."""
    empty = tf.zeros((0,))
    out, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=value, scale=gamma, offset=beta, mean=empty, variance=empty, epsilon=epsilon, is_training=True
    )
    return out, mean, variance


def shared_norm(value: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the batch normalization by the statistics of the batches of all replicas together.

    The batches of all replicas must have the same size.
    """
    context = tf.distribute.get_replica_context()
    wide = tf.cast(value, tf.float32)
    axes = tuple(range(len(value.shape) - 1))
    own = tf.stack([tf.reduce_mean(wide, axes), tf.reduce_mean(tf.square(wide), axes)])
    mean, square = tf.unstack(context.all_reduce(tf.distribute.ReduceOp.MEAN, own))
    variance = tf.maximum(square - tf.square(mean), 0.0)
    out = tf.nn.batch_normalization(wide, mean, variance, beta, gamma, epsilon)
    # As in TensorFlow's fused kernel, values are normalized by the biased variance, and the unbiased variance is kept.
    count = _normalized_together(value, shared_norm)
    return tf.cast(out, value.dtype), mean, variance * (count / max(1, count - 1))


def _normalized_together(value: Tensor, norm: Norm) -> int:
    """Returns the number of values of each channel that a batch normalization normalizes together."""
    count: int = math.prod(value.shape[:-1])
    return count * (tf.distribute.get_replica_context().num_replicas_in_sync if norm is shared_norm else 1)


def pooled(statistics: NDArray[Any], values: NDArray[Any]) -> NDArray[np.float64]:
    """Returns the means and unbiased variances `[2, channels]` of all values of several batches together.

    The variance is the sum of the variance inside the batches and of the variance of their means.

    Args:
      statistics: means and unbiased variances of each batch `[batches, 2, channels]`.
      values: the number of values of each channel in a batch `[channels]`.
    """
    means, variances = np.moveaxis(statistics.astype(float), 1, 0)
    with np.errstate(invalid="ignore", over="ignore"):  # The statistics of a training that has diverged are not finite.
        mean = means.mean(axis=0)
        squares = ((values - 1) * variances + values * np.square(means - mean)).sum(axis=0)
    return np.stack([mean, squares / np.maximum(len(means) * values - 1, 1)])


def _batch_norm(run: Run) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the normalized value, and the means and variances.

    These are those of the batch if the batch may be normalized by them, and the kept ones otherwise.
    """
    (*scale, beta), epsilon, norm = run.weights, run.number("epsilon"), run.norm or local_norm
    gamma = scale[0] if scale else tf.ones_like(beta)
    flat = len(run.value.shape) == 2
    value = run.value[:, None, None] if flat else run.value
    if run.statistics is None:
        out, mean, variance = norm(value, gamma, beta, epsilon)
        return (out[:, 0, 0] if flat else out), mean, variance
    mean, variance = by = tf.unstack(run.statistics)
    if run.refreshes is not None:
        _, mean, variance = norm(value, gamma, beta, epsilon)
        count = _normalized_together(value, norm)
        # A batch is normalized by its biased variance.
        own = mean, variance * ((count - 1) / count)
        by = [tf.where(run.refreshes, fresh, kept) for fresh, kept in zip(own, by, strict=True)]
    out, *_ = tf.raw_ops.FusedBatchNormV3(
        x=value, scale=gamma, offset=beta, mean=by[0], variance=by[1], epsilon=epsilon, is_training=False
    )
    return (out[:, 0, 0] if flat else out), mean, variance


def _stock_batch_norm(stock: Stock) -> Tensor:
    momentum, epsilon = stock.settings["decay"], stock.settings["epsilon"]
    scale = stock.settings.get("scale") != "no"
    return stock.with_weights("BatchNormalization", momentum=momentum, epsilon=epsilon, scale=scale)(stock.value)


def _layer_norm(run: Run) -> Tensor:
    (gamma, beta), wide = run.weights, tf.cast(run.value, tf.float32)
    mean, variance = tf.nn.moments(wide, (-1,), keepdims=True)
    out = tf.nn.batch_normalization(wide, mean, variance, beta, gamma, run.number("epsilon"))
    return tf.cast(out, run.value.dtype)


def _stock_layer_norm(stock: Stock) -> Tensor:
    return stock.with_weights("LayerNormalization", epsilon=stock.settings["epsilon"])(stock.value)


def _group_norm(run: Run) -> Tensor:
    (gamma, beta), shape, groups = run.weights, run.operation.shape, whole_number(run.settings, "groups")
    value = tf.reshape(tf.cast(run.value, tf.float32), (-1, *shape[:-1], groups, shape[-1] // groups))
    axes = [axis for axis in range(1, len(shape) + 2) if axis != len(shape)]  # all but the images and the groups
    mean, variance = tf.nn.moments(value, axes, keepdims=True)
    normal = tf.nn.batch_normalization(value, mean, variance, None, None, run.number("epsilon"))
    return tf.cast(tf.reshape(normal, (-1, *shape)) * gamma + beta, run.value.dtype)


def _stock_group_norm(stock: Stock) -> Tensor:
    groups, epsilon = stock.settings["groups"], stock.settings["epsilon"]
    layer, shape = stock.with_weights("GroupNormalization", groups, epsilon=epsilon), stock.operation.shape
    if not stock.is_map:
        return layer(stock.value)
    # TensorFlow Lite has no broadcast to the five dimensions in which Keras 2 normalizes a map.
    row = stock.layer("Reshape", (math.prod(shape[:2]), shape[2]), what="row")(stock.value)
    return stock.layer("Reshape", shape, what="map")(layer(row))


def _drop_path(run: Run) -> Tensor:
    """Returns the value, dropped for some images. Without a rate, the runner of the step drops it."""
    if run.drawn is None or not run.settings["rate"]:
        return run.value
    keep = 1.0 - run.number("rate")
    return run.value * tf.cast(tf.floor(run.drawn + keep) / keep, run.value.dtype)


def _draw_paths(operation: Operation, seed: Tensor, images: Tensor | int, dtype: str) -> Tensor:
    """Returns a random number from 0 to 1 for each image."""
    # The runner draws the paths of other operations from the seed itself.
    own = tf.random.experimental.stateless_fold_in(seed, -1)
    return tf.random.stateless_uniform((images, *[1] * len(operation.shape)), own)


def _stock_drop_path(stock: Stock) -> Tensor:
    rate = stock.settings["rate"]
    shape = (None, *[1] * len(stock.operation.shape))
    return stock.layer("Dropout", rate, noise_shape=shape)(stock.value) if rate else stock.value


def _dropout(run: Run) -> Tensor:
    rate = run.number("rate")
    if run.drawn is None or not rate:
        return run.value
    return tf.where(run.drawn >= rate, run.value * (1 / (1 - rate)), tf.zeros((), run.value.dtype))


def _draw_dropout(operation: Operation, seed: Tensor, images: Tensor | int, dtype: str) -> Tensor:
    """Returns a random number from 0 to 1 for each value."""
    return tf.random.stateless_uniform((images, *operation.shape), seed, dtype=dtype)


LAYERS = (
    Layers("batch_norm", _batch_norm, _stock_batch_norm),
    Layers("layer_norm", _layer_norm, _stock_layer_norm),
    Layers("group_norm", _group_norm, _stock_group_norm),
    Layers("drop_path", _drop_path, _stock_drop_path, draw=_draw_paths),
    Layers(
        "dropout",
        _dropout,
        lambda stock: stock.layer("Dropout", stock.settings["rate"])(stock.value),
        draw=_draw_dropout,
    ),
)
