"""The command `cell export`, which writes a trained network in a format that other programs read."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.commands.export_images import images_of
from compiler.commands.finding import Individual, individual_of
from compiler.commands.inspect import UsageError, add_changes, image_shape, load
from compiler.errors import CompileError, did_you_mean
from compiler.filesystem import Place, place
from compiler.networks.names import FACTS
from compiler.outlet import quiet
from dsl.wording import by_x, listed, plural

if TYPE_CHECKING:
    from compiler.networks.quantized import Quantized
    from compiler.networks.saved import Saved

SUFFIXES = (".keras", ".tflite", ".onnx", "")
QUANTIZED = ("float16", "dynamic", "int8")  # the kinds of quantization; later ones keep less
FAR = 0.02  # A quantized network whose accuracy is further below that of the float network gets a warning.
_OF_WEIGHTS = ("input", "classes", "mean", "std")  # flags; a file of weights has at most the last two


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the arguments of `cell export`: the network, the file to write, and facts that a weights file lacks."""
    command.add_argument("file", metavar="PATH",
                         help="the folder of a trained network, a search or its individual such as runs/amoeba:33, "
                         "or a .cell file with --weights")  # fmt: skip
    command.add_argument("--out", required=True, metavar="OUT",
                         help="NAME.keras, NAME.tflite, NAME.onnx, or the folder of a SavedModel")  # fmt: skip
    command.add_argument("--tf_keras", action="store_true",
                         help="write the .keras of Keras 2, which tf_keras.models.load_model reads")  # fmt: skip
    smaller = command.add_argument_group("for a smaller .tflite file")
    smaller.add_argument("--quantize", metavar="KIND",
                         help="float16: weights of 16 bits; dynamic: weights of 8 bits; int8: weights and values of 8 "
                         "bits, calibrated on training images")  # fmt: skip
    smaller.add_argument("--gin_param", action="append", default=[], metavar="BINDING",
                         help="replaces a setting of the images on which the network was trained, such as "
                         "dataset.source='images:photos'")  # fmt: skip
    alone = command.add_argument_group("for a .cell file with --weights")
    alone.add_argument("--weights", metavar="FILE", help="weights of the network, such as runs/amoeba/weights/57.npz")
    alone.add_argument("--input", metavar="HxWxC", help="shape of the training images, such as 32x32x3")
    alone.add_argument("--classes", type=int, metavar="N", help="the number of classes")
    alone.add_argument("--mean", metavar="M,M,...",
                       help="mean of each channel of the training images (that of the weights, if the file "
                       "has it); 0 if they were not normalized")  # fmt: skip
    alone.add_argument("--std", metavar="S,S,...",
                       help="standard deviation of each channel of these images (the same); 1 if they were not "
                       "normalized")  # fmt: skip
    add_changes(alone)


def export(options: argparse.Namespace) -> int:
    """Exports a trained network, compares both networks, and prints the differences.

    Raises:
      UsageError: the network does not exist, or the target cannot be written.
      CompileError: the network's files are damaged, or its images cannot be read.
      Differs: the exported network computes other values.
    """
    out = Path(options.out)
    _check_target(out, options)
    individual = None if options.weights else individual_of(options, options.file)
    _check_source(options, individual)
    with quiet():
        saved = _saved(options, individual)
        lines = _quantized(options, saved, individual) if options.quantize else _exported(options, saved)
    print("\n".join(lines))
    return 0


def _exported(options: argparse.Namespace, saved: Saved) -> list[str]:
    """Exports a network in float32. Returns the lines to print."""
    from compiler.networks import formats

    out = Path(options.out)
    made = formats.export(saved, out, formats.TF_KERAS if options.tf_keras else None)
    images = f"{formats.IMAGES} random images" + " of each of two sizes" * made.any_size
    return [
        *_described(saved, out, f"{made.size / 1e6:.1f} MB", made.any_size),
        f"read back and compared on {images}: the largest relative difference of log probabilities is "
        f"{made.difference:.1g}",
    ]


def _described(saved: Saved, out: Path, size: str, any_size: bool = False) -> list[str]:
    """Returns lines on what an exported network takes and gives."""
    from compiler.networks import formats

    shape = by_x(saved.input_shape)
    taken = f"any size, resized to {shape}," if any_size else shape
    return [
        f"{out}: images of {taken} to {plural(saved.classes, 'class', 'classes')}, {size}",
        f"pixels are normalized inside: {saved.normalization}",
        *([] if any_size else [_unprepared(saved, out)]),
        *([f"line breaks inside class names are written as \\n in {formats.LABELS}"]
          if formats.labels(saved).splitlines() != list(saved.class_names) else []),
    ]  # fmt: skip


