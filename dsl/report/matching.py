"""Which parts of two genotypes are the same part: states by name, terms and steps by label and then by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dsl.tree import syntax as s
from dsl.tree.edit import reading, states

Pair = tuple[int | None, int | None]


def matched(before: tuple[s.Labelled, ...], after: tuple[s.Labelled, ...]) -> list[Pair]:
    """Returns the indices of each term or step before and after: first of the removed ones, then of the new ones."""
    old, new = ([replace(part, label=None) for part in parts] for parts in (before, after))
    labels = {str(part.label): place for place, part in enumerate(s.labelled(after))}
    by_label = {i: labels[str(t.label)] for i, t in enumerate(s.labelled(before)) if str(t.label) in labels}
    pairs = {i: j for i, j in by_label.items() if old[i] == new[j]}
    free = dict.fromkeys(j for j in range(len(new)) if j not in pairs.values())
    for i in (i for i in range(len(old)) if i not in pairs):
        same = next((j for j in free if new[j] == old[i]), None)
        if same is not None:
            pairs[i] = same
            del free[same]
    for i, j in by_label.items():
        if i not in pairs and j in free:
            pairs[i] = j
            del free[j]
    left = [i for i in range(len(old)) if i not in pairs]
    if len(left) == len(free):
        return [*pairs.items(), *zip(left, free, strict=True)]
    return [*((i, None) for i in left), *((None, j) for j in free), *pairs.items()]


def renamed(before: s.Cell, after: s.Cell) -> dict[str, str]:
    """Returns the renamed states of a cell: new names by old names. Their flows differ in nothing but names."""
    old, new = states(before), states(after)
    if len(before.inputs) == len(after.inputs) and len(old) == len(new):
        names = {mine: yours for mine, yours in zip(old, new, strict=True) if mine != yours}
        other = with_names(before, names)
        if (other.inputs, other.nodes, other.output) == (after.inputs, after.nodes, after.output):
            return names
    names = {}
    for mine, yours in zip(before.inputs, after.inputs, strict=False):
        if mine.name not in new and yours.name not in old and replace(mine, name=yours.name) == yours:
            names[mine.name] = yours.name
    gone = [node for node in before.nodes if node.name not in new]
    fresh = [node for node in after.nodes if node.name not in old]
    for node in gone:  # The order of the text gives states their new names before a node reads them.
        same = next((other for other in fresh if reading(node.flow, names) == other.flow), None)
        if same is not None:
            fresh.remove(same)
            names[node.name] = same.name
    return names


def with_names(cell: s.Cell, names: Mapping[str, str]) -> s.Cell:
    """Returns the cell with other names for its states, where `names` has one."""
    if not names:
        return cell
    return replace(
        cell,
        inputs=tuple(replace(item, name=names.get(item.name, item.name)) for item in cell.inputs),
        nodes=tuple(s.Node(names.get(n.name, n.name), reading(n.flow, names)) for n in cell.nodes),
        output=reading(cell.output, names),
    )


def partner(cell: s.Cell, before: Mapping[str, s.Cell], after: Mapping[str, s.Cell]) -> str | None:
    """Returns the name of a cell in `after`: its own, or that of a new cell that differs from it only in its name."""
    if cell.name in after:
        return cell.name
    return next((name for name, c in after.items() if name not in before and c == replace(cell, name=name)), None)
