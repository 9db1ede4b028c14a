"""The colours of pictures, on a light and on a dark page."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Callable
from dataclasses import dataclass

Tone = Callable[[str], str]  # a function from a colour on a light page to the colour that replaces it on a page

INK, SOFT, PALE, LINE, WHITE = "#1f2933", "#66727f", "#b4bcc4", "#56616d", "#ffffff"
# The colours of marked parts: of their lines, of their texts, and of the halo around them.
MARK, MARKED, HALO = "#c2005f", "#86003f", "#ffd0e6"
# The colours of a dark page and of a halo. The halo is lighter than other fills, so that it is visible around boxes.
_BY_NIGHT = {WHITE: "#22252b", HALO: "#741a4d"}


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of a box: its fill and its border."""

    fill: str
    edge: str


# Each family has a light, a middle and a strong colour, for a small, a middle and a large kernel.
_FAMILIES = {
    "skip": (Paint("#eceff2", "#98a3ae"),) * 3,
    "dilated": (Paint("#eee3fb", "#9061cf"), Paint("#dfcbf7", "#7d49c4"), Paint("#d0b4f2", "#6a35b3")),
    "separable": (Paint("#dfecfd", "#4b89dc"), Paint("#c3dbfb", "#2f6fca"), Paint("#a5c8f8", "#2059ab")),
    "conv": (Paint("#ddf3e0", "#4aa25c"), Paint("#c2e9c8", "#35894a"), Paint("#a6deb0", "#27713a")),
    "mixing": (Paint("#fde4e0", "#cf5b4a"),) * 3,
    "pool": (Paint("#ffecd6", "#e08a2c"), Paint("#ffdcb5", "#cd7413"), Paint("#ffcc93", "#b3610a")),
}
_TEALS = (
    Paint("#d9f3f1", "#2f9c95"), Paint("#cdeff2", "#2290a3"), Paint("#d3f5e8", "#2b9b78"),
    Paint("#c5ece6", "#1f857b"), Paint("#d8f1f6", "#3a93ad"),
)  # fmt: skip
# The order matters: the names of dilated and separable convolutions contain "conv" too.
_FAMILY_OF = (
    ("dil", "dilated"), ("sep", "separable"), ("depthwise", "separable"), ("dw_", "separable"),
    ("conv", "conv"), ("pool", "pool"), ("identity", "skip"), ("skip", "skip"), ("linear", "skip"),
    ("zero", "skip"), ("upsample", "pool"), ("attention", "mixing"), ("token_mlp", "mixing"),
)  # fmt: skip
STATE = Paint("#ffffff", "#3d4854")
SOURCE = Paint("#f4f5f7", "#3d4854")
RESULT = Paint("#fff7d6", "#b59a2b")
JOIN = Paint("#ffffff", "#98a3ae")
DEAD = Paint("#ffffff", PALE)
REMOVED = Paint("#ffffff", MARK)
NOTE = Paint("#ffffff", MARK)


def operation_paint(name: str, kernel: int = 1) -> Paint:
    """Returns the colour of an operation's family, stronger for a larger kernel."""
    for part, family in _FAMILY_OF:
        if part in name:
            return _FAMILIES[family][0 if kernel < 5 else 1 if kernel < 7 else 2]
    return _TEALS[zlib.crc32(name.encode()) % len(_TEALS)]


def by_day(colour: str) -> str:
    """Returns the colour as it is, for a light page."""
    return colour


def by_night(colour: str) -> str:
    """Returns the colour of the same hue for a dark page: light colours become dark, and dark ones light."""
    if colour in _BY_NIGHT:
        return _BY_NIGHT[colour]
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    # Fills are light on a light page, and remain within a narrow range here. Texts and lines are all others.
    is_fill = lightness > 0.75
    turned = 0.13 + (1 - lightness) * 0.5 if is_fill else 0.95 - lightness * 0.42
    parts = colorsys.hls_to_rgb(hue, turned, saturation * (0.6 if is_fill else 0.8))
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
