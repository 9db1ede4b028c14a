"""The part of a search space whose networks are listed, such as those of a table that has a sample of the space."""

from __future__ import annotations

import functools
import operator
import random
from collections.abc import Iterator, Mapping, Sequence

import dsl
from dsl import CellError
from dsl.rules.interpreter import Check
from evolve.algorithms import Child
from evolve.errors import UsageError
from evolve.search.cell_space import CellSpace

DRAWS = 200  # draws of a child, after which a parent has no child in the list
MEMBERS = 4096  # genotypes of the list that are kept
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
        listed: Mapping[str, str],
        choices: Sequence[Sequence[int]] = (),
    ) -> None:
        """Creates the source of genotypes.

        Args:
          listed: the fingerprints of the networks, each with the one that stands for its network. Several fingerprints
            may be one network.
          choices: the choices of each network, as `dsl.decide` takes them, by which random ones are drawn; without
            them, random genotypes are drawn until one is listed. The other arguments are those of `CellSpace`.

        Raises:
          UsageError: a gene changes the training of a network, and not its fingerprint, or the choices are not those
            of the space.
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
        first: dict[str, dsl.Genotype] = {}
        for one in filter(self._has, self._starts):
            first.setdefault(self.fingerprint(one), one)
        self._starts = [*first.values()]
        self._choices = choices
        self._member = functools.lru_cache(MEMBERS)(self._decided)
        sizes = [len(decision.values) for decision in dsl.decisions(space.seed)] if choices else []
        if any(len(one) != len(sizes) or not all(map(operator.lt, one, sizes)) for one in choices):
            raise UsageError(
                f"table.choices has choices of another search space: search.seed_file has {len(sizes)} choices, and "
                f"the numbers of their values are {', '.join(map(str, sizes))}"
            )

    def _unlisted(self, genotype: dsl.Genotype) -> str | None:
        return self._builds(genotype) if self._has(genotype) else _UNLISTED

    def _has(self, genotype: dsl.Genotype) -> bool:
        return dsl.fingerprint(genotype) in self._listed

    def fingerprint(self, genotype: dsl.Genotype) -> str:
        """Returns the fingerprint that stands for the network of a genotype; its own if the list lacks the network."""
        own = dsl.fingerprint(genotype)
        return self._listed.get(own, own)

    def sample(self, rng: random.Random, *, born: int | None = None) -> dsl.Genotype:
        """Returns a random genotype whose network is listed.

        Raises:
          UsageError: none was found.
        """
        if born is None or born > len(self._starts):
            for genotype in self._drawn(rng, DRAWS):
                if self.unfit(genotype) is None:
                    return genotype
        try:
            return super().sample(rng, born=born)
        except CellError as error:
            raise UsageError(f"no random genotype of the search space is in the table: {error}") from None

    def members(self, count: int, rng: random.Random) -> Sequence[dsl.Genotype]:
        """Returns random genotypes of the list; none if their choices are not known."""
        return [*self._drawn(rng, count)]

    def _drawn(self, rng: random.Random, count: int) -> Iterator[dsl.Genotype]:
        return (self._member(rng.randrange(len(self._choices))) for _ in range(count if self._choices else 0))

    def _decided(self, place: int) -> dsl.Genotype:
        return self.decide(self._choices[place], random.Random(place))

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
