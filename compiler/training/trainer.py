"""One training under a distribution strategy. TensorFlow's graph contains the loop over steps, with static shapes."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from compiler.batches.pipeline import Feed, clock, placed, taken
from compiler.epochs import Epoch
from compiler.errors import CompileError, Diverged, pasted
from compiler.graph.structure import Graph
from compiler.images import fit
from compiler.layers.execute import Drawn, Noise
from compiler.layers.model import StepLayer, all_steps, build_layers, forward
from compiler.networks.weights import restore, weight_of
from compiler.primitives.layering import Tensor
from compiler.primitives.normalization_layers import pooled, shared_norm
from compiler.settings import Training
from compiler.training.metrics import Predicted
from compiler.training.optimizers import make_optimizer, scale_of
from compiler.training.strategies import Strategy

# Batch normalization needs this number of images on a replica, or the statistics of the replica are too inaccurate.
SMALL_BATCH = 32
EVALUATION_BATCH = 256
# The greatest numbers of training batches and images for fresh statistics.
POOLED_BATCHES, POOLED_IMAGES = 50, 10_000
_TYPES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


class Trainer:
    """The variables of a training, and the functions that train and evaluate, which are traced once.

    The random numbers of a step depend only on the random seed and the number of the step. So a training can resume at
    any step.
    """

    def __init__(self, graph: Graph, feed: Feed, training: Training, strategy: Strategy, seed: int) -> None:
        self.graph, self._training, self.strategy, self._seed = graph, training, strategy, seed
        self._feed = placed(feed, training, strategy)
        self._replicas = strategy.num_replicas_in_sync
        _check_decided(training)
        _check_batch(training, feed, self._replicas)
        self._class_weights = fit.class_weights(training, feed.name, feed.class_counts())
        self.steps_per_epoch = feed.count("train") // training.batch_size
        self.step = 0
        self.compile_seconds = 0.0  # the seconds of the first step if XLA compiled it
        self._waited = clock()
        self.predicted: Predicted | None = None  # the predictions of the latest evaluation
        with strategy.scope():
            self.layers = build_layers(graph, seed, _TYPES[training.precision])
            self._check_compiled()
            self._variables = [layer.trained for layer in self.layers if layer.trained is not None]
            self.optimizer = make_optimizer(training, self.steps_per_epoch)
            # If the optimizer's variables were created during tracing, TensorFlow would trace twice.
            inner: Any = getattr(self.optimizer, "inner_optimizer", self.optimizer)
            inner._create_all_weights(self._variables)
            # Without an epoch there is nothing to average. The averages would be the weights before inheritance.
            is_averaged = training.ema_decay and training.epochs
            self.averages = [_shadow(variable) for variable in self._variables] if is_averaged else []

    @property
    def data_seconds(self) -> float:
        """The seconds in which training and evaluation waited for batches."""
        return float(self._waited)

    def make_ready(self) -> None:
        """Traces the train step and the evaluation without running them, so that later calls only compute.

        XLA compiles a step when it first runs.
        """
        if self._training.epochs:
            self._loop(self._training_batches, tf.constant(self.step), tf.constant(0))
        batches, batch, _ = self._evaluation_batches("validation")
        self._evaluate(iter(batches), tf.constant(0), tf.constant(False), batch)

    # --- training ---

    def run(self, steps: int) -> tuple[float, float]:
        """Trains for `steps` steps; returns the mean loss and the accuracy over them."""
        compiles = self._compiles and not self.compile_seconds
        loss, correct, start = 0.0, 0.0, time.perf_counter()
        for part in [1] * compiles + [steps - compiles] * (steps > compiles):
            sums = self._loop(self._training_batches, tf.constant(self.step), tf.constant(part))
            loss, correct = loss + float(sums[0]), correct + float(sums[1])
            self.step += part
            if compiles and not self.compile_seconds:
                self.compile_seconds = time.perf_counter() - start
        return loss / steps, correct / (steps * self._training.batch_size)

    @functools.cached_property
    def _training_batches(self) -> Iterator[Any]:
        batches = self._feed.training(self._training, self._training.batch_size, self._seed, self.step)
        return iter(self.strategy.experimental_distribute_dataset(batches))

    @functools.cached_property
    def _loop(self) -> Callable[..., tuple[Tensor, ...]]:
        replica_step = tf.autograph.experimental.do_not_convert(self._replica_step)

        def loop(batches: Any, first: Tensor, steps: Tensor) -> tuple[Tensor, ...]:
            return self._sums(batches, lambda batch, step: self.strategy.run(replica_step, (batch, step)), first, steps)

        return tf.function(loop, autograph=False)  # type: ignore[no-any-return]

    def _sums(
        self,
        batches: Any,
        run: Callable[[Any, Tensor], Any],
        first: Tensor,
        steps: Tensor,
        kept: Sequence[tuple[Any, Any]] = (),
    ) -> tuple[Tensor, ...]:
        """Runs steps from `first` on. Returns the sums of loss and correct images over replicas and steps.

        Further values of a step are returned too, as tensors [steps, values of all replicas].

        Args:
          batches: the iterator of batches.
          run: runs a step on a batch, and returns the loss, the number of correct images, and further values.
          first: the number of the first step.
          steps: the number of steps.
          kept: the type and the shape over all replicas of each further value.
        """

        def body(step: Tensor, loss: Tensor, correct: Tensor, *arrays: Any) -> tuple[Any, ...]:
            batch, is_there = taken(batches, self._waited)
            with tf.control_dependencies([is_there]):
                found = run(batch, step)
            totals = [self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None) for value in found[:2]]
            values = [value if self._replicas == 1 else self.strategy.gather(value, axis=0) for value in found[2:]]
            written = [array.write(step - first, value) for array, value in zip(arrays, values, strict=True)]
            return step + 1, loss + totals[0], correct + totals[1], *written

        arrays = [tf.TensorArray(kind, steps, element_shape=shape) for kind, shape in kept]
        start = (first, tf.constant(0.0), tf.constant(0.0), *arrays)
        _, loss, correct, *arrays = tf.while_loop(
            lambda step, *_: step < first + steps, body, start, parallel_iterations=1
        )
        return loss, correct, *(array.stack() for array in arrays)

    def _replica_step(self, batch: Any, step: Tensor) -> tuple[Tensor, Tensor]:
        """Runs one gradient step of one replica; returns its share of the mean loss and its count of correct images."""
        images, labels = self._feed.batch(self._training, *batch)
        noise = zip(self.layers, self._noise(step), strict=True)
        # XLA would draw other random numbers, so they are drawn outside of what it compiles.
        count = images.shape[0] or tf.shape(images)[0]
        drawn = [layer.draw(own, count) for layer, own in noise]
        if self._compiles and not tf.distribute.has_strategy():
            loss, right = _compiled(self._update)(images, labels, drawn)
            return loss, right
        return self._update(images, labels, drawn)

    def _update(self, images: Tensor, labels: Tensor, drawn: Sequence[Drawn | None]) -> tuple[Tensor, Tensor]:
        # XLA compiles no exchange between replicas, which an update of the weights under a strategy is.
        differentiate = self._differentiate
        if self._compiles and tf.distribute.has_strategy():
            differentiate = _compiled(differentiate)
        loss, right, gradients = differentiate(images, labels, drawn)
        self._apply(gradients)
        return loss, right

    def _differentiate(
        self, images: Tensor, labels: Tensor, drawn: Sequence[Drawn | None]
    ) -> tuple[Tensor, Tensor, Sequence[Tensor | None]]:
        """Returns the loss of a batch, the number of its correct images, and the gradients of all variables."""
        with tf.GradientTape() as tape:
            values = forward(self.layers, images, True, drawn, self._norm(), compiled=self._compiles or self._is_on_tpu)
            logits = tf.cast(values[len(self.graph.steps) - 1], tf.float32)
            loss = self._loss(logits, labels)
            if self.graph.auxiliary:
                loss += self._training.auxiliary_weight * self._loss(tf.cast(values[-1], tf.float32), labels)
            scaled = self.optimizer.get_scaled_loss(loss) if self._scales else loss
        return loss, _right(logits, labels), tape.gradient(scaled, self._variables)

    @property
    def _compiles(self) -> bool:
        """Whether XLA is asked to compile the steps. It compiles all that runs on a TPU, without being asked."""
        return self._training.jit_compile is True and not self._is_on_tpu

    @property
    def _is_on_tpu(self) -> bool:
        return isinstance(self.strategy, tf.distribute.TPUStrategy)

    def _apply(self, gradients: Sequence[Tensor]) -> None:
        """Sums the replicas' gradients, updates the weights, and updates their averages."""
        if self._scales:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        gradients = self._decayed(gradients)
        # An all-reduce registers a gradient, which keeps this graph in memory until the process ends.
        several = self._replicas > 1
        if self._training.clip_norm:
            if several:
                context = tf.distribute.get_replica_context()
                gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            gradients, _ = tf.clip_by_global_norm(gradients, self._training.clip_norm)
        aggregate = several and not self._training.clip_norm
        pairs = zip(gradients, self._variables, strict=True)
        self.optimizer.apply_gradients(pairs, experimental_aggregate_gradients=aggregate)
        if self.averages:
            done = tf.cast(self.optimizer.iterations, tf.float32)
            share = 1.0 - tf.minimum(self._training.ema_decay, (1.0 + done) / (10.0 + done))
            for average, variable in zip(self.averages, self._variables, strict=True):
                average.assign_sub((average - variable) * share)

    @property
    def _scales(self) -> bool:
        return self._training.precision == "float16"

    def _decayed(self, gradients: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """Returns the gradients of a replica plus its share of those of weight decay."""
        if not self._training.l2:
            return gradients
        trained = (layer for layer in self.layers if layer.trained is not None)
        decays = [layer.decay(self._training.l2 / self._replicas) for layer in trained]
        # Of a cell whose output is multiplied by zeros, the loss has no gradient.
        return [
            gradient if decay is None else decay if gradient is None else gradient + decay
            for gradient, decay in zip(gradients, decays, strict=True)
        ]

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Returns the cross entropy, weighted by class, summed over this replica and divided by the global batch."""
        if self._training.label_smoothing:
            smoothing = self._training.label_smoothing
            target = tf.one_hot(labels, self.graph.classes) * (1 - smoothing) + smoothing / self.graph.classes
            losses = tf.nn.softmax_cross_entropy_with_logits(target, logits)
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        if self._class_weights is not None:
            losses *= tf.gather(tf.constant(self._class_weights), labels)
        return tf.reduce_sum(losses) / self._training.batch_size

    def _check_compiled(self) -> None:
        if self._compiles and self._norm() is not None and any(layer.packing.channels for layer in self.layers):
            raise CompileError(
                "training.jit_compile is True, and batch normalization uses the images of all replicas together, which "
                f"XLA cannot compile: {pasted('training.sync_batch_norm', False)}, or "
                f"{pasted('training.jit_compile', False)}"
            )

    def _norm(self) -> Any:
        wanted = self._training.sync_batch_norm
        if wanted is None:
            wanted = self._training.batch_size // self._replicas < SMALL_BATCH
        return shared_norm if wanted and self._replicas > 1 else None

    def _noise(self, step: Tensor) -> list[Noise | None]:
        """Returns the random numbers of every layer that is random in training."""
        drops = self._training.drop_path_keep < 1
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        done = tf.cast(step, tf.float32) / max(1, self.steps_per_epoch * self._training.epochs)
        cells = [step.is_cell for step in all_steps(self.graph)]
        found: list[Noise | None] = []
        for place, layer in enumerate(self.layers):
            paths = drops and any(operation.drop_path for operation in layer.step.operations)
            if not paths and not any(operation.declared.is_random for operation in layer.step.operations):
                found.append(None)
                continue
            depth = sum(cells[: place + 1]) / max(1, self.graph.cells)
            share = min(1.0, depth) if self._training.drop_path_schedule == "step_and_cell" else 1.0
            keep = 1.0 - done * share * (1.0 - self._training.drop_path_keep) if paths else None
            seed = tf.stack([step, tf.cast(replica, tf.int32) * len(self.layers) + place + self._seed * 7919])
            found.append(Noise(seed, keep))
        return found

    # --- the state between two parts of a training ---

    def state(self) -> dict[str, Any]:
        """Returns all variables of the training by name. With the number of epochs, they are its whole state."""
        found = {f"layer {key}": value for layer in self.layers for key, value in layer.values().items()}
        return found | {name: variable.numpy() for name, variable in self._others()}

    def restore(self, values: Mapping[str, Any], epochs: int) -> None:
        """Sets all variables to the state of this training after a number of epochs.

        Raises:
          CompileError: the state is that of another network or another optimizer.
        """
        restore(self.layers, {name[6:]: value for name, value in values.items() if name.startswith("layer ")})
        for name, variable in self._others():
            variable.assign(weight_of(values, name, tuple(variable.shape)))
        self.step = epochs * self.steps_per_epoch

    def _others(self) -> Iterator[tuple[str, Any]]:
        """Yields the variables of the optimizer, the averaged weights and the scale of the loss, each with a name."""
        of_optimizer = ("optimizer", self.optimizer.variables()), ("loss scale", scale_of(self.optimizer))
        for kind, variables in (*of_optimizer, ("average", self.averages)):
            yield from ((f"{kind} {number}", variable) for number, variable in enumerate(variables))

    # --- statistics of batch normalizations ---

    def refresh(self) -> None:
        """Computes fresh statistics from training images, with the averaged weights if the training averages weights.

        After a short training, or with a high learning rate, moving statistics may describe earlier weights. The images
        are not augmented. They are 10,000 images or as many as 50 batches of the training have, whichever is more, and
        at most one pass over all.
        """
        normalizing = [layer for layer in self.layers if layer.packing.channels]
        if not normalizing:
            return
        batch = self._evaluation_batch("validation")
        images = max(POOLED_BATCHES * self._training.batch_size, POOLED_IMAGES)
        steps = min(-(-images // batch), self._feed.count("train") // batch)
        with self.averaged():
            *_, found = self._evaluate(iter(self._plain_batches), tf.constant(steps), tf.constant(True), batch)
        # Replicas that normalize together all have the same statistics, those of the whole batch.
        parts = 1 if self._norm() else self._replicas
        statistics = found.numpy()[:, :parts].reshape(steps * parts, 2, -1)
        places = np.concatenate([layer.packing.places for layer in normalizing])
        whole = pooled(statistics, places.astype(float) * (batch // parts))
        ends = np.cumsum([layer.packing.channels for layer in normalizing])[:-1]
        for layer, own in zip(normalizing, np.split(whole, ends, axis=1), strict=True):
            layer.refresh(own.astype(np.float32))

    @functools.cached_property
    def _plain_batches(self) -> Any:
        batches = self._feed.shuffled(self._training, self._evaluation_batch("validation"), self._seed)
        return self.strategy.experimental_distribute_dataset(batches)

    # --- evaluation ---

    def measured(self, number: int, loss: float, accuracy: float, is_last: bool | None = None) -> Epoch:
        """Returns the record of a trained epoch.

        The validation images are evaluated after the last epoch, and with `training.validate='epochs'` after every
        epoch. If `is_last` is given, it alone decides.

        Raises:
          Diverged: a loss is infinite or not a number.
        """
        check_finite(loss, number)
        if is_last is None:
            is_evaluated = self._training.validate == "epochs"
            is_last = number == self._training.epochs
        else:
            is_evaluated = False
        if not is_last and not is_evaluated:
            return Epoch(number, loss, accuracy)
        validation_loss, validation_accuracy = self.validate()
        if is_last:  # The accuracy does not show NaN weights, since they predict the first class for every image.
            check_finite(validation_loss, number, "validation loss")
        return Epoch(number, loss, accuracy, validation_loss, validation_accuracy)

    def measured_at_start(self) -> float:
        """Returns the accuracy of the starting weights on the validation images.

        Raises:
          Diverged: the loss is infinite or not a number.
        """
        loss, accuracy = self.validate()
        if not math.isfinite(loss):
            raise Diverged(f"the validation loss of the weights with which it starts is {loss}")
        return accuracy

    def validate(self) -> tuple[float, float]:
        """Returns the mean loss and the accuracy on the validation images.

        If `training.fresh_statistics` is True, fresh statistics are computed before.
        """
        if self._training.fresh_statistics:
            self.refresh()
        return self.evaluate("validation")

    def evaluate(self, split: str) -> tuple[float, float]:
        """Returns the mean loss and the accuracy on a part of the data set.

        The network has the averaged weights if the training averages weights. The predictions are kept in `predicted`.
        """
        count = self._feed.count(split)
        batches, batch, steps = self._evaluation_batches(split)
        for layer in self.layers if self._replicas > 1 else ():
            layer.synchronize()
        with self.averaged():
            loss, correct, *found = self._evaluate(iter(batches), tf.constant(steps), tf.constant(False), batch)[:5]
        logits, labels, weights = (value.numpy().reshape(steps * batch, *value.shape[2:]) for value in found)
        real = weights > 0  # The last batch is padded.
        self.predicted = Predicted(logits[real], labels[real])
        return float(loss) / count, float(correct) / count

    def _evaluation_batches(self, split: str) -> tuple[Any, int, int]:
        """Returns the batches of one pass, the number of images of a batch, and the number of batches."""
        batch = self._evaluation_batch(split)
        batches = self.strategy.experimental_distribute_dataset(self._feed.evaluation(split, batch))
        return batches, batch, -(-self._feed.count(split) // batch)

    def _evaluation_batch(self, split: str) -> int:
        """Returns the number of images of a batch of an evaluation, and of fresh statistics before it.

        Fresh statistics want as many images in a batch as the training has, at the least.
        """
        batch = min(EVALUATION_BATCH, -(-self._feed.count(split) // self._replicas) * self._replicas)
        if self._training.fresh_statistics:
            batch = max(min(batch, self._feed.count("train")), self._training.batch_size)
        shared: int = batch - batch % self._replicas
        return shared

    @functools.cached_property
    def _evaluate(self) -> Callable[..., tuple[Tensor, ...]]:
        """The function that evaluates a number of batches, or computes fresh statistics from them.

        One function does both, because TensorFlow takes as long to set up a second function as to set up this one.
        """
        heads, can_refresh, norm = len(self.graph.steps), self._training.fresh_statistics, self._norm()
        layers = self.layers if can_refresh else self.layers[:heads]
        channels = sum(layer.packing.channels for layer in layers) if can_refresh else 0

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def replica(batch: Any, refreshes: Tensor) -> tuple[Tensor, ...]:
            images, labels, weights = self._feed.evaluated(*batch)
            measured: list[Tensor] = []

            def keep(_: StepLayer, statistics: Tensor) -> None:
                measured.append(statistics)

            values = forward(layers, images, False, None, norm, keep, refreshes=refreshes if can_refresh else None)
            logits = tf.cast(values[heads - 1], tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            sums = tf.reduce_sum(losses * weights), _right(logits, labels, weights)
            return *sums, logits, labels, weights, *([tf.concat(measured, axis=1)[None]] if measured else ())

        def loop(batches: Any, count: Tensor, refreshes: Tensor, batch: int) -> tuple[Tensor, ...]:
            def run(found: Any, _: Tensor) -> Any:
                return self.strategy.run(replica, (found, refreshes))

            kept = [(tf.float32, (batch, self.graph.classes)), (tf.int32, (batch,)), (tf.float32, (batch,))]
            if channels:
                kept.append((tf.float32, (self._replicas, 2, channels)))
            return self._sums(batches, run, tf.constant(0), count, kept)

        return tf.function(loop, autograph=False)  # type: ignore[no-any-return]

    def keep_averages(self) -> None:
        """Replaces the layers' weights by the averaged weights, if the training averages weights."""
        for variable, average in zip(self._variables, self.averages, strict=False):
            variable.assign(average.numpy())

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A context in which the layers have the averaged weights, if the training averages weights."""
        own = [variable.numpy() for variable in self._variables] if self.averages else []
        self.keep_averages()
        try:
            yield
        finally:
            for variable, value in zip(self._variables, own, strict=False):
                variable.assign(value)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that XLA compiles as one program."""
    without_autograph = tf.autograph.experimental.do_not_convert(function)
    return tf.function(without_autograph, autograph=False, jit_compile=True)  # type: ignore[no-any-return]


def _right(logits: Tensor, labels: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Returns the sum of the weights of correctly classified images."""
    right = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(labels, tf.int32))
    return tf.reduce_sum(tf.cast(right, tf.float32) * weights)


def _check_decided(training: Training) -> None:
    for name, value in (("precision", "float32"), ("jit_compile", False)):
        if getattr(training, name) == "auto":
            raise CompileError(
                f"training.{name} is 'auto', which only a search decides, when it begins: "
                f"{pasted(f'training.{name}', value)}"
            )


def _check_batch(training: Training, feed: Feed, replicas: int) -> None:
    fit.check_batch(training, feed.name, feed.count("train"))
    batch = training.batch_size
    if batch % replicas:
        raise CompileError(
            f"training.batch_size is {batch}, which {replicas} replicas cannot share evenly; the nearest that they can "
            f"is {max(1, round(batch / replicas)) * replicas}"
        )


def _shadow(variable: Any) -> Any:
    return tf.Variable(
        variable.numpy(), trainable=False, name="average", aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )


def check_finite(loss: float, epoch: int, what: str = "loss") -> None:
    """Checks that a loss is a finite number; `what` names it in the error.

    Raises:
      Diverged: the loss is infinite or not a number.
    """
    if not math.isfinite(loss):
        raise Diverged(f"the {what} is {loss} in epoch {epoch}: the learning rate may be too high for it")
