"""Compares `tf_keras.applications` with `.cell` files: `python -m experiments.bench.applications`.

Each model is built by Keras with random weights, and by this project with the same weights. They must agree in the
number of weights, in mult-adds, in the output size and the weights of every layer, and in their outputs on random
images of two sizes. The program prints the table in experiments/README.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

import dsl
from compiler import CompileError, Graph, graph_cost, lower, resolve
from compiler.errors import did_you_mean
from compiler.layers.model import step_layers
from compiler.layers.packing import Array
from compiler.networks.applications import Application, applications
from compiler.networks.from_keras import model_units, preparation, weights_from
from compiler.networks.units import Unit, graph_units
from compiler.networks.weights import restore

CLASSES = 1000
SIZES = (75, 96)  # of the images on which outputs are compared; Keras pads odd and even sizes in two ways
STANDARD = 224  # the size of images for models that take any size
IMAGES = 2  # the number of images of each size
CHANGE = 1e-6  # the share by which each pixel is changed to measure the noise of Keras
# An allowed difference is at most this many times the noise, or at most LEAST: the last digits of sums differ too.
NOISE = 3.0
LEAST = 1e-5


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A Keras model beside its text.

    Attributes:
      application: the model and its file.
      params: the trainable and other weights of the network of the file.
      keras_params: the same of the Keras model, without its preparation of images.
      mult_adds: the mult-adds of the network of the file, at the standard size of the Keras model.
      keras_mult_adds: those of the layers of the Keras model.
      layers_agree: whether both have the same layers, by output size and weights.
      difference: the largest difference of outputs over all sizes, as a share of the largest output.
      noise: the largest difference of the outputs of Keras for images that are changed by `CHANGE`.
      reason: what cannot be compared, or nothing.
    """

    application: Application
    params: int
    keras_params: int
    mult_adds: int
    keras_mult_adds: int
    layers_agree: bool
    difference: float | None = None
    noise: float | None = None
    reason: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The ways in which the two differ, in words."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        if self.params != self.keras_params:
            yield f"{self.params - self.keras_params:+,} parameters"
        if self.mult_adds != self.keras_mult_adds:
            yield f"{self.mult_adds - self.keras_mult_adds:+,} mult-adds"
        if not self.layers_agree:
            yield "layers of other sizes"
        if self.reason:
            yield self.reason
        if self.difference is not None and self.noise is not None:
            allowed = max(NOISE * self.noise, LEAST)
            if not self.difference <= allowed:
                yield f"outputs differ by {self.difference:.1e} of the largest, more than {allowed:.1e}"

    def record(self) -> dict[str, object]:
        """Returns the comparison as data for JSON."""
        one = self.application
        return {"model": one.model, "file": one.file, "params": self.params, "keras_params": self.keras_params,
                "difference": self.difference}  # fmt: skip


def models() -> tuple[str, ...]:
    """Returns the names of all models of `tf_keras.applications`: its functions, which begin with a capital."""
    return tuple(name for name in dir(tf_keras.applications) if name[0].isupper())


def built(name: str, size: int | None = None, classes: int = CLASSES) -> tf_keras.Model:
    """Returns the Keras model with this name, which ends in logits, for images of its standard size or another one."""
    tf_keras.backend.clear_session()
    shape = {} if size is None else {"input_shape": (size, size, 3)}
    return getattr(tf_keras.applications, name)(
        weights=None, include_top=True, classes=classes, classifier_activation=None, **shape
    )


def compare(
    one: Application, sizes: Sequence[int] = SIZES, classes: int = CLASSES, counted: int | None = None
) -> Compared:
    """Returns the comparison of a model with its text.

    Args:
      one: the model.
      sizes: heights and widths of the images on which outputs are compared.
      classes: the number of classes.
      counted: the height and width of images for which layers and mult-adds are counted; None takes Keras's default.
    """
    model = built(one.model, counted, classes)
    if None in model.input_shape[1:]:
        model = built(one.model, STANDARD, classes)
    theirs, shape = model_units(model), model.input_shape[1:]
    ours: tuple[Unit[str], ...] = ()
    mult_adds, differences, noises, reason = 0, [], [], ""
    try:
        genotype = dsl.load(one.file, dict(one.params), one.overlays)
        graph = resolve(genotype, shape, classes)
        ours, mult_adds = graph_units(graph), graph_cost(graph).mult_adds
        for size in sizes:
            model = model if size == counted else built(one.model, size, classes)
            difference, noise = _on_images(model, resolve(genotype, (size, size, 3), classes))
            differences.append(difference)
            noises.append(noise)
    except (dsl.CellError, CompileError) as error:
        reason = str(error)
    return Compared(
        application=one,
        params=sum(unit.values for unit in ours),
        keras_params=sum(unit.values for unit in theirs),
        mult_adds=mult_adds,
        keras_mult_adds=sum(unit.mult_adds for unit in theirs),
        layers_agree=_layers(ours) == _layers(theirs),
        difference=None if reason else max(differences),
        noise=None if reason else max(noises),
        reason=reason,
    )


def _layers(units: Sequence[Unit[Any]]) -> Counter[object]:
    return Counter((unit.size, unit.kind) for unit in units)


