"""The contract of every primitive: its layers agree with its records, in a network and by themselves.

A new primitive is one row of `TRIED`: the operations, or the nodes of a cell, with which it is tried.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

import compiler
import dsl
from compiler import Graph
from compiler.layers.execute import Noise
from compiler.layers.model import build_layers, forward
from compiler.primitives import layers, records
from compiler.primitives.base import Operation
from compiler.primitives.layering import Run, Stock
from compiler.primitives.layers import LAYERS
from compiler.primitives.records import TABLE
from compiler.primitives.windows import strides
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import Role
from tests.compiler.stock_networks import KERAS, compare

TRIED: Mapping[str, tuple[str, ...]] = {
    "conv": (
        "conv[3x3]", "conv[3x3, stride=2]", "conv[7x7, stride=7]", "conv[5x5, padding=valid]", "conv[1x7, stride_x=2]",
        "conv[3x3, dilation=2]", "conv[3x3, dilation=2, stride=2]", "conv[3x3, dilation=2, padding=valid]",
        "conv[2x3, dilation=2, stride_y=2]", "conv[3x1, dilation=3, stride=2, padding=valid]", "conv[full]",
        "conv[full, stride=2]", "conv[3x3, depth=1.5]", "conv[1x1]", "conv[1x1, stride=2]",
        "conv[1x1, stride_y=2, bias=yes]", "conv[3x3, bias=yes]",
        "conv[3x3, dilation=2, stride=2, bias=yes]", "conv[3x3, groups=2]", "conv[3x3, stride=2, groups=3, filters=9]",
        "conv[1x1, stride=2, groups=6, bias=yes]", "conv[5x5, dilation=2, groups=2]", "conv[full, groups=3]",
    ),
    "depthwise": (
        "depthwise[3x3]", "depthwise[5x5, stride=2]", "depthwise[4x2, stride=4, padding=valid]",
        "depthwise[3x3, dilation=2]", "depthwise[3x3, dilation=2, padding=valid]",
        "depthwise[3x3, stride=3]", "depthwise[3x3, dilation=2, stride=2]", "depthwise[1x3, stride_x=2]",
        "depthwise[3x3, stride_y=2, padding=valid]", "depthwise[3x3, bias=yes]",
        "depthwise[3x3, stride_y=2, dilation=2, bias=yes]",
    ),
    "factorized_conv": ("factorized_conv", "factorized_conv[stride=2]", "factorized_conv[stride=4, filters=5]"),
    "avg_pool": (
        "avg_pool[3x3]", "avg_pool[5x1]", "avg_pool[2x2]", "avg_pool[2x2, stride=2]",
        "avg_pool[3x2, stride=3, padding=valid]", "avg_pool[3x3, stride=2, padding=zeros]",
    ),
    "max_pool": (
        "max_pool[3x3, stride=2]", "max_pool[1x5]", "max_pool[5x5, stride=3, padding=valid]",
        "max_pool[3x3, stride=2, padding=zeros]",
    ),
    "global_max_pool": ("global_max_pool", "global_max_pool | relu"),
    "global_avg_pool": ("global_avg_pool", "global_avg_pool | relu"),
    "pad": ("pad[1]", "pad[3]", "pad[0, after=1]"),
    "upsample": ("upsample[2x2]", "upsample[1x3]", "upsample[2x3, mode=bilinear]"),
    "flatten": ("flatten | dense[7]",),
    "part": ("part[1, of=2]", "part[3, of=3]", "global_avg_pool | part[2, of=3]"),
    "shuffle": ("shuffle[2]", "shuffle[3]", "global_avg_pool | shuffle[2]"),
    "rescale": ("rescale[0.2]", "rescale[factor=-2, offset=0.5]", "global_avg_pool | rescale[2]"),
    "scale": ("scale", "scale[1e-2]", "global_avg_pool | scale[2]"),
    "attention": ("attention[1]", "attention[3]"),
    "token_mlp": ("token_mlp[5]",),
    "position": ("position",),
    "batch_norm": (
        "batch_norm", "batch_norm[epsilon=0.1]", "global_avg_pool | batch_norm",
        "batch_norm[scale=no]", "global_avg_pool | batch_norm[scale=no]",
    ),
    "group_norm": ("group_norm[2]", "group_norm[6, epsilon=0.1]", "global_avg_pool | group_norm[3]"),
    "layer_norm": ("layer_norm", "layer_norm[1e-6]", "global_avg_pool | layer_norm[0.1]"),
    "drop_path": ("drop_path[0.5]", "global_avg_pool | relu | drop_path[rate=0.4]"),
    "dropout": ("dropout[rate=0.5]", "global_avg_pool | relu | dropout[rate=0.2]"),
    "relu": ("relu",),
    "relu6": ("relu6",),
    "leaky_relu": ("leaky_relu", "global_avg_pool | leaky_relu[0.01]"),
    "elu": ("elu", "elu[0.5]"),
    "swish": ("swish",),
    "gelu": ("gelu",),
    "sigmoid": ("sigmoid",),
    "tanh": ("tanh",),
    "hard_sigmoid": ("hard_sigmoid", "global_avg_pool | hard_sigmoid"),
    "hard_swish": ("hard_swish",),
    "softplus": ("softplus",),
    "dense": (
        "global_avg_pool | dense[7]", "conv[full] | dense[7]", "conv[full] | dense[7] | relu", "dense[7]",
        "dense[7, bias=no] | relu",
    ),
    "add": ("a = relu(x) + conv[3x3, filters=6](x) + max_pool[3x3](x)  return a",),
    "multiply": (
        "a = relu(x) * conv[3x3, filters=6](x)  return a",
        "s = global_avg_pool(x) | relu  a = x * s * conv[full, filters=6](x)  return a",
    ),
    "concat": ("a = conv[3x3, filters=5](x)  return concat(a, relu(x))",),
    "skip": ("skip", "a = skip(x) + relu(x)  return a"),
    "zero": ("zero", "zero[stride=2]", "global_avg_pool | zero"),
    "none": ("a = none(x) + relu(x)  return a",),
    "resize_and_pad": (
        "a = conv[3x3, filters=2, stride=2](x) + conv[1x1, filters=5](x)  return a",
        "a = conv[1x1, filters=5](x) + conv[3x3, filters=2, stride=4](x)  return a",
        "a = conv[1x1, filters=9](x) + relu(x)  return a",
    ),
}  # fmt: skip
JOINED = {
    Role.SUM: sum,
    Role.PRODUCT: lambda inputs: prod(
        value[:, None, None, :] if value.ndim == 2 and any(other.ndim == 4 for other in inputs) else value
        for value in inputs
    ),
    Role.CONCATENATION: lambda inputs: np.concatenate(inputs, axis=-1),
}
ROWS = [(name, text) for name, texts in TRIED.items() for text in texts]
# The mult-adds of primitives that cost more or less than their kernels at every pixel, from the number of values in the
# kernels of the stock layers and from the shape of the output. The factors of `scale` cost nothing, as those of a batch
# normalization. An attention also multiplies all positions by all positions, twice.
COSTS: Mapping[str, Callable[[int, tuple[int, ...]], int]] = {
    "scale": lambda size, shape: 0,
    "attention": lambda size, shape: shape[0] * shape[1] * (size + 2 * shape[0] * shape[1] * shape[2]),
    "token_mlp": lambda size, shape: size * shape[2],
}
INVISIBLE = (Role.IDENTITY, Role.NOTHING)  # an edge that passes its value on, and an edge that is removed
SIZES = ((8, 8, 3), (7, 8, 3))  # padding differs between even and odd sizes


def graph_of(name: str, text: str, shape: tuple[int, ...] = SIZES[1]) -> Graph:
    """Returns the graph of a network of 10 classes around operations, or around a cell with these nodes."""
    fit = f"fit {name}" if PRIMITIVES[name].role is Role.FIT_BY_FIRST else ""
    cell = f"cell net(x) {fit} {{ {text} }}" if "return" in text else ""
    body = f"conv[1x1, filters=6]{', net' if cell else f' | {text}'}"
    ends_flat = text.startswith(("global", "conv[full", "flatten"))
    head = "dense[classes]" if ends_flat else "global_avg_pool | dense[classes]"
    return compiler.resolve(dsl.loads(f"{cell} network {{ body: {body} head: {head} }}"), shape, 10)


def uses_of(name: str, text: str) -> list[str]:
    """Returns the uses of the primitive in a text of operations. A text of a cell has none here."""
    return [] if "return" in text else [part for part in text.split(" | ") if part.partition("[")[0] == name]


def parts_of(name: str, text: str, shape: tuple[int, ...] = SIZES[1]) -> list[tuple[Operation, tuple[Any, ...]]]:
    """Returns each use of the primitive in its network, with random input values."""
    if PRIMITIVES[name].role in INVISIBLE:
        settings = {setting.name: setting.default for setting in PRIMITIVES[name].settings}
        return [
            (Operation(name, settings, (0,), shape, (), 0, name), (tf.random.stateless_normal((2, *shape), (1, 2)),))
        ]
    found = []
    for step in graph_of(name, text, shape).steps:
        shapes = [*step.input_shapes, *(operation.shape for operation in step.operations)]
        for operation in step.operations:
            if operation.primitive == name:
                values = [tf.random.stateless_normal((2, *shapes[index]), (index, 2)) for index in operation.inputs]
                found.append((operation, tuple(values)))
    return found


def weights_of(operation: Operation) -> tuple[Any, ...]:
    """Returns random values for the trained weights of an operation."""
    trained = [weight for weight in operation.weights if weight.trainable]
    return tuple(tf.random.stateless_normal(w.shape, (place, 3)) for place, w in enumerate(trained))


def drawn(operation: Operation, images: int, seed: int) -> Any:
    """Returns the random numbers of an operation; None if it draws none."""
    draw = LAYERS[operation.primitive].draw
    return draw(operation, tf.constant([seed, 1]), images, "float32") if draw else None


def run(operation: Operation, inputs: tuple[Any, ...], seed: int = 0) -> Any:
    """Returns the operation's value in training."""
    made = Run(operation, inputs, weights_of(operation), drawn(operation, inputs[0].shape[0], seed))
    value = LAYERS[operation.primitive].run(made)
    return value[0] if operation.keeps_statistics else value


