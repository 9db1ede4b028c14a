"""The canonical form of a graph: one text for all graphs that differ only in the numbers and order of vertices.

A vertex reads sums of other vertices, which it names by their numbers. In the text, a vertex with one reader is written
inside its reader, so that only vertices with several readers need names. The name of a vertex is made of the text of
what the vertex computes. If several vertices have the same text, the names are made of their readers too.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping

_MAX_ORDERS = 5040
_MAX_TEXT = 512  # characters; a vertex with a longer text gets a name, so that the texts of long chains stay short
_MAX_NAME = 96  # characters; a vertex with a longer text has the digest of the text as its name

Hash = hashlib.blake2b
Sum = tuple[int, ...]  # the numbers of the vertices that are added up, without vertices that are zero

# An operation in a graph: its label, the sums that it reads, and whether the order of these sums has a meaning.
Vertex = tuple[str, tuple[Sum, ...], bool]


def digest(text: str) -> str:
    """Returns the hash of a text as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def hashed(text: str) -> Hash:
    """Returns the hash of a text, to which more text can be added."""
    return hashlib.blake2b(text.encode(), digest_size=16)


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
    names = _refined(vertices, output, names)
    return min(_defined(vertices, output, named) for named in _orders(names))


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


def _rewritten(vertices: list[Vertex], names: Mapping[int, str]) -> list[str]:
    """Returns a text for each vertex: its name if it has one, and otherwise the text of what it computes."""
    texts: list[str] = []
    for index, vertex in enumerate(vertices):
        texts.append(names.get(index) or _written(vertex, texts))
    return texts


def _refined(vertices: list[Vertex], output: Sum, names: dict[int, str]) -> dict[int, str]:
    """Returns names that depend on the readers of the vertices too, so that fewer vertices have equal names.

    The readers are added again and again until a repetition makes no further names different.
    """
    kinds = len(set(names.values()))
    while kinds < len(names):
        contexts = _contexts(vertices, output, _rewritten(vertices, names))
        new = {index: "@" + digest(name + contexts[index]) for index, name in names.items()}
        found = len(set(new.values()))
        if found == kinds:
            return names
        names, kinds = new, found
    return names


def _contexts(vertices: list[Vertex], output: Sum, texts: list[str]) -> list[str]:
    """Returns for each vertex a digest of all vertices on the paths from this vertex to the output."""
    readers: list[list[str]] = [[] for _ in vertices]
    contexts = [""] * len(vertices)
    for index in output:
        readers[index].append("out")
    for index in range(len(vertices) - 1, -1, -1):
        if readers[index]:
            contexts[index] = own = digest(f"{texts[index]}<{','.join(sorted(readers[index]))}")
            _, groups, ordered = vertices[index]
            for position, group in enumerate(groups):
                mark = f"{own}.{position}" if ordered else own
                for source in group:
                    readers[source].append(mark)
    return contexts


def _defined(vertices: list[Vertex], output: Sum, names: Mapping[int, str]) -> str:
    """Returns the graph as text: the output, and the definition of each vertex with a name."""
    texts = _rewritten(vertices, names)
    definitions = sorted([f"{name}={_written(vertices[index], texts)}" for index, name in names.items()])
    return ";".join(["+".join(sorted([texts[index] for index in output])), *definitions])


def _orders(names: dict[int, str]) -> Iterator[dict[int, str]]:
    """Yields the names, with numbers added to equal names, once for each order of the vertices with equal names.

    More than 7 vertices with one name get no numbers. If there are more than `_MAX_ORDERS` orders in all, the names are
    yielded once, without numbers.
    """
    alike: dict[str, list[int]] = {}
    for index, name in names.items():
        alike.setdefault(name, []).append(index)
    ties = [members for _, members in sorted(alike.items()) if 1 < len(members) <= 7]
    if math.prod(math.factorial(len(members)) for members in ties) > _MAX_ORDERS:
        yield names
        return
    for order in itertools.product(*(itertools.permutations(members) for members in ties)):
        named = dict(names)
        for members in order:
            for position, index in enumerate(members):
                named[index] = f"{names[index]}#{position}"
        yield named
