"""Draws the accuracies of searches over the number of trained networks. Each algorithm has a mean, a band and a colour.

The picture follows the comparison of Real et al. 2019, arXiv 1802.01548. Matplotlib, from the extra `[plot]`, is
imported when a picture is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# People with colour blindness can distinguish these colours (Okabe and Ito).
COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#d55e00", "#767676", "#e69f00", "#56b4e9")
INK, SOFT, PALE = "#1f2933", "#66727f", "#e3e7eb"
_APART = 0.055  # the least distance between two labels, as a share of the height of the picture
_EARLY = 0.1  # the share of a search, at its beginning, whose values may lie below the picture


@dataclass(frozen=True, slots=True)
class Curves:
    """The best fitness and the population mean of one search, by the number of trained networks."""

    best: tuple[float, ...]
    population: tuple[float, ...]  # the mean of the population
    test: float | None = None  # the accuracy of the best individual on the test images; None if it was not tested


@dataclass(frozen=True, slots=True)
class Band:
    """The mean of several searches, and two standard errors of this mean, by the number of trained networks."""

    mean: NDArray[np.float64]
    reach: NDArray[np.float64]


def draw(curves: Mapping[str, Sequence[Curves]], path: Path) -> tuple[Path, Path]:
    """Draws the best fitness and the population mean as SVG and as PNG, and returns the files.

    Raises:
      ModuleNotFoundError: matplotlib is not installed.
    """
    import matplotlib
    from matplotlib.figure import Figure

    seeds = max(len(searches) for searches in curves.values())
    with matplotlib.rc_context({"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "compare"}):
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _panel(left, "Best validation accuracy so far", {k: band([c.best for c in v]) for k, v in curves.items()})
        _panel(right, "Mean of the population", {k: band([c.population for c in v]) for k, v in curves.items()})
        left.set_ylabel("validation accuracy", color=SOFT)
        if seeds > 1:
            figure.supxlabel(f"mean of {seeds} searches, band: two standard errors", fontsize=9, color=SOFT)
        files = path.with_suffix(".svg"), path.with_suffix(".png")
        figure.savefig(files[0], metadata={"Date": None})
        figure.savefig(files[1], dpi=160)
    return files


def band(searches: Sequence[Sequence[float]]) -> Band:
    """Returns the mean and the band of several searches, up to the length of the shortest search."""
    models = min(len(search) for search in searches)
    values = np.array([search[:models] for search in searches])
    if len(values) == 1:
        return Band(values[0], np.zeros(models))
    return Band(values.mean(0), 2 * values.std(0, ddof=1) / len(values) ** 0.5)


def _panel(axes: Axes, title: str, bands: Mapping[str, Band]) -> None:
    longest = max(len(band.mean) for band in bands.values())
    for one, colour in zip(bands.values(), cycle(COLOURS), strict=False):
        models = np.arange(1, len(one.mean) + 1)
        axes.fill_between(models, one.mean - one.reach, one.mean + one.reach, color=colour, alpha=0.15, linewidth=0)
        axes.plot(models, one.mean, color=colour, linewidth=1.8)
    low, high = _limits(bands)
    axes.set(xlim=(0, longest), ylim=(low, high))
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.set_xlabel("models trained", color=SOFT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=SOFT)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    ends = [min(max((one.mean[-1] - low) / (high - low), 0.0), 1.0) for one in bands.values()]
    for name, colour, height in zip(bands, cycle(COLOURS), spread(ends, _APART), strict=False):
        axes.annotate(
            name.replace("_", " "),
            (1.015, height),
            xycoords="axes fraction",
            va="center",
            color=colour,
            fontsize=9,
            fontweight="bold",
        )


def _limits(bands: Mapping[str, Band]) -> tuple[float, float]:
    """Returns the range of the vertical axis.

    Values of the first tenth of a search may lie below the range. Otherwise they would flatten the rest of the curves.
    """
    lowest = min(one.mean[int(_EARLY * len(one.mean)) :].min() for one in bands.values())
    highest = max((one.mean + one.reach)[int(_EARLY * len(one.mean)) :].max() for one in bands.values())
    margin = 0.05 * max(highest - lowest, 1e-6)
    return float(lowest - margin), float(highest + margin)


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Returns heights that were moved away from each other until no two are closer than `apart`. The order stays."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, dtype=float)[order]
    for _ in range(200):
        gaps = apart - np.diff(placed)
        if (gaps <= 1e-9).all():
            break
        push = np.maximum(gaps, 0) / 2
        placed[:-1] -= push
        placed[1:] += push
    found = np.empty(len(placed))
    found[order] = placed
    return [float(height) for height in found]
