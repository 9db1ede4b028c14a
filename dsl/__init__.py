"""The language: reads a `.cell` text as a genotype, writes a genotype as text, and applies mutation rules.

`load` reads a file with its includes and returns its seed `Genotype`, whose `space` has the operations, the network
and the rules. `mutate` and `sample` make other genotypes, and `fingerprint` is equal for genotypes that are the same
network. No module of this package imports TensorFlow.
"""

from dsl.errors import CellError
from dsl.identity.fingerprint import fingerprint
from dsl.loading import load, loads
from dsl.rules.interpreter import Mutated, mutate
from dsl.rules.sample import decide, decisions, sample
from dsl.rules.scene import Noise
from dsl.shipped import shipped_cells
from dsl.space.genotype import Genotype, Space
from dsl.text.parse import parse
from dsl.text.unparse import unparse

__all__ = [
    "CellError", "Genotype", "Mutated", "Noise", "Space", "decide", "decisions", "fingerprint", "load", "loads",
    "mutate", "parse", "sample", "shipped_cells", "unparse",
]  # fmt: skip
