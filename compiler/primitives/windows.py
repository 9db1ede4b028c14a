"""Windows that move over a map: settings and shapes that convolutions and pooling have in common."""

from __future__ import annotations

from compiler.errors import WindowError
from compiler.primitives.base import Settings, Shape, map_shape, whole_number
from dsl.values import Kernel
from dsl.wording import by_x


def strides(settings: Settings) -> tuple[int, int]:
    """Returns the strides (vertical, horizontal) of a convolution or pooling."""
    both = whole_number(settings, "stride")
    vertical, horizontal = settings.get("stride_y"), settings.get("stride_x")
    return (vertical if isinstance(vertical, int) else both, horizontal if isinstance(horizontal, int) else both)


def kernel_size(settings: Settings, shape: Shape) -> tuple[int, int]:
    """Returns the height and width of the kernel; `full` covers the whole map."""
    kernel = settings["kernel"]
    return (kernel.height, kernel.width) if isinstance(kernel, Kernel) else (shape[0], shape[1])


def padding(settings: Settings) -> str:
    """Returns the padding, SAME or VALID, which decides the size of the output.

    It is VALID for a kernel of the whole map, which gives a map of one pixel.
    """
    return "VALID" if settings["kernel"] == "full" or settings["padding"] == "valid" else "SAME"


def dilation(settings: Settings) -> int:
    """Returns the dilation: the distance of neighbouring pixels in a window."""
    value = settings.get("dilation") or 1
    assert isinstance(value, int)
    return value


def window_shape(name: str, settings: Settings, shapes: tuple[Shape, ...], channels: int) -> Shape:
    """Returns the output shape of a window with this number of output channels.

    Raises:
      WindowError: the window does not fit into the map.
    """
    shape = map_shape(shapes, name)
    kernel, is_same, apart = kernel_size(settings, shape), padding(settings) == "SAME", dilation(settings)
    reach = [(window - 1) * apart + 1 for window in kernel]
    height, width = (
        -(-size // stride) if is_same else (size - window) // stride + 1
        for size, window, stride in zip(shape[:2], reach, strides(settings), strict=True)
    )
    if height < 1 or width < 1:
        dilated = f" ({by_x(kernel)} with dilation {apart})" if apart > 1 else ""
        raise WindowError(f"{name}: a window of {by_x(reach)}{dilated} does not fit into a map of {by_x(shape)}")
    return (height, width, channels)


def window_of_each_channel(name: str, settings: Settings, shapes: tuple[Shape, ...]) -> Shape:
    """Returns the output shape of a window that is applied to each channel by itself."""
    return window_shape(name, settings, shapes, shapes[0][-1])


def borders(settings: Settings, shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the zeros that SAME padding adds to a map, as in TensorFlow: (above, below), (left, right)."""
    (height, width), (vertical, horizontal) = kernel_size(settings, shape), strides(settings)
    apart = dilation(settings)
    return _border(shape[0], height, vertical, apart), _border(shape[1], width, horizontal, apart)


def _border(size: int, window: int, stride: int, apart: int) -> tuple[int, int]:
    total = max(0, (-(-size // stride) - 1) * stride + (window - 1) * apart + 1 - size)
    return total // 2, total - total // 2
