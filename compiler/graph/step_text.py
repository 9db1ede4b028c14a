"""Converts a resolved step to JSON and back, for saved Keras models."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from compiler.graph.structure import Step
from compiler.primitives.base import Operation, Settings, Shape, Weight
from dsl.tree.syntax import Kernel


def step_to_json(step: Step) -> str:
    """Returns a step as JSON."""
    return json.dumps(asdict(step), default=str)


def step_from_json(text: str) -> Step:
    """Returns the step of a text from `step_to_json`."""
    data = json.loads(text)
    operations = tuple(
        Operation(
            item["primitive"], _settings(item["settings"]), tuple(item["inputs"]), tuple(item["shape"]),
            tuple(Weight(w["name"], tuple(w["shape"]), w["kind"]) for w in item["weights"]), item["mult_adds"],
            item["key"], item["drop_path"],
        )
        for item in data["operations"]
    )  # fmt: skip
    shapes: tuple[Shape, ...] = tuple(tuple(shape) for shape in data["input_shapes"])
    return Step(
        data["key"], data["name"], tuple(data["inputs"]), shapes, operations, data["output"], tuple(data["shape"]),
        data["repetition"], data["is_cell"],
    )  # fmt: skip


def _settings(data: dict[str, Any]) -> Settings:
    return {
        name: Kernel(value["height"], value["width"]) if isinstance(value, dict) else value
        for name, value in data.items()
    }
