"""The cells of papers, each as a row of their tables, are those of the shipped files.

`here` is the output of the cell before, `before` that of the cell before it, `1` to `5` are the pairs in order.
"""

from __future__ import annotations

import re

import pytest

import dsl
from dsl import unparse
from dsl.tree import syntax as s

OPERATIONS = {
    "sep": "sep_conv", "avg": "avg_pool", "max": "max_pool", "c": "relu_conv", "id": "identity", "1x7": "conv_1x7_7x1",
    "dil": "dil_conv",
}  # fmt: skip
CELLS = {
    "amoebanet_a normal": "avg3(here)+max3(here) sep3(before)+id(before) id(here)+avg3(before) sep3(here)+sep5(1) "
    "avg3(4)+sep3(here) : before,2,3,5",
    "amoebanet_a reduction": "sep3(before)+avg3(here) max3(here)+sep7(1) max3(before)+max3(here) sep3(3)+1x7(here) "
    "avg3(before)+sep7(here) : 1,2,3,4,5",
    "amoebanet_b normal": "c1(before)+max3(before) id(before)+sep3(here) c1(before)+sep3(here) c1(1)+id(1) "
    "avg3(before)+c1(4) : here,2,3,5",
    "amoebanet_b reduction": "max2(here)+max3(here) id(1)+c3(before) sep5(1)+max3(1) id(2)+sep3(before) avg3(3)+c1(2) "
    ": 4,5",
    "amoebanet_c normal": "avg3(here)+sep3(here) id(here)+sep3(here) avg3(1)+sep3(before) id(here)+sep3(before) "
    "avg3(2)+sep3(here) : before,1,3,4,5",
    "amoebanet_c reduction": "max3(here)+max3(here) sep7(1)+sep3(here) sep7(here)+max3(before) sep5(3)+sep5(3) "
    "max3(before)+sep3(before) : here,1,2,3,4,5",
    "amoebanet_d normal": "c1(before)+max3(before) id(before)+1x7(here) c1(here)+1x7(here) max3(1)+id(1) "
    "avg3(before)+c1(4) : here,2,3,5",
    "amoebanet_d reduction": "max2(here)+max3(here) id(1)+c3(before) 1x7(1)+max3(1) id(2)+max2(before) avg3(1)+c1(2) "
    ": 3,4,5",
    "nasnet_a normal": "sep5(here)+sep3(before) sep5(before)+sep3(before) avg3(here)+id(before) "
    "avg3(before)+avg3(before) sep3(here)+id(here) : before,1,2,3,4,5",
    "nasnet_a reduction": "sep5(here)+sep7(before) max3(here)+sep7(before) avg3(here)+sep5(before) id(2)+avg3(1) "
    "sep3(1)+max3(here) : 2,3,4,5",
    "pnasnet_5 normal": "sep5(before)+max3(before) sep7(here)+max3(here) sep5(here)+sep3(here) sep3(3)+max3(here) "
    "sep3(before)+id(here) : 1,2,3,4,5",
    "darts normal": "sep3(before)+sep3(here) sep3(before)+sep3(here) sep3(here)+id(before) id(before)+dil3(1) "
    ": 1,2,3,4",
    "darts reduction": "max3(before)+max3(here) id(1)+max3(here) max3(before)+id(1) id(1)+max3(here) : 1,2,3,4",
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_that_of_its_paper(name: str) -> None:
    file, cell = name.split()
    assert body(dsl.load(f"{file}.cell").cell(cell)) == written(CELLS[name])


def test_nasnet_a_large_has_the_cells_of_nasnet_a() -> None:
    assert dsl.load("nasnet_a_large.cell").cells == dsl.load("nasnet_a.cell").cells


def test_a_reduction_of_pnasnet_is_its_one_cell() -> None:
    normal, reduction = dsl.load("pnasnet_5.cell").cells
    assert (normal.name, reduction.name) == ("normal", "reduction")
    assert body(normal) == body(reduction)
    assert unparse(s.File((reduction,))).startswith("cell reduction(here: project, before: match) stride 2 fit shape {")


def written(row: str) -> list[str]:
    """Returns a row of a table as text of the language."""
    pairs, joined = row.split(" : ")
    names = {str(index): letter for index, letter in enumerate("abcde", 1)}
    lines = [
        f"{letter} = {' + '.join(term(one, names) for one in pair.split('+'))}"
        for letter, pair in zip("abcde", pairs.split(), strict=False)
    ]
    return [*lines, f"return concat({', '.join(names.get(state, state) for state in joined.split(','))})"]


def term(text: str, names: dict[str, str]) -> str:
    found = re.fullmatch(r"(1x7|[a-z]+)(\d?)\((\w+)\)", text)
    assert found is not None
    kernel = f"[{found[2]}x{found[2]}]" if found[2] else ""
    return f"{OPERATIONS[found[1]]}{kernel}({names.get(found[3], found[3])})"


def body(cell: s.Cell) -> list[str]:
    """Returns the nodes and the return of a cell, one in a line."""
    return [line.strip() for line in unparse(s.File((cell,))).strip().splitlines()[1:-1]]
