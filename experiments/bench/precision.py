"""Measures what mixed precision costs in accuracy: `python -m experiments.bench.precision`.

AmoebaNet-A is trained on the digits in float32, bfloat16 and float16, each with the same random seeds. Trainings with
one seed have the same first weights and the same batches, so their accuracies are also compared in pairs. Each line has
the mean accuracy on the validation images with its standard error, and the mean difference from float32 with the
standard error of this difference. With float32 alone, the spread over the seeds shows what chance does.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import dsl
from compiler import Feed, Training, feed, train
from compiler.images import data

BASE = "float32"
PRECISIONS = (BASE, "bfloat16", "float16")
SETTINGS = Training(batch_size=32, learning_rate=0.1, drop_path_keep=1.0, augment=(), optimize_graph=False)

Accuracies = Mapping[str, Sequence[float]]  # by precision; each has one accuracy for each seed, in the same order


def accuracies(genotype: dsl.Genotype, images: Feed, training: Training, seed: int) -> Mapping[str, float]:
    """Returns the accuracy on the validation images of one training in each precision, with the same seed."""
    return {
        precision: train(genotype, images, replace(training, precision=precision), seed).accuracy
        for precision in PRECISIONS
    }


def summary(found: Accuracies) -> list[dict[str, object]]:
    """Returns for each precision its accuracies, their mean, the mean difference from float32, and standard errors."""
    records: list[dict[str, object]] = []
    for precision, values in found.items():
        differences = [value - base for value, base in zip(values, found[BASE], strict=True)]
        records.append(
            {
                "precision": precision,
                "accuracies": list(values),
                "mean": statistics.fmean(values),
                "standard_error": standard_error(values),
                "difference": statistics.fmean(differences),
                "standard_error_of_difference": standard_error(differences),
            }
        )
    return records


def standard_error(values: Sequence[float]) -> float:
    """Returns the standard error of the mean of at least two values."""
    return statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    """Trains the networks and prints the table or, with `--json`, records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5, help="trainings in each precision (5)")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each training (5)")
    parser.add_argument("--param", nargs=2, type=int, default=(0, 4), metavar=("N", "F"), help="size of the network")
    parser.add_argument("--json", action="store_true", help="print a list of records instead of the table")
    asked = parser.parse_args()
    if asked.seeds < 2:
        parser.error(f"--seeds is {asked.seeds}; a standard error needs at least 2: --seeds 5")
    genotype = dsl.load("amoebanet_a.cell", dict(zip("NF", asked.param, strict=True)))
    images, training = feed(data.load("digits", validation=0.3)), replace(SETTINGS, epochs=asked.epochs)
    runs = [accuracies(genotype, images, training, seed) for seed in range(asked.seeds)]
    found = summary({precision: [run[precision] for run in runs] for precision in PRECISIONS})
    print(json.dumps(found, indent=2) if asked.json else table(found))


def table(found: Sequence[Mapping[str, object]]) -> str:
    """Returns the records of `summary` as lines."""
    lines = [
        f"{one['precision']:<11}{one['mean']:>8.4f} ± {one['standard_error']:.4f}"
        f"{one['difference']:>+20.4f} ± {one['standard_error_of_difference']:.4f}"
        for one in found
    ]
    return "\n".join([f"{'':<11}{'accuracy':>17}{'difference from float32':>29}", *lines])


if __name__ == "__main__":
    main()
