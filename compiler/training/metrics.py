"""Metrics of a classifier, from its predictions for labelled images. This module does not import TensorFlow.

The values are those of scikit-learn, whose import would take a second in each worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RECALL = "recall_"  # begins the name of the metric of one class


@dataclass(frozen=True, eq=False)
class Predicted:
    """The logits [images, classes] of a network, and the labels [images]."""

    logits: Array
    labels: Array

    @property
    def confusion(self) -> Array:
        """The confusion matrix [classes, classes]: numbers of images by class (row) and predicted class (column)."""
        classes = self.logits.shape[1]
        found = np.zeros((classes, classes), np.int64)
        np.add.at(found, (self.labels, self.logits.argmax(1)), 1)
        return found

    @property
    def probabilities(self) -> Array:
        """The probabilities [images, classes] of the classes."""
        values = self.logits.astype(np.float64)
        powers = np.exp(values - values.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)  # type: ignore[no-any-return]

    @property
    def loss(self) -> float:
        """The mean cross entropy."""
        values = self.logits.astype(np.float64)
        greatest = values.max(1)
        sums = greatest + np.log(np.exp(values - greatest[:, None]).sum(1))
        return float(np.mean(sums - values[np.arange(len(values)), self.labels]))

    def metrics(self, class_names: Sequence[str], accuracy: float | None = None, loss: float | None = None) -> Metrics:
        """Returns the metrics by name. Metrics that are not defined for these images are left out.

        Args:
          class_names: the names of the classes, in the order of their labels.
          accuracy: the accuracy, if it is known.
          loss: the loss, if it is known.
        """
        return {
            "accuracy": float(np.mean(self.logits.argmax(1) == self.labels)) if accuracy is None else accuracy,
            "loss": self.loss if loss is None else loss,
            **of_confusion(self.confusion, class_names),
            **auc(self.labels, self.probabilities),
        }


Metrics = Mapping[str, float]


def of_confusion(confusion: Array, class_names: Sequence[str]) -> Metrics:
    """Returns those metrics that follow from a confusion matrix [classes, classes].

    `balanced_accuracy` is the mean recall of the classes that have images, and `macro_f1` the mean F1 score of the
    classes that have images or predictions. The recall of a class is the share of its images that the network
    classifies correctly.
    """
    right, images, predictions = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    present, either = images > 0, images + predictions > 0
    recalls = right[present] / images[present]
    scores = 2 * right[either] / (images + predictions)[either]
    names = [name for name, has_images in zip(class_names, present, strict=True) if has_images]
    return {
        "balanced_accuracy": float(recalls.mean()),
        "macro_f1": float(scores.mean()),
        **{recall_of(name): float(recall) for name, recall in zip(names, recalls, strict=True)},
    }


def auc(labels: Array, scores: Array) -> Metrics:
    """Returns the mean over the classes of the area under the ROC curve of each class against all others, as `auc`.

    The area is the share of pairs of an image of the class and another image of which the first has the higher score,
    where a tie counts half. Classes that no image or all images have do not count; without others, nothing is returned.

    Args:
      labels: the labels [images].
      scores: the scores [images, classes].
    """
    areas = []
    for label in np.unique(labels):
        own = labels == label
        if not own.all():
            others, inside = np.sort(scores[~own, label]), scores[own, label]
            below = np.searchsorted(others, inside, "left") + np.searchsorted(others, inside, "right")
            areas.append(below.mean() / (2 * len(others)))
    return {"auc": float(np.mean(areas))} if areas else {}


def recall_of(class_name: str) -> str:
    """Returns the name of the metric that is the recall of a class.

    The name of the class is part of it. All characters but letters and digits are replaced by underscores.
    """
    return RECALL + "".join(character if character.isalnum() else "_" for character in class_name)
