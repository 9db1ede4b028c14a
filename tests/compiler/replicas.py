"""Trains a small network under a strategy and prints its results: `replicas.py STRATEGY DEVICES`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import tensorflow as tf

import compiler
import dsl
from compiler import Training, feed
from compiler.images import data
from compiler.networks import weights
from compiler.training.strategies import is_chief, make_strategy
from compiler.training.trainer import Trainer

# A network with convolutions, depthwise convolutions, pools, and normalizations that depend on each other.
SMALL = """
op sep = relu | depthwise[3x3] | conv[1x1] | batch_norm
cell net(x) {
  a = sep(x) + max_pool[3x3](x)
  b = sep(a) + avg_pool[3x3](x)
  return concat(unused)
}
network {
  stem: conv[3x3, filters=8] | batch_norm
  body: net[8] * 2
  head: relu | global_avg_pool | dense[classes]
}
"""
# A network whose first normalization sees values that no replica has normalized by its own images before.
PLAIN = "network { body: conv[3x3, filters=4] | relu  head: global_avg_pool | dense[classes] }"
STEM = "network { body: conv[3x3, filters=8] | batch_norm  head: global_avg_pool | dense[classes] }"


def main(name: str, devices: int) -> None:
    """Runs an evaluation after a few steps. With few steps the effect of another order of sums stays small."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    strategy = make_strategy(name)
    settings = Training(
        epochs=1, batch_size=48, learning_rate=0.02, drop_path_keep=1.0, augment=(), clip_norm=5.0, ema_decay=0.9,
        label_smoothing=0.1, sync_batch_norm=True,
    )  # fmt: skip
    digits = feed(data.load("digits", validation=0.2))
    graph = compiler.resolve(dsl.loads(SMALL), digits.input_shape, digits.classes)
    trainer = Trainer(graph, digits, settings, strategy, seed=1)
    trainer.refresh()
    fresh = statistics(trainer)
    loss, _ = trainer.run(4)
    validation_loss, _ = trainer.evaluate("validation")
    assert trainer.predicted is not None
    predicted = trainer.predicted.loss, len(trainer.predicted.labels)
    values = weights.weights_of(trainer.layers)
    norms = [float(np.sqrt(np.mean(np.square(value)))) for value in values.values()]
    graph = compiler.resolve(dsl.loads(STEM), digits.input_shape, digits.classes)
    apart = Trainer(graph, digits, replace(settings, sync_batch_norm=False), strategy, seed=1)
    apart.refresh()
    graph = compiler.resolve(dsl.loads(PLAIN), digits.input_shape, digits.classes)
    plain_graph = graph
    weighted = Trainer(graph, digits, replace(settings, class_weights="balanced"), strategy, seed=1)
    placed = [
        Trainer(graph, digits, replace(settings, augment=("flip", "crop"), images_on_device=where), strategy, seed=1)
        for where in (True, False)
    ] if name != "multi_worker" else []  # fmt: skip
    graph = compiler.resolve(dsl.loads(STEM), digits.input_shape, digits.classes)
    compiled = [
        Trainer(graph, digits, replace(settings, sync_batch_norm=False, jit_compile=on), strategy, seed=1).run(4)
        for on in (False, True)
    ]
    print(
        json.dumps(
            {"replicas": strategy.num_replicas_in_sync, "chief": is_chief(strategy), "loss": loss,
             "validation_loss": validation_loss, "predicted": predicted, "norms": norms, "fresh": fresh,
             "fresh_apart": statistics(apart), "weighted": weighted.run(2)[0],
             "placed": [(one.run(2)[0], *one.evaluate("test")) for one in placed],
             "gathers": gathers(placed[0]) if placed else 0, "compiled": compiled,
             "free": refused(lambda: Trainer(plain_graph, digits, replace(settings, jit_compile=True), strategy, 1)),
             "refused": refused(lambda: Trainer(graph, digits, replace(settings, jit_compile=True), strategy, 1))}
        )
    )  # fmt: skip


def refused(make: Callable[[], Trainer]) -> str:
    """Returns the message with which a training is refused; empty if it is not."""
    try:
        make()
    except compiler.CompileError as error:
        return str(error)
    return ""


def gathers(trainer: Trainer) -> int:
    """Returns the number of operations by which the replicas take images from the tables on their devices."""
    step = tf.function(
        lambda *batch: trainer.strategy.run(trainer._feed.batch, (trainer._training, *batch)), autograph=False
    )
    traced = step.get_concrete_function(*next(trainer._training_batches))
    return sum(node.type == "ResourceGather" for node in traced.graph.get_operations())


def statistics(trainer: Trainer) -> list[float]:
    """Returns the mean over the channels of every mean and every variance."""
    values = weights.weights_of(trainer.layers)
    return [float(np.mean(values[key])) for key in sorted(values) if key.endswith(("mean", "variance"))]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
