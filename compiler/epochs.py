"""The record of an epoch, in a module without TensorFlow, so that a search can store it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """The result of one pass over the training images: mean losses, and accuracies from 0 to 1.

    The numbers of the validation images are None where these were not evaluated.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