def _quantized(options: argparse.Namespace, saved: Saved, individual: Individual | None) -> list[str]:
    """Exports a quantized network. Returns the lines to print: a table, and what it was measured on."""
    from compiler.networks import quantized

    folder = None if individual or options.weights else _folder(place(options.file))
    out, images, unread = Path(options.out), None, ""
    try:
        images = images_of(options, saved, individual, folder)
    except (CompileError, UsageError) as error:
        if options.quantize == "int8" or options.gin_param:
            raise
        unread = str(error)
    made = quantized.export(saved, out, options.quantize, images)
    shown = ["" if accuracy is None else f"{accuracy:.4f}" for accuracy in (made.float_accuracy, made.accuracy)]
    rows = [
        ("", "size", "accuracy", "same class", "largest difference"),
        ("float32", _kilobytes(made.float_size), shown[0], "", ""),
        (options.quantize, _kilobytes(made.size), shown[1], f"{made.agreement:.1%}", f"{made.difference:.2g}"),
    ]
    name = "" if images is None else f" of {images.name}"
    calibrated = f"calibrated on {made.calibrated:,} training images{name}; " if made.calibrated else ""
    on = f"{made.measured:,} validation images{name}" if made.measured else "random images"
    return [
        *_described(saved, out, f"quantized to {options.quantize}; its input and output are float32"),
        *(f"{row[0]:<10}{row[1]:>10}{row[2]:>10}{row[3]:>12}{row[4]:>20}".rstrip() for row in rows),
        f"{calibrated}read back and compared with float32 on {on}",
        *([f"the accuracy is not measured: {unread}"] if unread else []),
        *_warnings(options.quantize, made),
    ]


def _kilobytes(size: int) -> str:
    return f"{size / 1e3:,.1f} kB"


def _warnings(kind: str, made: Quantized) -> list[str]:
    """Returns a warning if a quantized network is far less accurate than the float network."""
    if made.accuracy is None or made.float_accuracy is None or made.float_accuracy - made.accuracy <= FAR:
        return []
    return [
        f"warning: {kind} costs {made.float_accuracy - made.accuracy:.4f} of the accuracy; "
        f"{' or '.join(QUANTIZED[: QUANTIZED.index(kind)]) or 'the export without --quantize'} keeps more of it"
    ]


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


def _check_target(out: Path, options: argparse.Namespace) -> None:
    older, kind = options.tf_keras, options.quantize
    if out.suffix not in SUFFIXES:
        raise UsageError(f"--out {str(out)!r} ends in {out.suffix}; allowed: .keras, .tflite, .onnx, or for a "
                         "SavedModel the name of a folder, without a dot")  # fmt: skip
    if older and out.suffix != ".keras":
        raise UsageError(f"--tf_keras goes with a file that ends in .keras, and --out is {str(out)!r}")
    if kind is not None and kind not in QUANTIZED:
        raise UsageError(f"--quantize {kind!r}: allowed: {', '.join(QUANTIZED)}{did_you_mean(kind, QUANTIZED)}")
    if kind is not None and out.suffix != ".tflite":
        raise UsageError(f"--quantize goes with a file that ends in .tflite, and --out is {str(out)!r}: "
                         f"--out {shlex.quote(str(out.with_suffix('.tflite')))}")  # fmt: skip
    if options.gin_param and kind is None:
        raise UsageError("--gin_param goes with --quantize only; without it, no images are read")
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
    elif options.classes is not None and options.classes < 1:
        raise UsageError(f"--classes {options.classes}: it must be at least 1")


def _check_facts(options: argparse.Namespace, has_normalization: bool) -> None:
    """Raises UsageError if neither a flag nor the file of `--weights` has one of the facts about the images."""
    needed = _OF_WEIGHTS[:2] if has_normalization else _OF_WEIGHTS
    missing = [f"--{name}" for name in needed if getattr(options, name) is None]
    if missing:
        unknown = {"--mean", "--std"} & {*missing}
        advice = "; --mean 0 --std 1 for a network that was trained on pixels as they are" if unknown else ""
        lacked = "it" if len(missing) == 1 else "them"
        raise UsageError(f"--weights {options.weights}: give {listed(missing)} too; the file lacks {lacked}{advice}")


def _check_folder(path: Place) -> None:
    """Raises UsageError unless a path is the folder of a trained network, or `network.cell` in such a folder."""
    folder = _folder(path)
    if (folder / "network.json").is_file() and path in (folder, folder / "network.cell"):
        return
    if path.suffix == ".cell":
        raise UsageError(f"{path} has no weights: name the folder of a trained network, or give --weights FILE.npz, "
                         "--input HxWxC, --classes N, --mean M and --std S")  # fmt: skip
    if not path.exists():
        raise UsageError(f"there is no {path}")
    inside = sorted(found for found in path.glob("*") if (found / FACTS).is_file())
    hint = f"; {inside[0]} is one" if inside else ""
    raise UsageError(f"{path} is not a trained network, which is a folder with a network.json in it{hint}")


def _folder(path: Place) -> Place:
    return path.parent if path.suffix == ".cell" else path


def _saved(options: argparse.Namespace, individual: Individual | None) -> Saved:
    from compiler.networks import pretrained, weights
    from compiler.networks.saved import Saved, read

    if individual is not None:
        return individual.trained()
    if options.weights is None:
        return read(_folder(place(options.file)))
    own = pretrained.normalization(place(options.weights))
    _check_facts(options, own is not None)
    shape = image_shape(options.input)
    names = tuple(str(number) for number in range(options.classes))
    mean, std = (
        _numbers(options, name, one, shape[-1]) for name, one in zip(("mean", "std"), own or ((), ()), strict=True)
    )
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
