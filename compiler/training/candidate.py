"""Candidate training: the short training of one individual of a search, which gives its fitness."""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
from compiler.layers.model import StepLayer, assemble, step_layers
from compiler.networks.weights import Weights, count, inherit
from compiler.settings import Training
from compiler.training.strategies import make_strategy
from compiler.training.trainer import Trainer, evaluator, finite
from dsl.space.genotype import Genotype


@dataclass(frozen=True)
class Trained:
    """A trained network: its validation accuracy, its curve, its cost, and its seconds, in all and inside steps.

    `weights` is the number of values in its weights, statistics included; `inherited` of them came from its parent.
    The Keras model around the layers is made when it is asked for, since most trainings do not need it.
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

    @functools.cached_property
    def model(self) -> tf_keras.Model:
        """The network as a functional Keras model, which saves, shows and exports itself."""
        return assemble(self.graph, self.layers)


def train(
    genotype: Genotype,
    images: Dataset | Stream | Feed,
    training: Training,
    seed: int = 0,
    initial: Weights | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> Trained:
    """Trains a genotype, from initial weights or from those of `initial` that fit; its genes replace settings.

    Args:
      on_epoch: is called at the end of every epoch with its number, from 1.

    Raises:
      Diverged: the loss is not a finite number; the error has the epochs before.
      CompileError: the network cannot be built for this data, or a gene has the name of a setting and a wrong value.
      DataError: an image cannot be read, or the settings do not fit the images.
    """
    start = time.perf_counter()
    data, training = feed(images), training.with_genes(dict(genotype.genes))
    graph = resolve(genotype, data.input_shape, data.classes, training.auxiliary_weight > 0)
    prepare(training, seed)
    with naming_faults(data), _without_collection():
        trainer = Trainer(graph, data, training, make_strategy(training.strategy, training.tpu), seed)
        inherited = inherit(trainer.layers, initial or {})
        clock = _Clock()
        history = _history(_epochs(trainer, training, clock), on_epoch)
    cost, accuracy = graph_cost(graph), history[-1].validation_accuracy
    assert accuracy is not None
    return Trained(
        accuracy, history, cost.params, cost.mult_adds, time.perf_counter() - start,
        clock.seconds, inherited, count(trainer.layers), graph, tuple(trainer.layers),
    )  # fmt: skip


def prepare(training: Training, seed: int) -> None:
    """Frees the memory of the training before this one, and sets options of the whole process."""
    # TensorFlow warns of functions that are traced often, and each network traces its own.
    tf.get_logger().setLevel(logging.ERROR)
    tf_keras.backend.clear_session()
    gc.collect()  # Graphs have reference cycles.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not training.optimize_graph})
    tf.random.set_seed(seed)


def accuracy(model: tf_keras.Model, images: Dataset | Stream | Feed, split: str) -> float:
    """Returns the share of the images of `train`, `validation` or `test` that a model classifies correctly."""
    heads = [layer for layer in step_layers(model) if not layer.step.key.startswith("auxiliary")]
    found = feed(images)
    with naming_faults(found):
        return evaluator(heads, found)(split)


@dataclass
class _Clock:
    """Counts seconds inside steps of training and evaluation, without their set-up."""

    seconds: float = 0.0


def _epochs(trainer: Trainer, training: Training, clock: _Clock) -> Iterator[Epoch]:
    """Trains, and yields the record of each epoch."""
    trainer.make_ready()
    for number in range(1, training.epochs + 1):
        start = time.perf_counter()
        loss, correct = trainer.run(trainer.steps_per_epoch)
        epoch = Epoch(number, finite(loss, number), correct)
        is_last = number == training.epochs
        if is_last:
            trainer.keep_averages()
        if is_last or training.validate == "epochs":
            validation_loss, validation_accuracy = trainer.validate()
            epoch = Epoch(number, loss, correct, validation_loss, validation_accuracy)
            if is_last:  # NaN weights predict the first class for every image.
                finite(validation_loss, number, "validation loss")
        clock.seconds += time.perf_counter() - start
        yield epoch


def _history(epochs: Iterator[Epoch], on_epoch: Callable[[int], None] | None) -> tuple[Epoch, ...]:
    """Returns the records of all epochs; each is reported when it ends."""
    history: list[Epoch] = []
    try:
        for epoch in epochs:
            history.append(epoch)
            if on_epoch is not None:
                on_epoch(epoch.epoch)
    except Diverged as error:
        raise Diverged(str(error), tuple(history)) from None
    return tuple(history)


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Turns garbage collection off: tracing makes many lasting objects, and collections take a third of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
