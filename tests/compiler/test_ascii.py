"""Cells as text: every edge can be followed from a state to the node that reads it, within the terminal's width."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import dsl
from compiler.pictures.ascii import WIDTH, cell_drawing, drawing, network_drawing
from dsl import parse, shipped_cells
from dsl.tree import edit
from dsl.tree import syntax as s

FILES = sorted(shipped_cells().glob("*.cell"))
DOWN, UP = "│┊┌┐├┤┬┼", "│┊└┘├┤┴┼"
RIGHT, LEFT = "─┄└┌├┬┴┼", "─┄┘┐┤┬┴┼"


def cell_of(body: str) -> s.Cell:
    (cell,) = (item for item in parse(f"cell net(x, y) {{ {body} }}").items if isinstance(item, s.Cell))
    return cell


def names_at(lines: list[str], cell: s.Cell) -> dict[str, tuple[int, int]]:
    """Returns the place of each state's name in the lanes of a drawing."""
    gutter = lines[0].index("input")
    found: dict[str, tuple[int, int]] = {}
    for row, line in enumerate(lines):
        for match in re.finditer(r"\w+", line[:gutter]):
            found.setdefault(match[0], (row, match.start()))
    assert set(found) == {*edit.states(cell), "return"}
    return found


def leads(lines: list[str], start: tuple[int, int]) -> set[tuple[int, int]]:
    """Follows lines down from a state, and sideways into other lanes. Returns the places where they end."""
    grid = {(row, column): mark for row, line in enumerate(lines) for column, mark in enumerate(line)}
    seen, waiting = set(), [(start[0] + 1, start[1], "down")]
    while waiting:
        row, column, way = waiting.pop()
        mark = grid.get((row, column), " ")
        if (row, column, way) in seen or mark == " ":
            continue
        seen.add((row, column, way))
        if way == "down" and mark in UP:
            waiting += [(row + 1, column, "down")] if mark in DOWN else []
            waiting += [(row, column + 1, "right")] if mark in RIGHT else []
            waiting += [(row, column - 1, "left")] if mark in LEFT else []
        elif way != "down" and mark in "│┊":
            waiting.append((row, column + (1 if way == "right" else -1), way))
        elif way != "down":
            waiting += [(row, column + (1 if way == "right" else -1), way)] if mark in LEFT + RIGHT else []
            waiting += [(row + 1, column, "down")] if mark in "┌┐├┤┬┼" else []
    return {(row, column) for row, column, _ in seen}


def grown(nodes: int, seed: int) -> s.Cell:
    rng, states, lines = random.Random(seed), ["x", "y"], []
    for number in range(nodes):
        terms = [f"conv[3x3]({rng.choice(states)})" for _ in range(rng.choice((1, 2, 2, 3)))]
        lines.append(f"n{number} = {' + '.join(terms)}")
        states.append(f"n{number}")
    return cell_of(f"{' '.join(lines)} return concat(unused)")


@pytest.mark.parametrize("seed", range(40))
def test_every_edge_can_be_followed(seed: int) -> None:
    cell = grown(random.Random(seed).randrange(1, 12), seed)
    lines = cell_drawing(cell, width=200).splitlines()
    places = names_at(lines, cell)
    read = {(state, node.name) for node in cell.nodes for state in node.flow.reads}
    read |= {(state, "return") for state in edit.unused(cell)}
    for source, target in read:
        row, column = places[target]
        reached = leads(lines, places[source])
        # an edge ends at its node's name, which a line enters from the left, the right or above
        around = {(row, column), (row, column - 1), (row, column + len(target)), (row - 1, column)}
        assert reached & around, f"{source} -> {target}\n" + "\n".join(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
class TestShippedFile:
    def test_fits_a_terminal_and_shows_every_cell_step_and_edge(self, path: Path) -> None:
        genotype = dsl.load(path)
        text = drawing(genotype)
        assert max(map(len, text.splitlines())) <= WIDTH
        for name in genotype.space.reached:
            assert name in text
        for cell in genotype.cells:
            shown = cell_drawing(cell)
            assert all(f"({state})" in shown or state in shown for node in cell.nodes for state in node.flow.reads)
            assert all(node.name in shown for node in cell.nodes)

    def test_has_a_form_in_ascii_of_the_same_size(self, path: Path) -> None:
        genotype = dsl.load(path)
        plain, full = drawing(genotype, plain=True), drawing(genotype)
        assert plain.isascii()
        assert [*map(len, plain.splitlines())] == [*map(len, full.splitlines())]


def test_unused_nodes_are_marked() -> None:
    lines = cell_drawing(cell_of("a = relu(x) lost = relu(a) + skip(y) none_in = none(x) return a")).splitlines()
    dead = [line for line in lines if line.endswith("(dead)")]
    assert ["lost" in dead[0], "none_in" in dead[1]] == [True, True]
    assert len(dead) == 2
    assert "┄" in dead[0]
    assert not any("┄" in line for line in lines if "lost" not in line and "relu(a)" not in line)


def test_what_a_node_is_stands_beside_its_edges() -> None:
    lines = cell_drawing(cell_of("a = conv[1x1](relu(x)) + concat(y, skip(x)) | batch_norm return a")).splitlines()
    texts = [line.split("  ")[-1].strip() for line in lines]
    assert texts[-5:-2] == ["conv[1x1](relu(x))", "+ concat(y,", "skip(x)) | batch_norm"]


def test_equal_cells_are_drawn_once() -> None:
    text = drawing(dsl.load("hierarchical.cell"))
    assert text.count("cell m") == 1
    assert "(m2, m3, m4, m5, m6: the same)" in text


@pytest.mark.parametrize(("nodes", "dots"), [(8, False), (26, True), (45, False)])
def test_lanes_move_together_before_they_give_way(nodes: int, dots: bool) -> None:
    cell = cell_of(f"{' '.join(f'n{k} = relu(x)' for k in range(nodes))} return concat(unused)")
    text = cell_drawing(cell)
    assert ("●" in text) == dots
    assert max(map(len, text.splitlines())) <= WIDTH
    assert all(f"n{k}" in text for k in range(nodes))


def test_long_texts_are_broken_and_long_numbers_cut() -> None:
    pipe = " | ".join(["batch_norm"] * 12)
    lines = cell_drawing(cell_of(f"a = conv[3x3, depth=1.23456789](x) | {pipe} return a"), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.count("batch_norm") for line in lines) == 12
    assert "depth=1.235]" in "\n".join(lines)


def test_the_network_names_its_steps_and_the_auxiliary_head_where_it_hangs() -> None:
    lines = network_drawing(dsl.load("nasnet.cell")).splitlines()
    middle = next(number for number, line in enumerate(lines) if "as middle" in line)
    assert lines[0] == "network (N = 3, F = 24, after = 3)"
    assert lines[middle + 1].startswith("├┄ auxiliary  relu | avg_pool[5x5, stride=3, padding=valid]")
    assert [line[0] for line in lines[2:]] == ["i", *"●●●●├││●●●", "c"]
