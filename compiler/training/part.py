"""A part of a training that is continued later: where it begins and ends, and the checkpoint between two parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from compiler.epochs import Epoch
from compiler.errors import CompileError
from compiler.filesystem import Place
from compiler.networks import weights

if TYPE_CHECKING:  # The module imports TensorFlow, and a checkpoint is read and written without TensorFlow.
    from compiler.layers.packing import Array

_HISTORY = "history"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a training after its last epoch.

    The order of the images and all random numbers of a step depend only on the random seed and the number of the step,
    so the number of epochs is the rest of the state.

    Attributes:
      values: the weights, the statistics, the averaged weights, the variables of the optimizer, and in float16 the
        scale of the loss, by name.
      history: the epochs up to now.
    """

    values: Mapping[str, Array]
    history: tuple[Epoch, ...]

    def save(self, path: Place) -> None:
        """Writes the checkpoint to a file atomically. An interrupted write leaves the old file."""
        rows = json.dumps([asdict(epoch) for epoch in self.history])
        weights.save(path, {**self.values, _HISTORY: np.array(rows)})

    @classmethod
    def read(cls, path: Place) -> Checkpoint:
        """Returns the checkpoint in a file that `save` has written.

        Raises:
          CompileError: the file does not exist, or is damaged.
          OSError: the file is at an address that cannot be reached now.
        """
        values = weights.entries(path)
        try:
            history = tuple(Epoch(**epoch) for epoch in json.loads(str(values.pop(_HISTORY))))
        except (KeyError, ValueError, TypeError) as error:
            raise CompileError(f"{path} is not a checkpoint: {error}") from None
        return cls(values, history)


def _nothing(checkpoint: Checkpoint) -> None:
    """Keeps no checkpoint."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a training. The schedules run over the whole training, and the images are evaluated at its end only.

    Attributes:
      epochs: the number of epochs after which the part ends.
      start: the checkpoint with which the part begins; None: the training begins.
      keep: receives the checkpoint at the end of the part, after the evaluation.
      least: training accuracies by epoch. If an epoch has a lower one, the part ends, and no checkpoint is kept.
    """

    epochs: int
    start: Checkpoint | None = None
    keep: Callable[[Checkpoint], None] = _nothing
    least: Mapping[int, float] = field(default_factory=dict)
