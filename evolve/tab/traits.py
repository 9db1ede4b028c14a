"""The genes of all individuals, and the counts of their operations. They are found in the texts without parsing."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence

from evolve.tab.numbers import Number, number, read

MOST = 24  # the greatest number of kinds if operations with different settings are counted separately
_SETTINGS = r"(?:\[(?:[^][]|\[[^][]*\])*\])?"
# A canonical text has each node in a line of its own. A line that begins with a letter declares a gene or a cell.
_USE = re.compile(rf"^[a-z].*|\b([A-Za-z_]\w*+{_SETTINGS})(?=\()|(?<= \| )([A-Za-z_]\w*+{_SETTINGS})", re.MULTILINE)

# The steps of a network that evolves, whose expressions may call functions.
_NETWORK = re.compile(r"^network \{\n(?:[ ].*\n)*\}", re.MULTILINE)
_GENE = re.compile(r"^gene (\w+)(?:: \w+)? = (.+?)(?: in .*)?$", re.MULTILINE)


def operations(text: str) -> Counter[str]:
    """Returns all operations in the nodes and return lines of the cells in a genotype's text, with their settings."""
    return Counter(first or after for first, after in _USE.findall(_NETWORK.sub("", text)) if first or after)


def genes(text: str) -> dict[str, Number | str]:
    """Returns the genes in a genotype's text with their values. A value that is not a number is text."""
    return {name: value if (found := number(read(value))) is None else found for name, value in _GENE.findall(text)}


class Traits:
    """The genes and operations of all individuals. A row is read once, because genotypes never change."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._genes: list[Mapping[str, Number | str]] = []
        self._operations: list[Counter[str]] = []

    def read(self, db: sqlite3.Connection) -> None:
        """Reads the genes and operations of new individuals."""
        last = self._ids[-1] if self._ids else 0
        rows = db.execute("select id, genotype from individuals where id > ? order by id", (last,)).fetchall()
        for id, text in rows:
            self._ids.append(id)
            self._genes.append(genes(str(text)))
            self._operations.append(operations(str(text)))

    def answer(self) -> dict[str, object]:
        """Returns one list for each gene and each kind of operation, with a value for each individual.

        A gene with a value that is not a number is left out, since the lists are for charts of numbers.
        Operations with different settings are different kinds, unless there would be too many kinds for one chart.
        """
        counted: Sequence[Counter[str]] = self._operations
        if len(_names(counted)) > MOST:
            counted = [_without_settings(one) for one in counted]
        values_of = {name: [one.get(name) for one in self._genes] for name in _names(self._genes)}
        return {
            "id": list(self._ids),
            "genes": {
                name: values for name, values in values_of.items() if not any(isinstance(v, str) for v in values)
            },
            "operations": {name: [one[name] for one in counted] for name in sorted(_names(counted))},
        }


def _names(rows: Sequence[Mapping[str, object]]) -> dict[str, None]:
    return {name: None for row in rows for name in row}


def _without_settings(counted: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, count in counted.items():
        found[name.partition("[")[0]] += count
    return found
