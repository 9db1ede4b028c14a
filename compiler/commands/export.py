"""The command `cell export`, which writes a trained network in a format that other programs read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.commands.finding import Individual, individual_of
from compiler.commands.inspect import UsageError, add_changes, image_shape, load
from compiler.filesystem import Place, place
from compiler.outlet import quiet
from dsl.wording import by_x, plural

if TYPE_CHECKING:
    from compiler.networks.saved import Saved

SUFFIXES = (".keras", ".tflite", ".onnx", "")
_OF_WEIGHTS = ("input", "classes", "mean", "std")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the arguments of `cell export`: the network, the file to write, and facts that a weights file lacks."""
    command.add_argument("file", metavar="PATH",
                         help="the folder of a trained network, a search or its individual such as runs/amoeba:33, "
                         "or a .cell file with --weights")  # fmt: skip
    command.add_argument("--out", required=True, metavar="OUT",
                         help="NAME.keras, NAME.tflite, NAME.onnx, or the folder of a SavedModel")  # fmt: skip
    command.add_argument("--tf_keras", action="store_true",
                         help="write the .keras of Keras 2, which tf_keras.models.load_model reads")  # fmt: skip
    alone = command.add_argument_group("for a .cell file with --weights")
    alone.add_argument("--weights", metavar="FILE", help="weights of the network, such as runs/amoeba/weights/57.npz")
    alone.add_argument("--input", metavar="HxWxC", help="shape of the training images, such as 32x32x3")
    alone.add_argument("--classes", type=int, metavar="N", help="the number of classes")
    alone.add_argument(
        "--mean", metavar="M,M,...", help="mean of each channel of the training images (that of the weights, or 0)"
    )
    alone.add_argument(
        "--std", metavar="S,S,...", help="standard deviation of each channel of these images (the same, or 1)"
    )
    add_changes(alone)


def export(options: argparse.Namespace) -> int:
    """Exports a trained network, compares both networks on random images, and prints the greatest difference.

    Raises:
      UsageError: the network does not exist, or the target cannot be written.
      CompileError: the network's files are damaged, or the exported network computes other values.
    """
    out = Path(options.out)
    _check_target(out, options.tf_keras)
    individual = None if options.weights else individual_of(options, options.file)
    _check_source(options, individual)
    with quiet():
        from compiler.networks import formats

        saved = _saved(options, individual)
        made = formats.export(saved, out, formats.TF_KERAS if options.tf_keras else None)
    shape = by_x(saved.input_shape)
    size = f"any size, resized to {shape}," if made.any_size else shape
    print(f"{out}: images of {size} to {plural(saved.classes, 'class', 'classes')}, {made.size / 1e6:.1f} MB")
    if not made.any_size:
        print(_unprepared(saved, out))
    if formats.labels(saved).splitlines() != list(saved.class_names):
        print(f"line breaks inside class names are written as \\n in {formats.LABELS}")
    images = f"{formats.IMAGES} random images" + " of each of two sizes" * made.any_size
    compared = f"read back and compared on {images}"
    print(f"{compared}: the largest relative difference of log probabilities is {made.difference:.1g}")
    return 0


def _unprepared(saved: Saved, out: Path) -> str:
    """Returns a message on how to resize images for an exported file that does not resize them itself."""
    if saved.preparation is None:
        return (
            f"{out} takes only images of {by_x(saved.input_shape)}: weights without a folder, and networks saved by "
            "version 0.5.0, do not say how their images were resized"
        )
    resized, size = (f"{height}x{width}" for height, width in (saved.preparation.resized, saved.preparation.size))
    crop = "" if saved.preparation.crop == 1 else f", and crop the middle {size}"
    how = f"resize images to {resized}, bilinear with antialiasing{crop}, as docs/exporting.md shows"
    return f"{out} does not resize: {how}"


def _check_target(out: Path, older: bool) -> None:
    if out.suffix not in SUFFIXES:
        raise UsageError(f"--out {str(out)!r} ends in {out.suffix}; allowed: .keras, .tflite, .onnx, or for a "
                         "SavedModel the name of a folder, without a dot")  # fmt: skip
    if older and out.suffix != ".keras":
        raise UsageError(f"--tf_keras goes with a file that ends in .keras, and --out is {str(out)!r}")
    if out.suffix and out.is_dir():
        raise UsageError(f"--out {str(out)!r} is a folder")
    if not out.suffix and out.exists() and not (out / "saved_model.pb").is_file():
        raise UsageError(f"--out {str(out)!r} exists and is not a SavedModel; name a folder that does not exist yet")


def _check_source(options: argparse.Namespace, individual: Individual | None) -> None:
    path = place(options.file)
    if options.weights is None:
        given = [f"--{name}" for name in _OF_WEIGHTS if getattr(options, name) is not None]
        given += ["--param"] * bool(options.param) + ["--with"] * bool(options.overlays)
        if given:
            raise UsageError(f"{given[0]} goes with --weights only; the folder of a trained network has these facts")
        if individual is None:
            _check_folder(path)
    elif not isinstance(path, Path):
        raise UsageError(f"{path} is an address; with --weights FILE is a .cell file of this machine")
    elif path.is_dir():
        raise UsageError(f"{path} is a folder; --weights goes with a .cell file")
    else:
        missing = [f"--{name}" for name in ("input", "classes") if getattr(options, name) is None]
        if missing:
            raise UsageError(f"--weights {options.weights}: give {' and '.join(missing)} too; the file lacks them")
        if options.classes < 1:
            raise UsageError(f"--classes {options.classes}: it must be at least 1")


def _check_folder(path: Place) -> None:
    """Raises UsageError unless a path is the folder of a trained network, or `network.cell` in such a folder."""
    folder = _folder(path)
    if (folder / "network.json").is_file() and path in (folder, folder / "network.cell"):
        return
    if path.suffix == ".cell":
        raise UsageError(f"{path} has no weights: name the folder of a trained network, or give --weights FILE.npz, "
                         "--input HxWxC and --classes N")  # fmt: skip
    if not path.exists():
        raise UsageError(f"there is no {path}")
    inside = sorted(found for found in path.glob("*") if (found / "network.json").is_file())
    hint = f"; {inside[0]} is one" if inside else ""
    raise UsageError(f"{path} is not a trained network, which is a folder with a network.json in it{hint}")


def _folder(path: Place) -> Place:
    return path.parent if path.suffix == ".cell" else path


def _saved(options: argparse.Namespace, individual: Individual | None) -> Saved:
    from compiler.errors import CompileError
    from compiler.networks import pretrained, weights
    from compiler.networks.saved import Saved, read

    if individual is not None:
        return individual.trained()
    if options.weights is None:
        return read(_folder(place(options.file)))
    shape = image_shape(options.input)
    names = tuple(str(number) for number in range(options.classes))
    own = pretrained.normalization(place(options.weights)) or ((0.0,), (1.0,))
    mean, std = (_numbers(options, name, one, shape[-1]) for name, one in zip(("mean", "std"), own, strict=True))
    genotype, values = load(options, options.file), weights.read(place(options.weights))
    try:
        return Saved(genotype, values, shape, names, mean, std)
    except CompileError as error:
        raise CompileError(f"{options.file} with {options.weights}: {error}") from None


def _numbers(options: argparse.Namespace, name: str, default: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Returns the numbers of `--mean` or `--std`, one for each channel. A single number counts for all channels."""
    text = getattr(options, name)
    try:
        values = default if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--{name} {text!r} is not NUMBER,NUMBER,..., such as 125.3,123.0,113.9") from None
    return values * channels if len(values) == 1 else values
