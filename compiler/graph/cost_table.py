"""Costs as text: a table for one network, a table with one row for each of several networks, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from compiler.graph.cost import graph_cost, shares, weight_values
from compiler.graph.structure import Graph
from dsl.wording import by_x, plural

FLOAT32 = 4  # bytes of a value
MAX_NAME = 36
_UNITS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))


def short(value: int) -> str:
    """Returns a number as text with three digits and a suffix: 2.57M, 408M, 23.1B."""
    for unit, letter in _UNITS:
        if value >= 0.9995 * unit:
            scaled = value / unit
            return f"{scaled:.{0 if scaled >= 99.95 else 1 if scaled >= 9.995 else 2}f}{letter}"
    return str(value)


def megabytes(values: int) -> str:
    """Returns the size of a number of float32 values as text in megabytes (millions of bytes), such as `1.2 MB`."""
    return f"{FLOAT32 * values / 1e6:,.1f} MB"


def one(graph: Graph) -> str:
    """Returns a table with the cost of a network: a row for each step, a row for each cell, and the total."""
    total = graph_cost(graph)
    names = [_cut(step.name) for step in graph.steps]
    parts = shares(graph)
    width = max(map(len, [*names, *(part.name for part in parts)]))
    lines = [f"{'step':<12} {'':<{width}} {'output':>12} {'params':>14} {'mult-adds':>18}"]
    for step, name in zip(graph.steps, names, strict=True):
        lines.append(f"{step.key:<12} {name:<{width}} {by_x(step.shape):>12} {step.params:>14,} "
                     f"{step.mult_adds:>18,}")  # fmt: skip
    lines += ["", f"{'':<12} {'':<{width}} {'uses':>12} {'params':>14} {'mult-adds':>18}"]
    for part in parts:
        lines.append(f"{'':<12} {part.name:<{width}} {part.steps:>12,} {part.params:>14,} {part.mult_adds:>18,}")
    lines += [
        f"{'total':<12} {'':<{width}} {len(graph.steps):>12,} {total.params:>14,} {total.mult_adds:>18,}",
        f"{'':<12} {'':<{width}} {'':>12} {short(total.params):>14} {short(total.mult_adds):>18}",
        "",
        f"images       {by_x(graph.input_shape)}, {plural(graph.classes, 'class', 'classes')}",
        f"depth        {plural(total.depth, 'operation')} with weights on the longest way",
        f"activations  {total.activations:,} values an image, {megabytes(total.activations)} at float32",
        f"weights      {weight_values(graph):,} values with batch norm's statistics, "
        f"{megabytes(weight_values(graph))} at float32",
    ]
    return "\n".join(line.rstrip() for line in lines)


def several(graphs: Mapping[str, Graph]) -> str:
    """Returns a table with a row for each network. Activations are those of one image, in float32."""
    width = max(map(len, graphs), default=0)
    shapes = {name: by_x(graph.input_shape) for name, graph in graphs.items()}
    wide = max(map(len, ("images", *shapes.values())))
    lines = [
        f"{'file':<{width}} {'images':>{wide}} {'classes':>7} {'params':>14} {'':>6} {'mult-adds':>18} {'':>6} "
        f"{'depth':>6} {'activations':>13}"
    ]
    for name, graph in graphs.items():
        found = graph_cost(graph)
        lines.append(
            f"{name:<{width}} {shapes[name]:>{wide}} {graph.classes:>7,} {found.params:>14,} "
            f"{short(found.params):>6} {found.mult_adds:>18,} {short(found.mult_adds):>6} {found.depth:>6,} "
            f"{megabytes(found.activations):>13}"
        )
    return "\n".join(lines)


def as_json(graph: Graph) -> dict[str, object]:
    """Returns the cost of a network, its sizes in bytes of float32, and its shares by cell, as data for JSON."""
    total = graph_cost(graph)
    steps = [{"key": step.key, "name": step.name, "output": step.shape, "params": step.params,
              "mult_adds": step.mult_adds} for step in graph.steps]  # fmt: skip
    sizes = {"activation_bytes": FLOAT32 * total.activations, "weight_bytes": FLOAT32 * weight_values(graph)}
    images = {"input_shape": graph.input_shape, "classes": graph.classes}
    return {**images, **asdict(total), **sizes, "shares": [asdict(part) for part in shares(graph)], "steps": steps}


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 3]}..."
