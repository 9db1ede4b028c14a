"""Progress reports of workers. A worker writes a small file for each training, and the driver reads these files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = "running"  # the folder of the reports in the work directory


@contextmanager
def reporting(folder: Path, id: int, epochs: int) -> Iterator[Callable[[int], None]]:
    """A context with a function that reports the number of finished epochs. The report is removed at its end."""
    report(folder, id, 0, epochs)
    try:
        yield lambda done: report(folder, id, done, epochs)
    finally:
        forget(folder, id)


def report(folder: Path, id: int, done: int, epochs: int) -> None:
    """Writes the number of finished epochs of an individual.

    An error of writing is ignored, because a missing progress report must not fail a training.
    """
    with contextlib.suppress(OSError):
        (folder / str(id)).write_text(f"{done}/{epochs}")


def forget(folder: Path | None, id: int) -> None:
    """Removes the report of an individual. The driver calls this for a worker that was ended before it could do so."""
    if folder is not None:
        with contextlib.suppress(OSError):
            (folder / str(id)).unlink(missing_ok=True)


def prepare(folder: Path) -> None:
    """Makes the folder of the reports, and removes reports that an earlier run has left."""
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()


def remove(folder: Path) -> None:
    """Removes the folder and the reports in it."""
    prepare(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def read(folder: Path) -> Mapping[int, tuple[int, int]]:
    """Returns, by id, the number of finished epochs and of all epochs of every individual in training."""
    found = {}
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                # A file that is being written may be empty.
                counts = re.fullmatch(r"(\d+)/(\d+)", path.read_text())
                if counts is not None and path.name.isdecimal():
                    found[int(path.name)] = (int(counts[1]), int(counts[2]))
    return dict(sorted(found.items()))


def shown(running: Mapping[int, tuple[int, int]], most: int = 6) -> str:
    """Returns a line such as `3, 4: epoch 5/12  5: setting up`, with at most `most` individuals."""
    groups: dict[str, list[str]] = {}
    for id, (done, epochs) in [*running.items()][:most]:
        groups.setdefault(f"epoch {done}/{epochs}" if done else "setting up", []).append(str(id))
    parts = [f"{', '.join(ids)}: {what}" for what, ids in groups.items()]
    return "  ".join([*parts, f"and {len(running) - most} more"] if len(running) > most else parts)
