"""Weights from which trainings begin: a trained network in one file, and what a network can take of it.

The file has the weights of a trained network by their keys, as its `weights.npz` has them. It also has two texts under
the names of the other files of a trained network: the `.cell` text, and the facts with the normalization of images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

import dsl
from compiler.errors import CompileError
from compiler.filesystem import Place, writing
from compiler.graph.structure import Graph
from compiler.networks import weights
from compiler.networks.names import FACTS, NETWORK, WEIGHTS
from compiler.networks.saved import Saved, digest, fact, facts_of, of_facts, parsed_facts, shown_numbers
from compiler.networks.weights import Weights
from compiler.primitives.base import Shape
from dsl.wording import by_x, listed, nearest_name, plural

SOURCE = "source"  # the fact that says where the weights come from
LEAST = 1 / 3  # the least share of the weights of a network that its initial weights must have
FACTOR = 10.0  # pixels whose deviations differ by more than this factor are in other units
SHOWN = 3  # the number of weights that a message lists


@dataclass(frozen=True, eq=False)
class Pretrained:
    """The weights of a file, from which trainings begin.

    Attributes:
      path: the file.
      source: where the weights come from, in words.
      network: the network that has the weights. Images are normalized by its `mean` and `std`.
      digest: the SHA-256 of the file.
    """

    path: Place
    source: str
    network: Saved
    digest: str

    def check_pixels(self, std: Sequence[float]) -> None:
        """Checks that images have the channels and the units of pixels which the weights expect.

        Args:
          std: the standard deviation of each channel over the training images.

        Raises:
          CompileError: they have others.
        """
        own = self.network.std
        if len(std) != len(own):
            wanted, found = (plural(len(values), "channel") for values in (own, std))
            raise CompileError(f"the weights in {self.path} are for images of {wanted}, and these images have {found}")
        if not all(1 / FACTOR <= here / there <= FACTOR for here, there in zip(std, own, strict=True)):
            raise CompileError(
                f"the weights in {self.path} are for pixels that are divided by {shown_numbers(own)}, and the standard "
                f"deviation of the pixels of these images is {shown_numbers(std)}, more than {FACTOR:g} times another: "
                "give the images in the units of the weights, such as whole numbers from 0 to 255"
            )

    def rows(self, graph: Graph) -> list[tuple[str, str]]:
        """Returns the rows of a header: the file, the weights of a network that it has, and the normalization."""
        found = ("initial weights", f"{self.path}, from {self.source}")
        return [found, *self.agreement(graph).rows(), ("  images", self.normalization())]

    def agreement(self, graph: Graph) -> Agreement:
        """Returns which weights of a network are in the file. An auxiliary head does not count."""
        return agreement(graph, self.network.weights)

    def normalization(self) -> str:
        """Returns a sentence on how images are normalized for these weights."""
        return f"normalized as the weights expect: {self.network.normalization}"


def write(path: Place, saved: Saved, source: str) -> None:
    """Writes a trained network to one file. An interrupted write leaves the old file.

    Args:
      path: the file.
      saved: the network.
      source: where the weights come from, in words.
    """
    facts = {**facts_of(saved), SOURCE: source}
    texts = {NETWORK: saved.genotype.standalone(), FACTS: json.dumps(facts, ensure_ascii=False)}
    with writing(path) as file:
        np.savez(file, **saved.weights, **texts)  # type: ignore[arg-type]


def read(path: Place) -> Pretrained:
    """Returns the weights of a file that `write` has written.

    Raises:
      CompileError: the file does not exist, is damaged, or lacks the text and the facts.
      OSError: the file is at an address that cannot be reached now.
    """
    found = weights.entries(path)
    texts = {name: str(found.pop(name)) for name in (NETWORK, FACTS) if name in found}
    if len(texts) < 2:
        raise CompileError(
            f"{path} has weights without the facts about their images, so images could not be normalized as the "
            "weights expect; the trained network or the individual of a search gives a file with both: cell weights "
            f"--from {_owner(path)} --out initial.npz"
        )
    facts = parsed_facts(texts[FACTS], path / FACTS)
    network = of_facts(dsl.loads(texts[NETWORK], name=str(path / NETWORK)), found, facts, path)
    return Pretrained(path, fact(facts, SOURCE, path / FACTS, str), network, digest(path))


def _owner(path: Place) -> str:
    """Returns the name of the trained network or of the individual whose weights a file has, for a command."""
    if path.name == WEIGHTS:
        return str(path.parent)
    return f"{path.parent.parent}:{path.stem}" if path.parent.name == "weights" else "runs/net"


def normalization(path: Place) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Returns the means and deviations by which images are normalized for a file; None if the file has only weights.

    Raises:
      CompileError: the file does not exist or is damaged.
    """
    if FACTS not in weights.entries(path):
        return None
    own = read(path).network
    return own.mean, own.std


