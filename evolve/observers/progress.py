"""The output of a search on the terminal: the header, the progress line, and the end table."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dsl.wording import plural
from evolve.fitness import running
from evolve.objectives import Objective
from evolve.observers.front import PICTURE
from evolve.observers.outcome import SHOWN, WORST_CLASSES, Outcome, by_class, warnings
from evolve.records import Classification, Individual, Spent, Standing
from evolve.search.plan import Plan, Tally
from evolve.store.location import FRONT

PLAIN_SECONDS = 10.0  # Seconds between two progress lines if the output is not a terminal.
BAR = 30  # the width of the progress bar in characters


def console(quiet: bool = False) -> Console:
    """Returns a console for the standard output. If that is not a terminal, lines have up to 200 characters.

    Args:
      quiet: whether the console prints nothing.
    """
    if sys.stdout.isatty():
        return Console(quiet=quiet)
    return Console(width=200, quiet=quiet, force_jupyter=False)  # a notebook shows plain lines, as a log file does


class _Lines(ABC):
    """Progress lines. On a terminal they are overwritten; in other output a line is printed every PLAIN_SECONDS.

    `__init__` calls `_lines`, so a subclass sets its own attributes before it calls `__init__`.
    """

    def __init__(self, console: Console, times_a_second: float) -> None:
        self._console = console
        self._shown = time.monotonic()
        self._live = Live(
            get_renderable=self._lines, console=console, refresh_per_second=times_a_second, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def _lines(self) -> RenderableType:
        """Returns the lines for a terminal. By default this is the line for other output."""
        return self._line()

    @abstractmethod
    def _line(self) -> Text:
        """Returns the line for output that is not a terminal, such as a log file."""

    def _report(self) -> None:
        """Prints the line if the output is not a terminal and PLAIN_SECONDS have passed since the last line."""
        if not self._console.is_terminal and time.monotonic() - self._shown >= PLAIN_SECONDS:
            self._shown = time.monotonic()
            self._console.print(self._line())


class Progress(_Lines):
    """The progress line of a search, with its counts, its costs, the best individual and the current trainings.

    Args:
      plan: the limits of the search.
      tally: the counts and costs, which the search updates.
      best: the best individual so far.
      reports: the folder of the workers' reports.
    """

    def __init__(
        self, console: Console, plan: Plan, tally: Tally, best: Individual | None, reports: Path | None = None
    ) -> None:
        self._plan = plan
        self._tally, self._before = tally, tally.spent
        self._best = best
        self._reports = reports
        super().__init__(console, 1)

    def __enter__(self) -> Self:
        if self._reports is not None:
            running.prepare(self._reports)
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._console.print(self._line())
        if self._reports is not None:
            running.remove(self._reports)

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        """Updates the line after an individual has finished."""
        # A worker that was ended has left its report. The individual may have a result of a lower rung all the same.
        if individual.id not in standing.continued:
            running.forget(self._reports, individual.id)
        self._best = standing.best
        self._report()

    def _line(self) -> Text:
        now = self._tally.spent
        words = [*counted(self._plan, now, self._best), *timed(self._plan, self._before, now)]
        # In a log file the text must stay one line, whatever the width of the console is.
        return Text("  ".join(words), no_wrap=True)

    def _lines(self) -> Group:
        """Returns the lines on a terminal: the bar and the counts, then the times and the individuals in training."""
        now = self._tally.spent
        first = Table.grid(padding=(0, 2))
        first.add_column(width=BAR)
        first.add_column(no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(1.0, share(self._plan, now), BAR)
        first.add_row(bar, Text("  ".join(counted(self._plan, now, self._best))))
        words = [*timed(self._plan, self._before, now)]
        if self._reports is not None and (trained := running.shown(running.read(self._reports))):
            words.append(f"now {trained}")
        return Group(first, Text("  ".join(words), no_wrap=True, overflow="ellipsis"))


class Counting(_Lines):
    """A progress line with a number, such as that of images that have been read. A log file gets one in PLAIN_SECONDS.

    Args:
      what: the text before the number.
    """

    def __init__(self, console: Console, what: str) -> None:
        self._what, self._text = what, ""
        super().__init__(console, 4)

    def show(self, done: int, all: int) -> None:
        """Shows how many of all are done."""
        self._text = f"{self._what}: {done:,} of {all:,}"
        self._report()

    def _line(self) -> Text:
        return Text(self._text)


def counted(plan: Plan, now: Spent, best: Individual | None) -> Iterator[str]:
    """Yields texts with the number of finished individuals, the best individual, and the number of failed ones."""
    yield f"{now.finished}/{plan.individuals}"
    if best is not None:
        first = plan.objectives.first
        metric = "" if first.title == "accuracy" else f"{first.title} "
        rung = f", rung {best.rung + 1} of {len(plan.rungs)}" if plan.rungs else ""
        yield f"best {metric}{first.shown(best.fitness)} ({size(best.params)} params, id {best.id}{rung})"
    if now.failed:
        yield f"{now.failed} failed"


def timed(plan: Plan, before: Spent, now: Spent) -> Iterator[str]:
    """Yields texts with the time of all runs, the individuals an hour of this run, and the time left at this pace."""
    yield f"{duration(now.seconds)} elapsed"
    here, seconds = now.finished - before.finished, now.seconds - before.seconds
    if here and seconds > 0:
        yield f"{3600 * here / seconds:,.0f} an hour"
    left = time_left(plan, before, now)
    if left is not None and left >= 0.5:
        # The target may be reached at any time, so the time left is an upper bound.
        yield f"{'at most ' if plan.target is not None else ''}{duration(left)} left"


def time_left(plan: Plan, before: Spent, now: Spent) -> float | None:
    """Returns the seconds until the first limit is reached at the pace of this run; None if this run has no result."""
    seconds = now.seconds - before.seconds
    found = [] if plan.budget is None else [max(0.0, plan.budget - now.seconds)]
    for limit, spent, begun in (
        (plan.individuals, now.finished, before.finished),
        (plan.budget_flops, now.flops, before.flops),
        (plan.budget_simulated, now.simulated, before.simulated),
    ):
        if limit is not None and spent > begun:
            found.append(max(0.0, limit - spent) * seconds / (spent - begun))
    return min(found, default=None)


def share(plan: Plan, now: Spent) -> float:
    """Returns the progress towards the limit that is nearest, from 0 to 1."""
    limits = (
        (plan.individuals, now.finished),
        (plan.budget, now.seconds),
        (plan.budget_flops, now.flops),
        (plan.budget_simulated, now.simulated),
    )
    return min(1.0, max(spent / limit for limit, spent in limits if limit is not None))


def size(number: int) -> str:
    """Returns a count with at most three digits: 842, 31.2k, 3.22M."""
    for limit, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= limit:
            return f"{number / limit:.3g}{unit}"
    return str(number)


def duration(seconds: float) -> str:
    """Returns a time in its two largest units: 42s, 3m 10s, 5h 02m, 6d 04h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def show_start(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Prints the header of a search. Each row has a title and a text."""
    block = Table.grid(padding=(0, 2))
    for name, value in rows:
        block.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    console.print(block)


def _shares(outcome: Outcome) -> Iterator[str]:
    """Yields the shares of the workers' time, as far as they are known."""
    if outcome.step_share is not None:
        yield f"workers trained and validated for {outcome.step_share:.0%} of their time"
    if outcome.data_share is not None:
        yield f"steps waited for images for {outcome.data_share:.1%} of the time of training and validation"


def show_end(console: Console, outcome: Outcome, folder: Path, commands: Sequence[str]) -> None:
    """Prints the end of a search: the reason, the best networks, their test accuracy, and the next commands."""
    best, tested = outcome.best, outcome.tested
    if outcome.reason:
        say(console, f"ended: {outcome.reason}")
    if outcome.failed:
        reason = outcome.failure.partition("\n")[0]
        many = "s" * (outcome.finished != 1)
        say(console, f"{outcome.failed} of {outcome.finished} individual{many} failed, the latest because: {reason}")
    count, correlation = outcome.predicted
    if count:
        rung = " on the first rung" if any(one.rung for one in best) else ""
        what = f"predicted and measured fitness{rung}"
        shown = "" if correlation is None else f"; {what}: rank correlation {correlation:.2f}"
        say(console, f"a model chose {count} individual{'s' * (count != 1)}{shown}")
    for line in _shares(outcome):
        say(console, line)
    console.print(_best(best, outcome.objective, outcome.searched))
    for line in _retrained(outcome):
        say(console, line)
    if outcome.front is not None:
        console.print(outcome.front.table())
    for name, value in best[0].metrics if best else ():
        if name != outcome.objective.name:
            say(console, f"{name} of {best[0].id}: {value:.6g}")
    if tested is not None:
        _show_tested(console, best[0].id, tested, outcome.objective)
    for warning in warnings(outcome):
        say(console, f"warning: {warning}", "yellow")
    if not best:
        return
    written = [folder / name for name in ("best.cell", *((FRONT, PICTURE) if outcome.front is not None else ()))]
    say(console, f"written to {', '.join(map(str, written))}; next:")
    for command in commands:
        say(console, f"  {command}")


def _show_tested(console: Console, id: int, tested: Classification, objective: Objective) -> None:
    """Prints the accuracy on the test images, and the metric that is the fitness if that is another one."""
    say(console, f"test accuracy of {id}: {tested.accuracy:.4f}")
    for name, value in tested.metrics:
        if name == objective.name != "accuracy":
            say(console, f"test {objective.title} of {id}: {value:.4f}")
    if tested.confusion:
        console.print(_by_class(tested))


def say(console: Console, text: str, style: str = "") -> None:
    """Prints one line. Rich's markup is off, because names of the user may contain brackets."""
    console.print(Text(text, style), soft_wrap=True)


def _retrained(outcome: Outcome) -> Iterator[str]:
    """Yields lines about the retrainings of the best individuals."""
    best, searched = outcome.best, outcome.searched
    for one in best:
        if one.is_failed and searched:
            yield f"the retrainings of {one.id} failed: {one.error.partition(chr(10))[0]}"
    if searched and not best[0].is_failed:
        title, first = outcome.objective.title, best[0]
        yield (
            f"individual {first.id} is the best of {plural(len(best), 'finalist')} by their retrainings: {title} "
            f"{_with_error(first, outcome.objective)}, and {outcome.objective.shown(searched[first.id].fitness)} in "
            "the search"
        )


def _best(best: Sequence[Individual], objective: Objective, searched: Mapping[int, Individual]) -> Table:
    """Returns the table of the best individuals. Finalists have the metric of their retrainings first."""
    table = Table(title="The best", title_justify="left")
    again = [f"retrained {objective.title}"] if searched else []
    parent = "parents" if any(one.mate is not None for one in best) else "parent"
    has_rungs = any(one.rung for one in best)
    rung_heading = ["rung"] if has_rungs else []
    for heading in (*again, objective.title, *rung_heading, "params", "mult-adds", "id", "rule", parent):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for one in best:
        rung = [str(one.rung + 1)] if has_rungs else []
        metrics = [_with_error(each, objective) for each in (one, searched.get(one.id)) if each is not None]
        numbers = (*metrics, *rung, f"{one.params:,}", f"{one.mult_adds:,}", str(one.id))
        table.add_row(*numbers, Text(one.rule), ", ".join(map(str, one.parents)))
    return table


def _with_error(one: Individual, objective: Objective) -> str:
    """Returns the metric of an individual, with its standard error if it is a mean: 0.9512 ± 0.0031."""
    if one.is_failed:
        return "failed"
    error = one.fitness_error
    return objective.shown(one.fitness) + ("" if error is None else f" ± {error:.4f}")


def _by_class(tested: Classification) -> Table:
    classes = by_class(tested)
    title = "Test images by class"
    if len(classes) > SHOWN:
        title = f"The {WORST_CLASSES} of {len(classes)} classes with the lowest test accuracy"
        classes = sorted(classes, key=lambda one: one.accuracy)[:WORST_CLASSES]
    table = Table(title=title, title_justify="left")
    table.add_column("class", overflow="fold")
    for heading in ("images", "accuracy"):
        table.add_column(heading, justify="right")
    table.add_column("most often taken for", overflow="fold")
    for one in classes:
        table.add_row(Text(one.name), f"{one.images:,}", f"{one.accuracy:.4f}", Text(one.taken_for))
    return table
