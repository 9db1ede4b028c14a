"""Checks that operations and cells do not contain themselves, do not nest too deeply, and are not too many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from dsl.errors import Position, Problem
from dsl.space.cache import Cache
from dsl.space.genotype import Genotype, Space
from dsl.tree import edit
from dsl.tree import syntax as s

MAX_NESTING = 64
MAX_EXPANDED = 10_000


def recursion(genotype: Genotype) -> Iterator[Problem]:
    """Yields the errors of operations and cells that contain themselves or nest too deeply."""
    uses = {**genotype.space.uses, **{cell.name: _cell_uses(cell, genotype.space) for cell in genotype.cells}}
    sizes: dict[str, tuple[int, int]] = {}
    for name in uses:
        loop = _loop(name, uses, sizes, ())
        if loop and loop[0] in loop[1:]:
            yield Problem(f"{name} contains itself: {' -> '.join(loop)}", _place(loop[0], genotype))
            return
        if loop or sizes[name][1] > MAX_NESTING:
            yield Problem(f"{name} nests deeper than {MAX_NESTING} operations", _place(name, genotype))
            return
        if sizes[name][0] > MAX_EXPANDED:
            yield Problem(f"{name} stands for more than {MAX_EXPANDED:,} operations", _place(name, genotype))
            return


def _place(name: str, genotype: Genotype) -> Position | None:
    """Returns the place of a cell, a gene or an op in the text."""
    space = genotype.space
    cell = genotype.cell(name) if name in space.cell_names else None
    return (cell or space.genes.get(name) or space.definitions.ops[name]).position


def _cell_uses(cell: s.Cell, space: Space) -> list[tuple[str, ...]]:
    """Returns the operations in a cell as `edit.cell_uses` does. A child shares most cells with its parent."""
    cache = space.once(_cache_of_uses)
    found = cache.get(cell)
    if found is None:
        found = edit.cell_uses(cell)
        cache.put(found, cell)
    return found


def _cache_of_uses(space: Space) -> Cache[list[tuple[str, ...]]]:
    return Cache()


def large_uses(genotype: Genotype) -> Iterator[Problem]:
    """Yields the errors of operations outside of cells and ops that stand for too many others, by their settings."""
    uses = dict(genotype.space.uses)
    uses.update((cell.name, edit.cell_uses(cell)) for cell in genotype.cells)
    sizes: dict[str, tuple[int, int]] = {}
    for name in uses:
        _loop(name, uses, sizes, ())
    outside = [item for item in genotype.space.items if not isinstance(item, s.OpDef | s.Cell)]
    for part in s.parts_of(outside):
        if isinstance(part, s.Op) and part.arguments:
            size, depth = _size_of(edit.mentioned(part), sizes)
            if size > MAX_EXPANDED or depth > MAX_NESTING:
                yield Problem(f"{part.name} with these settings stands for more than {MAX_EXPANDED:,} operations",
                              part.position, "give it simpler operations")  # fmt: skip
                return


def _size_of(names: tuple[str, ...], sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Returns upper bounds of the number of operations and of the nesting depth of an operation.

    `names` has its name and those in its settings. What it does with an operation that is a setting it may do at each
    of its own operations.
    """
    if len(names) == 1:
        return sizes.get(names[0], (1, 1))
    parts = [sizes[name] for name in names if name in sizes]
    return math.prod(size for size, _ in parts), 1 + sum(depth for _, depth in parts)


def _loop(
    name: str, uses: Mapping[str, list[tuple[str, ...]]], sizes: dict[str, tuple[int, int]], trail: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the names in a loop of operations or in a nest that is too deep; an empty tuple if there is none.

    Args:
      name: the operation or cell that is checked.
      uses: for each operation and cell, the operations in it: the name of each, and the names in its settings.
      sizes: receives the number of operations and the nesting depth of each operation that is in order.
      trail: the operations that contain this one, the outermost first.
    """
    if name in trail:
        return (*trail[trail.index(name) :], name)
    if name in sizes or name not in uses:
        return ()
    if len(trail) >= MAX_NESTING:
        return trail
    for used in dict.fromkeys(edit.all_names(uses[name])):
        if used in sizes or used not in uses:
            continue
        loop = _loop(used, uses, sizes, (*trail, name))
        if loop:
            return loop
    parts = [_size_of(names, sizes) for names in uses[name]]
    sizes[name] = (1 + sum(size for size, _ in parts), 1 + max((depth for _, depth in parts), default=0))
    return ()


def room(space: Space) -> int:
    """Returns a number of operations. A cell with at most this number needs no check of its size and its nesting depth.

    This holds only for cells that contain no other cell.
    """
    sizes: dict[str, tuple[int, int]] = {}
    for name in space.uses:
        _loop(name, space.uses, sizes, ())
    if max((depth for _, depth in sizes.values()), default=1) >= MAX_NESTING:
        return 0
    return (MAX_EXPANDED - 1) // max((size for size, _ in sizes.values()), default=1)