@dataclass(frozen=True)
class Agreement:
    """The weights of a network that are taken from a file of weights, and those that are left new.

    Attributes:
      shapes: the shape of each weight of the network by its key.
      given: the shape of each weight of the file by its key.
    """

    shapes: Mapping[str, Shape]
    given: Mapping[str, Shape]

    @property
    def taken(self) -> tuple[str, ...]:
        """The keys of the weights that have the same shape in the file."""
        return tuple(key for key, shape in self.shapes.items() if self.given.get(key) == shape)

    @property
    def reshaped(self) -> tuple[str, ...]:
        """The keys of the weights that have another shape in the file."""
        return tuple(key for key, shape in self.shapes.items() if self.given.get(key, shape) != shape)

    @property
    def absent(self) -> tuple[str, ...]:
        """The keys of the weights that the file lacks."""
        return tuple(key for key in self.shapes if key not in self.given)

    def rows(self) -> list[tuple[str, str]]:
        """Returns the rows of a table: the weights that are taken, and those that are left new with the reason."""
        values, all_values = (sum(prod(self.shapes[key]) for key in keys) for keys in (self.taken, self.shapes))
        new = {
            "of another shape": [self._shapes_of(key) for key in self.reshaped],
            "that the file lacks": list(self.absent),
        }
        count = plural(len(self.shapes), "weight")
        return [
            ("  taken", f"{len(self.taken):,} of {count}, {values:,} of {all_values:,} values"),
            *(
                ("  left new", f"{plural(len(keys), 'weight')} {why}: {_some(keys)}")
                for why, keys in new.items()
                if keys
            ),
        ]

    def _shapes_of(self, key: str) -> str:
        return f"{key} ({by_x(self.shapes[key])}, in the file {by_x(self.given[key])})"

    def check(self, path: Place) -> None:
        """Checks that the file has enough weights of the network.

        Raises:
          CompileError: it has the weights of another network.
        """
        share = len(self.taken) / max(1, len(self.shapes))
        if share >= LEAST:
            return
        first = next(key for key in self.shapes if self.given.get(key) != self.shapes[key])
        close = nearest_name(first, self.given)
        raise CompileError(
            f"{path} has the weights of another network: {len(self.taken)} of {plural(len(self.shapes), 'weight')} "
            f"of this one are in it with the same key and shape, and at least a third is needed; the first that is not "
            f"is {first} {by_x(self.shapes[first])}"
            + (f", and the nearest in the file is {close} {by_x(self.given[close])}" if close else "")
        )


def agreement(graph: Graph, values: Weights) -> Agreement:
    """Returns which weights of a network are in a file. `graph` has no auxiliary head."""
    shapes = {key: weight.shape for step in graph.steps for key, weight in step.weights()}
    return Agreement(shapes, {key: value.shape for key, value in values.items()})


def _some(names: Sequence[str]) -> str:
    others = len(names) - SHOWN
    return listed([*names[:SHOWN], f"{others:,} more"] if others > 0 else list(names))
