"""The command `cell weights`, which writes the weights of a trained network to a file from which trainings begin."""

from __future__ import annotations

import argparse
import shlex
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import dsl
from compiler.commands.finding import individual_of
from compiler.commands.inspect import UsageError, add_changes, load, params_of
from compiler.errors import did_you_mean, pasted
from compiler.filesystem import place
from compiler.networks.names import FACTS
from compiler.outlet import quiet
from dsl.wording import plural

if TYPE_CHECKING:
    from compiler.networks.saved import Saved

KERAS = "applications"  # before the name of a model of `tf_keras.applications`
_OF_KERAS = ("file", "weights", "classes", "param", "overlays")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the arguments of `cell weights`: the network with the weights, and the file to write."""
    command.add_argument("--from", dest="source", required=True, metavar="SOURCE",
                         help="applications:NAME for a model of tf_keras.applications, the folder of a trained "
                         "network, or a search or its individual such as runs/amoeba:33")  # fmt: skip
    command.add_argument("--out", required=True, metavar="OUT", help="the file to write, NAME.npz")
    keras = command.add_argument_group("for applications:NAME")
    keras.add_argument("file", metavar="FILE", nargs="?",
                       help="the .cell file of the same network (the shipped one)")  # fmt: skip
    keras.add_argument("--file", dest="weights", metavar="WEIGHTS",
                       help="weights of the model that Keras has saved, such as weights.h5 (downloads those of "
                       "ImageNet)")  # fmt: skip
    keras.add_argument("--classes", type=int, metavar="N", help="the number of classes of WEIGHTS (1000)")
    add_changes(keras)


def weights(options: argparse.Namespace) -> int:
    """Writes the file, and prints what it has, how images are normalized for it, and the commands that use it.

    Raises:
      UsageError: an argument is wrong, or the network does not exist.
      CompileError: the weights cannot be read, or are those of another network than the text.
    """
    out = Path(options.out)
    if out.suffix != ".npz":
        raise UsageError(f"--out {options.out!r} must end in .npz, such as {out.stem or 'net'}.npz")
    if out.is_dir():
        raise UsageError(f"--out {options.out!r} is a folder")
    kind, _, name = options.source.partition(":")
    saved, source, text = _of_keras(options, name) if kind == KERAS else _trained(options)
    from compiler.networks import pretrained

    pretrained.write(out, saved, source)
    made = pretrained.read(out)
    shapes = made.agreement(saved.graph).shapes.values()
    print(f"{out}: {plural(len(shapes), 'weight')} with {sum(map(prod, shapes)):,} values, from {source}")
    print(f"images are {made.normalization()}")
    print(f"a search begins from them with {pasted('search.initial_weights', options.out)}")
    print(f"a training begins from them with --weights {shlex.quote(options.out)}, added to cell train {text}")
    return 0


def _of_keras(options: argparse.Namespace, name: str) -> tuple[Saved, str, str]:
    """Returns the network of a Keras model, where its weights come from, and the name of the text for a command."""
    from compiler.networks.applications import CLASSES, applications, taken

    known = applications()
    if name not in known:
        raise UsageError(f"tf_keras.applications has no {name!r}{did_you_mean(name, known)}")
    one, file = known[name], options.weights
    if file is not None and not Path(file).is_file():
        raise UsageError(f"--file {file}: there is no such file")
    if file is None and options.classes is not None:
        raise UsageError("--classes goes with --file; the weights of ImageNet have 1000 classes")
    if options.classes is not None and options.classes < 2:
        raise UsageError(f"--classes {options.classes}: it must be at least 2")
    if file is not None and one.rescaled:
        raise UsageError(
            f"{name}: Keras scales the images of this model in another way for its weights of ImageNet than for a "
            "file, so a file could be used with the wrong scale; copy its weights of ImageNet into ~/.keras/models/, "
            "and leave --file out"
        )
    if options.file is None:
        genotype = dsl.load(one.file, {**one.params, **params_of(options.param)}, (*one.overlays, *options.overlays))
    else:
        genotype = load(options, options.file)
    with quiet():
        saved, difference = taken(name, genotype, file, options.classes or CLASSES)
    print(f"the text computes what {name} does: outputs differ by {difference:.1g} of the largest")
    params = "".join(f" --param {key}={value}" for key, value in one.params.items()) if options.file is None else ""
    text = f"{options.file or one.file}{params}"
    return saved, f"tf_keras.applications.{name} with the weights {file or 'of ImageNet'}", text


def _trained(options: argparse.Namespace) -> tuple[Saved, str, str]:
    """Returns a trained network, where its weights come from, and its name for a command."""
    from compiler.networks.saved import read

    for name in _OF_KERAS:
        if getattr(options, name) not in (None, []):
            flag = {"file": options.file, "weights": "--file", "overlays": "--with"}.get(name, f"--{name}")
            raise UsageError(f"{flag} goes with --from {KERAS}:NAME only; a trained network has its own text")
    individual = individual_of(options, options.source)
    if individual is not None:
        return individual.trained(), options.source, shlex.quote(options.source)
    folder = place(options.source)
    if not (folder / FACTS).is_file():
        raise UsageError(
            f"--from {options.source!r} is neither a trained network, which is a folder with a {FACTS} in it, nor a "
            f"search, nor {KERAS}:NAME, such as {KERAS}:MobileNetV3Large"
        )
    return read(folder), options.source, shlex.quote(str(folder / "network.cell"))
