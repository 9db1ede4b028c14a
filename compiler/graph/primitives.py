"""What each primitive does to shapes, which weights it has and what it costs: one row a primitive, no TensorFlow.

Shapes leave the batch out: `(height, width, channels)`, or `(channels,)` after global pooling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from compiler.errors import ShapeError
from dsl.tree.syntax import Kernel

Shape = tuple[int, ...]
Settings = Mapping[str, int | float | str | Kernel | None]


@dataclass(frozen=True, slots=True)
class Weight:
    """A variable of an operation; `kind` says how it starts and whether L2 decays it."""

    name: str
    shape: Shape
    kind: str  # kernel, depthwise, bias, gamma, beta, mean or variance

    @property
    def trainable(self) -> bool:
        """Whether gradients change it."""
        return self.kind not in ("mean", "variance")


@dataclass(frozen=True, slots=True)
class Row:
    """A primitive's effect on shapes, and its weights; the kernels among these say its mult-adds."""

    shape: Callable[[Settings, tuple[Shape, ...]], Shape]
    weights: Callable[[Settings, tuple[Shape, ...]], tuple[Weight, ...]]


def whole_number(settings: Settings, name: str) -> int:
    """A setting that must be a whole number here.

    Raises:
      ShapeError: it is not.
    """
    value = settings[name]
    if not isinstance(value, int):
        raise ShapeError(f"{name} is {value}; write {name} as a whole number, such as F//4")
    return value


def strides(settings: Settings) -> tuple[int, int]:
    """The strides (vertical, horizontal) of a windowed operation."""
    both = whole_number(settings, "stride")
    vertical, horizontal = settings.get("stride_y"), settings.get("stride_x")
    return (vertical if isinstance(vertical, int) else both, horizontal if isinstance(horizontal, int) else both)


def kernel_size(settings: Settings, shape: Shape) -> tuple[int, int]:
    """The kernel's height and width; `full` covers the whole map."""
    kernel = settings["kernel"]
    return (kernel.height, kernel.width) if isinstance(kernel, Kernel) else (shape[0], shape[1])


def padding(settings: Settings) -> str:
    """SAME or VALID; a full kernel leaves one value a channel."""
    return "VALID" if settings["kernel"] == "full" or settings["padding"] == "valid" else "SAME"


def _map(shapes: tuple[Shape, ...], name: str) -> Shape:
    if len(shapes[0]) != 3:
        raise ShapeError(f"{name} needs a map of height x width x channels, found {shown(shapes[0])}")
    return shapes[0]


def _window(settings: Settings, shapes: tuple[Shape, ...], channels: int, name: str) -> Shape:
    shape = _map(shapes, name)
    dilation = settings.get("dilation") or 1
    assert isinstance(dilation, int)
    kernel, is_same = kernel_size(settings, shape), padding(settings) == "SAME"
    reach = [(window - 1) * dilation + 1 for window in kernel]
    height, width = (
        -(-size // stride) if is_same else (size - window) // stride + 1
        for size, window, stride in zip(shape[:2], reach, strides(settings), strict=True)
    )
    if height < 1 or width < 1:
        dilated = f" ({shown(kernel)} with dilation {dilation})" if dilation > 1 else ""
        raise ShapeError(f"{name}: a window of {shown(reach)}{dilated} does not fit into a map of {shown(shape)}")
    return (height, width, channels)


def filters(settings: Settings, shape: Shape) -> int:
    """The output channels of a convolution: its filters, or its depth times the input's channels."""
    depth = settings.get("depth")
    if isinstance(depth, int | float):
        return max(1, int(depth * shape[-1] + 0.5))
    return whole_number(settings, "filters")


def _conv_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return _window(settings, shapes, filters(settings, shapes[0]), "conv")


def _conv_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    shape = (*kernel_size(settings, shapes[0]), shapes[0][-1], filters(settings, shapes[0]))
    return (Weight("kernel", shape, "kernel"),)


def _depthwise_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return _window(settings, shapes, shapes[0][-1], "depthwise")


def _depthwise_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return (Weight("kernel", (*kernel_size(settings, shapes[0]), shapes[0][-1], 1), "depthwise"),)


def _factorized_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    height, width, _ = _map(shapes, "factorized_conv")
    vertical, horizontal = strides(settings)
    return (-(-height // vertical), -(-width // horizontal), whole_number(settings, "filters"))


def _factorized_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    total = whole_number(settings, "filters")
    if total < 2:
        raise ShapeError(f"factorized_conv divides its filters between two paths; {total} is too few")
    first, channels = total // 2, shapes[0][-1]
    return (
        Weight("kernel_a", (1, 1, channels, first), "kernel"),
        Weight("kernel_b", (1, 1, channels, total - first), "kernel"),
    )


def _norm_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return tuple(Weight(kind, (shapes[0][-1],), kind) for kind in ("gamma", "beta", "mean", "variance"))


def _avg_pool_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return _window(settings, shapes, shapes[0][-1], "avg_pool")


def _max_pool_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return _window(settings, shapes, shapes[0][-1], "max_pool")


def _zero_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len(shapes[0]) != 3:
        return shapes[0]
    stride = whole_number(settings, "stride")
    height, width, channels = shapes[0]
    return (-(-height // stride), -(-width // stride), channels)


def _dense_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    shape = shapes[0]
    if len(shape) == 3 and shape[:2] != (1, 1):
        raise ShapeError(f"dense needs one value a channel, found {shown(shape)}; put global_avg_pool before it")
    return (whole_number(settings, "units"),)


def _dense_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    units = whole_number(settings, "units")
    return (Weight("kernel", (shapes[0][-1], units), "kernel"), Weight("bias", (units,), "bias"))


def _resize_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if settings.get("height") is None:
        raise ShapeError("resize_and_pad has no shape to go to here; it stands only after `fit`")
    return tuple(whole_number(settings, name) for name in ("height", "width", "channels"))


def _concat_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len({shape[:-1] for shape in shapes}) > 1:
        raise ShapeError(f"concat joins maps of one size, found {', '.join(map(shown, shapes))}")
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def _add_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len(set(shapes)) > 1:
        raise ShapeError(f"a sum needs one shape, found {', '.join(map(shown, shapes))}; give the cell a `fit`")
    return shapes[0]


def _same(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return shapes[0]


def _no_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return ()


def shown(shape: Sequence[int]) -> str:
    """`8x8x24`."""
    return "x".join(map(str, shape))


TABLE: Mapping[str, Row] = {
    "conv": Row(_conv_shape, _conv_weights),
    "depthwise": Row(_depthwise_shape, _depthwise_weights),
    "factorized_conv": Row(_factorized_shape, _factorized_weights),
    "batch_norm": Row(_same, _norm_weights),
    "relu": Row(_same, _no_weights),
    "avg_pool": Row(_avg_pool_shape, _no_weights),
    "max_pool": Row(_max_pool_shape, _no_weights),
    "skip": Row(_same, _no_weights),
    "zero": Row(_zero_shape, _no_weights),
    "none": Row(_same, _no_weights),
    "add": Row(_add_shape, _no_weights),
    "concat": Row(_concat_shape, _no_weights),
    "dense": Row(_dense_shape, _dense_weights),
    "dropout": Row(_same, _no_weights),
    "global_avg_pool": Row(lambda settings, shapes: (_map(shapes, "global_avg_pool")[-1],), _no_weights),
    "resize_and_pad": Row(_resize_shape, _no_weights),
}
