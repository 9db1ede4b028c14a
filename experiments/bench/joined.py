"""Measures whether fewer and larger kernels pay: `python -m experiments.bench.joined`.

A cell has several operations of the same kind and shape. Each row compares `separate`, which computes them by kernels
of their own, with `joined`, which computes them by one kernel. Concatenations, stacks and splits that the joined form
needs are measured with it. Both sides read the same inputs and weights, and compute the same values and gradients.
Operations have the forms that a training on the device has: on a CPU, a convolution of one pixel is a product of two
matrices. Without a GPU the rows run on the CPU, on one thread, as in a worker.

The first table has the nodes of the graphs before TensorFlow optimizes them, and the set-up: the time of tracing and of
the first call, with a batch of one image, so that arithmetic takes no time. The median is of several new functions. So
what a process does once for each shape, such as a GPU's choice of algorithms, is not in it.

The second table has the time of a call. A call is a forward and a backward pass in one `tf.function`, as in a training.
The calls of both sides alternate, and the medians are compared. Times are wall times. On a shared machine without a
GPU, the CPU times of `--cpu` vary less.
"""

from __future__ import annotations

import argparse
import functools
import gc
import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from compiler.primitives import cpu_layers
from compiler.primitives.layering import Tensor
from compiler.primitives.normalization_layers import local_norm
from compiler.training.pace import device
from dsl.wording import plural
from experiments.bench.pace import pace
from experiments.bench.setup_and_step import CLOCKS

COUNTS = (2, 3, 5)  # numbers of operations that are joined
ROUNDS = 5  # the least number of measurements of each side
CHUNK = 0.02  # seconds of the calls that are timed together
EPSILON = 1e-3

Weights = Sequence[Sequence[Tensor]]  # the weights of each branch
Clock = Callable[[], float]  # returns seconds


