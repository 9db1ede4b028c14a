"""Genotype to resolved graph, and from there to a cost, a picture or a trained `tf_keras.Model`.

`resolve` and `cost` need no TensorFlow; `lower` and `train` load it when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.errors import CompileError, DataError, Diverged, ShapeError
from compiler.graph.cost import Cost, cost, graph_cost
from compiler.graph.resolve import resolve
from compiler.graph.structure import Graph
from compiler.settings import Training

if TYPE_CHECKING:
    from compiler.layers.model import lower
    from compiler.training.candidate import train

__all__ = [
    "CompileError", "Cost", "DataError", "Diverged", "Graph", "ShapeError", "Training", "cost", "graph_cost", "lower",
    "resolve", "train",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Loads what needs TensorFlow when it is asked for."""
    if name == "lower":
        from compiler.layers.model import lower

        return lower
    if name == "train":
        from compiler.training.candidate import train

        return train
    raise AttributeError(f"module 'compiler' has no attribute {name!r}")
