"""Training a network under a distribution strategy with a step of our own, loops inside the graph."""

from __future__ import annotations

import contextlib
import functools
import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras

from compiler.cost import graph_cost
from compiler.data import Dataset
from compiler.errors import Diverged
from compiler.graph import Graph
from compiler.model import StepLayer, assemble, build_layers, forward, step_layers
from compiler.pipeline import Feed, feed
from compiler.records import Epoch
from compiler.resolve import resolve
from compiler.settings import Training
from compiler.streams import Stream
from compiler.weights import Weights, count, inherit
from dsl.genotype import Genotype

Tensor = Any
LearningRate = Any  # a number, or a schedule of Keras
schedules = tf_keras.optimizers.schedules


@dataclass(frozen=True)
class Trained:
    """A trained network: its validation accuracy, its curve, its cost, and seconds in all and inside steps.

    Of the `weights` numbers that its weights are, statistics included, it `inherited` so many. The layers are what was
    trained; the Keras model around them is made when it is asked for.
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
) -> Trained:
    """Trains a genotype, its genes in the place of settings, from fresh weights or as far as they fit from `initial`.

    Raises:
      CompileError: the network cannot be built for this data, or diverges, or a gene is no such setting.
    """
    start = time.perf_counter()
    training = training.with_genes(dict(genotype.genes))
    data = feed(images)
    graph = resolve(genotype, data.input_shape, data.classes, training.auxiliary_weight > 0)
    tf_keras.backend.clear_session()
    gc.collect()  # what the training before this one left: its graphs are full of cycles
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not training.optimize_graph})
    tf.random.set_seed(seed)
    strategy = make_strategy(training.strategy)
    with strategy.scope(), _without_collection():
        trainer = _Trainer(graph, data, training, strategy, seed)
        inherited = inherit(trainer.layers, initial or {})
        history = tuple(trainer.epochs())
    cost = graph_cost(graph)
    return Trained(
        history[-1].validation_accuracy, history, cost.params, cost.mult_adds, time.perf_counter() - start,
        trainer.busy, inherited, count(trainer.layers), graph, tuple(trainer.layers),
    )  # fmt: skip


def make_strategy(name: str) -> tf.distribute.Strategy:
    """The distribution strategy of a name of `training.strategy`."""
    return tf.distribute.MirroredStrategy() if name == "mirrored" else tf.distribute.get_strategy()


def accuracy(model: tf_keras.Model, images: Dataset | Stream | Feed, split: str, batch: int = 256) -> float:
    """The share of a part's images, `train`, `validation` or `test`, that a model classifies rightly."""
    data = feed(images)
    return _evaluation(step_layers(model), min(batch, data.count(split)))(data, split)[1]


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Tracing makes many small objects that live on; collecting among them takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Trainer:
    """One training run: model, optimizer and traced loops."""

    def __init__(
        self, graph: Graph, data: Feed, training: Training, strategy: tf.distribute.Strategy, seed: int
    ) -> None:
        self._graph, self._data, self._training, self._strategy = graph, data, training, strategy
        self._auxiliary = bool(graph.auxiliary)
        self.layers = build_layers(graph, seed)
        self._steps = data.count("train") // training.batch_size
        self._total = self._steps * training.epochs
        rate = learning_rate(training, self._total, int(training.warmup_epochs * self._steps))
        self._optimizer = tf_keras.optimizers.legacy.SGD(rate, training.momentum)
        self._variables = [variable for layer in self.layers for variable in layer.trainable_variables]
        # slots that are made while a function is traced make TensorFlow trace it a second time
        self._optimizer._create_all_weights(self._variables)
        batches = data.training(training, training.batch_size, seed)
        self._batches = iter(strategy.experimental_distribute_dataset(batches))
        self.busy = 0.0

    def epochs(self) -> Iterator[Epoch]:
        """Trains; yields after each pass."""
        run = self._traced_epoch()
        evaluate = _evaluation(self.layers[: len(self._graph.steps)], min(256, self._data.count("validation")))
        for epoch in range(1, self._training.epochs + 1):
            start = time.perf_counter()
            loss, correct = (float(value) for value in run())
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} in epoch {epoch}: the learning rate may be too high for it")
            validation_loss, validation_accuracy = evaluate(self._data, "validation")
            if epoch > 1:  # the first pass traces, which is set-up
                self.busy += time.perf_counter() - start
            yield Epoch(epoch, loss, correct, validation_loss, validation_accuracy)

    def _traced_epoch(self) -> Callable[[], tuple[Tensor, Tensor]]:
        step_of_replica = tf.autograph.experimental.do_not_convert(self._step)

        def body(step: Tensor, loss: Tensor, correct: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            images, labels = next(self._batches)
            found = self._strategy.run(step_of_replica, args=(images, labels))
            totals = [self._strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in found]
            return step + 1, loss + totals[0], correct + totals[1]

        def epoch() -> tuple[Tensor, Tensor]:
            start = (tf.constant(0), tf.constant(0.0), tf.constant(0.0))
            _, loss, correct = tf.while_loop(lambda step, *_: step < self._steps, body, start, parallel_iterations=1)
            return loss / self._steps, correct / (self._steps * self._training.batch_size)

        return tf.function(epoch, autograph=False)  # type: ignore[no-any-return]

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One gradient step of one replica; returns its share of the mean loss and how many it got right."""
        with tf.GradientTape() as tape:
            values = forward(self.layers, images, training=True, keep=self._keep())
            logits = values[len(self._graph.steps) - 1]
            loss = self._loss(logits, labels)
            if self._auxiliary:
                loss += self._training.auxiliary_weight * self._loss(values[-1], labels)
            kernels = [kernel for layer in self.layers for kernel in layer.decayed]
            decay = tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels]) if self._training.l2 and kernels else 0.0
            total = loss + self._training.l2 * decay / self._strategy.num_replicas_in_sync
        gradients = tape.gradient(total, self._variables)
        # an all-reduce registers a gradient of its own, whose closure keeps this graph for the life of the process
        self._optimizer.apply_gradients(
            zip(gradients, self._variables, strict=True),
            experimental_aggregate_gradients=self._strategy.num_replicas_in_sync > 1,
        )
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(labels, tf.int32))
        return loss, tf.reduce_sum(tf.cast(right, tf.float32))

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy, summed over this replica and divided by the global batch."""
        if self._training.label_smoothing:
            smoothing = self._training.label_smoothing
            target = tf.one_hot(labels, self._graph.classes) * (1 - smoothing) + smoothing / self._graph.classes
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.reduce_sum(losses) / self._training.batch_size

    def _keep(self) -> Tensor | None:
        """ScheduledDropPath: from 1 at the start to the set value at the end (AmoebaNet's code)."""
        if self._training.drop_path_keep == 1:
            return None
        done = tf.cast(self._optimizer.iterations, tf.float32) / max(1, self._total)
        return 1.0 - done * (1.0 - self._training.drop_path_keep)


def learning_rate(training: Training, steps: int, warmup: int) -> LearningRate:
    """The learning rate over so many steps, so many of them warm-up: a number, or a schedule of the step."""
    return _SCHEDULES[training.schedule](training, steps, warmup)


def _cosine(training: Training, steps: int, warmup: int) -> LearningRate:
    """From the set value to 0 over the steps that follow the warm-up."""
    return schedules.CosineDecay(
        0.0 if warmup else training.learning_rate,
        max(1, steps - warmup),
        warmup_target=training.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def _constant(training: Training, steps: int, warmup: int) -> LearningRate:
    """The set value, from the end of the warm-up on."""
    if not warmup:
        return training.learning_rate
    return schedules.PolynomialDecay(0.0, warmup, training.learning_rate)


# By the names of `training.schedule`.
_SCHEDULES: Mapping[str, Callable[[Training, int, int], LearningRate]] = {"cosine": _cosine, "constant": _constant}


def _evaluation(layers: list[Any], batch: int) -> Callable[[Feed, str], tuple[float, float]]:
    """A function that gives (mean loss, accuracy) on a split, traced once."""

    def step(images: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        heads = [layer for layer in layers if not layer.step.key.startswith("auxiliary")]
        logits = forward(heads, images, training=False)[-1]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(labels, tf.int32))
        return tf.reduce_sum(losses * weights), tf.reduce_sum(tf.cast(right, tf.float32) * weights)

    traced = tf.function(step, autograph=False)

    def run(data: Feed, split: str) -> tuple[float, float]:
        loss = correct = 0.0
        for images, labels, weights in data.evaluation(split, batch):
            batch_loss, batch_correct = traced(images, labels, weights)
            loss += float(batch_loss)
            correct += float(batch_correct)
        return loss / data.count(split), correct / data.count(split)

    return run
