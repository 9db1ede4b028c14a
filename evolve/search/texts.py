"""The conversion of genotypes to text, the form in which they are stored and sent."""

from __future__ import annotations

import functools
from typing import Generic, Protocol

from evolve.records import G, Individual


class Texts(Protocol[G]):
    """Converts genotypes to text and back, and finds equal ones."""

    def text(self, genotype: G) -> str:
        """Returns a genotype as text."""

    def read(self, text: str) -> G:
        """Returns the genotype of a text."""

    def fingerprint(self, genotype: G) -> str:
        """Returns a hash that is equal for genotypes that are the same network."""

    def genes(self, genotype: G) -> str:
        """Returns the genes of a genotype as text. Networks with other genes are trained in another way."""


class Restored(Generic[G]):
    """The proposal of a finished individual. Its text is parsed when the genotype is asked for, which is seldom."""

    def __init__(self, individual: Individual, texts: Texts[G]) -> None:
        self.id, self.memo = individual.id, individual.memo
        self._text, self._texts = individual.genotype, texts

    @functools.cached_property
    def genotype(self) -> G:
        """The genotype, which is parsed once."""
        return self._texts.read(self._text)
