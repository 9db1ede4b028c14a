"""The record of an epoch. This module does not import TensorFlow, since a search stores the record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """The result of one pass over the training images: mean losses, and accuracies from 0 to 1.

    The loss and the accuracy of the validation images are None if these images were not evaluated after this epoch.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
