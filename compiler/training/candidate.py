"""Candidate training: the short training of one individual of a search, and the accuracy of a trained network."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from compiler.batches.pipeline import Feed, feed, naming_faults
from compiler.epochs import Epoch
from compiler.errors import Diverged
from compiler.graph.cost import graph_cost
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph
from compiler.images.data import Dataset
from compiler.images.streams import Stream
from compiler.layers.model import StepLayer, assemble, forward, step_layers
from compiler.networks.weights import Weights, count, inherit, perturb
from compiler.settings import Training
from compiler.training.metrics import Metrics, Predicted
from compiler.training.part import Checkpoint, Part
from compiler.training.strategies import make_strategy
from compiler.training.trainer import EVALUATION_BATCH, Trainer
from dsl.rules.scene import Noise
from dsl.space.genotype import Genotype


@dataclass(frozen=True)
class Trained:
    """The result of a candidate training: accuracy, epochs, cost, and the seconds of the training and of its steps.

    `data_seconds` is the part of `train_seconds` in which the steps waited for batches.
    `metrics` has all metrics of the evaluation at the end by name, with the accuracy and the recall of each class.
    `weights` is the number of values in the weights and statistics of the network. `inherited` is the number of those
    values that came from the parent or from `pretrained`. The Keras model is made at the first use, since most
    trainings do not need it.
    """

    accuracy: float
    history: tuple[Epoch, ...]
    params: int
    mult_adds: int
    seconds: float
    train_seconds: float
    inherited: int
    weights: int
    graph: Graph
    layers: tuple[StepLayer, ...]
    metrics: Metrics
    data_seconds: float = 0.0

    @functools.cached_property
    def model(self) -> tf_keras.Model:
        """The network as a functional Keras model, which can be saved, shown and exported."""
        return assemble(self.graph, self.layers)


def train(
    genotype: Genotype,
    images: Dataset | Stream | Feed,
    training: Training,
    seed: int = 0,
    initial: Weights | None = None,
    on_epoch: Callable[[int], None] | None = None,
    noise: Noise | None = None,
    part: Part | None = None,
    pretrained: Weights | None = None,
) -> Trained:
    """Trains a genotype and returns the result. Genes replace the settings of the same names.

    With 0 epochs, no step is taken. The accuracy is that of the weights with which the training starts.

    Args:
      initial: the weights of the parent. The network inherits those whose key and shape it has.
      pretrained: other weights, of which the network takes those that the parent lacks, in the same way.
      on_epoch: is called at the end of every epoch with its number, from 1.
      noise: is added to the trained weights before the training, drawn from the random seed.
      part: the part of the training; None: the whole training. A training in parts ends with the same weights as one
        without interruption.

    Raises:
      Diverged: the loss is not a finite number; the error has the epochs before.
      CompileError: the network cannot be built for these images, or a gene has a value that its setting cannot have.
      DataError: an image cannot be read, or the settings do not fit the images.
    """
    start = time.perf_counter()
    data, training = feed(images), training.with_genes(dict(genotype.genes))
    graph = resolve(genotype, data.input_shape, data.classes, training.auxiliary_weight > 0)
    prepare(training, seed)
    with naming_faults(data), without_collection():
        trainer = Trainer(graph, data, training, make_strategy(training.strategy, training.tpu), seed)
        inherited = inherit(trainer.layers, pretrained or {}, initial or {})
        if noise is not None:
            perturb(trainer.layers, noise, seed)
        if part is not None and part.start is not None:
            trainer.restore(part.start.values, len(part.start.history))
        history, accuracy, train_seconds = _history(trainer, training, on_epoch, part)
    cost = graph_cost(graph)
    assert trainer.predicted is not None  # The validation images were evaluated at the end.
    loss = history[-1].validation_loss if history else None
    metrics = trainer.predicted.metrics(data.class_names, accuracy, loss)
    return Trained(
        accuracy, history, cost.params, cost.mult_adds, time.perf_counter() - start,
        train_seconds, inherited, count(trainer.layers), graph, tuple(trainer.layers), metrics,
        trainer.data_seconds,
    )  # fmt: skip


def prepare(training: Training, seed: int) -> None:
    """Frees the memory of the last training in this process, and sets options of the process."""
    # TensorFlow warns of functions that are traced often. Here every network traces functions of its own.
    tf.get_logger().setLevel(logging.ERROR)
    tf_keras.backend.clear_session()
    gc.collect()  # Graphs have reference cycles, so only a collection frees them.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not training.optimize_graph})
    tf.random.set_seed(seed)


def accuracy(model: tf_keras.Model, images: Dataset | Stream | Feed, split: str) -> float:
    """Returns the share of the images of `train`, `validation` or `test` that a model classifies correctly."""
    matrix = predicted(model, feed(images), split).confusion
    return float(matrix.trace() / matrix.sum())


def predicted(model: tf_keras.Model, feed: Feed, split: str) -> Predicted:
    """Returns the predictions of a model for the images of `train`, `validation` or `test`.

    Raises:
      DataError: an image cannot be read.
    """
    heads = [layer for layer in step_layers(model) if not layer.step.key.startswith("auxiliary")]

    def step(images: Any) -> Any:
        return tf.cast(forward(heads, images, training=False)[-1], tf.float32)

    traced = tf.function(step, autograph=False)
    found = []
    with naming_faults(feed):
        for images, labels, weights in feed.evaluation(split, min(EVALUATION_BATCH, feed.count(split))):
            real = weights.numpy() > 0  # The last batch is padded.
            found.append((traced(images).numpy()[real], labels.numpy()[real]))
    return Predicted(*map(np.concatenate, zip(*found, strict=True)))


def _history(
    trainer: Trainer, training: Training, on_epoch: Callable[[int], None] | None, part: Part | None
) -> tuple[tuple[Epoch, ...], float, float]:
    """Trains for all epochs of a training or of its part; with 0 epochs, only evaluates the weights.

    Returns the record of each epoch, the accuracy at the end, and the seconds inside training steps and evaluation. The
    time in which XLA compiles a step is not counted.
    """
    trainer.make_ready()
    history = [*part.start.history] if part is not None and part.start is not None else []
    last = training.epochs if part is None else part.epochs
    seconds = 0.0
    if not training.epochs:
        start = time.perf_counter()
        return (), trainer.measured_at_start(), time.perf_counter() - start
    for number in range(len(history) + 1, last + 1):
        start = time.perf_counter()
        loss, correct = trainer.run(trainer.steps_per_epoch)
        is_stopped = part is not None and correct < part.least.get(number, 0.0)
        is_last = number == last or is_stopped
        state = trainer.state() if is_last and part is not None else {}
        if is_last:
            trainer.keep_averages()
        try:
            history.append(trainer.measured(number, loss, correct, None if part is None else is_last))
        except Diverged as error:
            raise Diverged(str(error), tuple(history)) from None
        if is_last and part is not None and not is_stopped:
            part.keep(Checkpoint(state, tuple(history)))
        seconds += time.perf_counter() - start
        if on_epoch is not None:
            on_epoch(number)
        if is_stopped:
            break
    accuracy = history[-1].validation_accuracy
    assert accuracy is not None  # The last epoch is always evaluated.
    return tuple(history), accuracy, seconds - trainer.compile_seconds


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """A context without garbage collection, which takes a third of the time of tracing and frees few objects."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
