"""The canonical form of a graph: one text for all graphs that differ only in the numbers and order of vertices.

A vertex reads sums of other vertices, which it names by their numbers. In the text, a vertex with one reader is written
inside its reader, so that only vertices with several readers need names. The name of a vertex is made of the text of
what the vertex computes. If several vertices have the same name, they and all that reads them are written in a
canonical order.
"""

from __future__ import annotations

from collections import Counter

from dsl.identity import ties
from dsl.identity.digests import digest

_MAX_TEXT = 512  # characters; a vertex with a longer text gets a name, so that the texts of long chains stay short
_MAX_NAME = 96  # characters; a vertex with a longer text has the digest of the text as its name

Sum = tuple[int, ...]  # the numbers of the vertices that are added up, without vertices that are zero

# An operation in a graph: its label, the sums that it reads, and whether the order of these sums has a meaning.
Vertex = tuple[str, tuple[Sum, ...], bool]


def canonical(vertices: list[Vertex], output: Sum) -> str:
    """Returns the canonical text of a graph, which does not depend on the numbers of its vertices."""
    counts = _reads(vertices, output)
    texts: list[str] = []
    names: dict[int, str] = {}
    for index, vertex in enumerate(vertices):
        count = counts[index]
        text = _written(vertex, texts) if count else ""
        if (count > 1 and vertex[1]) or len(text) > _MAX_TEXT:
            names[index] = text = f"@{{{text}}}" if len(text) <= _MAX_NAME else "@" + digest(text)
        texts.append(text)
    if not names or len(set(names.values())) == len(names):
        return _total(output, texts)
    named = Counter(names.values())
    alike = {index for index, name in names.items() if named[name] > 1}
    whole: Vertex = ("output", (output,), False)
    return _in_order([*vertices, whole], [*counts, 1], [*texts, _written(whole, texts)], alike)


def _reads(vertices: list[Vertex], output: Sum) -> list[int]:
    """Returns for each vertex the number of times that it is read on paths to the output."""
    counts = [0] * len(vertices)
    for index in output:
        counts[index] += 1
    for index in range(len(vertices) - 1, -1, -1):
        if counts[index]:
            for group in vertices[index][1]:
                for source in group:
                    counts[source] += 1
    return counts


def _written(vertex: Vertex, texts: list[str]) -> str:
    """Returns the text of a vertex, made of the texts of the vertices that it reads."""
    label, groups, ordered = vertex
    if len(groups) == 1:
        group = groups[0]
        return f"{label}({texts[group[0]] if len(group) == 1 else _total(group, texts)})"
    if not groups:
        return label
    sums = [_total(group, texts) for group in groups]
    if not ordered:
        sums.sort()
    return f"{label}({','.join(sums)})"


def _total(group: Sum, texts: list[str]) -> str:
    """Returns the text of a sum, made of the texts of its vertices."""
    if len(group) == 1:
        return texts[group[0]]
    if len(group) == 2:
        first, second = texts[group[0]], texts[group[1]]
        return f"{first}+{second}" if first < second else f"{second}+{first}"
    return "+".join(sorted(map(texts.__getitem__, group))) or "0"


def _in_order(vertices: list[Vertex], counts: list[int], texts: list[str], alike: set[int]) -> str:
    """Returns the text of a graph in which vertices are alike: these and what reads them, in their canonical order.

    All others are written by their texts, which are those of no other vertex that is read more than once.
    """
    labels: list[str] = []
    colors: list[str] = []
    reads: list[list[tuple[int, int]]] = []
    places: dict[int, int] = {}

    def added(label: str, text: str, read: list[tuple[int, int]]) -> int:
        labels.append(label)
        colors.append(f"{label} {text}")
        reads.append(read)
        return len(labels) - 1

    for index, (label, groups, ordered) in enumerate(vertices):
        sums = [[places[source] for source in group if source in places] for group in groups]
        if not counts[index] or (index not in alike and not any(sums)):
            continue
        rest = [_total(tuple([source for source in group if source not in places]), texts) for group in groups]
        if ordered or len(groups) < 2:
            own = f"{label}({','.join(rest)})"
            read = [(position, source) for position, group in enumerate(sums) for source in group]
        else:  # What stands in one sum belongs together, so that each sum is a vertex.
            own = f"{label}({','.join(sorted([text for text, group in zip(rest, sums, strict=True) if not group]))})"
            read = [(0, added(f"+{rest[position]}", _total(groups[position], texts), [(0, source) for source in group]))
                    for position, group in enumerate(sums) if group]  # fmt: skip
        places[index] = added(own, texts[index], read)
    order = ties.ordered(colors, reads)
    rank = {vertex: place for place, vertex in enumerate(order)}
    return ";".join([f"{labels[one]}{sorted([(mark, rank[source]) for mark, source in reads[one]])}" for one in order])
