"""Genotypes of a search, read from their texts, and their differences in the words of the language."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

import dsl
from dsl.report.diff import differences

KEPT = 500  # genotypes that are kept, since a page shows the same ones again and again


class Genotypes:
    """Reads genotypes of one search space.

    Args:
      space: the `.cell` text of the space.
    """

    def __init__(self, space: str) -> None:
        self._text = space
        self._kept: OrderedDict[str, dsl.Genotype] = OrderedDict()

    @cached_property
    def _space(self) -> dsl.Space:
        return dsl.loads(self._text).space

    def read(self, text: str) -> dsl.Genotype:
        """Returns the genotype of a stored text.

        Raises:
          CellError: this version cannot read the text, or its space.
        """
        found = self._kept.get(text)
        if found is None:
            found = self._kept[text] = self._space.genotype(text)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(text)
        return found

    def differences(self, before: str, after: str) -> list[str]:
        """Returns what differs from one text to another; if one of them cannot be read, the reason."""
        if before == after:
            return []
        try:
            return [str(one) for one in differences(self.read(before), self.read(after))]
        except dsl.CellError as error:
            return [f"this version of the program cannot read a genotype: {str(error).splitlines()[0]}"]
