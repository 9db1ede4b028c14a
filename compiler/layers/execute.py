"""Runs the operations of one step on tensors. The functions hold no state: weights and statistics are arguments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from compiler.graph.structure import Step
from compiler.layers.chains import Chain, Pass, Values, run_chain, size
from compiler.layers.packing import Packing
from compiler.primitives.base import Operation
from compiler.primitives.layering import Run, Tensor
from compiler.primitives.layers import LAYERS

_OF_PATHS = -2  # makes the seed of dropped paths; the random operations of a step have 1 and higher numbers


@dataclass(frozen=True)
class Noise:
    """The source of random numbers for one layer in one step of training. Everything is drawn from the seed.

    Attributes:
      seed: two int32 numbers `[2]`, different for every step of training, layer and replica.
      keep: the probability of keeping a path; None switches drop path off.
    """

    seed: Tensor
    keep: Tensor | None = None


class Drawn(NamedTuple):
    """The random numbers of one layer in one step of training.

    Attributes:
      paths: the factors of the dropped paths `[paths, batch, 1, 1, 1]`; None if no path is dropped.
      values: the random numbers of each random operation, in order.
    """

    paths: Tensor | None
    values: tuple[Tensor, ...]


def run_step(
    step: Step, packing: Packing, trained: Tensor, statistics: Tensor, inputs: Sequence[Tensor], mode: Pass,
    drawn: Drawn | None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Returns the output of a step and, if they are measured, the means and variances `[2, channels]` of the batch.

    The means and variances are None if they are not measured, and for a step without batch normalization.
    """
    values = [tf.cast(value, mode.dtype) for value in inputs]
    paths = None if drawn is None or drawn.paths is None else iter(tf.unstack(drawn.paths))
    random = iter(() if drawn is None else drawn.values)
    whole = packing.chains if paths is None else packing.dropped
    parts = _parts(packing, whole, trained, statistics, mode)
    found: list[Tensor] = []
    for chain in whole:
        last, own = chain.operations[-1], next(parts)
        taken = tuple([values[index] for index in chain.operations[0].inputs])
        if last.declared.is_random or len(taken) > 1:
            own_draw = next(random, None) if last.declared.is_random else None
            made = Run(last, taken, drawn=own_draw, trains=mode.prefers_cpu_forms, compiled=mode.compiled)
            value = LAYERS[last.primitive].run(made)
        else:
            value, batch = run_chain(chain, taken[0], own, mode)
            found += [batch] if batch is not None else []
        # Operations outside of a chain read only its last value, so it also fills the places of the chain's other
        # values.
        values += [value] * len(chain.operations)
        if last.drop_path and paths is not None:
            values[-1] = value * (next(paths) if len(value.shape) == 4 else next(paths)[:, :, 0, 0])
    value = values[step.output]
    value = value if len(value.shape) == 1 + len(step.shape) else tf.reshape(value, (-1, *step.shape))
    return value, tf.concat(found, axis=1) if len(found) > 1 else next(iter(found), None)


def draw(step: Step, noise: Noise | None, images: Tensor | int, dtype: str) -> Drawn | None:
    """Returns the random numbers of a step for a number of images, in the type to compute in; None without noise."""
    if noise is None:
        return None
    random = [operation for operation in step.operations if operation.declared.is_random]
    values = [
        _draw_of(operation)(operation, seed, images, dtype)
        for operation, seed in zip(random, _seeds(noise), strict=False)
    ]
    count = sum(operation.drop_path for operation in step.operations)
    paths = kept_paths(count, images, noise, dtype) if count and noise.keep is not None else None
    return Drawn(paths, tuple(values))


def _draw_of(operation: Operation) -> Callable[[Operation, Tensor, Tensor | int, str], Tensor]:
    found = LAYERS[operation.primitive].draw
    assert found is not None  # checked when the layers are loaded
    return found


def _seeds(noise: Noise) -> Iterator[Tensor]:
    """Yields a seed for each random operation of a step."""
    yield noise.seed
    for number in itertools.count(1):
        yield tf.random.experimental.stateless_fold_in(noise.seed, number)


def _parts(
    packing: Packing, whole: Sequence[Chain], trained: Tensor, statistics: Tensor, mode: Pass
) -> Iterator[Values]:
    """Yields for each chain its slices of the step's variables. Kernels are cast to the type to compute in."""
    kernels = others = rows = iter(())
    if trained is not None:
        row, split = tf.convert_to_tensor(trained), packing.decayed
        if 0 < split < packing.size:
            first, second = tf.split(row, [split, packing.size - split])
        else:
            first, second = (row, None) if split else (None, row)
        kernels = _cut(None if first is None else tf.cast(first, mode.dtype), [size(c.kernels) for c in whole])
        others = _cut(second, [size(c.others) for c in whole])
    if statistics is not None and not mode.training:
        rows = _cut(tf.convert_to_tensor(statistics), [chain.channels for chain in whole], axis=1)
    for chain in whole:
        yield Values(
            next(kernels) if chain.kernels else None,
            next(others) if chain.others else None,
            next(rows) if chain.channels and not mode.training else None,
        )


def _cut(row: Tensor | None, sizes: Sequence[int], axis: int = 0) -> Iterator[Tensor]:
    """Yields the pieces of a packed row that have these sizes. A size of 0 gives no piece."""
    wanted = [count for count in sizes if count]
    if row is None or not wanted:
        return iter(())
    return iter(tf.split(row, wanted, axis=axis) if len(wanted) > 1 else [row])


def kept_paths(count: int, batch: Tensor | int, noise: Noise, dtype: str) -> Tensor:
    """Returns for each of `count` paths the factors of the images, `[count, batch, 1, 1, 1]`.

    A factor of 0 drops the path of that image. Otherwise it is 1 / keep.
    """
    # Random operations of the step draw from other seeds (`_seeds`).
    seed = tf.random.experimental.stateless_fold_in(noise.seed, _OF_PATHS)
    drawn = tf.random.stateless_uniform((count, batch, 1, 1, 1), seed=seed)
    return tf.cast(tf.floor(drawn + noise.keep) / noise.keep, dtype)
