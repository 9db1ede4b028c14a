"""The genotypes of a search, parsed from stored texts, and the differences between genotypes."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

import dsl
from dsl.report.diff import differences

KEPT = 500  # the number of parsed genotypes that are kept, because a page asks for the same genotypes repeatedly


class Genotypes:
    """Parses the genotypes of one search space.

    Args:
      space: the `.cell` text of the search space.
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
          CellError: this version cannot read the text or the search space.
        """
        found = self._kept.get(text)
        if found is None:
            found = self._kept[text] = self._space.genotype(text)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(text)
        return found

    def differences(self, before: str, after: str) -> list[str]:
        """Returns the differences between two genotypes as lines of text, or a reason if a text cannot be read."""
        if before == after:
            return []
        try:
            return [str(one) for one in differences(self.read(before), self.read(after))]
        except dsl.CellError as error:
            return [f"this version of the program cannot read a genotype: {str(error).splitlines()[0]}"]
