"""What the workers are doing now: a few bytes a training, in a file that the driver reads where it sees the folder."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = "running"  # in the work directory


@contextmanager
def reporting(folder: Path, id: int, epochs: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that reports the finished epochs of an individual; the report is removed after the training."""
    report(folder, id, 0, epochs)
    try:
        yield lambda done: report(folder, id, done, epochs)
    finally:
        forget(folder, id)


def report(folder: Path, id: int, done: int, epochs: int) -> None:
    """Write how many epochs of an individual are done.

    An error of writing is ignored, because a missing progress report must not fail a training.
    """
    with contextlib.suppress(OSError):
        (folder / str(id)).write_text(f"{done}/{epochs}")


def forget(folder: Path | None, id: int) -> None:
    """Remove the report of an individual, which its worker cannot do if it was killed."""
    if folder is not None:
        with contextlib.suppress(OSError):
            (folder / str(id)).unlink(missing_ok=True)


def prepare(folder: Path) -> None:
    """Make the folder, without reports of an earlier run."""
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()


def remove(folder: Path) -> None:
    """Remove the folder and the reports in it."""
    prepare(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def read(folder: Path) -> Mapping[int, tuple[int, int]]:
    """Of every individual that is trained now how many epochs are done, and of how many, by id."""
    found = {}
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                # A file that is just being written is empty.
                counts = re.fullmatch(r"(\d+)/(\d+)", path.read_text())
                if counts is not None and path.name.isdecimal():
                    found[int(path.name)] = (int(counts[1]), int(counts[2]))
    return dict(sorted(found.items()))


def shown(running: Mapping[int, tuple[int, int]], most: int = 6) -> str:
    """What runs now, for one line: `3, 4: epoch 5/12  5: setting up`; of more than `most` individuals the first."""
    groups: dict[str, list[str]] = {}
    for id, (done, epochs) in [*running.items()][:most]:
        groups.setdefault(f"epoch {done}/{epochs}" if done else "setting up", []).append(str(id))
    parts = [f"{', '.join(ids)}: {what}" for what, ids in groups.items()]
    return "  ".join([*parts, f"and {len(running) - most} more"] if len(running) > most else parts)
