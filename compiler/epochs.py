"""What a training reports as it goes on; known without TensorFlow, so that the search can keep it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training images gave: mean losses, accuracies from 0 to 1.

    Those of the validation images are None where they were not measured.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
