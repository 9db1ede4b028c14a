"""The language: `.cell` text to a genotype and back, and the mutation rules applied to it.

`load` reads a file with its includes and returns its seed `Genotype`, which knows its `Space` (operations, network,
rules). `mutate` and `sample` make other genotypes, and `fingerprint` is equal for those that are the same network.
Nothing here knows TensorFlow.
"""

from dsl.errors import CellError
from dsl.identity.fingerprint import fingerprint
from dsl.loading import load, loads
from dsl.rules.interpreter import Mutated, mutate
from dsl.rules.sample import decide, decisions, sample
from dsl.shipped import shipped_cells
from dsl.space.genotype import Genotype, Space
from dsl.text.parse import parse
from dsl.text.unparse import unparse

__all__ = [
    "CellError", "Genotype", "Mutated", "Space", "decide", "decisions", "fingerprint", "load", "loads", "mutate",
    "parse", "sample", "shipped_cells", "unparse",
]  # fmt: skip
