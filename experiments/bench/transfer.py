"""Trainings from the weights of another training, and from random weights: `python -m experiments.bench.transfer`.

A small network is trained on seven classes of the scattered digits. Its weights start trainings on few images of the
three other classes. The program prints the validation accuracies after each epoch, and draws them (needs the extra
`[plot]`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import dsl
from compiler import Dataset, Images, Training, train
from compiler.images.data import load
from compiler.networks.weights import weights_of
from experiments.figure import COLOURS, INK, SOFT, band

TEXT = """
op unit[stride=1] = conv[3x3, stride=stride] | batch_norm | relu
network { stem: unit[filters=12]   body: unit[filters=24, stride=2], unit[filters=48, stride=2]
          head: global_avg_pool | dense[classes] }
"""
SEEDS = 5
FEW = 150  # training images of the second training
FIRST = Training(epochs=20, batch_size=64, learning_rate=0.1, drop_path_keep=1.0, augment=(), optimize_graph=False)
SECOND = replace(FIRST, epochs=15, batch_size=15, learning_rate=0.05)
RANDOM, BEGUN = "random weights", "weights of the first training"


def of_classes(whole: Dataset, first: int, last: int, few: int | None = None) -> Dataset:
    """Returns the images of the classes from `first` to before `last`, with at most `few` training images."""
    parts = [_of(images, first, last) for images in (whole.train, whole.validation, whole.test)]
    kept = parts[0].of(np.arange(len(parts[0]))[:few])
    # The images that are left out of the training are validated, since few would give a rough accuracy.
    validation = parts[1] if few is None else parts[0].of(np.arange(few, len(parts[0]))).joined(parts[1])
    pixels = kept.images.astype(np.float64)
    return replace(
        whole, train=kept, validation=validation, test=parts[2], class_names=whole.class_names[first:last],
        mean=tuple(pixels.mean((0, 1, 2)).tolist()), std=tuple(pixels.std((0, 1, 2)).tolist()),
    )  # fmt: skip


def _of(images: Images, first: int, last: int) -> Images:
    own = images.of(np.flatnonzero((images.labels >= first) & (images.labels < last)))
    return Images(own.images, own.labels - first)


def curves(seed: int) -> dict[str, list[float]]:
    """Returns the validation accuracies after each epoch, of a training from random and from trained weights."""
    whole, genotype = load("digits_scattered"), dsl.loads(TEXT)
    first, second = of_classes(whole, 0, 7), of_classes(whole, 7, 10, FEW)
    trained = train(genotype, first, FIRST, seed)
    # Images are normalized as the weights expect.
    second_for_weights = second.normalized_by(first.mean, first.std)
    both = {
        RANDOM: train(genotype, second, SECOND, seed),
        BEGUN: train(genotype, second_for_weights, SECOND, seed, pretrained=weights_of(trained.layers)),
    }
    return {name: [epoch.validation_accuracy or 0.0 for epoch in one.history] for name, one in both.items()}


def draw(found: dict[str, list[list[float]]], path: Path) -> None:
    """Draws the mean and two standard errors over the seeds as SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "transfer"}):
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        for (name, runs), colour in zip(found.items(), (COLOURS[4], COLOURS[0]), strict=True):
            one = band(runs)
            epochs = np.arange(1, len(one.mean) + 1)
            axes.plot(epochs, one.mean, color=colour, label=name)
            axes.fill_between(epochs, one.mean - one.reach, one.mean + one.reach, color=colour, alpha=0.2, linewidth=0)
        axes.set_xlabel(f"epochs on {FEW} images of three new classes", color=SOFT)
        axes.set_ylabel("validation accuracy", color=SOFT)
        axes.tick_params(colors=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the mean accuracies of all seeds, and draws them to `--out`."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.transfer")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"the number of random seeds ({SEEDS})")
    parser.add_argument("--out", metavar="PATH", help="draw the accuracies to this .svg file")
    asked = parser.parse_args(arguments)
    found: dict[str, list[list[float]]] = {RANDOM: [], BEGUN: []}
    for seed in range(asked.seeds):
        for name, run in curves(seed).items():
            found[name].append(run)
    for name, runs in found.items():
        print(f"{name + ':':<32}{' '.join(f'{value:.3f}' for value in band(runs).mean)}")
    if asked.out:
        draw(found, Path(asked.out))


if __name__ == "__main__":
    main()
