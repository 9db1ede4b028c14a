"""The language: `.cell` text to a genotype and back, and the mutation rules applied to it.

`load` reads a file with what it includes and returns its seed `Genotype`, which knows its `Space` (operations,
network, rules). `mutate` and `sample` make others from it; `fingerprint` tells which are the same network.
Nothing here knows TensorFlow.
"""

from dsl.errors import CellError
from dsl.fingerprint import fingerprint
from dsl.genotype import Genotype, Space
from dsl.load import load, loads
from dsl.parse import parse
from dsl.rules import Mutated, mutate
from dsl.sample import decide, decisions, sample
from dsl.unparse import unparse

__all__ = [
    "CellError", "Genotype", "Mutated", "Space", "decide", "decisions", "fingerprint", "load", "loads", "mutate",
    "parse", "sample", "unparse",
]  # fmt: skip
