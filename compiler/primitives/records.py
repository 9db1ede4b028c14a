"""The compiler's records of all primitives: shapes, weights and cost, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import gcd, prod

from compiler.errors import ShapeError
from compiler.primitives import maps, positions
from compiler.primitives.base import (
    Record,
    Settings,
    Shape,
    Weight,
    group_size,
    largest_divisor,
    map_shape,
    same,
    whole_number,
)
from compiler.primitives.windows import kernel_size, strides, window_of_each_channel, window_shape
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import collected
from dsl.wording import by_x, plural

# --- convolutions --------------------------------------------------------------------------------------


def _filters(settings: Settings, shape: Shape) -> int:
    """Returns the output channels: `depth` times the channels of the input if `depth` is set, else `filters`."""
    depth = settings.get("depth")
    if isinstance(depth, int | float):
        return max(1, int(depth * shape[-1] + 0.5))
    return whole_number(settings, "filters")


def _conv_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    filters, channels, groups = _filters(settings, shapes[0]), shapes[0][-1], whole_number(settings, "groups")
    for what, count in (("channels of the input", channels), ("filters", filters)):
        if count % groups:
            raise ShapeError(
                f"conv has groups={groups} and {count} {what}; groups must divide both, such as groups="
                f"{largest_divisor(gcd(channels, filters), groups)}"
            )
    return window_shape("conv", settings, shapes, filters)


def _conv_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    filters, channels = _filters(settings, shapes[0]), shapes[0][-1] // whole_number(settings, "groups")
    kernel = Weight("kernel", (*kernel_size(settings, shapes[0]), channels, filters), "kernel")
    return (kernel, *_bias(settings, filters))


def _depthwise_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    channels = shapes[0][-1]
    kernel = Weight("kernel", (*kernel_size(settings, shapes[0]), channels, 1), "depthwise")
    return (kernel, *_bias(settings, channels))


def _bias(settings: Settings, channels: int) -> tuple[Weight, ...]:
    """Returns the bias, which is not there with `bias=no`."""
    return (Weight("bias", (channels,), "bias"),) if settings["bias"] == "yes" else ()


def _factorized_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    height, width, _ = map_shape(shapes, "factorized_conv")
    vertical, horizontal = strides(settings)
    return (-(-height // vertical), -(-width // horizontal), whole_number(settings, "filters"))


def _factorized_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    total = whole_number(settings, "filters")
    if total < 2:
        raise ShapeError(
            f"factorized_conv has {plural(total, 'filter')} and divides them between two paths; at least 2 are needed"
        )
    first, channels = total // 2, shapes[0][-1]
    return (
        Weight("kernel_a", (1, 1, channels, first), "kernel"),
        Weight("kernel_b", (1, 1, channels, total - first), "kernel"),
    )


# --- pooling -------------------------------------------------------------------------------------------


def _global_shape(name: str, settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return (map_shape(shapes, name)[-1],)


# --- normalization -------------------------------------------------------------------------------------


def _batch_norm_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    kinds = ("gamma", "beta", "mean", "variance")
    return tuple(Weight(kind, (shapes[0][-1],), kind) for kind in kinds[settings["scale"] == "no" :])


def _group_norm_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    group_size("group_norm", "", whole_number(settings, "groups"), shapes[0][-1])
    return shapes[0]


def _norm_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    return tuple(Weight(kind, (shapes[0][-1],), kind) for kind in ("gamma", "beta"))


# --- dense ---------------------------------------------------------------------------------------------


def _dense_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    return (*shapes[0][:-1], whole_number(settings, "units"))


def _dense_weights(settings: Settings, shapes: tuple[Shape, ...]) -> tuple[Weight, ...]:
    units = whole_number(settings, "units")
    return (Weight("kernel", (shapes[0][-1], units), "kernel"), *_bias(settings, units))


# --- joins ---------------------------------------------------------------------------------------------


def _add_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len(set(shapes)) > 1:
        raise ShapeError(f"a sum needs one shape, found {', '.join(map(by_x, shapes))}")
    return shapes[0]


def _multiply_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    largest = max(shapes, key=lambda shape: (len(shape), prod(shape)))
    for shape in shapes:
        is_gate = shape[-1] == largest[-1] and prod(shape) == shape[-1]
        if shape != largest and not is_gate:
            raise ShapeError(
                f"a product needs one shape, or one value a channel, found {', '.join(map(by_x, shapes))}; "
                "give its terms equal filters, or put global_avg_pool before one of them"
            )
    return largest


def _concat_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len({shape[:-1] for shape in shapes}) > 1:
        raise ShapeError(f"concat joins maps of one size, found {', '.join(map(by_x, shapes))}")
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


# --- wiring --------------------------------------------------------------------------------------------


def _zero_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if len(shapes[0]) != 3:
        return shapes[0]
    stride = whole_number(settings, "stride")
    height, width, channels = shapes[0]
    return (-(-height // stride), -(-width // stride), channels)


def _resize_shape(settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    if settings.get("height") is None:
        raise ShapeError("resize_and_pad has no shape to resize to here; it is allowed only after `fit` of a cell")
    return tuple(whole_number(settings, name) for name in ("height", "width", "channels"))


# --- all of them ---------------------------------------------------------------------------------------

_ALL = (
    Record("conv", _conv_shape, _conv_weights),
    Record("depthwise", partial(window_of_each_channel, "depthwise"), _depthwise_weights),
    Record("factorized_conv", _factorized_shape, _factorized_weights),
    Record("avg_pool", partial(window_of_each_channel, "avg_pool")),
    Record("max_pool", partial(window_of_each_channel, "max_pool")),
    Record("global_avg_pool", partial(_global_shape, "global_avg_pool")),
    Record("global_max_pool", partial(_global_shape, "global_max_pool")),
    *maps.RECORDS,
    *positions.RECORDS,
    Record("batch_norm", same, _batch_norm_weights),
    Record("layer_norm", same, _norm_weights),
    Record("group_norm", _group_norm_shape, _norm_weights),
    Record("dropout"),
    Record("drop_path", drops=lambda settings: settings.get("rate") is None),
    Record("relu"),
    Record("relu6"),
    Record("leaky_relu"),
    Record("elu"),
    Record("swish"),
    Record("gelu"),
    Record("sigmoid"),
    Record("tanh"),
    Record("hard_sigmoid"),
    Record("hard_swish"),
    Record("softplus"),
    Record("dense", _dense_shape, _dense_weights),
    Record("add", _add_shape),
    Record("multiply", _multiply_shape),
    Record("concat", _concat_shape),
    Record("skip"),
    Record("zero", _zero_shape),
    Record("none"),
    Record("resize_and_pad", _resize_shape),
)


def agreeing(records: Mapping[str, Record]) -> Mapping[str, Record]:
    """Returns the records after a comparison with those of the language.

    Raises:
      ValueError: a primitive has weights in one of the two records and not in the other.
    """
    for name, record in records.items():
        declared = PRIMITIVES[name].has_weights
        if declared != (record.weights is not None):
            has, lacks = ("compiler", "dsl") if record.weights is not None else ("dsl", "compiler")
            raise ValueError(f"primitive {name} has weights in {has}/primitives and none in {lacks}/primitives")
    return records


TABLE: Mapping[str, Record] = agreeing(collected("records in compiler/primitives", _ALL, PRIMITIVES))
