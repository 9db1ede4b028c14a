"""Primitives: convolutions."""

from __future__ import annotations

from dsl.primitives.base import COUNT, DEPTH, KERNEL, KERNEL_OR_FULL, PADDING, STRIDE, Primitive, Setting

_FILTERS = Setting("filters", COUNT, ambient=True)
_STRIDE = Setting("stride", STRIDE, 1)
_STRIDES = (
    _STRIDE,
    Setting("stride_y", STRIDE, otherwise="as `stride`"),
    Setting("stride_x", STRIDE, otherwise="as `stride`"),
)
_PADDED = (Setting("padding", PADDING, "same"), Setting("dilation", COUNT, 1))

PRIMITIVES = (
    Primitive(
        name="conv",
        meaning="A convolution without bias. The kernel `full` covers the whole map; `depth` times the channels of the "
        "input are the filters, where it is given.",
        settings=(
            Setting("kernel", KERNEL_OR_FULL, required=True), _FILTERS, *_STRIDES, *_PADDED,
            Setting("depth", DEPTH, otherwise="not used"),
        ),
        channels="filters",
        channel_factor="depth",
        has_weights=True,
    ),
    Primitive(
        name="depthwise",
        meaning="A convolution of each channel by itself, without bias.",
        settings=(Setting("kernel", KERNEL, required=True), *_STRIDES, *_PADDED),
        has_weights=True,
    ),
    Primitive(
        name="factorized_conv",
        meaning="Two 1x1 convolutions with strides, the second one pixel further on, concatenated (NASNet).",
        settings=(_STRIDE, _FILTERS),
        channels="filters",
        has_weights=True,
    ),
)  # fmt: skip
