"""The weights from which the individuals of a search begin (`search.initial_weights`)."""

from __future__ import annotations

import functools
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dsl
from compiler.errors import CompileError, pasted
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph
from evolve.errors import UsageError
from evolve.fitness.facts import Facts

if TYPE_CHECKING:  # This module needs numpy, which takes a moment to load.
    from compiler.networks.pretrained import Pretrained

OFF = pasted("search.initial_weights", "")


@dataclass(frozen=True, slots=True)
class Initial:
    """A file of weights, of which an individual takes those with its keys and shapes.

    A worker receives this record with every task, so it has no weights.

    Attributes:
      name: the file as `search.initial_weights` names it.
      path: the file.
      digest: the SHA-256 of the file.
    """

    name: str
    path: Path
    digest: str

    @classmethod
    def of(cls, name: str, path: Path) -> Self:
        """Returns the record of a file, after a check of the file.

        Raises:
          UsageError: the file is missing or damaged.
        """
        from compiler.networks import pretrained

        otherwise = f"begin a search from random weights: {OFF}"
        if not path.exists():
            raise UsageError(
                f"search.initial_weights is {name!r}: there is no {path}; restore or make the file, for example with "
                f"cell weights --from applications:MobileNetV3Large --out {shlex.quote(name)}, or {otherwise}"
            )
        try:
            return cls(name, path, pretrained.read(path).digest)
        except (CompileError, dsl.CellError, OSError) as error:
            raise UsageError(f"search.initial_weights is {name!r}: {error}; restore the file, or {otherwise}") from None

    def read(self) -> Pretrained:
        """Returns the weights. A process reads the file once.

        Raises:
          UsageError: the file has been changed or removed since the search began.
        """
        try:
            found = _read(self.path, self.digest)
        except (CompileError, dsl.CellError, OSError) as error:
            raise UsageError(f"search.initial_weights is {self.name!r}: {error}; restore the file") from None
        if found.digest != self.digest:
            raise UsageError(
                f"search.initial_weights is {self.name!r}: {self.path} was changed since the search began; restore the "
                "file, and the same command resumes the search"
            )
        return found

    def applied(self, facts: Facts, space: str) -> Facts:
        """Returns the facts of the images of a search, which are normalized as the weights expect.

        Args:
          facts: the facts of the images.
          space: the search space as text, whose seed must have enough weights of the file.

        Raises:
          UsageError: the weights are those of another network, or are not for such images.
        """
        found = self.read()
        try:
            found.check_pixels(facts.std)
            found.agreement(self._seed(facts, space)).check(self.path)
        except CompileError as error:
            raise UsageError(f"search.initial_weights is {self.name!r}: {error}: {OFF}") from None
        return replace(facts, mean=found.network.mean, std=found.network.std)

    def rows(self, facts: Facts, space: str) -> list[tuple[str, str]]:
        """Returns the rows of the header: which weights of the seed the file has."""
        return self.read().rows(self._seed(facts, space))

    @staticmethod
    def _seed(facts: Facts, space: str) -> Graph:
        return resolve(dsl.loads(space), facts.input_shape, facts.classes)


@functools.lru_cache(maxsize=1)
def _read(path: Path, digest: str) -> Pretrained:
    """Returns the weights of a file. Another digest reads the file anew."""
    from compiler.networks import pretrained

    return pretrained.read(path)
