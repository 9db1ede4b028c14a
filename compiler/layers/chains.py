"""Traced chains of operations. In a chain, each operation reads the output of the operation before it.

The networks of a search consist of few different chains, such as `relu | depthwise | conv | batch_norm` on maps of one
shape. TensorFlow traces each chain once, with its gradient, and later networks call the traced function. The Python
code that builds a network then takes a fifth of the time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

import tensorflow as tf

from compiler.graph.structure import Step
from compiler.primitives.base import Operation, Weight
from compiler.primitives.layering import Norm, Run, Tensor
from compiler.primitives.layers import LAYERS
from compiler.primitives.normalization_layers import local_norm

CACHED = 1024  # the number of traced chains that a process keeps, of about 50 kB each


@dataclass(frozen=True, slots=True)
class Pass:
    """The way in which operations run: whether in training, the type to compute in, and the batch normalization.

    `refreshes` says outside of training, as a tensor of type bool, whether batch normalization uses the statistics of
    the batch in place of the kept ones. With this tensor, the statistics of the batch are computed in both cases.

    With `compiled`, the operations are part of a program of XLA. Chains are then not traced. A traced chain hands sizes
    to its gradient as tensors, but XLA compiles for known sizes. It would take all that a size is computed from as
    known, which is the whole forward pass, and compile it anew in each step.
    """

    training: bool
    dtype: str = "float32"
    norm: Norm = local_norm
    compiled: bool = False
    refreshes: Tensor | None = None

    @property
    def measures(self) -> bool:
        """Whether batch normalization computes the statistics of the batch."""
        return self.training or self.refreshes is not None

    @property
    def prefers_cpu_forms(self) -> bool:
        """Whether operations have the forms that TensorFlow trains faster on a CPU. XLA has kernels of its own."""
        return self.training and not self.compiled


@dataclass(frozen=True)
class Chain:
    """Operations, each of which reads the output of the operation before it. Chains that compute the same are equal."""

    operations: tuple[Operation, ...] = field(compare=False)
    signature: tuple[object, ...]

    @functools.cached_property
    def kernels(self) -> tuple[Weight, ...]:
        """The weights with weight decay: kernels."""
        return tuple(w for operation in self.operations for w in operation.weights if w.is_kernel)

    @functools.cached_property
    def others(self) -> tuple[Weight, ...]:
        """The trained weights without weight decay: biases, scales and offsets."""
        weights = (w for operation in self.operations for w in operation.weights)
        return tuple(w for w in weights if w.trainable and not w.is_kernel)

    @functools.cached_property
    def channels(self) -> int:
        """The number of channels of all batch normalizations in this chain."""
        return sum(operation.shape[-1] for operation in self.operations if operation.keeps_statistics)


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a chain's weights. Each field is a slice of a packed variable, or None without such weights."""

    kernels: Tensor | None
    others: Tensor | None
    statistics: Tensor | None  # kept means and variances `[2, channels]`; not read in training


def size(weights: Sequence[Weight]) -> int:
    """Returns the number of values of weights."""
    return sum(prod(weight.shape) for weight in weights)


def chains(step: Step, drops: bool) -> tuple[Chain, ...]:
    """Returns the operations of a step of the network in their order, divided into the longest possible chains.

    An operation continues a chain if it reads only the output of the operation before it, and is the only reader of
    this output. An operation that reads several values, or is random, is a chain of its own. With `drops`, a chain
    also ends after each operation whose output may be dropped by drop path.
    """
    first = len(step.inputs)
    reads = [index for operation in step.operations for index in operation.inputs]
    parts: list[list[Operation]] = []
    for place, operation in enumerate(step.operations):
        before = step.operations[place - 1] if place else None
        value = first + place - 1
        goes_on = (
            before is not None and operation.inputs == (value,) and reads.count(value) == 1 and value != step.output
            and not (drops and before.drop_path) and not _stands_alone(before) and not _stands_alone(operation)
        )  # fmt: skip
        if goes_on:
            parts[-1].append(operation)
        else:
            parts.append([operation])
    return tuple(Chain(tuple(part), tuple(signature(operation) for operation in part)) for part in parts)


def _stands_alone(operation: Operation) -> bool:
    """Returns whether an operation cannot be in a chain with others, because it reads several values or is random."""
    return operation.declared.joins or operation.declared.is_random


def signature(operation: Operation) -> tuple[object, ...]:
    """Returns what an operation computes. Operations with equal signatures compute the same on the same inputs."""
    return operation.primitive, tuple(sorted(operation.settings.items())), operation.shape, operation.weights


