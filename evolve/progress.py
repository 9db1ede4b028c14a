"""What the user sees while a search runs: where it starts, one line of progress, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from evolve.records import Individual, Standing

PLAIN_SECONDS = 10.0  # Between two lines where nobody watches a terminal, such as in a log.


class Progress:
    """One line that is rewritten on a terminal, and one every now and then elsewhere."""

    def __init__(self, console: Console, individuals: int, done: int, best: Individual | None) -> None:
        self._console = console
        self._individuals = individuals
        self._done = done
        self._here = 0  # finished by this run of the program, from which the pace is taken
        self._best = best
        self._started = time.monotonic()
        self._shown = self._started
        self._live = Live(get_renderable=self._line, console=console, refresh_per_second=1, transient=True)

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
        self._console.print(self._line())

    def individual(self, individual: Individual, genotype: object, standing: Standing) -> None:
        """One more is finished."""
        self._done += 1
        self._here += 1
        self._best = standing.best
        if not self._console.is_terminal and time.monotonic() - self._shown >= PLAIN_SECONDS:
            self._shown = time.monotonic()
            self._console.print(self._line())

    def _line(self) -> Text:
        seconds = time.monotonic() - self._started
        # A log is one line a report, however narrow the console takes itself to be.
        return Text(line(self._done, self._individuals, self._here, seconds, self._best), no_wrap=True)


class Reading:
    """A line on how many images have been read, shown once reading takes longer than a moment."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = time.monotonic()
        self._text = ""
        self._live = Live(
            get_renderable=lambda: Text(self._text), console=console, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Reading:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, done: int, all: int) -> None:
        """Say how many of all images have been read."""
        self._text = f"reading images: {done:,} of {all:,}"
        if not self._console.is_terminal and time.monotonic() - self._shown >= PLAIN_SECONDS:
            self._shown = time.monotonic()
            self._console.print(self._text, highlight=False)


def line(done: int, individuals: int, here: int, seconds: float, best: Individual | None) -> str:
    """The line: done of all, the best, the pace of this run and the time it leaves."""
    parts = [f"{done}/{individuals}"]
    if best is not None:
        parts.append(f"best {best.fitness:.4f} ({size(best.params)} params, id {best.id})")
    if here and seconds > 0:
        parts.append(f"{3600 * here / seconds:,.0f} an hour")
        parts.append(f"{duration((individuals - done) * seconds / here)} left")
    return "  ".join(parts)


def size(number: int) -> str:
    """A count as people write it: 842, 31.2k, 3.22M."""
    for limit, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= limit:
            return f"{number / limit:.3g}{unit}"
    return str(number)


def duration(seconds: float) -> str:
    """A time in its two largest units: 42s, 3m 10s, 5h 02m, 6d 04h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def show_start(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """What is searched, on what, and where one can look on."""
    block = Table.grid(padding=(0, 2))
    for name, value in rows:
        block.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    console.print(block)


def show_end(
    console: Console,
    best: Sequence[Individual],
    accuracy: float | None,
    folder: Path,
    commands: Sequence[str],
    reason: str = "",
    step_share: float | None = None,
) -> None:
    """Why the search has ended, what its workers did, the best five, the first one's test accuracy, what to do next."""
    if reason:
        console.print(f"ended: {reason}", highlight=False, soft_wrap=True)
    if step_share is not None:
        console.print(f"steps of training and evaluation took {step_share:.0%} of the workers' time", highlight=False)
    table = Table(title="The best", title_justify="left")
    for heading in ("accuracy", "params", "mult-adds", "id"):
        table.add_column(heading, justify="right")
    for individual in best:
        table.add_row(
            f"{individual.fitness:.4f}",
            f"{individual.params:,}",
            f"{individual.mult_adds:,}",
            str(individual.id),
        )
    console.print(table)
    for name, value in best[0].metrics if best else ():
        console.print(f"{name} of {best[0].id}: {value:.6g}", highlight=False)
    if accuracy is not None:
        console.print(f"test accuracy of {best[0].id}: {accuracy:.4f}", highlight=False)
    if not best:
        return
    console.print(f"written to {folder / 'best.cell'}; next:", highlight=False, soft_wrap=True)
    for command in commands:
        console.print(f"  {command}", highlight=False, soft_wrap=True)
