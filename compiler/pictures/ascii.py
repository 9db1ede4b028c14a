"""Draws cells and networks as text. Each state has a vertical lane on the left, and each edge has a line.

A lane begins at the name of its state and ends at the last line that reads the state. An edge goes from the lane of the
state that it reads to the lane of its node, and its operation is on the right. The name of a node is on the line of its
last edge. A lane that has ended is used for another state.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dsl.report.diff import short_numbers
from dsl.space.genes import written
from dsl.space.genotype import Genotype
from dsl.text import unparse
from dsl.tree import edit
from dsl.tree import syntax as s

WIDTH = 100
_LEAST_TEXT = 40  # the columns that are kept for operations beside the lanes
# With a longer name of a node, names are written beside the lanes, since lanes are as far apart as names are long.
_LONGEST_NAME = 7
_FEW = 14  # in a cell with at most this many nodes, each name has a line of lanes above it
_RETURN = "return"
_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_GLYPHS = " │││─┘┐┤─└┌├─┴┬┼"  # The index of a character is the sum of the sides to which its lines lead.
_PLAIN = str.maketrans("│─┌┐└┘├┤┬┴┼┊┄●○", "|-+++++++++:.*o")


@dataclass(frozen=True, slots=True)
class _Edge:
    """One line of the drawing: the states that the edge reads, and the text of its operation."""

    sources: tuple[str, ...]
    text: str
    dead: bool = False


@dataclass(frozen=True, slots=True)
class _Vertex:
    """A state or the return, with the lines of the edges that lead to it."""

    name: str
    edges: tuple[_Edge, ...]
    dead: bool = False


def drawing(genotype: Genotype, width: int = WIDTH, plain: bool = False) -> str:
    """Returns a drawing of the cells and of the network. Equal cells are drawn once; `plain` allows only ASCII."""
    blocks = []
    for same in _alike([cell for cell in genotype.cells if cell.name in genotype.space.reached]):
        names = "" if len(same) == 1 else f"\n({', '.join(cell.name for cell in same[1:])}: the same)"
        blocks.append(f"{_title(same[0], width)}{names}\n\n{cell_drawing(same[0], width)}")
    blocks.append(network_drawing(genotype, width))
    text = "\n\n".join(blocks)
    return text.translate(_PLAIN) if plain else text


def _alike(cells: Sequence[s.Cell]) -> list[list[s.Cell]]:
    """Returns the cells in groups, in the order of the first cell of each group.

    Cells of a group differ only in their names.
    """
    found: dict[s.Cell, list[s.Cell]] = {}
    for cell in cells:
        found.setdefault(replace(cell, name=""), []).append(cell)
    return [*found.values()]


def _title(cell: s.Cell, width: int) -> str:
    return textwrap.fill(unparse.cell(cell).splitlines()[0].removesuffix(" {"), width, subsequent_indent="  ")


# --- the parts of a drawing ------------------------------------------------------------------------------------


def cell_drawing(cell: s.Cell, width: int = WIDTH) -> str:
    """Returns one cell as lines of at most `width` columns."""
    vertices = [*_vertices(cell)]
    lanes = _Lanes(_last_readers(vertices))
    rows = [row for vertex in vertices for row in lanes.rows(vertex)]
    names = max((len(node.name) for node in cell.nodes), default=1)
    apart = max(names, 3) + 1
    if names <= _LONGEST_NAME and lanes.count * apart + _LEAST_TEXT <= width:
        rows = _aired(rows) if len(cell.nodes) <= _FEW else rows
        return "\n".join(_lines(rows, apart, lanes.count, width))
    apart = 2 if lanes.count * 2 + _LEAST_TEXT <= width else 0
    return "\n".join(_lines([_spoken(row) for row in rows], apart, lanes.count, width))


def _vertices(cell: s.Cell) -> Iterator[_Vertex]:
    live = edit.live_nodes(cell)
    fed = {item.name for item in cell.inputs} | live
    for item in cell.inputs:
        kind = "" if item.kind is None else f"{'each ' if item.each else ''}{unparse.op(item.kind)}"
        yield _Vertex(item.name, (_Edge((), f"input: {kind}" if kind else "input"),))
    for node in cell.nodes:
        yield _vertex(node.name, node.flow.terms, node.flow.tail, fed, node.name not in live)
    yield _vertex(_RETURN, edit.returned_terms(cell), cell.output.tail, fed, dead=False)


def _vertex(name: str, terms: Sequence[s.Term], tail: s.Pipe, fed: set[str], dead: bool) -> _Vertex:
    live = [term for term in terms if any(not edit.is_none(edge) for _, edge in s.edges(term))]
    after = "".join(f" | {unparse.op(op)}" for op in tail)
    if not live:
        return _Vertex(name, (_Edge((), f"no edge{after}", dead=True),), dead=True)
    first = "  " if len(live) > 1 else ""  # The first term begins in the column of the terms that follow a plus.
    pieces = [piece for place, term in enumerate(live) for piece in _pieces(term, "+ " if place else first)]
    if all(isinstance(term, s.Wire) for term in live) or _is_bundle(live):
        # All edges without an operation are on one line.
        sources = tuple(dict.fromkeys(source for source, _ in pieces))
        text = " ".join(text for _, text in pieces).strip()
        return _Vertex(name, (_Edge(sources, text + after, dead),), dead)
    last = len(pieces) - 1
    return _Vertex(name, tuple(_Edge((source,), text + (after if place == last else ""), dead or source not in fed)
                               for place, (source, text) in enumerate(pieces)), dead)  # fmt: skip


def _is_bundle(terms: Sequence[s.Term]) -> bool:
    """Returns whether the terms are a single join of states without operations."""
    only = terms[0]
    return len(terms) == 1 and isinstance(only, s.Call) and all(isinstance(part, s.Wire) for part in only.arguments)


def _pieces(item: s.Term, before: str) -> list[tuple[str, str]]:
    """Returns for each edge of a term the state that it reads, and the part of the term's text up to this edge."""
    if isinstance(item, s.Wire) or (not s.is_join(item) and isinstance(item.arguments[0], s.Wire)):
        return [(s.read_state(item), before + unparse.term(replace(item, label=None)))]
    arguments = [part for part in item.arguments if any(not edit.is_none(edge) for _, edge in s.edges(part))]
    found: list[tuple[str, str]] = []
    for place, part in enumerate(arguments):
        opened = before + unparse.op(item.op) + "(" if place == 0 else ""
        found += _pieces(part, opened)
        source, text = found[-1]
        found[-1] = source, text + (")" if place == len(arguments) - 1 else ",")
    return found


