"""Ask and tell: a search whose individuals a program of the user evaluates, from several threads and processes."""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dsl
from compiler.errors import did_you_mean, raised
from compiler.graph.resolve import resolve
from evolve.errors import SearchError, UsageError
from evolve.fitness.asked import NO_METRIC, REASON, AskedFitness
from evolve.objectives import is_no_share
from evolve.observers.keep import Keeper
from evolve.prepared import Run, bred
from evolve.records import Proposal
from evolve.search.claims import Claims
from evolve.search.following import Following
from evolve.search.state import training_seed
from evolve.search.waiting import reused
from evolve.store.store import Store
from evolve.study import Study

PATIENCE = 60.0  # seconds to wait while other processes ask and tell
_COMPUTED = ("params", "mult_adds", "depth")  # metrics that follow from the genotype


class SearchEnded(SearchError):
    """No further individual is proposed, since a limit of the search is reached."""


@dataclass(frozen=True, eq=False, slots=True)
class Trial:
    """An individual that is to be evaluated.

    Attributes:
      id: the id of the individual.
      genotype: the genotype.
      seed: the random seed of the evaluation.
      directory: a folder for files of the evaluation. It is removed after the result if it is empty.
      parent: the id of the parent; None if the individual was sampled.
      rule: the rule that made the individual.
      input_shape: the shape (height, width, channels) of the images.
      classes: the number of classes.
      search: the id of the search.
    """

    id: int
    genotype: dsl.Genotype
    seed: int
    directory: Path
    parent: int | None
    rule: str
    input_shape: tuple[int, int, int]
    classes: int
    search: str

    @property
    def text(self) -> str:
        """The `.cell` text of the network, which includes no other file."""
        return self.genotype.standalone()

    def model(self) -> Any:
        """Returns the network as a model of tf_keras with random weights, which are drawn by `seed`.

        The model takes images `[batch, height, width, channels]` and returns logits `[batch, classes]`.
        """
        from compiler.layers.model import lower

        return lower(resolve(self.genotype, self.input_shape, self.classes), self.seed)


