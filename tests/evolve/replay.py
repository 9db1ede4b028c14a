"""The replay of a stored search by its algorithm, without evaluations. The same results give the same proposals."""

from __future__ import annotations

from evolve import Algorithm, SearchError, Store
from evolve.records import G
from evolve.search.state import Texts


def replay(store: Store, algorithm: Algorithm[G], texts: Texts[G]) -> None:
    """Replays the proposals and results of a store with a new algorithm, which ends in the state of the original one.

    Raises:
      SearchError: it makes another proposal, so that the search depends on more than its seed and the order of results.
    """
    results = store.finished()
    received = 0
    for recorded, after in store.proposed():
        while received < after:
            algorithm.tell(next(results))
            received += 1
        asked = algorithm.ask(recorded.id)
        if asked.with_genotype(texts.text(asked.genotype)) != recorded:
            raise SearchError(
                f"the replay of individual {recorded.id} differs: it is by {asked.rule} from {asked.parent}, "
                f"and the store has one by {recorded.rule} from {recorded.parent}"
            )
    for individual in results:
        algorithm.tell(individual)