def _on_images(model: tf_keras.Model, graph: Graph) -> tuple[float, float]:
    """Returns the largest difference of a graph's outputs from a Keras model's, and the noise of the Keras model.

    Both are shares of the largest output.

    Raises:
      CompileError: the weights of the model cannot be taken for the graph.
    """
    generator = np.random.default_rng(graph.input_shape[0])
    images = generator.uniform(0, 255, (IMAGES, *graph.input_shape)).astype(np.float32)
    randomize(model, images, generator)
    wanted = _outputs(model, images)
    signs = generator.choice([-1, 1], images.shape)
    changed = _outputs(model, (images * (1 + CHANGE * signs)).astype(np.float32))
    weights, (mean, std) = weights_from(model, graph), preparation(model)
    network = lower(graph)
    restore(step_layers(network), weights)
    found = _outputs(network, (images - mean) / std)
    largest = np.abs(wanted).max()
    return float(np.abs(found - wanted).max() / largest), float(np.abs(changed - wanted).max() / largest)


def _outputs(model: tf_keras.Model, images: Array) -> Array:
    return np.asarray(model(images, training=False)).reshape(len(images), -1)


def randomize(model: tf_keras.Model, images: Array, generator: np.random.Generator) -> None:
    """Gives every weight of a Keras model a random value. Values in the network keep a size of about 1.

    The statistics of batch normalizations are those of the images. With others the values would grow from layer to
    layer, until gates are closed or values are no longer finite.
    """
    norms = [layer for layer in model.layers if isinstance(layer, tf_keras.layers.BatchNormalization)]
    for variable in model.weights:
        kind = variable.name.rpartition("/")[2].partition(":")[0]
        if "kernel" in kind:
            shape = tuple(variable.shape)
            inputs = np.prod(shape[:2]) if kind == "depthwise_kernel" else np.prod(shape[:-1])
            variable.assign(generator.standard_normal(shape, np.float32) * np.sqrt(2 / inputs).astype(np.float32))
        elif kind == "gamma":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
        elif kind in ("beta", "bias"):
            variable.assign(generator.normal(0, 0.1, variable.shape))
    for norm in norms:
        norm.momentum = 0.0
    model(images, training=True)
    for norm in norms:
        spread = norm.moving_variance.numpy()
        norm.moving_variance.assign(spread * generator.uniform(0.8, 1.2, spread.shape) + 0.1 * spread.mean() + 1e-3)


HEAD = (
    "| model | file | `--param` | weights | of Keras | mult-adds | of Keras | layers | outputs | noise |",
    "|---|---|---|--:|--:|--:|--:|---|--:|--:|",
)


def row(one: Compared) -> str:
    """Returns the row of a comparison in the table, as Markdown."""
    columns = (
        one.application.model,
        ", ".join((one.application.file, *one.application.overlays)),
        " ".join(f"{name}={value}" for name, value in one.application.params.items()),
        f"{one.params:,}",
        f"{one.keras_params:,}",
        f"{one.mult_adds:,}",
        f"{one.keras_mult_adds:,}",
        "equal" if one.layers_agree else "other",
        "-" if one.difference is None else f"{one.difference:.1e}",
        "-" if one.noise is None else f"{one.noise:.1e}",
    )
    return f"| {' | '.join(columns)} |"


def summary(found: Sequence[Compared]) -> str:
    """Returns the lines under the table: the number of equal models, and what differs with the reason."""
    differing = [one for one in found if one.reasons]
    lines = [f"- {one.application.model}: {'; '.join(one.reasons)}." for one in differing]
    return "\n".join([f"{len(found) - len(differing)} of {len(found)} are equal.", *lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares all models, or one; returns the exit code: 0 if all are equal, 1 if not, 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.applications")
    parser.add_argument("--only", metavar="NAME", help="compare this model only, such as MobileNetV2")
    parser.add_argument("--json", action="store_true", help="print a list of records instead of the table")
    asked = parser.parse_args(arguments)
    names = models()
    if asked.only is not None and asked.only not in names:
        print(f"tf_keras.applications has no {asked.only!r}{did_you_mean(asked.only, names)}", file=sys.stderr)
        return 2
    known = applications()
    missing = [name for name in names if name not in known and asked.only in (None, name)]
    found: list[Compared] = []
    if not asked.json:
        print(*HEAD, sep="\n", flush=True)
    for name in names if asked.only is None else (asked.only,):
        if name not in missing:
            start = time.perf_counter()
            found.append(compare(known[name]))
            if not asked.json:
                print(row(found[-1]), flush=True)
            verdict = "; ".join(found[-1].reasons) or "equal"
            print(f"{name}: {verdict} ({time.perf_counter() - start:.0f} s)", file=sys.stderr, flush=True)
            gc.collect()
    print(json.dumps([one.record() for one in found], indent=2) if asked.json else f"\n{summary(found)}")
    for name in missing:
        print(f"{name}: no file has this model; add it to experiments/cells/applications.json", file=sys.stderr)
    return int(bool(missing or any(one.reasons for one in found)))


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    sys.exit(main())
