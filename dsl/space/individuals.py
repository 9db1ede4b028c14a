"""Reads the texts of individuals. What an earlier text had at the same place is not parsed again."""

from __future__ import annotations

import re
from dataclasses import replace

from dsl.errors import CellError
from dsl.text.parse import parse
from dsl.tree import syntax as s

TITLE = "<genotype>"  # the name of an individual's text in messages
KEPT = 1024  # the number of declarations and of nodes that are kept
# A cell as `unparse` prints it: each node has a line of its own.
_CELL = re.compile(r"(?:fixed )?cell .+\{\n(?:  \w+ = .+\n)*  return .+\n\}\n?")
_Place = tuple[int, str]  # the number of a line, and the text from there


class Reader:
    """Parses the texts of the individuals of one space.

    A child shares most cells, and most nodes of its other cells, with its parent. Positions in the text are right,
    because a declaration or node is only found again at its own line.
    """

    def __init__(self) -> None:
        self._items: dict[_Place, tuple[s.Declaration, ...]] = {}
        self._nodes: dict[_Place, s.Node] = {}

    def declarations(self, text: str) -> list[s.Declaration]:
        """Returns the declarations in the text of an individual.

        Raises:
          CellError: the text is not in the language.
        """
        items: list[s.Declaration] = []
        line = 1
        try:
            for part in text.split("\n\n"):
                items += self._items.get((line, part)) or self._parsed(line, part)
                line += part.count("\n") + 2
        except CellError:
            return [*parse(text, TITLE).items]  # The error names all mistakes of the whole text.
        return items

    def _parsed(self, line: int, part: str) -> tuple[s.Declaration, ...]:
        """Parses the declarations that begin at a line, which has the number `line`."""
        if max(len(self._items), len(self._nodes)) >= KEPT:
            self._items, self._nodes = {}, {}
        rows = part.split("\n")
        is_cell = _CELL.fullmatch(part) is not None
        known = (
            {place: self._nodes[place] for place in enumerate(rows, line) if place in self._nodes} if is_cell else {}
        )
        # The lines of known nodes are left empty, so that all others keep their numbers.
        rest = "\n".join(["" if place in known else place[1] for place in enumerate(rows, line)])
        items = parse("\n" * (line - 1) + rest, TITLE).items
        if is_cell:
            (cell,) = items
            assert isinstance(cell, s.Cell)
            new = {(node.position.line, rows[node.position.line - line]): node for node in cell.nodes if node.position}
            if len(new) < len(cell.nodes):  # Two nodes are on one line.
                return parse("\n" * (line - 1) + part, TITLE).items
            self._nodes |= new
            nodes = [node for _, node in sorted((known | new).items(), key=lambda one: one[0][0])]
            items = (replace(cell, nodes=tuple(nodes)),)
        self._items[line, part] = items
        return items
