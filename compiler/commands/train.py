"""The command `cell train`, which runs the final training of a network with the settings of gin files and flags."""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dsl
from compiler.commands.finding import Individual, individual_of
from compiler.commands.inspect import UsageError, add_changes, load, params_of
from compiler.errors import pasted
from compiler.filesystem import place
from compiler.outlet import quiet
from compiler.settings import GENES
from dsl.wording import plural

if TYPE_CHECKING:
    from compiler.training.final import FinalTraining


SECONDS = 5.0  # seconds between two lines on the progress of reading images


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the arguments of `cell train`: the network, its settings, and the work directory."""
    command.add_argument(
        "file", metavar="FILE", help="a .cell file, a search, or its individual such as runs/amoeba:33"
    )
    command.add_argument("--like", metavar="SEARCH",
                         help="take the images and settings of this search, such as runs/amoeba")  # fmt: skip
    command.add_argument("--gin_file", action="append", default=[], metavar="GIN",
                         help="settings of the training: a gin file by its path, or a shipped one by its name; "
                         "other settings are those of the search if one is named")  # fmt: skip
    command.add_argument("--gin_param", action="append", default=[], metavar="BINDING",
                         help="replaces a binding of the files, such as training.epochs=20")  # fmt: skip
    command.add_argument("--weights", metavar="FILE",
                         help="begin from these weights, which `cell weights` has written, wherever key and shape "
                         "agree; images are then normalized as the weights expect")  # fmt: skip
    command.add_argument("--workdir", metavar="DIR", help="work directory of the training (runs/FILE-GIN)")
    command.add_argument("--profile", action="store_true", help="profile some steps, for TensorBoard's profiler")
    add_changes(command)


def train(options: argparse.Namespace) -> int:
    """Runs a final training, or resumes one that was interrupted.

    Raises:
      UsageError: the command line names no settings, or the work directory cannot be used.
      CompileError, CellError: the network cannot be trained with these settings.
    """
    from compiler.training import gin_files as gin_config

    like = _like(options)
    settings = None if like is None else like.settings()
    if settings is None and not options.gin_file:
        raise UsageError(f"say how to train: cell train {shlex.quote(options.file)} --gin_file=train_digits.gin")
    config = gin_config.read(options.gin_file, options.gin_param, settings or ())
    network = config.network
    params = {**network.params, **params_of(options.param)}
    genotype = load(options, options.file, params, (*network.overlays, *options.overlays))
    config = replace(config, network=replace(network, params=params))
    folder = Path(options.workdir) if options.workdir else _folder(options)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the work directory {folder} is a file; choose another --workdir")
    if individual_of(options, str(folder)) is not None:
        raise UsageError(f"the work directory {folder} holds a search; choose another --workdir for a training")
    _check_genes(genotype, options)
    with quiet():
        from compiler.networks import pretrained
        from compiler.training.final import FinalTraining

        initial = None if options.weights is None else pretrained.read(place(options.weights))
        run = FinalTraining(genotype, config, folder, _Reading().show, initial)
    if like is not None and settings is not None and run.source == settings[0].source:
        _check_images(run, like, options)
    _show_start(run, genotype, folder)
    if not run.is_finished:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.gin").write_text(gin_config.in_force(), encoding="utf-8")
    _follow(run, options.profile)
    return 0


def _like(options: argparse.Namespace) -> Individual | None:
    """Returns the individual that `--like` names; None without this flag. Images and settings come from its search.

    Raises:
      UsageError: `--like` does not name a search.
    """
    if options.like is None:
        return individual_of(options, options.file)
    individual = individual_of(options, options.like)
    if individual is None:
        raise UsageError(
            f"--like {options.like!r} does not name a search; name the work directory of one, such as runs/amoeba"
        )
    return individual


def _check_genes(genotype: dsl.Genotype, options: argparse.Namespace) -> None:
    """Checks that `--gin_param` sets no setting that a gene of the individual replaces.

    Raises:
      UsageError: `--gin_param` sets such a setting.
    """
    typed = {binding.partition("=")[0].strip().removeprefix("training.") for binding in options.gin_param}
    for name, value in genotype.genes:
        if name in typed and name in GENES and isinstance(value, int | float):
            raise UsageError(
                f"nothing reads training.{name}: the gene {name} = {value:g} of the individual replaces it; change the "
                "gene in the .cell text"
            )


def _check_images(run: FinalTraining, like: Individual, options: argparse.Namespace) -> None:
    """Checks that the images are those of the search, unless `--gin_param` names a source of images.

    Raises:
      UsageError: the images have changed since the search.
    """
    named = any(binding.replace(" ", "").startswith("dataset.source=") for binding in options.gin_param)
    if not named and like.digest not in ("", run.images.digest):
        raise UsageError(
            f"the images at {run.source} differ from those of the search of {like.label}; to train on these images, "
            f"name their source: {pasted('dataset.source', run.source)}"
        )


class _Reading:
    """Prints the progress of reading images, at most once in `SECONDS` seconds."""

    def __init__(self) -> None:
        self._shown = time.monotonic()

    def show(self, done: int, all: int) -> None:
        if time.monotonic() - self._shown >= SECONDS:
            self._shown = time.monotonic()
            print(f"reading images: {done:,} of {all:,}", flush=True)


def _folder(options: argparse.Namespace) -> Path:
    individual = individual_of(options, options.file)
    network = Path(options.file).stem if individual is None else individual.label
    how = Path(options.gin_file[-1]).stem if options.gin_file else "as-searched"
    return Path("runs") / f"{network}-{how}"


def _show_start(run: FinalTraining, genotype: dsl.Genotype, folder: Path) -> None:
    replicas = run.strategy.num_replicas_in_sync
    params = ", ".join(f"{name}={value}" for name, value in genotype.space.params.items())
    rows = [
        ("data", run.feed.describe()),
        *run.images.remarks,
        *(("warning", text) for text in run.warnings),
        *([] if run.initial is None else run.initial.rows(run.graph)),
        ("network", f"{run.cost.params:,} parameters, {run.cost.mult_adds:,} mult-adds ({params})"),
        *([("genes", ", ".join(f"{name} = {value:g}" for name, value in genes) + " (these replace settings)")]
          if (genes := [gene for gene in genotype.genes if gene[0] in GENES]) else []),
        ("training", f"{run.training.epochs} epochs on {plural(replicas, 'replica')}"
         + (f", {len(run.history)} of them finished" if run.history else "")),
        ("work directory", str(folder)),
        ("watch", f"tensorboard --logdir={shlex.quote(str(folder / 'tensorboard'))}"),
    ]  # fmt: skip
    for name, value in rows:
        print(f"{name:<16}{value}", flush=True)


def _follow(run: FinalTraining, profile: bool) -> None:
    """Runs the epochs and prints a line for each. At the end, prints the accuracies and a command to try next."""
    start, before = time.monotonic(), len(run.history)
    try:
        for epoch in run.epochs(profile):
            seconds = (time.monotonic() - start) / (epoch.epoch - before)
            left = seconds * (run.training.epochs - epoch.epoch)
            measured = epoch.validation_accuracy
            validation = "" if measured is None else f"validation {measured:.4f}  "
            print(
                f"epoch {epoch.epoch}/{run.training.epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}  "
                f"{validation}{seconds:,.1f} s an epoch, {left / 60:,.0f} min left",
                flush=True,
            )
    except KeyboardInterrupt:
        print(f"\ninterrupted: {len(run.history)} of {run.training.epochs} epochs are kept in {run.folder}; the same "
              "command resumes the training", flush=True)  # fmt: skip
        raise
    if run.data_share is not None:
        print(f"steps waited for images for {run.data_share:.1%} of their time")
    result = run.finish()
    print(f"validation accuracy {result.validation_accuracy:.4f}")
    print(f"test accuracy {result.test_accuracy:.4f}")
    folder, out = shlex.quote(str(run.folder)), shlex.quote(f"{run.folder.name}.keras")
    print(f"written to {run.folder}; next:\n  cell export {folder} --out {out}")
