"""Compares the sizes of the shipped networks with the published ones: `python -m experiments.bench.sizes`.

The program prints the table in experiments/README.md. A test checks that the file has this table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import dsl
from compiler import Cost, graph_cost, resolve
from compiler.graph.cost import weight_values
from compiler.primitives.base import Shape
from dsl.wording import by_x

_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "": 1}


@dataclass(frozen=True, slots=True)
class Network:
    """A network of a paper, and its published size as it is printed there. An unpublished figure is empty.

    `exact` has the parameters and mult-adds if they are known exactly. `is_read` says that the figures were read in the
    paper or its code, and not recalled. `counts_statistics` says that the published parameters include the moving
    statistics of batch normalizations, and `counts_head` that they include the head.
    """

    paper: str
    file: str
    params: tuple[tuple[str, int], ...]
    input: Shape
    classes: int
    published_params: str
    published_mult_adds: str = ""
    overlays: tuple[str, ...] = ()
    exact: tuple[int | None, int | None] = (None, None)
    is_read: bool = False
    counts_statistics: bool = False
    counts_head: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of a network. `counted` is the number of parameters, counted as the paper counts them."""

    network: Network
    cost: Cost
    counted: int

    @property
    def agrees(self) -> bool:
        """Whether every published figure is equal to the computed figure after rounding."""
        network = self.network
        return rounds_to(self.counted, network.published_params) and rounds_to(
            self.cost.mult_adds, network.published_mult_adds
        )

    @property
    def verdict(self) -> str:
        """The agreement as text: `exactly`, `yes` or `no`, or `-` if no figure was published."""
        if not self.agrees:
            return "no"
        if any(self.network.exact):
            return "exactly"
        return "yes" if self.network.published_params else "-"


CIFAR, MOBILE, MIDDLE, LARGE = (32, 32, 3), (224, 224, 3), (299, 299, 3), (331, 331, 3)
WORDS = (49, 10, 1)  # a spectrogram of one second
_A, _B, _C = (
    ("AmoebaNet-A", "amoebanet_a.cell"),
    ("AmoebaNet-B", "amoebanet_b.cell"),
    ("AmoebaNet-C", "amoebanet_c.cell"),
)
_N, _P = ("NASNet-A", "nasnet_a.cell"), ("PNASNet-5", "pnasnet_5.cell")
_OVER = ("imagenet.cell",)
_UNSETTLED = (
    "unexplained: the released code has no network of this size, and no other choice of concatenated states gives both "
    "figures"
)
_HEADLESS = "the published parameters leave out the classifier"
_BYTES = (
    "the published memory of 38.6, 189.2 and 497.6 KB is one byte for each parameter, and for each value that one "
    "convolution reads and writes; the published 5.4M, 19.8M and 56.9M operations count multiplications and additions"
)


def _of(n: int, f: int, **others: int) -> tuple[tuple[str, int], ...]:
    return (("N", n), ("F", f), *others.items())


