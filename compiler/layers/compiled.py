"""Cells that XLA compiles, each as one unit: the forward pass of a cell is one program, and its gradient another.

A whole network is not compiled as one unit, because the time of the compilation grows with the unit. Uses of a cell
that compute the same on the same shapes share a program, and so do later networks in this process. XLA draws other
random numbers than TensorFlow. So the paths that are dropped are drawn outside of a unit, and cells with other random
operations are not compiled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import tensorflow as tf

from compiler.graph.structure import Step
from compiler.layers.chains import CACHED, Pass, signature
from compiler.layers.execute import Noise, paths_of, run_step
from compiler.layers.packing import Packing
from compiler.primitives.layering import Tensor
from compiler.primitives.normalization_layers import local_norm

Spec = tuple[tuple[int, ...], str]  # the shape and the type of a tensor


@dataclass(frozen=True)
class _Unit:
    """What a compiled cell computes. Uses of cells that compute the same are equal."""

    step: Step = field(compare=False)
    packing: Packing = field(compare=False)
    signature: tuple[object, ...]
    dtype: str
    inputs: tuple[Spec, ...]
    paths: int | None  # the number of paths that may be dropped; None if no path is dropped


def run_compiled(
    step: Step, packing: Packing, trained: Tensor, statistics: Tensor, inputs: Sequence[Tensor], mode: Pass,
    noise: Noise | None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Returns what `run_step` returns. In training, XLA runs cells with weights whose shapes are known."""
    is_known = all(value.shape.is_fully_defined() for value in inputs)
    is_random = any(operation.declared.is_random for operation in step.operations)
    is_unit = step.is_cell and mode.training and mode.norm is local_norm and trained is not None
    if not is_unit or is_random or not is_known:
        return run_step(step, packing, trained, statistics, inputs, mode, noise)
    computed = tuple((signature(operation), operation.inputs, operation.drop_path) for operation in step.operations)
    specs = tuple((tuple(value.shape), value.dtype.name) for value in inputs)
    paths = paths_of(step, inputs[0], noise, mode.dtype)
    count = None if paths is None else paths.shape[0]
    unit = _Unit(step, packing, (computed, step.output, step.shape), mode.dtype, specs, count)
    found = _compiled(unit)(tf.convert_to_tensor(trained), *(() if paths is None else (paths,)), *inputs)
    return found if isinstance(found, tuple | list) else (found, None)  # type: ignore[return-value]


@functools.lru_cache(maxsize=CACHED)
def _compiled(unit: _Unit) -> Callable[..., object]:
    """Returns the compiled cell as a function of its packed weights, the factors of its paths, and its inputs."""
    specs = [tf.TensorSpec((unit.packing.size,), tf.float32), *(tf.TensorSpec(*spec) for spec in unit.inputs)]
    if unit.paths is not None:
        specs.insert(1, tf.TensorSpec((unit.paths, unit.inputs[0][0][0], 1, 1, 1), unit.dtype))

    def function(trained: Tensor, *given: Tensor) -> object:
        paths, inputs = (None, given) if unit.paths is None else (given[0], given[1:])
        noise = None if paths is None else Noise(seed=None, keep=1.0, paths=paths)
        mode = Pass(training=True, dtype=unit.dtype)
        value, statistics = run_step(unit.step, unit.packing, trained, None, inputs, mode, noise)
        return value if statistics is None else (value, tf.stop_gradient(statistics))

    return tf.function(function, autograph=False, jit_compile=True).get_concrete_function(*specs)  # type: ignore[no-any-return]
