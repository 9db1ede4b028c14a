"""Loads `.cell` files as verified genotypes."""

from __future__ import annotations

import graphlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from dsl.check.roles import explained
from dsl.check.verify import verify, verify_genotype
from dsl.errors import CellError, nearest
from dsl.shipped import Shipped, shipped_cells
from dsl.space.evaluate import Symbol, Value, evaluate
from dsl.space.expand import Definitions
from dsl.space.genotype import Genotype, Space
from dsl.text.includes import FilePath, gather, gather_text
from dsl.text.parse import whole
from dsl.tree import syntax as s
from dsl.wording import plural

Params = Mapping[str, int | float]


def load(
    path: FilePath, params: Params | None = None, overlays: Sequence[FilePath] = (), shipped: Shipped = shipped_cells
) -> Genotype:
    """Reads a file with its includes and overlays, verifies it, and returns its seed.

    Args:
      path: the file.
      params: a new value for each param that is named here; the other params keep the values of the file.
      overlays: files whose declarations replace declarations of the same names in the file.
      shipped: returns the folder of the shipped `.cell` files. An included file is read from this folder if it is not
        beside the file that includes it.

    Raises:
      CellError: the file is wrong; the error has all mistakes.
    """
    return _build(gather(path, overlays, shipped), params or {}, os.fspath(path))


def loads(
    text: str,
    params: Params | None = None,
    name: str = "<text>",
    overlays: Sequence[FilePath] = (),
    shipped: Shipped = shipped_cells,
    folder: Path | None = None,
    unsaved: Mapping[Path, str] = MappingProxyType({}),
) -> Genotype:
    """Verifies a text and returns its seed, as `load` does for a file.

    The text includes files of `folder`, or of the working folder. `unsaved` has texts by their resolved paths, which
    are read instead of the files there.
    """
    return _build(gather_text(text, name, overlays, shipped, folder, unsaved), params or {}, name)


def _build(items: tuple[s.Declaration, ...], overrides: Params, name: str) -> Genotype:
    try:
        return _built(items, overrides, name)
    except CellError as error:
        raise CellError.of(explained(error.problems, items)) from None


def _built(items: tuple[s.Declaration, ...], overrides: Params, name: str) -> Genotype:
    cells = {item.name: item for item in items if isinstance(item, s.Cell)}
    copies = {item.name: item for item in items if isinstance(item, s.Like)}
    items = tuple(_unlike(item, cells, copies) for item in items)
    params = _params(items, overrides)
    # A param that is computed from other params stays an expression, so that `--param` on a text of this space changes
    # this param too.
    items = tuple(_with_value(item, overrides) for item in items)
    networks = [item for item in items if isinstance(item, s.Network)]
    if not networks:
        raise CellError(f"there is no network in {name} or in a file that it includes",
                        hint="write `network { stem: ... body: ... head: ... }` or include one")  # fmt: skip
    genes = {item.name: item for item in items if isinstance(item, s.Gene)}
    scope: dict[str, Value] = {**params, **{name: Symbol(name) for name in genes}, "classes": Symbol("classes")}
    space = Space(
        params=params,
        genes=genes,
        values={item.name: item.items for item in items if isinstance(item, s.Values)},
        definitions=Definitions(
            {item.name: item for item in items if isinstance(item, s.OpDef)},
            {item.name: item.settings for item in items if isinstance(item, s.Cell)},
            scope,
        ),
        cell_names=tuple(item.name for item in items if isinstance(item, s.Cell)),
        network=networks[0],
        mutations=tuple(item for item in items if isinstance(item, s.Mutation)),
        requires=tuple(item for item in items if isinstance(item, s.Require)),
        items=items,
        check=verify_genotype,
    )
    problems = verify(space.seed)
    if problems:
        raise CellError.of(problems)
    return space.seed


def _with_value(item: s.Declaration, overrides: Params) -> s.Declaration:
    """Returns a param with its new value if `overrides` has one; any other declaration is returned unchanged."""
    if not isinstance(item, s.Param) or item.name not in overrides:
        return item
    return replace(item, value=s.Number(whole(overrides[item.name])))


def _unlike(item: s.Declaration, cells: Mapping[str, s.Cell], copies: Mapping[str, s.Like]) -> s.Declaration:
    """Returns `cell m2(x) like m1` as a cell with the contents of `m1`, which may be a copy too."""
    if not isinstance(item, s.Like):
        return item
    trail = [item.name, item.original]
    while trail[-1] in copies:
        if trail[-1] in trail[:-1]:
            raise CellError(f"cells are copies of each other in a loop: {' -> '.join(trail)}", item.position,
                            "write out the nodes of one of them")  # fmt: skip
        trail.append(copies[trail[-1]].original)
    if trail[-1] not in cells:
        raise CellError(f"there is no cell {trail[-1]!r}", item.position, nearest(trail[-1], [*cells, *copies]))
    original = cells[trail[-1]]
    if len(item.inputs) != len(original.inputs):
        inputs = plural(len(item.inputs), "input")
        message = f"cell {item.name} has {inputs}; {original.name} has {len(original.inputs)}"
        raise CellError(message, item.position)
    if [i.name for i in item.inputs] != [i.name for i in original.inputs]:
        raise CellError(f"cell {item.name} names its inputs differently from {original.name}", item.position,
                        f"write ({', '.join(i.name for i in original.inputs)})")  # fmt: skip
    if any(i.kind is not None and i != other for i, other in zip(item.inputs, original.inputs, strict=True)):
        raise CellError(f"cell {item.name} has other input kinds than {original.name}", item.position,
                        "leave the kinds out; they are copied")  # fmt: skip
    return replace(original, name=item.name, fixed=item.fixed, position=item.position)


def _params(items: tuple[s.Declaration, ...], overrides: Params) -> dict[str, int | float]:
    declared = {item.name: item for item in items if isinstance(item, s.Param)}
    for name in overrides:
        if name not in declared:
            raise CellError(f"there is no param {name!r}", hint=nearest(name, declared) or "the file declares no param")
    for name, value in overrides.items():
        if not math.isfinite(value) or abs(value) > 1e15:
            raise CellError(f"param {name} is {value}; allowed: a number from -1e15 to 1e15")
    found: dict[str, int | float] = {name: whole(value) for name, value in overrides.items()}
    needs = {name: declared.keys() & {path.names[0] for path in s.paths(item.value)}
             for name, item in declared.items() if name not in found}  # fmt: skip
    try:
        for name in graphlib.TopologicalSorter(needs).static_order():
            if name not in found:
                found[name] = _param_value(declared[name], found)
    except graphlib.CycleError as error:
        loop = [name for name in declared if name in error.args[1]]
        names = ", ".join(loop)
        message = f"params depend on each other in a loop: {names}"
        raise CellError(message, declared[loop[0]].position, "give one of them a number") from None
    return {name: found[name] for name in declared}


def _param_value(item: s.Param, known: Params) -> int | float:
    value = evaluate(item.value, known)
    if not isinstance(value, int | float):
        raise CellError(f"param {item.name} is {value}; a param is a number", item.position)
    return value
