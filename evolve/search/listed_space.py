"""The part of a search space whose networks are listed, such as those of a table that has a sample of the space."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

import dsl
from dsl import CellError
from dsl.rules.interpreter import Check
from evolve.algorithms import Child
from evolve.errors import UsageError
from evolve.search.cell_space import CellSpace

DRAWS = 200  # draws of a child, after which a parent has no child in the list
_UNLISTED = "the table has no such network"


class ListedSpace(CellSpace):
    """The genotypes of one `.cell` file whose networks are listed. No other genotype is proposed.

    A child outside of the list is mutated a second time. If that child is outside too, another child is drawn from the
    parent. So an individual also reaches the networks at a distance of two mutations: of a small sample of a search
    space, few networks have neighbours in the sample.
    """

    def __init__(
        self,
        space: dsl.Space,
        input_shape: tuple[int, int, int],
        classes: int,
        sample_mutations: int = 10,
        unfit: Check | None = None,
        starts: Sequence[str] = (),
        *,
        listed: Collection[str],
    ) -> None:
        """Creates the source of genotypes. `listed` has the fingerprints; the others are those of `CellSpace`.

        Raises:
          UsageError: a gene changes the training of a network, and not its fingerprint.
        """
        super().__init__(space, input_shape, classes, sample_mutations, unfit, starts)
        free = [name for name in space.genes if name not in self._covered]
        if free:
            raise UsageError(
                f"the table lists networks by their fingerprints, which do not depend on the gene {free[0]}: remove "
                "this gene and its mutation rules from search.seed_file"
            )
        self._listed, self._builds = listed, self._unfit
        self._unfit = self._unlisted

    def _unlisted(self, genotype: dsl.Genotype) -> str | None:
        return self._builds(genotype) if self._has(genotype) else _UNLISTED

    def _has(self, genotype: dsl.Genotype) -> bool:
        return self.fingerprint(genotype) in self._listed

    def sample(self, rng: random.Random, *, born: int | None = None) -> dsl.Genotype:
        """Returns a random genotype whose network is listed.

        Raises:
          UsageError: none was found.
        """
        try:
            return super().sample(rng, born=born)
        except CellError as error:
            raise UsageError(f"no random genotype of the search space is in the table: {error}") from None

    def _child(
        self,
        genotype: dsl.Genotype,
        rng: random.Random,
        check: Check | None,
        mate: dsl.Genotype | None,
        born: int | None,
    ) -> Child[dsl.Genotype]:
        rejected: list[tuple[str, str]] = []
        for _ in range(DRAWS):
            child = super()._child(genotype, rng, None, mate, born)
            if not self._has(child.genotype):
                child = child.then(super()._child(child.genotype, rng, None, None, born))
            reason = (check or self._listing)(child.genotype)
            if reason is None:
                return child._replace(rejected=(*child.rejected, *rejected))
            rejected.append((child.rule, reason))
        return Child(genotype, "none", (*rejected,))

    def _listing(self, genotype: dsl.Genotype) -> str | None:
        return None if self._has(genotype) else _UNLISTED
