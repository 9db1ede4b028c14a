"""Compares search methods on cells of NAS-Bench-101: `python -m experiments.nasbench101 --table nb101_sample.npz`.

The table is a part of the 423,624 cells (Ying et al. 2019), such as a random sample of 30,000. A search moves among the
cells of the table: a child that is not there is mutated a second time, and drawn again if it is still not there. Cells
are chosen by the validation accuracy after 108 epochs, and the result of a search is this accuracy, because the sample
has no test accuracies. The budget is a number of cells. Everything else is as in `experiments.nasbench201`.

The arrays of a sample are `adj` (the bits of the upper triangular matrices `[cells, 7, 7]`, packed), `ops` `[cells, 7]`
(an index into `op_names`), `num_vertices`, `val_acc` `[cells, epochs]`, `epochs`, `train_sec_108` and `params`. They
become a table by fingerprints, which are equal for isomorphic cells up to the order of a concatenation. A row has the
fingerprint of each order, so cells that differ in this order alone are one network for a search. Its column `choices`
has the choices of each cell, by which random cells are drawn evenly. `--save` writes this table, which
`nasbench101.gin` reads, and which is read again in place of a sample.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dsl
from evolve import UsageError
from experiments import nasbench201

SPACE = "nasbench101.cell"
# The controller of `reinforcement` decides a whole cell at once, so its cells cannot be limited to those of a table.
METHODS = [method.name for method in nasbench201.METHODS if method.name != "reinforcement"]
DEFAULTS = {"name": "nasbench101", "gin_file": "nasbench101.gin", "methods": METHODS, "seeds": 300, "queries": 150}
OPERATIONS = {"conv1x1-bn-relu": 0, "conv3x3-bn-relu": 1, "maxpool3x3": 2}  # in the order of `values ops` in the space
VERTICES = 7

Arrays = Mapping[str, NDArray[Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the table by fingerprints, runs all searches, prints their table and returns the exit code."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--table")
    parser.add_argument("--save", type=Path)
    own, others = parser.parse_known_args(arguments)
    if own.table is None:
        return nasbench201.main(others, **DEFAULTS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = by_fingerprints(own.table, own.save or Path(folder) / "nb101.npz")
            if own.save:
                return 0
            return nasbench201.main(["--table", str(path), *others], **DEFAULTS)
    except UsageError as error:
        print(f"nasbench101: {error}", file=sys.stderr)
        return 2


def by_fingerprints(sample: str, path: Path) -> Path:
    """Writes the table of a sample to `path`. Returns `path`, or the sample itself if it is such a table.

    Raises:
      UsageError: the file is neither of them.
    """
    try:
        with np.load(sample, allow_pickle=False) as file:
            if "fingerprint" in file:
                return Path(sample)
            arrays = {name: file[name] for name in file.files}
        columns = table(arrays)
    except (OSError, TypeError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{sample} cannot be read as a sample of NAS-Bench-101: {error}; it must have the arrays that "
            "experiments/nasbench101.py describes"
        ) from None
    np.savez_compressed(path, **columns)
    return path


def table(arrays: Arrays) -> dict[str, Any]:
    """Returns the columns of the table of a sample: fingerprints, choices, accuracies in percent, seconds and params.

    Cells with the same fingerprints are one row, which has the means of their numbers.
    """
    seed, rng = dsl.load(SPACE), random.Random(0)  # every choice is given, so nothing is drawn
    found = [{dsl.fingerprint(dsl.decide(seed.space, one, rng)): one for one in cell} for cell in cells(arrays)]
    keys = np.array([" ".join(sorted(prints)).encode() for prints in found])
    networks, firsts, places = np.unique(keys, return_index=True, return_inverse=True)
    chosen, sizes = [next(iter(found[first].values())) for first in firsts], np.bincount(places)

    def means(column: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(places, column) / sizes)

    accuracies = zip(arrays["epochs"].tolist(), arrays["val_acc"].T, strict=True)
    columns = {f"val_acc_{epochs}": means(100.0 * column) for epochs, column in accuracies}
    seconds = means(arrays["train_sec_108"] / 108)
    named = {"fingerprint": networks, "choices": np.array(chosen, np.uint8), **columns}
    return {**named, "seconds_per_epoch": seconds, "params": means(arrays["params"])}


def cells(arrays: Arrays) -> Iterator[list[list[int]]]:
    """Yields, for each cell of a sample, the choices of `nasbench101.cell` that give it.

    A cell has choices for each order in which its output can concatenate the states, because a fingerprint depends on
    this order. A cell with fewer vertices has dead nodes. The choices have the order of `dsl.decisions`.
    """
    edges = np.unpackbits(arrays["adj"], axis=1)[:, : VERTICES**2].reshape(-1, VERTICES, VERTICES)
    tails = [OPERATIONS[name.decode()] for name in arrays["op_names"].tolist()]
    listed = zip(edges.tolist(), arrays["ops"].tolist(), arrays["num_vertices"].tolist(), strict=True)
    for matrix, operations, count in listed:
        found = []
        for order in orders(matrix, count - 1):
            reads = [[matrix[before][vertex] for before in order] for vertex in (*order[1:], count - 1)]
            choices = [*reads[-1][1:], *[0] * (VERTICES - 1 - len(order)), reads[-1][0]]
            for place in range(VERTICES - 2):
                is_live = place < count - 2
                choices.append(tails[operations[order[place + 1]]] if is_live else 0)
                choices += reads[place][: place + 1] if is_live else [0] * (place + 1)
            found.append(choices)
        yield found


def orders(matrix: Sequence[Sequence[int]], output: int) -> Iterator[tuple[int, ...]]:
    """Yields an order of the vertices before the output for each order of those that the output reads.

    In each order a vertex comes after all that it reads.
    """
    seen = set[tuple[int, ...]]()
    for inner in itertools.permutations(range(1, output)):
        read = tuple(vertex for vertex in inner if matrix[vertex][output])
        pairs = itertools.combinations(inner, 2)
        if read not in seen and not any(matrix[later][earlier] for earlier, later in pairs):
            seen.add(read)
            yield (0, *inner)


if __name__ == "__main__":
    sys.exit(main())
