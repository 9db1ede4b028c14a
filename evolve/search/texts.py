"""Genotypes as text, which is how they are stored and sent."""

from __future__ import annotations

import functools
from typing import Generic, Protocol

from evolve.records import G, Individual


class Texts(Protocol[G]):
    """Genotypes as text and back, and which of them are the same."""

    def text(self, genotype: G) -> str:
        """What is stored and sent."""

    def read(self, text: str) -> G:
        """What a text stands for."""

    def fingerprint(self, genotype: G) -> str:
        """Equal for genotypes that are the same network."""

    def genes(self, genotype: G) -> str:
        """What else decides how a network is trained."""


class Recalled(Generic[G]):
    """The proposal of a finished individual. Its text is read when its genotype is needed, which most never are."""

    def __init__(self, individual: Individual, texts: Texts[G]) -> None:
        self.id, self.memo = individual.id, individual.memo
        self._text, self._texts = individual.genotype, texts

    @functools.cached_property
    def genotype(self) -> G:
        """The genotype."""
        return self._texts.read(self._text)
