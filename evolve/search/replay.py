"""A recorded search run again by its algorithm alone: the same order of results gives the same individuals."""

from __future__ import annotations

from evolve.algorithms import Algorithm
from evolve.errors import SearchError
from evolve.records import G
from evolve.search.texts import Texts
from evolve.store.store import Store


def replay(store: Store, algorithm: Algorithm[G], texts: Texts[G]) -> None:
    """Ask and tell an unused algorithm in the order of the record; it ends as that of the search did.

    Raises:
      SearchError: it proposes something else, by which the search does not depend on seed and order alone.
    """
    results = store.finished()
    told = 0
    for recorded, after in store.proposed():
        while told < after:
            algorithm.tell(next(results))
            told += 1
        asked = algorithm.ask(recorded.id)
        if asked.with_genotype(texts.text(asked.genotype)) != recorded:
            raise SearchError(
                f"individual {recorded.id} would be another: by {asked.rule} from {asked.parent}, "
                f"where the record has {recorded.rule} from {recorded.parent}"
            )
    for individual in results:
        algorithm.tell(individual)