def run_chain(chain: Chain, value: Tensor, values: Values, mode: Pass) -> tuple[Tensor, Tensor | None]:
    """Returns the output of a chain and, if they are measured, the means and variances `[2, channels]` of the batch.

    The means and variances are None if they are not measured, and for a chain without batch normalization.
    """
    # In a traced chain, an operation defines its gradient once. Otherwise each network would define it again, and no
    # graph of a network would ever be freed.
    is_worth_it = len(chain.operations) > 1 or LAYERS[chain.operations[0].primitive].has_gradient
    is_alike = mode.norm is local_norm or not chain.channels
    is_traced = is_worth_it and is_alike and value.shape.is_fully_defined() and not mode.compiled
    if not is_traced:
        return _run(chain, value, values, mode)
    refreshes = mode.refreshes if chain.channels else None
    traced = _traced(chain, tuple(value.shape), mode.training, mode.dtype, refreshes is not None)
    given = (values.kernels, values.others, None if mode.training else values.statistics, refreshes)
    found = traced(value, *(part for part in given if part is not None))
    return found if isinstance(found, tuple | list) else (found, None)  # type: ignore[return-value]


@functools.lru_cache(maxsize=CACHED)
def _traced(
    chain: Chain, shape: tuple[int, ...], training: bool, dtype: str, may_refresh: bool
) -> Callable[..., object]:
    """Returns a chain as a traced function of its input and of the packed weights and statistics that it has.

    With `may_refresh`, a last argument says whether the statistics of the batch replace the kept ones.
    """
    sizes = (size(chain.kernels), size(chain.others), 0 if training else chain.channels)
    specs = [
        tf.TensorSpec(spec, kind)
        for count, spec, kind in (
            (1, shape, dtype),
            (sizes[0], (sizes[0],), dtype),
            (sizes[1], (sizes[1],), tf.float32),
            (sizes[2], (2, sizes[2]), tf.float32),
            (may_refresh, (), tf.bool),
        )
        if count
    ]

    def function(value: Tensor, *parts: Tensor) -> object:
        left = iter(parts)
        values = Values(*(next(left) if count else None for count in sizes))
        mode = Pass(training, dtype, refreshes=next(left) if may_refresh else None)
        out, statistics = _run(chain, value, values, mode)
        return out if statistics is None else (out, tf.stop_gradient(statistics))

    # A chain has no side effects. `tf.function` would look for their order, which takes 6 % of the time of all traces.
    return tf.compat.v1.wrap_function(function, specs)  # type: ignore[no-any-return]


def _run(chain: Chain, value: Tensor, values: Values, mode: Pass) -> tuple[Tensor, Tensor | None]:
    kernels, others = _unpacked(values.kernels, chain.kernels), _unpacked(values.others, chain.others)
    statistics = _split_statistics(chain, values.statistics, mode)
    found: list[tuple[Tensor, Tensor]] = []
    for operation in chain.operations:
        keeps = operation.keeps_statistics
        dtype = tf.float32 if operation.normalizes else mode.dtype
        trained = (w for w in operation.weights if w.trainable)
        weights = tuple(next(kernels) if w.is_kernel else tf.cast(next(others), dtype) for w in trained)
        kept = next(statistics, None) if keeps else None
        run = Run(
            operation, (value,), weights, norm=mode.norm, statistics=kept, refreshes=mode.refreshes,
            trains=mode.prefers_cpu_forms, compiled=mode.compiled,
        )  # fmt: skip
        value = LAYERS[operation.primitive].run(run)
        if keeps:
            value, *batch = value
            found.append((batch[0], batch[1]))
    if not mode.measures or not found:
        return value, None
    means, variances = zip(*found, strict=True)
    if len(found) == 1:
        return value, tf.stack([means[0], variances[0]])
    return value, tf.stack([tf.concat(means, 0), tf.concat(variances, 0)])


def _unpacked(row: Tensor | None, weights: Sequence[Weight]) -> Iterator[Tensor]:
    """Yields the weights of a packed row `[values]`, each in its shape."""
    if row is None:
        return
    sizes = [prod(weight.shape) for weight in weights]
    parts = tf.split(row, sizes) if len(sizes) > 1 else [row]
    for weight, part in zip(weights, parts, strict=True):
        yield part if len(weight.shape) == 1 else tf.reshape(part, weight.shape)


def _split_statistics(chain: Chain, rows: Tensor | None, mode: Pass) -> Iterator[Tensor]:
    if mode.training or rows is None:
        return iter(())
    counts = [operation.shape[-1] for operation in chain.operations if operation.keeps_statistics]
    return iter(tf.split(rows, counts, axis=1) if len(counts) > 1 else [rows])
