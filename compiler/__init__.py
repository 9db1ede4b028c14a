"""Resolves genotypes to graphs, and computes their costs, draws them, and trains them as Keras models.

`resolve`, `cost` and `requirement` work without TensorFlow. Functions that need TensorFlow are loaded at their first
use: `feed` makes batches of a `Dataset`, `lower` builds a model, `train` trains a model, and `accuracy` evaluates it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from compiler.epochs import Epoch
from compiler.errors import CompileError, DataError, Diverged, ShapeError
from compiler.graph.cost import Cost, cost, graph_cost
from compiler.graph.requirements import requirement
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph
from compiler.settings import DatasetSettings, Training

if TYPE_CHECKING:
    from compiler.batches.pipeline import Feed, feed
    from compiler.images.data import Dataset
    from compiler.images.splits import Images
    from compiler.layers.model import lower
    from compiler.training.candidate import Trained, accuracy, train

__all__ = [
    "CompileError", "Cost", "DataError", "Dataset", "DatasetSettings", "Diverged", "Epoch", "Feed", "Graph", "Images",
    "ShapeError", "Trained", "Training", "accuracy", "cost", "feed", "graph_cost", "lower", "requirement", "resolve",
    "train",
]  # fmt: skip

_LATE = {
    "Dataset": "compiler.images.data",
    "Feed": "compiler.batches.pipeline",
    "Images": "compiler.images.splits",
    "Trained": "compiler.training.candidate",
    "accuracy": "compiler.training.candidate",
    "feed": "compiler.batches.pipeline",
    "lower": "compiler.layers.model",
    "train": "compiler.training.candidate",
}


def __getattr__(name: str) -> Any:
    """Returns a name from a module that needs numpy or TensorFlow. The module is loaded at its first use."""
    if name not in _LATE:
        raise AttributeError(f"module 'compiler' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)