class AskStudy(Study):
    """A search whose individuals the caller evaluates. Several threads and processes may ask and tell at once.

    A trial belongs to the process that asked for it, also if the study is made again. If the process ends without a
    result, `ask` offers the trial again, to any process. A trial may also be told by its id, for example after a
    restart.

    Args:
      prepared: the search, with the facts of its images. Its work directory has the search already.
      search: the id of the search, which no other search has.
    """

    def __init__(self, prepared: Run, search: str) -> None:
        super().__init__(prepared.folder)
        assert isinstance(prepared.fitness, AskedFitness)
        self._prepared, self._fitness, self._search = prepared, prepared.fitness, search
        facts = prepared.fitness.known
        self._cells = prepared.space(facts.input_shape, facts.classes)
        self._claims = Claims(prepared.folder)
        self._thread = threading.RLock()
        self._restored: tuple[Following[dsl.Genotype], Keeper] | None = None

    def ask(self, *, claims: bool = True) -> Trial:
        """Returns a trial: one whose process has ended without a result, or else a new one.

        Args:
          claims: whether the trial belongs to this process, so that it is offered again if the process ends.

        Raises:
          SearchEnded: a limit of the search is reached.
        """
        taken: list[int] = []
        try:
            with self._turn() as (store, state):
                proposal = self._left(store) or self._new(store, state)
                taken.append(proposal.id)
                if claims:
                    self._claims.take(proposal.id)
                else:
                    self._claims.give(proposal.id)
                return self._trial(proposal)
        except BaseException:  # such as Ctrl-C: the caller does not get the trial
            for id in taken:
                self._claims.release(id)
            raise

    def tell(self, trial: Trial | int, /, *, error: str | BaseException | None = None, **metrics: float) -> None:
        """Stores the result of a trial.

        Args:
          trial: the trial, or its id.
          error: why the evaluation failed, as a text or as the exception; the individual then counts as failed.
          **metrics: the metrics by name. Those of the objectives are needed: `accuracy`, if no setting names others.
            `fitness` stands for the first objective, and `seconds` are the seconds of the evaluation.

        Raises:
          UsageError: the trial has a result already, does not exist or is of another search, or a metric is missing or
            is not a number.
        """
        self.tell_named(trial, metrics, _reason(error))

    def tell_named(self, trial: Trial | int, metrics: Mapping[str, float], error: str = "") -> None:
        """Stores the result of a trial, as `tell` does, with metrics of any name.

        Args:
          trial: the trial, or its id.
          metrics: the metrics by name.
          error: why the evaluation failed; empty if it did not fail.

        Raises:
          UsageError: the trial has a result already, does not exist or is of another search, or a metric is missing or
            is not a number.
        """
        if isinstance(trial, Trial) and trial.search != self._search:
            raise UsageError(
                f"this trial is individual {trial.id} of another search, with the folder {trial.directory}; tell it to "
                f"the study that it was asked from, and not to that of {self.folder}"
            )
        id = trial.id if isinstance(trial, Trial) else operator.index(trial)
        error = error.encode(errors="backslashreplace").decode()  # what a program prints need not be UTF-8
        found = self._checked(metrics, error)
        seconds = found.pop("seconds", 0.0)
        with self._turn() as (store, _):
            genotype = self._pending(store, id).genotype
            store.finish(id, self._fitness.told(genotype, found, error, seconds), self._prepared.plan.order == "born")
            self._release(store)
            self._follow(store)
        self._claims.end(id)  # only now, since a trial without a claim is offered again if the result is not stored

    def trial(self, id: int) -> Trial:
        """Returns a trial that has no result yet.

        Raises:
          UsageError: there is no such trial, or it has a result.
        """
        with self._turn() as (store, _):
            return self._trial(self._pending(store, operator.index(id)))

    @property
    def pending(self) -> list[int]:
        """The ids of the trials that have no result yet."""
        return [row.id for row in self._rows("where status = 'running' order by id")]

    def close(self) -> None:
        """Gives up the trials that this study was asked for, which are then offered again.

        The end of the process gives up all trials of the process.
        """
        with self._thread:
            self._claims.close()

    # A turn: the store and the state of the search, while no other thread or process has them.

    @contextmanager
    def _turn(self) -> Iterator[tuple[Store, Following[dsl.Genotype]]]:
        """A context with the store and the state of the search. What other processes have stored is in the state."""
        with self._thread, Store(self.folder, lock_patience=PATIENCE) as store:
            try:
                with store.event():
                    yield store, self._follow(store)
            except BaseException:
                self._restored = None  # the state may have a proposal that the store lacks
                raise

    def _follow(self, store: Store) -> Following[dsl.Genotype]:
        """Returns the state with everything that is in the store, and writes the files of new best individuals."""
        if self._restored is None:
            plan, space = self._prepared.plan, self._prepared.seed.space
            algorithm = bred(self._prepared.config, self._cells, store.networks())
            state = Following(plan, algorithm, self._cells, store)
            state.restore()
            keeper = Keeper(self._fitness, space, state.top.best, front=state.front)
            self._restored = state, keeper
        state, keeper = self._restored
        for individual, genotype, standing in state.follow(store):
            keeper.individual(individual, genotype, standing)
        return state

    @staticmethod
    def _release(store: Store) -> None:
        """Makes held results count whose older individuals all have results."""
        for proposal, is_held in store.unfinished():
            if not is_held:
                return
            store.release(proposal.id)

    # Proposals.

    def _left(self, store: Store) -> Proposal[Any] | None:
        """Returns the first trial that was asked for by a process that has ended, or None."""
        unfinished = [proposal for proposal, is_held in store.unfinished() if not is_held]
        return next((one for one in unfinished if self._claims.is_free(one.id)), None)

    def _new(self, store: Store, state: Following[dsl.Genotype]) -> Proposal[Any]:
        """Returns a new proposal. With `search.reuse`, a duplicate takes the result of an earlier individual."""
        plan = self._prepared.plan
        while True:
            if state.last >= plan.individuals:
                count = plan.individuals
                all_have = f"all {count} individuals of search.individuals have"
                raise SearchEnded(f"{all_have if count > 1 else 'the only individual has'} been asked for")
            reason = plan.end(state.tally, False)
            if reason:
                raise SearchEnded(reason)
            proposal = state.next().proposal
            original = store.original(proposal.id) if plan.reuse else None
            if original is None or not original[1]:
                return proposal
            store.finish(proposal.id, reused(store.individual(original[0])), plan.order == "born")
            self._release(store)
            self._follow(store)

    def _trial(self, proposal: Proposal[Any]) -> Trial:
        genotype = proposal.genotype
        if isinstance(genotype, str):
            genotype = self._cells.read(genotype)
        facts = self._fitness.known
        return Trial(
            proposal.id,
            genotype,
            training_seed(self._prepared.plan.seed, proposal.id),
            self._claims.directory(proposal.id),
            proposal.parent,
            proposal.rule,
            facts.input_shape,
            facts.classes,
            self._search,
        )

    # Results.

    def _pending(self, store: Store, id: int) -> Proposal[str]:
        """Returns the proposal of a trial that has no result yet."""
        pending = {proposal.id: proposal for proposal, is_held in store.unfinished() if not is_held}
        if id in pending:
            return pending[id]
        has_result = id in range(1, store.counts()[2] + 1)
        listed = ", ".join(map(str, pending)) or "none"
        raise UsageError(
            f"individual {id} of {self.folder} {'has a result already' if has_result else 'does not exist'}; "
            f"individuals that were asked for and have no result: {listed}"
        )

    def _checked(self, given: Mapping[str, float], error: str) -> dict[str, float]:
        """Returns the metrics as numbers, after a check that they are those that the search needs."""
        if REASON in given:
            raise UsageError(NO_METRIC)
        first = self._fitness.objectives.first.name
        named = {first if name == "fitness" else name: value for name, value in given.items()}
        if len(named) < len(given):
            raise UsageError(f"fitness and {first} are two names of the same metric: give one of them")
        found = {name: _number(name, value) for name, value in named.items()}
        if error:
            return found
        needed = [one.name for one in self._fitness.objectives if one.name not in _COMPUTED]
        missing = [name for name in needed if name not in found]
        if missing:
            near = "".join(did_you_mean(missing[0], [name for name in found if name not in needed]))
            example = ", ".join(f"{name}=..." for name in needed)
            raise UsageError(f"the metric {missing[0]!r} of this search is missing{near}: study.tell(trial, {example})")
        for name in needed:
            if is_no_share(name, found[name]):
                advice = self._fitness.objectives.share_advice(name, found[name])
                raise UsageError(f"the metric {name!r} is {found[name]:g}; {advice}")
        odd = [name for name in found if name not in needed and not math.isfinite(found[name])]
        if odd:
            raise UsageError(f"the metric {odd[0]!r} is {found[odd[0]]}; leave it out, or give a finite number")
        return found


def _number(name: str, value: object) -> float:
    """Returns a metric as a number.

    Raises:
      UsageError: the metric is not a number, or is one that the search computes.
    """
    if name in _COMPUTED:
        raise UsageError(f"{name} follows from the network, and the search computes it: leave it out")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"the metric {name!r} is {value!r}; it must be a number") from None
    if name == "seconds" and number < 0:
        raise UsageError(
            f"seconds is {number:g}; the seconds of an evaluation are 0 or more: leave them out, or correct"
        )
    return number


def _reason(error: object) -> str:
    """Returns why an evaluation failed; empty if it did not fail.

    Raises:
      UsageError: the reason is neither a text nor an exception, or has no words.
    """
    if error is None or error == "":
        return ""
    if isinstance(error, BaseException):
        return raised(error)
    if isinstance(error, str) and error.strip():
        return error
    raise UsageError(
        f"error is {error!r}; it must be the reason of a failure, as a text or as the exception: "
        f"study.tell(trial, error='out of memory'), and left out if the evaluation has not failed; {NO_METRIC}"
    )
