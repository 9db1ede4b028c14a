"""The search space of a `.cell` file, as the algorithms and the search see it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import dsl
from compiler.graph.requirements import requirement
from dsl.rules.interpreter import Check
from dsl.rules.sample import unfit
from evolve.algorithms import Child
from evolve.errors import UsageError


class CellSpace:
    """Genotypes of one file; children that cannot be built for these images are never proposed."""

    def __init__(
        self,
        space: dsl.Space,
        input_shape: tuple[int, int, int],
        classes: int,
        sample_mutations: int = 10,
        unfit: Check | None = None,
    ) -> None:
        """`unfit` gives why a genotype cannot be built or breaks a `require`; by default it is asked anew each time."""
        self._space = space
        self._sample_mutations = sample_mutations
        self._unfit = unfit or requirement(space, input_shape, classes)

    def sample(self, rng: random.Random) -> dsl.Genotype:
        """A random genotype that can be built and meets what the file requires."""
        return dsl.sample(self._space, rng, self._sample_mutations, self._unfit)

    def mutate(self, genotype: dsl.Genotype, rng: random.Random) -> Child[dsl.Genotype]:
        """A child by one of the file's rules, or the parent again where none applies to it."""
        try:
            child = dsl.mutate(genotype, rng, self._unfit)
        except dsl.CellError as error:
            return Child(genotype, "none", (("none", str(error)),))
        return Child(child.genotype, child.rule, child.rejected, child.forget)

    def sizes(self) -> tuple[int, ...]:
        """How many values each free choice has.

        Raises:
          UsageError: the rules leave none.
        """
        sizes = tuple(len(decision.values) for decision in dsl.decisions(self._space.seed))
        if not sizes:
            names = ", ".join(rule.name for rule in self._space.mutations) or "none"
            raise UsageError(
                "reinforcement chooses as rules do that only assign, such as `t.op = any(ops)`, from sets "
                f"that are the same whatever was chosen before; the space's rules are {names}, and none is like that. "
                "Set search.algorithm to an evolution or a tournament, or search another space"
            )
        return sizes

    def decide(self, choices: Sequence[int], rng: random.Random) -> dsl.Genotype:
        """The genotype of these choices, each a place in its set."""
        return dsl.decide(self._space, choices, rng)

    def unfit(self, genotype: dsl.Genotype) -> str | None:
        """Why it is no genotype of the file, cannot be built for these images, or what requirement it breaks."""
        return unfit(genotype, self._unfit)

    def read(self, text: str) -> dsl.Genotype:
        """The genotype that a stored text stands for."""
        return self._space.genotype(text)

    def text(self, genotype: dsl.Genotype) -> str:
        """The text that is stored and sent to workers."""
        return genotype.text()

    def fingerprint(self, genotype: dsl.Genotype) -> str:
        """Equal for genotypes that are the same network."""
        return dsl.fingerprint(genotype)

    def genes(self, genotype: dsl.Genotype) -> str:
        """The genes, a line each."""
        return "\n".join(f"{name} = {value!r}" for name, value in genotype.genes)