NETWORKS = (
    Network(*_A, _of(6, 32), CIFAR, 10, "2.6M", exact=(2_567_754, 407_671_808), is_read=True),
    Network(*_A, _of(6, 36), CIFAR, 10, "3.2M", exact=(3_218_266, 509_668_992), is_read=True),
    Network(*_A, _of(2, 24), CIFAR, 10, "", exact=(628_954, 106_565_376), is_read=True),
    Network(*_B, _of(6, 36), CIFAR, 10, "2.8M", exact=(2_839_186, 454_925_952), is_read=True),
    Network(*_B, _of(6, 80), CIFAR, 10, "13.7M"),
    Network(*_B, _of(6, 128), CIFAR, 10, "34.9M"),
    Network(*_C, _of(6, 36), CIFAR, 10, ""),
    Network("AmoebaNet-D", "amoebanet_d.cell", _of(6, 36), CIFAR, 10, ""),
    Network(*_N, _of(6, 32), CIFAR, 10, "3.3M"),
    Network(*_N, _of(7, 96), CIFAR, 10, "27.6M", note=_UNSETTLED),
    Network(*_P, _of(3, 48), CIFAR, 10, "3.2M"),
    Network("DARTS", "darts.cell", _of(6, 36), CIFAR, 10, "3.3M", exact=(3_349_342, None)),
    Network(*_A, _of(4, 50), MOBILE, 1000, "5.1M", "555M", _OVER),
    Network(*_B, _of(3, 62), MOBILE, 1000, "5.3M", "555M", _OVER),
    Network(*_C, _of(4, 44), MOBILE, 1000, "5.1M", "535M", _OVER),
    Network(*_C, _of(4, 50), MOBILE, 1000, "6.4M", "570M", _OVER,
            note="the published mult-adds are those of another network: the same cells have 535M in the row above, and "
                 "677M with these filters"),
    Network(*_N, _of(4, 44), MOBILE, 1000, "5.3M", "564M", _OVER, exact=(5_289_978, 563_638_816), is_read=True),
    Network(*_P, _of(3, 54), MOBILE, 1001, "5.1M", "588M", _OVER,
            note="0.1 % fewer mult-adds than published; the parameters agree"),
    Network("DARTS", "darts_imagenet.cell", _of(4, 48), MOBILE, 1000, "4.7M", "574M", exact=(4_718_752, None),
            note="the released code prints the parameters, and they agree exactly; it does not count mult-adds"),
    Network(*_N, _of(5, 64), MIDDLE, 1001, "10.9M", "2.35B", _OVER, note=_UNSETTLED),
    Network(*_N, _of(7, 80), MIDDLE, 1001, "22.6M", "4.93B", _OVER, note=_UNSETTLED),
    Network(*_A, _of(6, 190), LARGE, 1001, "86.7M", "23.1B", _OVER, exact=(86_721_838, 23_133_666_547), is_read=True),
    Network(*_A, _of(6, 448), MIDDLE, 1001, "469M", "104B", _OVER, counts_statistics=True,
            note="the published figures are for images of 299x299, and include the statistics of batch normalization"),
    Network(*_B, _of(6, 190), LARGE, 1001, "84.0M", "22.3B", _OVER,
            note="both published figures are those of the network with F=196 in the next row"),
    Network(*_B, _of(6, 196), LARGE, 1001, "84.0M", "22.3B", _OVER),
    Network(*_C, _of(6, 168), LARGE, 1001, "85.5M", "22.5B", _OVER),
    Network(*_C, _of(6, 228), LARGE, 1001, "155.3M", "41.1B", _OVER),
    Network("NASNet-A", "nasnet_a_large.cell", _of(6, 168), LARGE, 1000, "88.9M", "23.8B",
            exact=(88_753_150, None), counts_statistics=True,
            note="the published parameters include the statistics of batch normalization"),
    Network(*_P, _of(4, 216, stem=96), LARGE, 1001, "86.1M", "25.0B", _OVER,
            note="0.3 % fewer mult-adds than published; the parameters agree"),
    Network("NAS-Bench-201, all 3x3", "nasbench201.cell", _of(5, 16), CIFAR, 10, "1,531,546",
            exact=(1_531_546, None), is_read=True),
    Network("ViT-S/16", "vit.cell", _of(12, 384), MOBILE, 1000, "22M", "4.6B"),
    Network("ViT-B/16", "vit.cell", _of(12, 768), MOBILE, 1000, "86M", counts_head=False, note=_HEADLESS),
    Network("MLP-Mixer S/16", "mixer.cell", _of(8, 512), MOBILE, 1000, "18M", counts_head=False, note=_HEADLESS),
    Network("MLP-Mixer B/16", "mixer.cell", _of(12, 768), MOBILE, 1000, "59M", counts_head=False, note=_HEADLESS),
    Network("MLP-Mixer L/16", "mixer.cell", _of(24, 1024), MOBILE, 1000, "207M", counts_head=False, note=_HEADLESS),
    Network("U-Net", "unet.cell", (("F", 64),), (512, 512, 1), 2, "", exact=(31_030_658, None),
            note="the sum over the 23 convolutions of the paper; the last one is the classifier here"),
    Network("DS-CNN-S", "keywords.cell", _of(4, 64), WORDS, 12, "", exact=(22_604, None), note=_BYTES),
    Network("DS-CNN-M", "keywords.cell", _of(4, 172, across=1, second=2), WORDS, 12, "", exact=(135_032, None),
            note=_BYTES),
    Network("DS-CNN-L", "keywords.cell", _of(5, 276, across=1, second=2), WORDS, 12, "", exact=(410_700, None),
            note=_BYTES),
)  # fmt: skip


def rounds_to(value: int, figure: str) -> bool:
    """Returns whether `value`, rounded, is a figure such as `86.7M`. True for an empty figure."""
    found = re.fullmatch(r"([\d,]+)(?:\.(\d+))?([KMB]?)", figure)
    if found is None:
        return not figure
    digits = len(found[2] or "")
    return f"{value / _UNITS[found[3]]:,.{digits}f}" == figure.removesuffix(found[3])


def measure(network: Network) -> Measured:
    """Returns the cost of a network, computed by the compiler."""
    graph = resolve(dsl.load(network.file, dict(network.params), network.overlays), network.input, network.classes)
    cost = graph_cost(graph)
    counted = weight_values(graph) if network.counts_statistics else cost.params
    return Measured(network, cost, counted if network.counts_head else counted - graph.steps[-1].params)


def table() -> str:
    """Returns the networks as a table in Markdown, with notes under the table."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| network | file, overlay | `--param` | input, classes | params | mult-adds | published | agrees |"
    yield "|---|---|---|---|--:|--:|---|---|"
    notes: list[str] = []
    for network in NETWORKS:
        found = measure(network)
        if network.note and network.note not in notes:
            notes.append(network.note)
        note = f" ({notes.index(network.note) + 1})" if network.note else ""
        figures = ", ".join(figure for figure in (network.published_params, network.published_mult_adds) if figure)
        star = "*" if figures and not network.is_read else ""
        columns = (
            network.paper,
            ", ".join((network.file, *network.overlays)),
            " ".join(f"{name}={value}" for name, value in network.params),
            f"{by_x(network.input)}, {network.classes}",
            f"{found.cost.params:,}",
            f"{found.cost.mult_adds:,}",
            f"{figures or '-'}{star}",
            f"{found.verdict}{note}",
        )
        yield f"| {' | '.join(columns)} |"
    yield ""
    yield from (f"({number}) {note}.  " for number, note in enumerate(notes, 1))


if __name__ == "__main__":
    print(table())
