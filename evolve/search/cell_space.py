"""The search space of a `.cell` file, in the form that algorithms and the search loop use."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dsl
from compiler.graph.cost import Cost
from compiler.graph.requirements import requirement
from compiler.settings import GENES
from dsl.identity.graphs import graphs
from dsl.identity.marks import latest, parts
from dsl.rules.interpreter import Check
from dsl.rules.sample import unfit
from dsl.space.cache import Cache
from dsl.space.genes import written
from dsl.text.unparse import expression
from evolve.algorithms import Child
from evolve.errors import UsageError

if TYPE_CHECKING:
    from evolve.predictor.features import FeatureCache, Features

CHECKED = 64  # the number of latest checked genotypes whose costs are kept until they are sent to a worker


class CellSpace:
    """The genotypes of one `.cell` file. A genotype that cannot be built for the images is never proposed."""

    def __init__(
        self,
        space: dsl.Space,
        input_shape: tuple[int, int, int],
        classes: int,
        sample_mutations: int = 10,
        unfit: Check | None = None,
        starts: Sequence[str] = (),
    ) -> None:
        """Creates the source of genotypes of one `.cell` file, for images of one shape.

        Args:
          space: the search space of the `.cell` file.
          input_shape: height, width and channels of the images.
          classes: the number of classes.
          sample_mutations: the number of mutations by which the seed becomes a random genotype, if the rules have no
            values to draw from.
          unfit: a function that returns why a genotype cannot be built or breaks a `require`, or None. By default it is
            the check of the compiler.
          starts: genotypes that are the first samples, as far as they can be built. New parts get numbers of births
            above those in the starts, because equal names mean common descent.
        """
        self._space = space
        self._sample_mutations = sample_mutations
        self._costs: Cache[Cost] = Cache(CHECKED)
        self._unfit = unfit or requirement(space, input_shape, classes, self._costs)
        auxiliary = [section for section in space.network.sections if section.of is not None]
        read = [*map(space.genotype, starts)]
        self._starts = [genotype for genotype in read if self._unfit(genotype) is None]
        self._births = max(map(latest, read), default=0)
        self._covered = space.network_genes - space.genes_in(auxiliary) - set(GENES)

    def sample(self, rng: random.Random, *, born: int | None = None) -> dsl.Genotype:
        """Returns a random genotype that can be built and satisfies all requirements; for the first ids, a start."""
        if born is not None and born <= len(self._starts):
            return self._starts[born - 1]
        return dsl.sample(self._space, rng, self._sample_mutations, self._unfit, born=self._birth(born))

    @property
    def has_crossover(self) -> bool:
        """Whether the space has a crossover, so that algorithms draw a mate."""
        return self._space.has_crossover

    def mutate(
        self,
        genotype: dsl.Genotype,
        rng: random.Random,
        *,
        mate: dsl.Genotype | None = None,
        born: int | None = None,
    ) -> Child[dsl.Genotype]:
        """Returns a child, which one rule has made. If no rule applies, the child is equal to its parent."""
        return self._child(genotype, rng, self._unfit, mate, born)

    def draft(
        self,
        genotype: dsl.Genotype,
        rng: random.Random,
        *,
        mate: dsl.Genotype | None = None,
        born: int | None = None,
    ) -> Child[dsl.Genotype]:
        """Returns a child as `mutate` does, without the check whether it can be built and meets all requirements."""
        return self._child(genotype, rng, None, mate, born)

    def _child(
        self,
        genotype: dsl.Genotype,
        rng: random.Random,
        check: Check | None,
        mate: dsl.Genotype | None,
        born: int | None,
    ) -> Child[dsl.Genotype]:
        try:
            child = dsl.mutate(genotype, rng, check, mate=mate, born=self._birth(born))
        except dsl.CellError as error:
            return Child(genotype, "none", (("none", str(error)),))
        return Child(
            child.genotype, child.rule, child.rejected, child.forget, child.crossed, child.from_mate, child.noise
        )

    def _birth(self, born: int | None) -> int | None:
        """Returns the number of the birth of an individual, by its id."""
        return None if born is None else self._births + born

    def parts(self, genotype: dsl.Genotype) -> Mapping[str, int]:
        """Returns the parts of a genotype, each with the number of its birth. Later births have higher numbers."""
        return parts(genotype)

    def sizes(self) -> tuple[int, ...]:
        """Returns the number of values of each choice.

        Raises:
          UsageError: the mutation rules have no values to draw from.
        """
        sizes = tuple(len(decision.values) for decision in dsl.decisions(self._space.seed))
        if not sizes:
            names = ", ".join(rule.name for rule in self._space.mutations) or "none"
            raise UsageError(
                "search.algorithm is 'reinforcement', which needs mutation rules that only assign from a fixed set of "
                f"values, such as `t.op = any(ops)`; the rules of the search space are {names}, and none of them "
                "does so. Set search.algorithm to an evolution or a tournament, or use another search space"
            )
        return sizes

    def decide(self, choices: Sequence[int], rng: random.Random) -> dsl.Genotype:
        """Returns the genotype that results from choices. Each choice is an index into its set of values."""
        return dsl.decide(self._space, choices, rng)

    def unfit(self, genotype: dsl.Genotype) -> str | None:
        """Returns why a genotype may not be proposed, or None if it may be proposed.

        A genotype may not be proposed if it is outside of the search space, breaks a requirement, or cannot be built
        for the images.
        """
        return unfit(genotype, self._unfit)

    def read(self, text: str) -> dsl.Genotype:
        """Returns the genotype of a stored text."""
        return self._space.genotype(text)

    def text(self, genotype: dsl.Genotype) -> str:
        """Returns a genotype as text, which is stored and sent to workers."""
        return genotype.text()

    def fingerprint(self, genotype: dsl.Genotype) -> str:
        """Returns a hash that is equal for genotypes that are the same network."""
        return dsl.fingerprint(genotype)

    def cost(self, genotype: dsl.Genotype) -> Cost | None:
        """Returns the cost of a genotype if it is one of the latest that were checked; None if it is not known."""
        return self._costs.get(genotype)

    def network(self, genotype: dsl.Genotype) -> tuple[str, str]:
        """Returns a key that is equal for genotypes that are the same network and train in the same way."""
        return self.fingerprint(genotype), self.genes(genotype)

    def features(self, genotypes: Sequence[dsl.Genotype]) -> list[Features]:
        """Returns the features from which a model predicts the fitness of each genotype."""
        return self._feature_cache.of([(graphs(genotype), _plain(genotype)) for genotype in genotypes])

    @functools.cached_property
    def _feature_cache(self) -> FeatureCache:
        from evolve.predictor.features import FeatureCache  # It needs numpy, which takes a moment to load.

        return FeatureCache()

    def members(self, count: int, rng: random.Random) -> Sequence[dsl.Genotype]:
        """Returns random genotypes of a list of all networks: none, because the space has no such list."""
        return ()

    def keys(self, text: str) -> tuple[str, str]:
        """Returns the fingerprint and the genes of a genotype's text."""
        return self.network(self.read(text))

    def genes(self, genotype: dsl.Genotype) -> str:
        """Returns the genes on which the fingerprint does not depend as text, one on each line.

        These are the genes that training reads, as settings or in the auxiliary head, and those that no expression
        names, which a function of the user may read.
        """
        return "\n".join(
            f"{name} = {expression(written(value))}" for name, value in genotype.genes if name not in self._covered
        )


def _plain(genotype: dsl.Genotype) -> Mapping[str, float | str]:
    """Returns the genes of a genotype as numbers and texts."""
    return {name: value if isinstance(value, int | float) else str(value) for name, value in genotype.genes}
