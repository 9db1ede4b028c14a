"""The models of `tf_keras.applications` as `.cell` files with params, in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Number = int | float


@dataclass(frozen=True)
class Application:
    """A model of `tf_keras.applications`, and the text that has the same network.

    Attributes:
      model: the name of the function that builds the Keras model.
      file: the `.cell` file of its network.
      params: values of params of the file.
      overlays: further files whose declarations replace those of the file.
      smallest: whether the tests compare this model, as the smallest of its family.
    """

    model: str
    file: str
    params: Mapping[str, Number] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()
    smallest: bool = False


# Filters F of the first stage, and blocks n of the third one.
_CONVNEXT = {"Tiny": (96, 9), "Small": (96, 27), "Base": (128, 27), "Large": (192, 27), "XLarge": (256, 27)}
# Layers n3 and n4 of the third and the fourth block.
_DENSENET = {"121": (24, 16), "169": (32, 32), "201": (48, 32)}
# Factors W of the width and D of the depth, and the rate of the last dropout.
_EFFICIENTNET = {
    "B0": (1, 1, 0.2), "B1": (1, 1.1, 0.2), "B2": (1.1, 1.2, 0.3), "B3": (1.2, 1.4, 0.3), "B4": (1.4, 1.8, 0.4),
    "B5": (1.6, 2.2, 0.4), "B6": (1.8, 2.6, 0.5), "B7": (2, 3.1, 0.5),
}  # fmt: skip
_EFFICIENTNET_V2 = {"B0": (1, 1), "B1": (1, 1.1), "B2": (1.1, 1.2), "B3": (1.2, 1.4)}
# Channels of a group; widths w1 to w4 and depths d1 to d4 of the four stages. The letter Y has gates.
_REGNET: Mapping[str, tuple[int, tuple[int, ...], tuple[int, ...]]] = {
    "X002": (8, (24, 56, 152, 368), (1, 1, 4, 7)),
    "X004": (16, (32, 64, 160, 384), (1, 2, 7, 12)),
    "X006": (24, (48, 96, 240, 528), (1, 3, 5, 7)),
    "X008": (16, (64, 128, 288, 672), (1, 3, 7, 5)),
    "X016": (24, (72, 168, 408, 912), (2, 4, 10, 2)),
    "X032": (48, (96, 192, 432, 1008), (2, 6, 15, 2)),
    "X040": (40, (80, 240, 560, 1360), (2, 5, 14, 2)),
    "X064": (56, (168, 392, 784, 1624), (2, 4, 10, 1)),
    "X080": (120, (80, 240, 720, 1920), (2, 5, 15, 1)),
    "X120": (112, (224, 448, 896, 2240), (2, 5, 11, 1)),
    "X160": (128, (256, 512, 896, 2048), (2, 6, 13, 1)),
    "X320": (168, (336, 672, 1344, 2520), (2, 7, 13, 1)),
    "Y002": (8, (24, 56, 152, 368), (1, 1, 4, 7)),
    "Y004": (8, (48, 104, 208, 440), (1, 3, 6, 6)),
    "Y006": (16, (48, 112, 256, 608), (1, 3, 7, 4)),
    "Y008": (16, (64, 128, 320, 768), (1, 3, 8, 2)),
    "Y016": (24, (48, 120, 336, 888), (2, 6, 17, 2)),
    "Y032": (24, (72, 216, 576, 1512), (2, 5, 13, 1)),
    "Y040": (64, (128, 192, 512, 1088), (2, 6, 12, 2)),
    "Y064": (72, (144, 288, 576, 1296), (2, 7, 14, 2)),
    "Y080": (56, (168, 448, 896, 2016), (2, 4, 10, 1)),
    "Y120": (112, (224, 448, 896, 2240), (2, 5, 11, 1)),
    "Y160": (112, (224, 448, 1232, 3024), (2, 4, 11, 1)),
    "Y320": (232, (232, 696, 1392, 3712), (2, 5, 12, 1)),
}
# Blocks n1 to n4 of the four stages.
_RESNET = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}
_RESNET_RS = {
    **_RESNET, "200": (3, 24, 36, 3), "270": (4, 29, 53, 4), "350": (4, 36, 72, 4), "420": (4, 44, 87, 4),
}  # fmt: skip


def _numbered(name: str, values: tuple[int, ...]) -> dict[str, Number]:
    return {f"{name}{index}": value for index, value in enumerate(values, 1)}


def _all() -> Iterator[Application]:
    for name, (filters, blocks) in _CONVNEXT.items():
        yield Application(f"ConvNeXt{name}", "convnext.cell", {"F": filters, "n": blocks}, smallest=name == "Tiny")
    for name, (third, fourth) in _DENSENET.items():
        yield Application(f"DenseNet{name}", "densenet.cell", {"n3": third, "n4": fourth}, smallest=name == "121")
    for name, (width, depth, drop) in _EFFICIENTNET.items():
        params = {"W": width, "D": depth, "drop": drop}
        yield Application(f"EfficientNet{name}", "efficientnet.cell", params, smallest=name == "B0")
    for name, (width, depth) in _EFFICIENTNET_V2.items():
        params = {"W": width, "D": depth}
        yield Application(f"EfficientNetV2{name}", "efficientnet_v2_b.cell", params, smallest=name == "B0")
    for name in "SML":
        yield Application(f"EfficientNetV2{name}", f"efficientnet_v2_{name.lower()}.cell")
    yield Application("InceptionResNetV2", "inception_resnet_v2.cell", smallest=True)
    yield Application("InceptionV3", "inception_v3.cell", smallest=True)
    yield Application("MobileNet", "mobilenet.cell", smallest=True)
    yield Application("MobileNetV2", "mobilenet_v2.cell", smallest=True)
    yield Application("MobileNetV3Large", "mobilenet_v3_large.cell")
    yield Application("MobileNetV3Small", "mobilenet_v3_small.cell", smallest=True)
    yield Application("NASNetLarge", "nasnet_a_keras.cell", {"N": 6, "F": 168, "stem": 96, "further": 1, "drop": 0.5})
    yield Application("NASNetMobile", "nasnet_a_keras.cell", smallest=True)
    for name, (group, widths, depths) in _REGNET.items():
        gates = {"squeeze": 0.25} if name.startswith("Y") else {}
        params = {"group": group, **gates, **_numbered("w", widths), **_numbered("d", depths)}
        yield Application(f"RegNet{name}", "regnet.cell", params, smallest=name == "Y002")
    for name, stages in _RESNET.items():
        params = {"n2": stages[1], "n3": stages[2]}
        yield Application(f"ResNet{name}", "resnet.cell", params, smallest=name == "50")
        yield Application(f"ResNet{name}V2", "resnet_v2.cell", params, smallest=name == "50")
    for name, stages in _RESNET_RS.items():
        yield Application(f"ResNetRS{name}", "resnet_rs.cell", _numbered("n", stages), smallest=name == "50")
    for name, convolutions in {"16": 3, "19": 4}.items():
        yield Application(f"VGG{name}", "vgg.cell", {"n": convolutions}, smallest=name == "16")
    yield Application("Xception", "xception.cell", smallest=True)


APPLICATIONS: Mapping[str, Application] = {one.model: one for one in sorted(_all(), key=lambda one: one.model)}
