"""A trained network on disk.

Its folder has three files: the text, the weights, and the facts about its images and classes.

`network.cell` is the text, which includes no other file. `weights.npz` has the weights, and `network.json` the facts.
`network.json` is written last, so a folder after an interrupted write is not read as a network.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dsl
from compiler import filesystem
from compiler.errors import CompileError
from compiler.filesystem import Place
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph
from compiler.images.preparation import Preparation
from compiler.networks import weights
from compiler.networks.names import FACTS, NETWORK, WEIGHTS
from compiler.networks.weights import Weights, weight_of
from dsl.identity.fingerprint import VERSION as FINGERPRINT_VERSION

VERSION = 2
UNPREPARED = 1  # the format of version 0.5.0, which lacks the preparation of images
RESIZE = "bilinear, antialiased"
NEXT = ".next"  # the ending of a file that is renamed when it is complete


@dataclass(frozen=True, eq=False)
class Saved:
    """A trained network.

    Attributes:
      genotype: the genotype of the network.
      weights: every weight by its key.
      input_shape: the shape (height, width, channels) of the images that the network takes.
      class_names: the names of the classes, in the order of the outputs.
      mean: the mean of each channel of the training images, such as 125.3 for pixels from 0 to 255.
      std: the standard deviation of each channel of the training images.
      accuracy: the accuracy on the validation images; None if it is not known.
      preparation: makes an image of `input_shape` of an image of any size; None if it is not known.

    Raises:
      CompileError: two fields contradict each other, such as `mean` and the channels of `input_shape`, or the weights
      are those of another network.
    """

    genotype: dsl.Genotype
    weights: Weights
    input_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    accuracy: float | None = None
    preparation: Preparation | None = None

    def __post_init__(self) -> None:
        channels = self.input_shape[-1]
        if self.preparation is not None and self.preparation.size != self.input_shape[:2]:
            raise CompileError(
                f"preparation.size is {list(self.preparation.size)} and input_shape is {list(self.input_shape)}: "
                "wanted the same height and width"
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) != channels or not all(math.isfinite(value) for value in values):
                raise CompileError(f"{name} is {list(values)}: wanted a number for each of {channels} channels")
        if min(self.std) <= 0:
            raise CompileError(f"std is {list(self.std)}: wanted numbers above 0")
        for step in self.graph.steps:
            for key, weight in step.weights():
                weight_of(self.weights, key, weight.shape)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def normalization(self) -> str:
        """A formula with the numbers by which pixels are normalized for the network."""
        return f"(pixel - mean) / std, mean {shown_numbers(self.mean)}, std {shown_numbers(self.std)}"

    @functools.cached_property
    def graph(self) -> Graph:
        """The graph of the network for images of `input_shape`, without an auxiliary head."""
        return resolve(self.genotype, self.input_shape, self.classes)


def shown_numbers(values: Sequence[float]) -> str:
    """Returns the numbers of the channels as text; one number if all are equal."""
    shown = [f"{value:.6g}" for value in values]
    return shown[0] if len({*shown}) == 1 else ", ".join(shown)


def write(folder: Place, saved: Saved) -> None:
    """Writes a network to a folder, which may have an older network.

    During the write, a reader finds the old network, no network, or the complete new network.
    """
    new = {part: folder / f"{part}{NEXT}" for part in (WEIGHTS, NETWORK, FACTS)}
    try:
        weights.save(new[WEIGHTS], saved.weights)
        filesystem.write(new[NETWORK], saved.genotype.standalone().encode())
        facts = {**facts_of(saved), "weights_sha256": digest(new[WEIGHTS])}
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        filesystem.write(new[FACTS], f"{text}\n".encode())
        (folder / FACTS).unlink(missing_ok=True)
        for part, path in new.items():
            path.replace(folder / part)  # type: ignore[arg-type]
    except BaseException:
        for path in new.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def facts_of(saved: Saved) -> dict[str, object]:
    """Returns the facts about a network as data for `network.json`."""
    return {
        "version": VERSION,
        "input_shape": list(saved.input_shape),
        "classes": saved.classes,
        "class_names": list(saved.class_names),
        "mean": [float(value) for value in saved.mean],
        "std": [float(value) for value in saved.std],
        "accuracy": None if saved.accuracy is None else float(saved.accuracy),
        "preparation": None if saved.preparation is None else prepared(saved.preparation),
        "fingerprint": dsl.fingerprint(saved.genotype),
        "fingerprint_version": FINGERPRINT_VERSION,
    }


def prepared(preparation: Preparation) -> dict[str, object]:
    """Returns a preparation as data for `network.json`."""
    return {
        "resize": RESIZE,
        "resized": list(preparation.resized),
        "crop": float(preparation.crop),
        "size": list(preparation.size),
        "rounded": preparation.is_whole,
    }


def read(folder: Place) -> Saved:
    """Reads the network in a folder that `write` has written.

    Raises:
      CompileError: the folder has no network, or its files are damaged or of different networks.
      CellError: the text of the network is wrong.
    """
    facts = _facts(folder)
    genotype = _network(folder / NETWORK)
    found = of_facts(genotype, weights.read(folder / WEIGHTS), facts, folder)
    if digest(folder / WEIGHTS) != fact(facts, "weights_sha256", folder / FACTS, str):
        raise CompileError(f"{folder / WEIGHTS} are not the weights that were saved with {FACTS}")
    return found


def images_of(folder: Path) -> tuple[tuple[int, int, int], int]:
    """Returns the shape of the images and the number of classes of the network in a folder.

    Raises:
      CompileError: the facts in the folder are damaged.
    """
    facts, where = _facts(folder), folder / FACTS
    return fact(facts, "input_shape", where, _shape), len(fact(facts, "class_names", where, _names))


def of_facts(genotype: dsl.Genotype, values: Weights, facts: Mapping[str, object], place: Place) -> Saved:
    """Returns the network of a text, weights, and the data that `facts_of` has returned.

    Args:
      genotype: the genotype of the text.
      values: the weights by their keys.
      facts: the data.
      place: the folder or the file in which all of these are, for messages.

    Raises:
      CompileError: the data are damaged, or are those of another text or of other weights.
    """
    where = place / FACTS
    noted = fact(facts, "fingerprint", where, str)
    # Another version of this program may compute other fingerprints.
    if facts.get("fingerprint_version") == FINGERPRINT_VERSION and dsl.fingerprint(genotype) != noted:
        raise CompileError(f"{place / NETWORK} is not the network that was trained: it was changed afterwards")
    try:
        return Saved(
            genotype, values, fact(facts, "input_shape", where, _shape), fact(facts, "class_names", where, _names),
            fact(facts, "mean", where, _numbers), fact(facts, "std", where, _numbers),
            fact(facts, "accuracy", where, _optional_number), fact(facts, "preparation", where, _preparation),
        )  # fmt: skip
    except CompileError as error:
        raise CompileError(f"{place} is damaged: {error}") from None


def _network(path: Place) -> dsl.Genotype:
    try:
        return dsl.loads(path.read_bytes().decode("utf-8-sig"), name=str(path))
    except FileNotFoundError:
        raise CompileError(f"there is no {path}") from None
    except UnicodeDecodeError:
        raise CompileError(f"{path} is damaged: it is not UTF-8 text") from None


def _facts(folder: Place) -> Mapping[str, object]:
    try:
        return parsed_facts((folder / FACTS).read_bytes(), folder / FACTS)
    except FileNotFoundError:
        raise CompileError(f"{folder} holds no trained network: it has no {FACTS}") from None


def parsed_facts(text: str | bytes, where: Place) -> Mapping[str, object]:
    """Returns the facts of a network from JSON, which `where` names in messages.

    Raises:
      CompileError: the JSON is damaged, or of another version.
    """
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise CompileError(f"{where} is damaged: {error}") from None
    if not isinstance(facts, dict):
        raise CompileError(f"{where} is damaged: it holds no names and values")
    version = fact(facts, "version", where, int)
    if version not in (UNPREPARED, VERSION):
        raise CompileError(
            f"{where} has the format {version}; this version of Amoeba reads the formats {UNPREPARED} and {VERSION}"
        )
    return {**facts, "preparation": None} if version == UNPREPARED else facts


def fact(facts: Mapping[str, Any], name: str, where: Place, kind: Callable[[Any], Any]) -> Any:
    """Returns one of the facts in `where`, converted by `kind`.

    Raises:
      CompileError: the fact is missing or damaged.
    """
    if name not in facts:
        raise CompileError(f"{where} is damaged: it lacks {name!r}")
    try:
        return kind(facts[name])
    except (TypeError, ValueError, KeyError, CompileError):
        raise CompileError(f"{where} is damaged: {name} is {facts[name]!r}") from None


def _shape(value: Any) -> tuple[int, int, int]:
    height, width, channels = map(int, value)
    return height, width, channels


def _names(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value))


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(map(float, value))


def _optional_number(value: Any) -> float | None:
    return None if value is None else float(value)


def _preparation(value: Any) -> Preparation | None:
    """Returns the preparation that data from `network.json` describe. The function `prepared` returns such data."""
    if value is None:
        return None
    height, width = map(int, value["size"])
    found = Preparation((height, width), float(value["crop"]), bool(value["rounded"]))
    if prepared(found) != value:
        raise ValueError(value)
    return found


def digest(path: Place) -> str:
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
