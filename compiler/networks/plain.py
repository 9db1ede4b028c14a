"""A resolved graph as a Keras model of stock layers only, one or a few for each primitive.

The layers are those of `tf_keras` (Keras 2) or of `keras` (Keras 3), which are called alike. A saved model needs only
that Keras, and not this package. The benchmarks compare with this model, since a careful user of Keras would write it
so by hand. Training uses `compiler.layers.model`, which is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tf_keras

from compiler.graph.primitives import Settings, kernel_size, padding, strides
from compiler.graph.structure import IMAGE, Graph, Operation
from compiler.networks.weights import Weights, weight_of

Tensor = Any


def plain_model(graph: Graph, weights: Weights | None = None, l2: float = 0.0, keras: Any = tf_keras) -> Any:
    """A functional model from images `[batch, height, width, channels]` to logits `[batch, classes]`.

    The logits of an auxiliary head are a second output. Drop-path is left out.

    Args:
      graph: the network.
      weights: every weight by its key, as `compiler.networks.weights.weights_of` gives them; None: initial weights.
      l2: weight decay of kernels, as the factor of half their squared sum in the loss.
      keras: the module whose layers are taken, `tf_keras` or `keras`.

    Raises:
      CompileError: a weight is not there, or has another shape.
    """
    image = keras.layers.Input(graph.input_shape, name="image")
    outputs = plain_outputs(graph, image, weights, l2, keras)
    return keras.Model(image, outputs if graph.auxiliary else outputs[0], name="plain")


def plain_outputs(
    graph: Graph, image: Tensor, weights: Weights | None = None, l2: float = 0.0, keras: Any = tf_keras
) -> list[Tensor]:
    """The logits that stock layers make of a Keras tensor of images, and those of an auxiliary head.

    Raises:
      CompileError: a weight is not there, or has another shape.
    """
    made: list[Tensor] = []
    weighted: dict[str, Any] = {}
    for step in (*graph.steps, *graph.auxiliary):
        values = [image if index == IMAGE else made[index] for index in step.inputs]
        for operation in step.operations:
            part = _Part(operation, tuple(values[index] for index in operation.inputs), l2, keras, weighted)
            values.append(_LAYERS[operation.primitive](part))
        made.append(values[step.output])
    if weights is not None:
        _set_weights(graph, weighted, weights)
    logits = made[len(graph.steps) - 1]
    return [logits, made[-1]] if graph.auxiliary else [logits]


def _set_weights(graph: Graph, weighted: Mapping[str, Any], weights: Weights) -> None:
    values: dict[str, list[np.ndarray[Any, Any]]] = {}
    for step in (*graph.steps, *graph.auxiliary):
        for key, weight in step.weights():
            values.setdefault(weighted[key].name, []).append(weight_of(weights, key, weight.shape))
    by_name = {layer.name: layer for layer in weighted.values()}
    for name, arrays in values.items():
        by_name[name].set_weights(arrays)


@dataclass(frozen=True)
class _Part:
    """One operation that becomes layers; `weighted` collects the layer of each weight by the weight's key."""

    operation: Operation
    inputs: tuple[Tensor, ...]
    l2: float
    keras: Any
    weighted: dict[str, Any] = field(repr=False)

    @property
    def settings(self) -> Settings:
        return self.operation.settings

    def layer(self, kind: str, *arguments: Any, what: str = "", **options: Any) -> Any:
        """A layer of this class, named by the operation's key; `what` distinguishes the layers of one operation."""
        # No name of the language has a dot, so these names are unique.
        words = [*self.operation.key.split("/"), what] if what else self.operation.key.split("/")
        # TensorFlow's names are ASCII
        name = ".".join(words).encode("ascii", "backslashreplace").decode()
        return getattr(self.keras.layers, kind)(*arguments, name=name, **options)

    def with_weights(self, kind: str, *arguments: Any, only: str = "", **options: Any) -> Any:
        """A layer that has the operation's weights, or one of them."""
        layer = self.layer(kind, *arguments, what=only, **options)
        names = [only] if only else [weight.name for weight in self.operation.weights]
        self.weighted.update({f"{self.operation.key}/{name}": layer for name in names})
        return layer

    def decayed(self, name: str) -> dict[str, Any]:
        """Options of a kernel: initial values (He et al. 2015) and weight decay; `name` is the layer's word for it."""
        decay = {f"{name}_regularizer": self.keras.regularizers.L2(self.l2 / 2)} if self.l2 else {}
        return {f"{name}_initializer": "he_normal", **decay}


def _conv(part: _Part) -> Tensor:
    kernel = part.operation.weights[0].shape
    options = {"use_bias": False, **part.decayed("kernel")}
    dilated_with_strides = _dilation(part.settings) > 1 and strides(part.settings) != (1, 1)
    return _window(part, "Conv2D", (kernel[-1], kernel[:2]), options, whole=not dilated_with_strides)


def _depthwise(part: _Part) -> Tensor:
    kernel = part.operation.weights[0].shape
    options = {"use_bias": False, **part.decayed("depthwise")}
    vertical, horizontal = strides(part.settings)
    whole = vertical == horizontal and (vertical == 1 or _dilation(part.settings) == 1)
    return _window(part, "DepthwiseConv2D", (kernel[:2],), options, whole)


