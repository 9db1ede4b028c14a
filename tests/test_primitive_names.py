"""Only the packages of primitives name a primitive. Other modules read its record."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from dsl.primitives import PRIMITIVES

ROOT = Path(__file__).parent.parent

# Words that are a primitive's name and mean something else, by the modules that may use them so.
OTHERWISE = {
    ("compiler/batches/*", "skip"): "a field of a shard: how many images are passed over",
    ("compiler/images/*", "skip"): "a value of dataset.unreadable",
    ("compiler/settings.py", "skip"): "a value of dataset.unreadable",
    ("compiler/graph/structure.py", "drop_path"): "a field of an operation: whether drop path may drop its output",
    ("compiler/networks/*", "depthwise"): "a kind of weight",
    ("evolve/tab/individual.py", "part"): "a noun, of which a sentence has a count",
    ("compiler/pictures/paints.py", "conv"): "a part of the names that texts give operations; it decides their colour",
    ("compiler/pictures/paints.py", "depthwise"): "as conv",
    ("compiler/pictures/paints.py", "skip"): "as conv",
    ("compiler/pictures/paints.py", "zero"): "as conv",
    ("compiler/pictures/paints.py", "upsample"): "as conv",
    ("compiler/pictures/paints.py", "attention"): "as conv",
    ("compiler/pictures/paints.py", "token_mlp"): "as conv",
    ("evolve/search/*", "none"): "the rule of a child that no rule could make",
}


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Returns the texts in a module, without the `none` of `... or 'none'`, which stands for an empty list."""
    nodes = list(ast.walk(tree))
    empty = {node.values[-1] for node in nodes if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)}
    empty |= {node.orelse for node in nodes if isinstance(node, ast.IfExp)}
    for node in nodes:
        if isinstance(node, ast.Constant) and not (node.value == "none" and node in empty):
            yield node


def test_no_other_module_names_a_primitive() -> None:
    named, used = [], set()
    for package in ("dsl", "compiler", "evolve"):
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT)
            for node in literals(ast.parse(path.read_text(encoding="utf-8"))) if place.parts[1] != "primitives" else ():
                if isinstance(node.value, str) and node.value in PRIMITIVES:
                    allowed = {(at, word) for at, word in OTHERWISE if word == node.value and place.match(at)}
                    used |= allowed
                    named += [] if allowed else [f"{place}:{node.lineno}: {node.value!r}"]
    assert not named, "use a field of the primitive's record, or a name from dsl.primitives"
    assert not OTHERWISE.keys() - used, "these are no longer there"
