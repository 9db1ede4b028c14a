"""Metrics of a classifier are those of scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as sklearn

from compiler.training.metrics import Predicted, auc, recall_of

CASES = [(2, 40), (3, 25), (10, 180), (10, 12), (40, 60), (5, 1000)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("classes", "images"), CASES)
def test_metrics_are_those_of_scikit_learn(classes: int, images: int, seed: int) -> None:
    rng = np.random.default_rng([seed, classes, images])
    # Rounded logits have ties. With few images, some classes have no images or no predictions.
    logits = rng.normal(size=(images, classes)).round(1).astype(np.float32)
    labels = rng.integers(0, max(2, classes - seed), images)
    logits[np.arange(images), labels] += rng.uniform(0, 2)
    found = Predicted(logits, labels)
    metrics, predictions = found.metrics([f"class {label}" for label in range(classes)]), logits.argmax(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes without images
        expected = {
            "accuracy": sklearn.accuracy_score(labels, predictions),
            "loss": sklearn.log_loss(labels, found.probabilities, labels=range(classes)),
            "balanced_accuracy": sklearn.balanced_accuracy_score(labels, predictions),
            "macro_f1": sklearn.f1_score(labels, predictions, average="macro"),
        }
    present = np.unique(labels)
    recalls = sklearn.recall_score(labels, predictions, labels=present, average=None)
    expected |= {f"recall_class_{label}": recall for label, recall in zip(present, recalls, strict=True)}
    one_hot = labels[:, None] == present
    expected["auc"] = sklearn.roc_auc_score(one_hot, found.probabilities[:, present], average="macro")
    assert metrics == pytest.approx(expected)
    np.testing.assert_array_equal(found.confusion, sklearn.confusion_matrix(labels, predictions, labels=range(classes)))


def test_the_auc_is_the_multiclass_one_of_scikit_learn_if_every_class_has_images() -> None:
    rng = np.random.default_rng(0)
    labels, scores = np.arange(300) % 4, rng.dirichlet(np.ones(4), 300)
    assert auc(labels, scores)["auc"] == pytest.approx(sklearn.roc_auc_score(labels, scores, multi_class="ovr"))


def test_the_auc_of_two_classes_is_the_usual_one() -> None:
    rng = np.random.default_rng(1)
    found = Predicted(rng.normal(size=(50, 2)), rng.integers(0, 2, 50))
    usual = sklearn.roc_auc_score(found.labels, found.probabilities[:, 1])
    assert found.metrics(["no", "yes"])["auc"] == pytest.approx(usual)


def test_a_metric_that_is_not_defined_is_left_out() -> None:
    found = Predicted(np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([1, 1])).metrics(["no", "yes"])
    assert {*found} == {"accuracy", "loss", "balanced_accuracy", "macro_f1", "recall_yes"}
    assert found["recall_yes"] == found["accuracy"] == 0.5


def test_large_logits_have_a_finite_loss() -> None:
    assert Predicted(np.array([[1e6, -1e6]], np.float32), np.array([1])).loss == 2e6


def test_the_name_of_a_class_becomes_an_identifier() -> None:
    assert recall_of("7") == "recall_7"
    assert recall_of("Golden Retriever/äöü-2") == "recall_Golden_Retriever_äöü_2"
