"""The layers of all primitives. Each family has one module, and only these modules import TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.primitives import (
    activations_layers,
    convolutions_layers,
    dense_layers,
    joins_layers,
    normalization_layers,
    pooling_layers,
    wiring_layers,
)
from compiler.primitives.layering import Layers
from dsl.primitives import PRIMITIVES
from dsl.primitives.base import collected

_FAMILIES = (
    convolutions_layers,
    pooling_layers,
    normalization_layers,
    activations_layers,
    dense_layers,
    joins_layers,
    wiring_layers,
)

LAYERS: Mapping[str, Layers] = collected(
    "layers in compiler/primitives", [family.LAYERS for family in _FAMILIES], PRIMITIVES
)
