"""The table of primitives: what each operation that is not text is called, and which values its settings take.

The compiler's tables (shapes and weights, layers) have one row for each name here; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dsl.tree.syntax import Kernel

Value = int | float | str | Kernel


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a setting takes, and how to say so."""

    allowed: str
    holds: Callable[[Value], bool]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; without a default it must be given, or is what the place of use asks for."""

    name: str
    domain: Domain
    default: Value | None = None
    ambient: bool = False


@dataclass(frozen=True, slots=True)
class Primitive:
    """An operation that Python knows; the first setting may be given without its name."""

    name: str
    settings: tuple[Setting, ...] = ()
    join: bool = False
    shapes_channels: bool = False  # whether its output's channels are asked for rather than its input's


def _number(value: Value) -> bool:
    return isinstance(value, int | float)


def _count(value: Value) -> bool:
    return isinstance(value, int) and 1 <= value <= 10**6


COUNT = Domain("a whole number from 1 to 1,000,000", _count)
STRIDE = Domain("a power of two, at least 1", lambda v: isinstance(v, int) and 1 <= v <= 1024 and v & (v - 1) == 0)
ANY_STRIDE = Domain("a whole number from 1 to 1,024", lambda v: isinstance(v, int) and 1 <= v <= 1024)
DEPTH = Domain("a number above 0, at most 1,000", lambda v: isinstance(v, int | float) and 0 < v <= 1000)
POSITIVE = Domain("a number above 0", lambda v: isinstance(v, int | float) and v > 0)
FRACTION = Domain("a number from 0, below 1", lambda v: isinstance(v, int | float) and 0 <= v < 1)
PADDING = Domain("same or valid", lambda v: v in ("same", "valid"))
KERNEL = Domain(
    "a kernel such as 3x3 of at most 1023x1023",
    lambda v: isinstance(v, Kernel) and 1 <= v.height <= 1023 and 1 <= v.width <= 1023,
)
KERNEL_OR_FULL = Domain("a kernel such as 3x3, or full", lambda v: v == "full" or KERNEL.holds(v))

_STRIDES = (Setting("stride", STRIDE, 1), Setting("stride_y", STRIDE), Setting("stride_x", STRIDE))
_WINDOW = (Setting("kernel", KERNEL), Setting("stride", ANY_STRIDE, 1), Setting("padding", PADDING, "same"))

_ROWS = (
    Primitive(
        "conv",
        (
            Setting("kernel", KERNEL_OR_FULL),
            Setting("filters", COUNT, ambient=True),
            *_STRIDES,
            Setting("padding", PADDING, "same"),
            Setting("dilation", COUNT, 1),
            Setting("depth", DEPTH),
        ),
        shapes_channels=True,
    ),
    Primitive(
        "depthwise",
        (
            Setting("kernel", KERNEL),
            *_STRIDES,
            Setting("padding", PADDING, "same"),
            Setting("dilation", COUNT, 1),
        ),
    ),
    Primitive(
        "factorized_conv",
        (Setting("stride", STRIDE, 1), Setting("filters", COUNT, ambient=True)),
        shapes_channels=True,
    ),
    Primitive("batch_norm", (Setting("epsilon", POSITIVE, 1e-3), Setting("decay", FRACTION, 0.9997))),
    Primitive("relu"),
    Primitive("avg_pool", _WINDOW),
    Primitive("max_pool", _WINDOW),
    Primitive("skip"),
    Primitive("zero", (Setting("stride", STRIDE, 1),)),
    Primitive("none"),
    Primitive("add", join=True),
    Primitive("concat", join=True),
    Primitive("dense", (Setting("units", COUNT),), shapes_channels=True),
    Primitive("dropout", (Setting("rate", FRACTION, 0),)),
    Primitive("global_avg_pool"),
    Primitive("resize_and_pad"),
)
PRIMITIVES: Mapping[str, Primitive] = {row.name: row for row in _ROWS}
