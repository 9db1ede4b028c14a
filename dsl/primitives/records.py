"""The records of all primitives, and the domains of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dsl.primitives.base import Domain, Primitive, Role, Setting, Value
from dsl.values import Kernel

COUNT = Domain("a whole number from 1 to 1,000,000", lambda v: isinstance(v, int) and 1 <= v <= 10**6)
STRIDE = Domain("a power of two, at least 1", lambda v: isinstance(v, int) and 1 <= v <= 1024 and v & (v - 1) == 0)
ANY_STRIDE = Domain("a whole number from 1 to 1,024", lambda v: isinstance(v, int) and 1 <= v <= 1024)
DEPTH = Domain("a number above 0, at most 1,000", lambda v: isinstance(v, int | float) and 0 < v <= 1000)
POSITIVE = Domain("a number above 0", lambda v: isinstance(v, int | float) and v > 0)
FRACTION = Domain("a number from 0, below 1", lambda v: isinstance(v, int | float) and 0 <= v < 1)
NUMBER = Domain("a number", lambda v: isinstance(v, int | float))
BORDER = Domain("a whole number from 0 to 1,024", lambda v: isinstance(v, int) and 0 <= v <= 1024)
PADDING = Domain("same or valid", lambda v: v in ("same", "valid"))
POOL_PADDING = Domain("same, valid or zeros", lambda v: v in ("same", "valid", "zeros"))
INTERPOLATION = Domain("nearest or bilinear", lambda v: v in ("nearest", "bilinear"))
ANSWER = Domain("yes or no", lambda v: v in ("yes", "no"))
KERNEL = Domain(
    "a kernel such as 3x3 of at most 1023x1023",
    lambda v: isinstance(v, Kernel) and 1 <= v.height <= 1023 and 1 <= v.width <= 1023,
)
KERNEL_OR_FULL = Domain("a kernel such as 3x3, or full", lambda v: v == "full" or KERNEL.holds(v))

_FILTERS = Setting("filters", COUNT, ambient=True)
_STRIDE = Setting("stride", STRIDE, 1)
_STRIDES = (
    Setting("stride", ANY_STRIDE, 1),
    Setting("stride_y", ANY_STRIDE, follows="stride"),
    Setting("stride_x", ANY_STRIDE, follows="stride"),
)
_DEPTH = Setting("depth", DEPTH, otherwise="not used")
_PADDED = (Setting("padding", PADDING, "same"), Setting("dilation", COUNT, 1))
_BIAS = Setting("bias", ANSWER, "no")
_GROUPS = Setting("groups", COUNT, 1)
_WINDOW = (
    Setting("kernel", KERNEL, required=True),
    Setting("stride", ANY_STRIDE, 1),
    Setting("padding", POOL_PADDING, "same"),
)
_ONE_PIXEL: Mapping[str, Value] = {"kernel": Kernel(1, 1), "stride": 1}
_PADDED_AROUND: Mapping[str, Domain] = {"padding": Domain("same or zeros", lambda v: v in ("same", "zeros"))}

RECORDS = (
    # convolutions
    Primitive(
        name="conv",
        meaning="A convolution. The kernel `full` covers the whole map. With `depth`, the filters are `depth` times "
        "the channels of the input. `groups` divides the channels and the filters into equal groups; the filters of a "
        "group read only its channels.",
        settings=(
            Setting("kernel", KERNEL_OR_FULL, required=True),
            _FILTERS,
            *_STRIDES,
            *_PADDED,
            _DEPTH,
            _BIAS,
            _GROUPS,
        ),
        channels="filters",
        channel_factor="depth",
        channel_groups="groups",
        mixes_channels=True,
        has_weights=True,
        sized={**_PADDED_AROUND, "kernel": KERNEL},
    ),
    Primitive(
        name="depthwise",
        meaning="A convolution of each channel by itself.",
        settings=(Setting("kernel", KERNEL, required=True), *_STRIDES, *_PADDED, _BIAS),
        has_weights=True,
        sized=_PADDED_AROUND,
    ),
    Primitive(
        name="factorized_conv",
        meaning="Two 1x1 convolutions with strides, concatenated; the second one is moved by one pixel (NASNet).",
        settings=(_STRIDE, _FILTERS),
        channels="filters",
        mixes_channels=True,
        has_weights=True,
    ),
    # pooling
    Primitive(
        name="avg_pool",
        meaning="The mean of each window. What pads a border does not count, except with `padding=zeros`.",
        settings=_WINDOW,
        identity=_ONE_PIXEL,
        sized=_PADDED_AROUND,
    ),
    Primitive(
        name="max_pool",
        meaning="The maximum of each window. What pads a border does not count, except with `padding=zeros`.",
        settings=_WINDOW,
        identity=_ONE_PIXEL,
        sized=_PADDED_AROUND,
    ),
    Primitive(
        name="global_avg_pool", meaning="The mean of each channel over the whole map: one value a channel.", sized=None
    ),
    Primitive(
        name="global_max_pool",
        meaning="The maximum of each channel over the whole map: one value a channel.",
        added=True,
        sized=None,
    ),
    # the size of a map
    Primitive(
        name="pad",
        meaning="The map with a border of zeros: `border` pixels at the top and left, `after` at the bottom and right.",
        settings=(Setting("border", BORDER, required=True), Setting("after", BORDER, follows="border")),
        added=True,
        sized=None,
        identity={"border": 0, "after": 0},
    ),
    Primitive(
        name="upsample",
        meaning="The map with each side made larger by the factors in `size`, by repeated pixels or bilinearly.",
        settings=(Setting("size", KERNEL, required=True), Setting("mode", INTERPOLATION, "nearest")),
        added=True,
        identity={"size": Kernel(1, 1)},
        sized=None,
    ),
    Primitive(
        name="flatten",
        meaning="All values of a map in one row of channels; the channels of a pixel stand together, as in Keras.",
        flattens=True,
        added=True,
        sized=None,
    ),
    # groups of channels
    Primitive(
        name="part",
        meaning="One of `of` equal groups of channels; the first has the index 1 (ShuffleNetV2).",
        settings=(Setting("index", COUNT, required=True), Setting("of", COUNT, required=True)),
        channel_divisor="of",
        channel_groups="of",
        added=True,
        identity={"of": 1},
    ),
    Primitive(
        name="shuffle",
        meaning="The channels in another order: the first ones of all `groups` equal groups, then the second ones, and "
        "so on (ShuffleNet).",
        settings=(Setting("groups", COUNT, required=True),),
        channel_groups="groups",
        added=True,
        identity={"groups": 1},
    ),
    # factors
    Primitive(
        name="rescale",
        meaning="Each value times `factor`, plus `offset`.",
        settings=(Setting("factor", NUMBER, required=True), Setting("offset", NUMBER, 0)),
        added=True,
        identity={"factor": 1, "offset": 0},
        keeps_zeros={"offset": 0},
    ),
    Primitive(
        name="scale",
        meaning="Each channel times a trained factor, which starts at `initial` (CaiT, ConvNeXt).",
        settings=(Setting("initial", NUMBER, 1),),
        has_weights=True,
        added=True,
    ),
    # mixing of positions
    Primitive(
        name="attention",
        meaning="Multi-head self-attention over the positions of a map: query, key, value and output are projections "
        "with biases, and each head has an equal part of the channels (Transformer, ViT).",
        settings=(Setting("heads", COUNT, required=True),),
        mixes_channels=True,
        has_weights=True,
        added=True,
    ),
    Primitive(
        name="token_mlp",
        meaning="For each channel, two dense layers with biases over the positions of a map: `hidden` units with an "
        "exact GELU, then one unit a position (MLP-Mixer).",
        settings=(Setting("hidden", COUNT, required=True),),
        has_weights=True,
        added=True,
    ),
    Primitive(
        name="position",
        meaning="The map plus a trained value for each position and channel, which starts near 0 (ViT).",
        has_weights=True,
        added=True,
        keeps_zeros=None,
    ),
    # normalization and regularization
    Primitive(
        name="batch_norm",
        meaning="Batch normalization, then a scale (without it, `scale=no`) and an offset for each channel.",
        settings=(
            Setting("epsilon", POSITIVE, 1e-3),
            Setting("decay", FRACTION, 0.9997),
            Setting("scale", ANSWER, "yes"),
        ),
        has_weights=True,
    ),
    Primitive(
        name="layer_norm",
        meaning="Normalization over the channels of each position, then a scale and an offset for each channel.",
        settings=(Setting("epsilon", POSITIVE, 1e-3),),
        has_weights=True,
        added=True,
    ),
    Primitive(
        name="group_norm",
        meaning="Normalization over the map and the channels of each of `groups` equal groups of channels, then a "
        "scale and an offset for each channel.",
        settings=(Setting("groups", COUNT, required=True), Setting("epsilon", POSITIVE, 1e-3)),
        channel_groups="groups",
        has_weights=True,
        added=True,
    ),
    Primitive(
        name="dropout",
        meaning="In training, sets each value to zero with the probability `rate`, and scales the others up.",
        settings=(Setting("rate", FRACTION, 0),),
        is_random=True,
        identity={"rate": 0},
    ),
    Primitive(
        name="drop_path",
        meaning="In training, sets all values of an image to zero with the probability `rate`, and scales the values "
        "of the other images up (stochastic depth).",
        settings=(Setting("rate", FRACTION, otherwise="that of the training's drop path"),),
        is_random=True,
        added=True,
        identity={"rate": 0},
    ),
    # activations
    Primitive(name="relu", meaning="The greater of each value and 0.", idempotent=True),
    Primitive(name="relu6", meaning="Each value, at least 0 and at most 6.", idempotent=True, added=True),
    Primitive(
        name="leaky_relu",
        meaning="Each value; one below 0 is multiplied by `slope`.",
        settings=(Setting("slope", FRACTION, 0.3),),
        added=True,
    ),
    Primitive(
        name="elu",
        meaning="Each value x; for one below 0, `alpha` * (exp(x) - 1).",
        settings=(Setting("alpha", POSITIVE, 1),),
        added=True,
    ),
    Primitive(name="swish", meaning="x * sigmoid(x) for each value x; also called SiLU.", added=True),
    Primitive(
        name="gelu",
        meaning="Each value x times the probability that a standard normal number is below x; exact.",
        added=True,
    ),
    Primitive(name="sigmoid", meaning="1 / (1 + exp(-x)) for each value x.", added=True, keeps_zeros=None),
    Primitive(name="tanh", meaning="The hyperbolic tangent of each value.", added=True),
    Primitive(
        name="hard_sigmoid", meaning="relu6(x + 3) / 6 for each value x (MobileNetV3).", added=True, keeps_zeros=None
    ),
    Primitive(name="hard_swish", meaning="x * hard_sigmoid(x) for each value x (MobileNetV3).", added=True),
    Primitive(name="softplus", meaning="log(exp(x) + 1) for each value x.", added=True, keeps_zeros=None),
    # dense
    Primitive(
        name="dense",
        meaning="At each position of a map, or for one value a channel: a weighted sum of the channels for each unit, "
        "and a bias. It replaces the channels by the units.",
        settings=(Setting("units", COUNT, required=True), replace(_BIAS, default="yes")),
        channels="units",
        mixes_channels=True,
        has_weights=True,
    ),
    # joins, which make one state of several states
    Primitive(name="add", meaning="The sum of states of one shape; `a + b` is `add(a, b)`.", role=Role.SUM),
    Primitive(
        name="multiply",
        meaning="The product of states with equal channels: of maps of one size, and of one value a channel; `a * b` "
        "is `multiply(a, b)`.",
        role=Role.PRODUCT,
        added=True,
    ),
    Primitive(name="concat", meaning="The channels of maps of one size, one after the other.", role=Role.CONCATENATION),
    # primitives that keep a state, remove an edge, or give zeros or another shape
    Primitive(name="skip", meaning="The state itself.", role=Role.IDENTITY, identity={}),
    Primitive(
        name="zero",
        meaning="Zeros in the shape of the state (NAS-Bench-201).",
        settings=(Setting("stride", STRIDE, 1),),
        role=Role.ZERO,
    ),
    Primitive(
        name="none",
        meaning="No edge (NAS-Bench-101, hierarchical spaces); only as the operation of a term or a whole case of an "
        "`op`.",
        role=Role.NOTHING,
        sized=None,
    ),
    Primitive(
        name="resize_and_pad",
        meaning="Resizes to the wanted shape by the nearest pixels; cuts channels off or adds zeros; only after `fit`.",
        role=Role.FIT_BY_FIRST,
        sized=None,
    ),
)