def _window(part: _Part, kind: str, arguments: tuple[Any, ...], options: dict[str, Any], whole: bool) -> Tensor:
    """A convolution in one layer. Where the layer lacks these strides, it has stride 1 and every n-th pixel is kept."""
    settings, value = part.settings, part.inputs[0]
    step, dilation = strides(settings), _dilation(settings)
    if whole:
        options |= {"strides": step, "padding": padding(settings).lower(), "dilation_rate": dilation}
        return part.with_weights(kind, *arguments, **options)(value)
    if padding(settings) == "SAME":
        shape = tuple(value.shape[1:])
        sizes = zip(shape[:2], kernel_size(settings, shape), step, strict=True)
        pads = tuple(_same_padding(size, window, stride, dilation) for size, window, stride in sizes)
        value = part.layer("ZeroPadding2D", pads, what="pad")(value)
    value = part.with_weights(kind, *arguments, dilation_rate=dilation, **options)(value)
    return _every(part, value, step)


def _every(part: _Part, value: Tensor, step: tuple[int, int]) -> Tensor:
    """Every n-th pixel, by max pooling with a window of one pixel."""
    return value if step == (1, 1) else part.layer("MaxPooling2D", 1, strides=step, what="every")(value)


def _same_padding(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max(0, (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size)
    return total // 2, total - total // 2


def _dilation(settings: Settings) -> int:
    dilation = settings.get("dilation") or 1
    assert isinstance(dilation, int)
    return dilation


def _factorized_conv(part: _Part) -> Tensor:
    """Two 1x1 paths with strides, the second on the map moved by one pixel (NASNet)."""
    vertical, horizontal = strides(part.settings)
    down, right = int(vertical > 1), int(horizontal > 1)
    moved = part.inputs[0]
    if down or right:
        moved = part.layer("ZeroPadding2D", ((0, down), (0, right)), what="pad")(moved)
        moved = part.layer("Cropping2D", ((down, 0), (right, 0)), what="crop")(moved)
    paths = []
    for weight, value in zip(part.operation.weights, (part.inputs[0], moved), strict=True):
        options = {"strides": (vertical, horizontal), "use_bias": False, **part.decayed("kernel")}
        paths.append(part.with_weights("Conv2D", weight.shape[-1], 1, only=weight.name, **options)(value))
    return part.layer("Concatenate")(paths)


def _batch_norm(part: _Part) -> Tensor:
    momentum, epsilon = part.settings["decay"], part.settings["epsilon"]
    return part.with_weights("BatchNormalization", momentum=momentum, epsilon=epsilon)(part.inputs[0])


def _pool(kind: str) -> Callable[[_Part], Tensor]:
    def build(part: _Part) -> Tensor:
        settings = part.settings
        window, pad = kernel_size(settings, part.operation.shape), padding(settings).lower()
        return part.layer(kind, window, strides=strides(settings), padding=pad)(part.inputs[0])

    return build


def _zero(part: _Part) -> Tensor:
    stride = part.settings.get("stride", 1)
    assert isinstance(stride, int)
    value = _every(part, part.inputs[0], (stride, stride)) if _is_map(part) else part.inputs[0]
    return part.layer("Rescaling", 0.0)(value)


def _dense(part: _Part) -> Tensor:
    value = part.inputs[0]
    if _is_map(part):
        value = part.layer("Flatten", what="flat")(value)
    return part.with_weights("Dense", part.operation.shape[-1], **part.decayed("kernel"))(value)


def _is_map(part: _Part) -> bool:
    return len(part.inputs[0].shape) == 4


def _resize_and_pad(part: _Part) -> Tensor:
    """The map resized by nearest neighbour, with channels cut off or padded with zeros (Real et al. 2017)."""
    value = part.inputs[0]
    height, width, channels = part.operation.shape
    if tuple(value.shape[1:3]) != (height, width):
        value = part.layer("Resizing", height, width, interpolation="nearest", what="resize")(value)
    more = channels - value.shape[-1]
    # With channels first, a layer for rows and columns works on columns and channels.
    options = {"data_format": "channels_first"}
    if more > 0:
        value = part.layer("ZeroPadding2D", ((0, 0), (0, more)), what="pad", **options)(value)
    elif more < 0:
        value = part.layer("Cropping2D", ((0, 0), (0, -more)), what="cut", **options)(value)
    return value


_LAYERS: Mapping[str, Callable[[_Part], Tensor]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "factorized_conv": _factorized_conv,
    "batch_norm": _batch_norm,
    "relu": lambda part: part.layer("ReLU")(part.inputs[0]),
    "avg_pool": _pool("AveragePooling2D"),
    "max_pool": _pool("MaxPooling2D"),
    "skip": lambda part: part.inputs[0],
    "zero": _zero,
    "none": _zero,
    "add": lambda part: part.layer("Add")(list(part.inputs)),
    "concat": lambda part: part.layer("Concatenate")(list(part.inputs)),
    "dense": _dense,
    "dropout": lambda part: part.layer("Dropout", part.settings["rate"])(part.inputs[0]),
    "global_avg_pool": lambda part: part.layer("GlobalAveragePooling2D")(part.inputs[0]),
    "resize_and_pad": _resize_and_pad,
}
