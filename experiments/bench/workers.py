"""Measures the gain of a second worker: `python -m experiments.bench.workers [INDIVIDUALS [WORKERS]]`.

The program evaluates the first individuals of `digits.gin` with one worker, and then the same individuals with WORKERS
workers (by default two). Each run has a work directory of its own. The program compares the individuals an hour. A
worker is busy while it builds, trains and measures a network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from evolve.store.database import reading
from experiments.bench.pace import numbers

INDIVIDUALS, WORKERS = 20, 2


def measured(workers: int, individuals: int) -> tuple[float, float]:
    """Returns individuals an hour, and the share of the time in which the workers were busy."""
    with tempfile.TemporaryDirectory() as folder:
        settings = (f"search.individuals={individuals}", f"processes.workers={workers}")
        flags = ["--gin_file=digits.gin", f"--workdir={folder}", *(f"--gin_param={setting}" for setting in settings)]
        subprocess.run([sys.executable, "-m", "evolve.main", *flags], check=True, stdout=subprocess.DEVNULL)
        with reading(Path(folder)) as db:
            (seconds,) = db.execute("select value from meta where key = 'note.seconds'").fetchone()
            (busy,) = db.execute("select total(seconds) from individuals").fetchone()
    return 3600 * individuals / float(seconds), busy / (workers * float(seconds))


def main(individuals: int, workers: int) -> None:
    """Measures and prints."""
    one, several = measured(1, individuals), measured(workers, individuals)
    for count, (rate, busy) in ((1, one), (workers, several)):
        print(f"{count} workers: {rate:,.0f} individuals an hour, {busy:.1%} busy")
    print(f"{workers} workers finish {several[0] / one[0]:.2f} times the individuals of one")


if __name__ == "__main__":
    main(*numbers(__doc__, individuals=INDIVIDUALS, workers=WORKERS))
