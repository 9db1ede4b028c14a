"""Records of a training: an epoch, and the pace. This module does not import TensorFlow: the driver reads them."""

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


@dataclass(frozen=True, slots=True)
class Pace:
    """The measured pace of a training.

    Attributes:
      setup: seconds from the genotype to the end of the first step.
      step: seconds of a later step.
      memory: the greatest number of bytes of GPU memory that the training held; 0 without a GPU.
      device: the name of the GPU; empty if TensorFlow used none.
    """

    setup: float
    step: float
    memory: int = 0
    device: str = ""

    def total(self, steps: int) -> float:
        """Returns the seconds of a training with this number of steps."""
        return self.setup + steps * self.step
