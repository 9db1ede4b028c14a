"""The trained weights that a search keeps: one file for each individual, and checkpoints between rungs."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from compiler.errors import CompileError, pasted
from compiler.filesystem import Place
from compiler.training.part import Checkpoint
from evolve.errors import KEPT, UsageError
from evolve.records import Task

if TYPE_CHECKING:
    from compiler.networks.weights import Weights


def best_folder(storage: Place) -> Place:
    """Returns the folder with the best network of a search and its weights. `cell export` reads this folder."""
    return storage / "best"


def weights_file(folder: Place, id: int) -> Place:
    """Returns the file of the weights of an individual."""
    return folder / f"{id}.npz"


def checkpoint_file(weights: Place, id: int, rung: int) -> Place:
    """Returns the file of the checkpoint of an individual after a rung. `weights` is the folder of the weights."""
    return weights.parent / "checkpoints" / f"{id}-{rung}.npz"


def check_folder(weights: Place) -> None:
    """Checks that this worker can reach the folder of the weights. Otherwise a training would be lost at its end.

    Raises:
      UsageError: the worker cannot reach the folder.
    """
    folder, here = weights.parent, f"a worker on {socket.gethostname()}"
    try:
        seen = folder.is_dir()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{here} cannot use {folder}, where weights are kept: {reason}") from None
    if not seen:
        raise UsageError(
            f"{here} cannot reach the folder {folder}, where weights are kept: "
            "choose a --workdir on storage that all machines share, or keep weights at an address: "
            f"{pasted('search.storage', 'gs://bucket/run')}"
        )


def save(folder: Place, id: int, layers: Iterable[Any]) -> None:
    """Writes the weights of the layers of a trained individual.

    Raises:
      UsageError: the file cannot be written.
    """
    from compiler.networks import weights

    path = weights_file(folder, id)
    with _naming(path, "written"):
        weights.save(path, weights.weights_of(layers))


def inherited(folder: Place, task: Task, otherwise: str) -> tuple[Weights, str]:
    """Returns the weights that an individual inherits from its parent and its mate, and a note for its row.

    If the weights of one of them are missing or damaged, they are left out, and the note has the reason.

    Args:
      folder: the folder of the weights.
      task: the task, which names the parents.
      otherwise: what happens to the individual without the weights of its parent, for the note.

    Raises:
      UsageError: a file cannot be read.
    """
    from compiler.networks import weights

    assert task.weights_from is not None, "the individual inherits weights"
    found, note = _read(folder, task.weights_from, otherwise)
    if task.mate_weights_from is None:
        return found, note
    other, lacking = _read(folder, task.mate_weights_from, "started without the weights of its mate")
    return weights.of_parents(found, other, task.from_mate), "; ".join(filter(None, (note, lacking)))


def differences(folder: Place, layers: Any, ids: Iterable[int]) -> tuple[tuple[int, float], ...]:
    """Returns the differences between the weights of trained layers and those of the individuals `ids`.

    An individual whose weights are missing, or have no key and shape in common with these, is left out.
    """
    from compiler.networks import weights

    found = ((id, weights.difference(layers, _read(folder, id, "")[0])) for id in ids)
    return tuple((id, apart) for id, apart in found if apart is not None)


def _read(folder: Place, id: int, otherwise: str) -> tuple[Weights, str]:
    """Returns the weights of an individual and an empty note.

    If the weights are missing or damaged, returns none, and a note that begins with `otherwise`.
    """
    from compiler.networks import weights

    path = weights_file(folder, id)
    try:
        with _naming(path, "read"):
            return weights.read(path), ""
    except CompileError as error:
        return {}, f"{otherwise}: {error}"


def save_checkpoint(path: Place, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint of a training.

    Raises:
      UsageError: the file cannot be written.
    """
    with _naming(path, "written"):
        checkpoint.save(path)


def read_checkpoint(path: Place) -> Checkpoint:
    """Returns the checkpoint of a training.

    Raises:
      UsageError: the file cannot be read.
      CompileError: the file is missing or damaged.
    """
    with _naming(path, "read"):
        return Checkpoint.read(path)


@contextmanager
def _naming(path: Place, verb: str) -> Iterator[None]:
    """A context that raises an OSError as a UsageError, which names the file of weights `path`.

    Args:
      path: the file.
      verb: the past participle of what is done with the file, such as "read".
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"the weights {path} cannot be {verb}: {error.strerror or error}; remove the cause: {KEPT}"
        ) from None