# --- the places of parts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: the lanes that come from above, the lanes that continue below, and an edge between lanes.

    `target` is the lane that the edge enters. `name` is the name of the node if this is the last edge of the node.
    """

    above: Mapping[int, bool]  # for each lane whether its state is dead
    below: Mapping[int, bool]
    sources: tuple[int, ...] = ()
    target: int = -1
    name: str = ""
    text: str = ""
    dead: bool = False
    owner: str = ""  # the name of the vertex on its first line; empty on other lines


def _last_readers(vertices: Sequence[_Vertex]) -> dict[str, tuple[str, int]]:
    """Returns for each state the name of the vertex that reads it last, and the index of the edge that reads it."""
    return {
        source: (vertex.name, place)
        for vertex in vertices
        for place, edge in enumerate(vertex.edges)
        for source in edge.sources
    }


@dataclass
class _Lanes:
    """The lane of every state that a later line reads."""

    last: Mapping[str, tuple[str, int]]
    lane: dict[str, int] = field(default_factory=dict)
    dead: dict[int, bool] = field(default_factory=dict)  # for each lane in use whether its state is dead
    count: int = 0

    def rows(self, vertex: _Vertex) -> Iterator[_Row]:
        """Yields the lines of one vertex. The vertex takes a lane, and lanes that end in its lines become free."""
        target = self._lane_for(vertex)
        self.count = max(self.count, target + 1)
        for place, edge in enumerate(vertex.edges):
            above = dict(self.dead)
            sources = tuple(self.lane[source] for source in edge.sources)
            for source in edge.sources:
                if self.last[source] == (vertex.name, place):
                    del self.dead[self.lane.pop(source)]
            is_last = place == len(vertex.edges) - 1
            if not is_last or vertex.name in self.last:
                self.dead[target] = vertex.dead
            if is_last:
                self.lane[vertex.name] = target
            yield _Row(above, dict(self.dead), sources, target, vertex.name if is_last else "", edge.text, edge.dead,
                       "" if place else vertex.name)  # fmt: skip

    def _lane_for(self, vertex: _Vertex) -> int:
        only = vertex.edges[0].sources if len(vertex.edges) == 1 else ()
        if len(only) == 1 and self.last[only[0]] == (vertex.name, 0):
            return self.lane[only[0]]  # The state is read here for the last time, so the vertex continues its lane.
        if vertex.name == _RETURN:
            return max(self.dead, default=-1) + 1
        return next(lane for lane in range(len(self.dead) + 1) if lane not in self.dead)


def _aired(rows: Sequence[_Row]) -> list[_Row]:
    """Returns the lines, with a line that has only lanes before each node."""
    found: list[_Row] = []
    for row in rows:
        if row.owner and row.above and not row.text.startswith("input"):
            found.append(_Row(row.above, row.above))
        found.append(row)
    return found


def _spoken(row: _Row) -> _Row:
    """Returns the line in the form for long names: a dot in the lane, and the name before the operation."""
    text = row.text.strip()
    if row.text.startswith("input"):
        text = row.owner + row.text.removeprefix("input")
    elif row.owner:
        text = f"return {text}" if row.owner == _RETURN else f"{row.owner} = {text}"
    else:
        text = f"    {text}"
    dot = ("○" if row.dead else "●") if row.name else ""
    return replace(row, name=dot, text=text)


def _lines(rows: Sequence[_Row], apart: int, lanes: int, width: int) -> Iterator[str]:
    """Yields the rows as text, with lanes `apart` columns apart and operations on the right.

    With 0, no lanes are shown.
    """
    gutter = max(lanes * apart, *(row.target * apart + len(row.name) for row in rows)) + 2 if apart else 0
    for row in rows:
        text = short_numbers(f"{row.text}  (dead)" if row.dead and row.name else row.text)
        first, *more = textwrap.wrap(text, width - gutter, subsequent_indent="      ") or [""]
        yield f"{_gutter(row, apart, lanes):<{gutter}}{first}".rstrip()
        for text in more:
            yield f"{_gutter(_Row(row.below, row.below), apart, lanes):<{gutter}}{text}".rstrip()


def _gutter(row: _Row, apart: int, lanes: int) -> str:
    """Returns the part of a line that shows the lanes, and the name of the node if the line has it."""
    if not apart:
        return ""
    ends = (*row.sources, row.target) if row.sources else ()
    low, high = min(ends, default=0), max(ends, default=0)
    across = "┄" if row.dead else "─"
    drawn = ""
    for lane in range(lanes):
        drawn += _glyph(row, lane, low, high)
        drawn += (across if low <= lane < high else " ") * (apart - 1)
    if not row.name:
        return drawn
    start, end = row.target * apart, row.target * apart + len(row.name)
    return drawn[:start] + row.name + drawn[end:]


def _glyph(row: _Row, lane: int, low: int, high: int) -> str:
    is_end = lane in row.sources or lane == row.target
    sides = (_UP if lane in row.above else 0) + (_DOWN if lane in row.below else 0)
    if is_end and row.sources:
        sides += (_LEFT if lane > low else 0) + (_RIGHT if lane < high else 0)
    elif not sides and low < lane < high:
        sides = _LEFT + _RIGHT  # An edge passes behind a lane that it crosses.
    glyph = _GLYPHS[sides]
    is_dead = row.above.get(lane, row.below.get(lane, row.dead))
    return glyph.replace("│", "┊").replace("─", "┄") if is_dead else glyph


# --- the network -----------------------------------------------------------------------------------------------


def network_drawing(genotype: Genotype, width: int = WIDTH) -> str:
    """Returns the steps of the network from the image down, with the values of its params and of the genes it reads."""
    space = genotype.space
    genes = {name: value for name, value in genotype.genes if name in space.network_genes}
    values = [f"{name} = {unparse.expression(written(value))}" for name, value in {**space.params, **genes}.items()]
    known = f" ({', '.join(values)})" if values else ""
    head = f"network{known}"
    lines = [*textwrap.wrap(head, width, subsequent_indent="  "), "", "image"]
    sections = genotype.network.sections
    branches = {section.of: section for section in sections if section.of is not None}
    column = max(len(section.name) for section in sections) + 5
    for section in (section for section in sections if section.of is None):
        for place, item in enumerate(section.steps):
            lines += _beside(f"●  {'' if place else section.name}", unparse.step(item), column, width)
            if item.name in branches:
                branch = branches[item.name]
                text = ", ".join(map(unparse.step, branch.steps))
                lines += _beside(f"├┄ {branch.name}", f"{text} (in training only)", column, width)
    return "\n".join([*lines, "classes"])


def _beside(left: str, text: str, column: int, width: int) -> Iterator[str]:
    first, *more = textwrap.wrap(text, width - column, subsequent_indent="  ")
    yield f"{left:<{column}}{first}"
    yield from (f"{'│':<{column}}{line}" for line in more)