@dataclass(frozen=True)
class Size:
    """The shape of every input and output: `[batch, pixels, pixels, channels]`."""

    pixels: int
    channels: int
    batch: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of an input."""
        return (self.batch, self.pixels, self.pixels, self.channels)

    @property
    def name(self) -> str:
        """The title of the rows of this size."""
        return f"{self.pixels}x{self.pixels}x{self.channels}, batch {self.batch}"


SIZES = {
    "large": Size(32, 24, 128),  # the cells of the first stack of AmoebaNet-A, N=3 F=24, on images of 32x32
    "late": Size(8, 96, 128),  # those of its last stack
    "small": Size(12, 16, 64),
    "tiny": Size(4, 3, 2),
}
PLAIN = ("large", "late", "small")


# --- what is computed ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """Operations of equal shape, which are branches of a cell.

    Attributes:
      title: what the operations are, in the first column of a table.
      branch: returns the output of one branch from its input and its weights.
      joined: returns the outputs of all branches.
      weights: returns the shapes of the weights of a branch with a number of channels.
      shares_input: whether all branches read the same input.
    """

    title: str
    branch: Callable[[Tensor, Sequence[Tensor]], Tensor]
    joined: Callable[[Sequence[Tensor], Weights], list[Tensor]]
    weights: Callable[[int], tuple[tuple[int, ...], ...]]
    shares_input: bool = False

    def separate(self, values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
        """Returns the outputs of all branches, each by kernels of its own."""
        return [self.branch(value, own) for value, own in zip(values, weights, strict=True)]


def _pointwise(value: Tensor, kernel: Tensor) -> Tensor:
    if not device():
        return cpu_layers.conv_of_one_pixel(value, kernel)
    return tf.raw_ops.Conv2D(input=value, filter=kernel, strides=(1, 1, 1, 1), padding="SAME")


def _depthwise(value: Tensor, kernel: Tensor) -> Tensor:
    return tf.raw_ops.DepthwiseConv2dNative(input=value, filter=kernel, strides=(1, 1, 1, 1), padding="SAME")


def _normalized(value: Tensor, weights: Sequence[Tensor]) -> Tensor:
    gamma, beta = weights
    return local_norm(value, gamma, beta, EPSILON)[0]


def _branch(value: Tensor, weights: Sequence[Tensor]) -> Tensor:
    return _pointwise(_depthwise(tf.nn.relu(value), weights[0]), weights[1])


def _project(value: Tensor, weights: Sequence[Tensor]) -> Tensor:
    return _normalized(_pointwise(tf.nn.relu(value), weights[0]), weights[1:])


def _along_channels(weights: Weights, place: int, axis: int = -1) -> Tensor:
    """Returns one weight of every branch, concatenated."""
    return tf.concat([own[place] for own in weights], axis)


def _joined_pointwise(values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    return list(tf.split(_pointwise(values[0], _along_channels(weights, 0)), len(values), -1))


def _joined_depthwise(values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    return list(tf.split(_depthwise(tf.concat(values, -1), _along_channels(weights, 0, 2)), len(values), -1))


def _joined_norms(values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    scales = [_along_channels(weights, place) for place in range(2)]
    return list(tf.split(_normalized(tf.concat(values, -1), scales), len(values), -1))


def _joined_projects(values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    return list(tf.split(_project(values[0], [_along_channels(weights, place) for place in range(3)]), len(values), -1))


def _joined_branches(values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    """Joins all operations. The output of the depthwise convolution is transposed for the product of matrices."""
    value = _depthwise(tf.nn.relu(tf.concat(values, -1)), _along_channels(weights, 0, 2))
    pixels = tf.transpose(tf.reshape(value, (-1, len(values), values[0].shape[-1])), (1, 0, 2))
    return _products(pixels, weights, values[0].shape)


def _stacked_branches(values: Sequence[Tensor], weights: Weights) -> list[Tensor]:
    """Joins the pointwise convolutions only. The outputs of the depthwise convolutions are stacked."""
    parts = [_depthwise(tf.nn.relu(value), own[0]) for value, own in zip(values, weights, strict=True)]
    return _products(tf.stack([tf.reshape(part, (-1, part.shape[-1])) for part in parts]), weights, values[0].shape)


def _products(pixels: Tensor, weights: Weights, shape: Any) -> list[Tensor]:
    """Returns the maps from products of `[branches, pixels, channels]` and kernels `[branches, channels, filters]`."""
    kernels = tf.stack([tf.reshape(own[1], own[1].shape[2:]) for own in weights])
    found = tf.unstack(tf.linalg.matmul(pixels, kernels))
    return [tf.reshape(one, (*shape[:3], one.shape[-1])) for one in found]


KINDS = {
    "pointwise": Kind(
        "1x1, one input", lambda value, own: _pointwise(value, own[0]), _joined_pointwise,
        lambda channels: ((1, 1, channels, channels),), shares_input=True,
    ),
    "depthwise": Kind(
        "depthwise 3x3", lambda value, own: _depthwise(value, own[0]), _joined_depthwise,
        lambda channels: ((3, 3, channels, 1),),
    ),
    "branches": Kind(
        "relu, depthwise, 1x1", _branch, _joined_branches,
        lambda channels: ((3, 3, channels, 1), (1, 1, channels, channels)),
    ),
    "stacked": Kind(
        "the same, 1x1 joined", _branch, _stacked_branches,
        lambda channels: ((3, 3, channels, 1), (1, 1, channels, channels)),
    ),
    "norm": Kind("batch norm", _normalized, _joined_norms, lambda channels: ((channels,), (channels,))),
    "project": Kind(
        "relu, 1x1, norm, one input", _project, _joined_projects,
        lambda channels: ((1, 1, channels, channels), (channels,), (channels,)), shares_input=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """The kind, the number and the size of the operations of a row."""

    kind: Kind
    count: int
    size: Size

    @property
    def title(self) -> str:
        """The first column of the row."""
        return f"{self.count} x {self.kind.title}"

    @functools.cached_property
    def _tensors(self) -> tuple[list[Tensor], list[list[Tensor]], list[Tensor]]:
        kind, numbers = self.kind, itertools.count()

        def drawn(shape: tuple[int, ...]) -> Tensor:
            return tf.random.stateless_normal(shape, (next(numbers), 0))

        values = [drawn(self.size.shape) for _ in range(1 if kind.shares_input else self.count)]
        shapes = kind.weights(self.size.channels)
        weights = [[tf.Variable(drawn(shape)) for shape in shapes] for _ in range(self.count)]
        return values, weights, [drawn(self.size.shape) for _ in range(self.count)]

    def function(self, is_joined: bool) -> Callable[[], tuple[list[Tensor], list[Tensor]]]:
        """Returns a new function, which computes the outputs, and the gradients of all inputs and weights."""
        kind, (values, weights, above) = self.kind, self._tensors
        form = kind.joined if is_joined else kind.separate

        def both_passes() -> tuple[list[Tensor], list[Tensor]]:
            with tf.GradientTape() as tape:
                tape.watch(values)
                outputs = form(values * (self.count if kind.shares_input else 1), weights)
            sources = [*values, *(weight for own in weights for weight in own)]
            # Without the outputs, TensorFlow would leave the forward pass out where no gradient needs it.
            return outputs, tape.gradient(outputs, sources, above)

        return tf.function(both_passes, autograph=False)  # type: ignore[no-any-return]


# --- how it is measured ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """The nodes of a graph, and the seconds of its set-up."""

    nodes: int
    seconds: float


def set_ups(case: Case, clock: Clock) -> tuple[SetUp, SetUp]:
    """Returns the set-ups of the separate and the joined form."""
    one = replace(case, size=replace(case.size, batch=1))
    nodes, seconds = [0, 0], (list[float](), list[float]())
    _call(one.function(is_joined=False))  # starts what a process starts once for such operations
    for _ in range(ROUNDS):
        for side, is_joined in enumerate((False, True)):
            start = clock()
            function: Any = one.function(is_joined)
            _call(function)
            seconds[side].append(clock() - start)
            nodes[side] = len(function.get_concrete_function().graph.get_operations())
    separate, joined = (SetUp(*found) for found in zip(nodes, map(statistics.median, seconds), strict=True))
    return separate, joined


def calls(case: Case, seconds: float, clock: Clock) -> tuple[float, float]:
    """Returns the seconds of a call of the separate and of the joined form."""
    gc.collect()  # the graphs of earlier rows refer to themselves, and hold large inputs
    separate, joined = case.function(is_joined=False), case.function(is_joined=True)
    for function in (separate, joined):
        _call(function)
    return alternated(functools.partial(_call, separate), functools.partial(_call, joined), seconds, clock)


def _call(function: Callable[[], tuple[list[Tensor], list[Tensor]]], times: int = 1) -> None:
    """Calls a function several times, and waits for the end of the last call."""
    for _ in range(times):
        _, gradients = function()
    # The gradient of a weight is small. A GPU sends it when it has computed everything that was asked for before.
    gradients[-1].numpy()


def alternated(
    one: Callable[[int], None], other: Callable[[int], None], seconds: float, clock: Clock
) -> tuple[float, float]:
    """Calls two functions in turns for about `seconds`. Returns the median seconds of a call of each.

    A function takes the number of calls that it makes.
    """
    begun, found = clock(), (list[float](), list[float]())
    while len(found[0]) < ROUNDS or clock() - begun < seconds:
        for measured, call in zip(found, (one, other), strict=True):
            times = max(1, round(CHUNK / statistics.median(measured))) if measured else 1
            start = clock()
            call(times)
            measured.append((clock() - start) / times)
    return statistics.median(found[0]), statistics.median(found[1])


def set_up_table(kinds: Sequence[str], size: Size, clock: Clock) -> None:
    """Prints the nodes and the set-up of both forms."""
    print(f"{'nodes and set-up':<34}{'separate':>9}{'joined':>8}{'separate':>14}{'joined':>12}{'ratio':>7}")
    for kind in kinds:
        for case in (Case(KINDS[kind], count, size) for count in COUNTS):
            one, other = set_ups(case, clock)
            print(
                f"{case.title:<34}{one.nodes:>9}{other.nodes:>8}{one.seconds * 1e3:>11.1f} ms"
                f"{other.seconds * 1e3:>9.1f} ms{other.seconds / one.seconds:>7.2f}",
                flush=True,
            )


def call_table(kinds: Sequence[str], size: Size, seconds: float, clock: Clock) -> None:
    """Prints the time of a call of both forms."""
    print(f"{size.name:<34}{'separate':>12}{'joined':>12}{'ratio':>7}")
    for kind in kinds:
        for case in (Case(KINDS[kind], count, size) for count in COUNTS):
            one, other = calls(case, seconds, clock)
            print(f"{case.title:<34}{one * 1e3:>9.2f} ms{other * 1e3:>9.2f} ms{other / one:>7.2f}", flush=True)


def main() -> None:
    """Measures the rows that are asked for, and prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--only", action="append", choices=KINDS, help="one kind of operations (repeatable); all without"
    )
    parser.add_argument("--size", action="append", choices=SIZES, help="one size (repeatable); without, all but tiny")
    parser.add_argument("--threads", type=int, default=1, help="threads of TensorFlow (1)")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="seconds in which the calls of a row alternate (0.5)"
    )
    parser.add_argument("--cpu", action="store_true", help="CPU time of all threads, for a machine that is shared")
    options = parser.parse_args()
    if options.threads < 1:
        parser.error(f"--threads is {options.threads}; it is a whole number from 1: --threads 2")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    tf.get_logger().setLevel("ERROR")  # TensorFlow would warn that functions are traced anew
    clock = CLOCKS["cpu" if options.cpu else "wall"]
    kinds, sizes = options.only or tuple(KINDS), [SIZES[name] for name in options.size or PLAIN]
    print(f"on {device() or 'the CPU'}, {plural(options.threads, 'thread')}, medians")
    set_up_table(kinds, sizes[-1], clock)
    for size in sizes:
        call_table(kinds, size, options.seconds, clock)
    print(pace())


if __name__ == "__main__":
    main()