def with_gradients(operation: Operation, inputs: tuple[Any, ...], trains: bool) -> list[Any]:
    """Returns the value of an operation, and its gradients by its inputs and weights."""
    variables = [*inputs, *weights_of(operation)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        weights = tuple(variables[len(inputs) :])
        random = drawn(operation, inputs[0].shape[0], 1)
        made = Run(operation, tuple(variables[: len(inputs)]), weights, random, trains=trains)
        value = LAYERS[operation.primitive].run(made)
        value = value[0] if operation.keeps_statistics else value
        loss = tf.reduce_sum(value * tf.random.stateless_normal(value.shape, (4, 4)))
    return [value, *tape.gradient(loss, variables, unconnected_gradients="zero")]


def mixes(operation: Operation, value: Any) -> bool:
    """Returns whether each output channel of an operation depends on each input channel."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(value)
        found = LAYERS[operation.primitive].run(Run(operation, (value,), weights_of(operation)))
        sums = [tf.reduce_sum(found[..., channel] ** 2) for channel in range(found.shape[-1])]
    axes = tuple(range(len(value.shape) - 1))
    return all(np.abs(tape.gradient(one, value)).sum(axes).all() for one in sums)


def is_alike(operation: Operation, value: Any) -> bool:
    """Returns whether an operation does the same to all channels, apart from the weights that belong to a channel."""
    channels = value.shape[-1]
    order = np.roll(np.arange(channels), 1)

    def result(images: Any, weights: tuple[Any, ...]) -> Any:
        found = LAYERS[operation.primitive].run(Run(operation, (images,), weights, tf.constant([0, 1])))
        return np.array(found[0] if operation.keeps_statistics else found)

    def reordered(weight: Any) -> list[Any]:
        axes = [axis for axis, size in enumerate(weight.shape) if size == channels]
        return [weight, *(tf.gather(weight, order, axis=axis) for axis in axes)]

    if prod(operation.shape) % channels:
        return False
    weights = weights_of(operation)
    # After `flatten`, the channels of a pixel stand together too.
    wanted = result(value, weights).reshape(-1, channels)[:, order].reshape(-1)
    tried = itertools.product(*map(reordered, weights))
    images = tf.gather(value, order, axis=-1)
    return any(np.allclose(result(images, each).reshape(-1), wanted, atol=1e-5) for each in tried)


def test_every_primitive_is_tried() -> None:
    assert not TRIED.keys() ^ PRIMITIVES.keys()
    for name, text in ROWS:
        assert parts_of(name, text), f"{name} is not in {text}"


@pytest.mark.parametrize(("name", "text"), ROWS)
class TestEveryPrimitive:
    def test_the_shape_is_that_of_the_value_and_gradients_are_finite(self, name: str, text: str) -> None:
        for shape in SIZES:
            graph = graph_of(name, text, shape)
            built = build_layers(graph, seed=1)
            images = tf.random.stateless_normal((2, *shape), seed=(1, 2))
            variables = [layer.trained for layer in built if layer.trained is not None]
            with tf.GradientTape() as tape:
                values = forward(built, images, training=True)
                loss = tf.reduce_sum(values[-1] ** 2)
            assert [tuple(value.shape[1:]) for value in values] == [step.shape for step in graph.steps]
            gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
            assert all(np.isfinite(gradient).all() for gradient in gradients)
            assert (np.abs(gradients[0]).sum() > 0) == (PRIMITIVES[name].role is not Role.ZERO)
            assert sum(prod(variable.shape) for variable in variables) == compiler.graph_cost(graph).params
        assert forward(built, images, training=False)[-1].shape == (2, 10)

    def test_its_stock_layers_compute_the_same(self, name: str, text: str) -> None:
        compare(graph_of(name, text))

    def test_by_itself_its_stock_layers_have_its_shape_and_its_cost(self, name: str, text: str) -> None:
        for operation, inputs in parts_of(name, text):
            for module in KERAS:
                images = tuple(module.layers.Input(value.shape[1:]) for value in inputs)
                stock: dict[str, Any] = {}
                value = LAYERS[name].stock(Stock(operation, images, 0.0, module, stock))
                assert tuple(value.shape[1:]) == operation.shape
                assert stock.keys() == {f"{operation.key}/{weight.name}" for weight in operation.weights}
                kernels = [w for layer in {id(made): made for made in stock.values()}.values() for w in layer.weights]
                size = sum(prod(kernel.shape) for kernel in kernels if "kernel" in kernel.name)
                shape = operation.shape
                wanted = COSTS[name](size, shape) if name in COSTS else size * prod(shape[:-1])
                assert operation.mult_adds == wanted

    def test_its_weights_are_those_of_its_records(self, name: str, text: str) -> None:
        for operation, _ in parts_of(name, text):
            assert bool(operation.weights) == PRIMITIVES[name].has_weights == (TABLE[name].weights is not None)

    def test_it_is_random_where_its_record_declares_it(self, name: str, text: str) -> None:
        for operation, inputs in parts_of(name, text):
            first, again, other = (run(operation, inputs, seed) for seed in (1, 1, 2))
            np.testing.assert_array_equal(first, again)
            assert np.array_equal(first, other) != PRIMITIVES[name].is_random

    def test_the_form_that_is_trained_gives_the_same_value_and_gradients(self, name: str, text: str) -> None:
        for operation, inputs in (part for shape in SIZES for part in parts_of(name, text, shape)):
            usual, trained = (with_gradients(operation, inputs, trains) for trains in (False, True))
            for expected, found in zip(usual, trained, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    def test_the_order_of_channels_has_the_effect_that_its_record_declares(self, name: str, text: str) -> None:
        primitive = PRIMITIVES[name]
        if primitive.joins or primitive.is_random or primitive.role in (Role.NOTHING, Role.FIT_BY_FIRST):
            return
        for operation, (value,) in parts_of(name, text):
            groups = operation.settings[primitive.channel_groups] if primitive.channel_groups else 1
            if primitive.mixes_channels:
                assert mixes(operation, value) == (groups == 1)
            else:
                has_own_group = groups == value.shape[-1] == operation.shape[-1]  # each channel
                assert is_alike(operation, value) == (groups == 1 or has_own_group)

    def test_it_gives_zeros_for_zeros_where_its_record_declares_it(self, name: str, text: str) -> None:
        """Biases and offsets are 0, as they are before training."""
        wanted = PRIMITIVES[name].keeps_zeros
        for operation, inputs in parts_of(name, text):
            zeros = tuple(tf.zeros_like(value) for value in inputs)
            trained = [weight for weight in operation.weights if weight.trainable]
            weights = tuple(
                tf.zeros_like(value) if weight.kind in ("bias", "beta") else value
                for weight, value in zip(trained, weights_of(operation), strict=True)
            )
            value = LAYERS[name].run(Run(operation, zeros, weights, drawn(operation, zeros[0].shape[0], 0)))
            keeps = wanted is not None and wanted.items() <= operation.settings.items()
            assert np.any(value[0] if operation.keeps_statistics else value) != keeps

    def test_the_size_of_its_map_is_that_which_its_record_declares(self, name: str, text: str) -> None:
        wanted = PRIMITIVES[name].sized
        for operation, inputs in (part for shape in SIZES for part in parts_of(name, text, shape)):
            settings = {"stride": 1, **{key: value for key, value in operation.settings.items() if value is not None}}
            is_map = inputs[0].ndim == 4
            if is_map and wanted is not None and all(domain.holds(settings[key]) for key, domain in wanted.items()):
                sizes = zip(inputs[0].shape[1:3], strides(settings), strict=True)
                assert operation.shape[:2] == tuple(-(-size // stride) for size, stride in sizes)

    def test_it_defines_a_gradient_only_where_its_layers_declare_it(self, name: str, text: str) -> None:
        """TensorFlow keeps such a gradient, with the graph around it, until the process ends."""
        before = len(ops.gradient_registry.list())
        with tf.Graph().as_default():
            for operation, inputs in (part for shape in SIZES for part in parts_of(name, text, shape)):
                with_gradients(operation, inputs, trains=True)
        assert LAYERS[name].has_gradient or len(ops.gradient_registry.list()) == before

    def test_its_value_is_that_of_its_role(self, name: str, text: str) -> None:
        for operation, inputs in parts_of(name, text):
            value, primitive = run(operation, inputs), PRIMITIVES[name]
            if primitive.joins:
                np.testing.assert_allclose(value, JOINED[primitive.role or Role.SUM](inputs), atol=1e-5)
            assert np.array_equal(value, inputs[0]) == (primitive.role is Role.IDENTITY)
            # a removed edge has no value; its layer gives zeros, which would change no sum
            assert np.any(value) == (primitive.role not in (Role.ZERO, Role.NOTHING))
            assert (len(inputs) > 1) == primitive.joins
            assert value.shape == (2, *operation.shape)


@pytest.mark.parametrize(("name", "use"), [(name, use) for name, text in ROWS for use in uses_of(name, text)])
def test_two_uses_on_one_value_are_merged_where_the_record_declares_it(name: str, use: str) -> None:
    once, twice = (
        dsl.loads(f"cell net(x) {{ {nodes} return b }} network {{ body: net head: dense[classes] }}")
        for nodes in (f"a = {use}(x) b = a + a", f"b = {use}(x) + {use}(x)")
    )
    assert (dsl.fingerprint(once) == dsl.fingerprint(twice)) == PRIMITIVES[name].is_pure


def test_a_random_primitive_draws_from_the_noise_of_its_step() -> None:
    for name in (name for name, primitive in PRIMITIVES.items() if primitive.is_random):
        graph = graph_of(name, TRIED[name][0])
        built = build_layers(graph, seed=1)
        images = tf.random.stateless_normal((2, *SIZES[1]), seed=(1, 2))
        first, again, other = (
            forward(built, images, True, [Noise(tf.constant([seed, 1]))] * len(built))[-1] for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
        np.testing.assert_array_equal(forward(built, images, True)[-1], forward(built, images, True)[-1])


def test_dropout_is_that_of_tensorflow() -> None:
    for dtype in ("float32", "bfloat16"):
        ((operation, _),) = parts_of("dropout", "dropout[rate=0.3]", (4, 4, 3))
        value = tf.cast(tf.random.stateless_normal((5, *operation.shape), (1, 2)), dtype)
        draw = LAYERS["dropout"].draw
        assert draw is not None
        found = LAYERS["dropout"].run(Run(operation, (value,), (), draw(operation, tf.constant([7, 1]), 5, dtype)))
        wanted = tf.nn.experimental.stateless_dropout(value, 0.3, (7, 1), rng_alg="auto_select")
        np.testing.assert_array_equal(found, wanted)


class TestWhatIsMissingIsNamedOnLoading:
    @pytest.mark.parametrize(("module", "kind"), [(records, "records"), (layers, "layers")])
    def test_a_primitive_without_its_part_is_named(
        self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, kind: str
    ) -> None:
        monkeypatch.setitem(cast(dict[str, Any], PRIMITIVES), "cube", PRIMITIVES["relu"])
        with pytest.raises(ValueError, match=f"there are no {kind} in compiler/primitives for the primitives cube"):
            importlib.reload(module)

    def test_a_random_primitive_without_a_draw_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(cast(dict[str, Any], PRIMITIVES), "relu", replace(PRIMITIVES["relu"], is_random=True))
        with pytest.raises(ValueError, match="the layers of relu must have `draw` exactly if its record says"):
            importlib.reload(layers)

    @pytest.mark.parametrize(("module", "kind"), [(records, "records"), (layers, "layers")])
    def test_a_part_without_a_primitive_is_named(
        self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, kind: str
    ) -> None:
        last = [*PRIMITIVES][-1]  # It is put back at the end, so that the order stays the same.
        monkeypatch.delitem(cast(dict[str, Any], PRIMITIVES), last)
        with pytest.raises(ValueError, match=f"{kind} in compiler/primitives for {last}, and dsl/primitives has no"):
            importlib.reload(module)

    def test_records_that_disagree_on_weights(self) -> None:
        with pytest.raises(ValueError, match="conv has weights in dsl/primitives and none in compiler/primitives"):
            records.agreeing({**TABLE, "conv": replace(TABLE["conv"], weights=None)})
        with pytest.raises(ValueError, match="relu has weights in compiler/primitives and none in dsl/primitives"):
            records.agreeing({**TABLE, "relu": TABLE["conv"]})
