"""Genotypes for tests: random ones of the shipped spaces, of cells with settings, of genes, and of steps."""

from __future__ import annotations

import random
from pathlib import Path

import hypothesis.strategies as st

import dsl

SAMPLED = (
    "nasnet.cell", "nasbench201.cell", "nasbench101.cell", "darts.cell", "hierarchical.cell", "large_scale.cell",
    "nasnet_13.cell",
)  # fmt: skip
_CELLS = Path(__file__).parent.parent / "golden" / "cell"
GENES, STEPS, PARENTS = (
    (_CELLS / name).read_text(encoding="utf-8") for name in ("genes.cell", "steps.cell", "parents.cell")
)
# Brackets, operations as settings, `none` as a case, functions, and channels of states.
BLOCKS = """
param growth = 4
op conv_bn[kernel, act=relu] = conv[kernel, stride=stride] | batch_norm | act
op shortcut = conv_bn[1x1, skip, stride=stride] if stride > 1 or channels != filters else skip
op residual = skip if stride == 1 and channels == filters else none
op gate[units, act=relu] = excite[units, act] if units > 0 else skip
op sep[kernel] = relu | depthwise[kernel, stride=stride] | conv[1x1]
values ops = {
  skip, conv_bn[3x3], conv_bn[1x1, act=swish], conv_bn[any({ 3x3, 5x5 }), any({ gelu, conv[1x1] })], gate[growth],
  residual, none, conv[1x1, filters=channels // 2 * 2], squeeze[2], sep[5x5, filters=filters]
}
cell excite[units, act=relu](x) {
  s = global_avg_pool(x) | dense[units] | act | dense[x.channels]
  return x * s
}
cell squeeze[n, act=relu](x) {
  y = conv_bn[1x1, act, filters=max(1, filters // n)](x) | conv_bn[3x3, filters=filters]
  return y + shortcut(x)
}
cell block[kernel, act=relu, share=0](x) {
  y = conv_bn[1x1, act, filters=filters // 2, stride=stride](x)
  z = conv_bn[kernel, act, filters=y.channels](y) | gate[floor(share * channels)] | act
  w = squeeze[2, filters=divisible(channels * 1.5, 4)](y)
  return conv_bn[1x1, skip](z) + shortcut[stride=stride](x) + conv_bn[1x1](w) | act
}
network {
  stem: conv[3x3, filters=8, stride=2] | relu
  body: block[3x3, filters=16] * 2, block[5x5, gelu, 0.25, filters=channels * 2] stride 2,
        block[kernel=1x1, act=conv[1x1, filters=channels]]
  head: global_avg_pool | dense[classes]
}
mutation op     weight 4 { choose c in cells, t in c.terms                       t.op = any(ops) }
mutation wire   weight 2 { choose c in cells, n in c.nodes, t in n.terms         t.input = any(n.earlier) }
mutation kernel          { choose t in block.edges where t.op is conv_bn         t.kernel = any({ 1x1, 3x3, 5x5 }) }
mutation act             { choose t in block.edges where t.op is conv_bn         t.act = any({ relu, gelu }) }
mutation n               { choose t in block.terms where t.op is squeeze         t.n = any(other { 1, 2, 4 }) }
mutation grow            { choose t in block.edges                               insert any(ops) on t }
mutation link            { choose a in block.states, b in block.vertices where not b reaches a and not a feeds b
                           connect a to b by conv_bn[1x1] }
mutation cut             { choose n in block.vertices, t in n.terms where n.terms.count > 1   remove t }
mutation shorten         { choose n in block.nodes where n.terms.count == 1      remove n }
mutation join            { choose n in block.nodes where n.terms.count > 1
                           n.join = any(other { add, concat, multiply }) }
mutation tail            { choose n in block.nodes                               n.tail = any({ relu, gate[3], skip }) }
"""
# Crossovers for a space that has none.
CROSSOVERS = """
crossover cell  { choose c in cells   c = mate.c }
crossover nodes { for c in cells, n in c.vertices { either { } or { n = mate.n } } }
crossover terms { for c in cells, n in c.vertices, t in n.terms where mate has t { either { } or { t = mate.t } } }
"""


def with_crossovers(name: str, mutates: bool) -> dsl.Genotype:
    """Returns the seed of a shipped space with three crossovers, after which the child is mutated or is not."""
    text = CROSSOVERS.replace("} }\n", "} mutate }\n") if mutates else CROSSOVERS
    return dsl.loads(f'include "{name}"\n{text}')


@st.composite
def genotypes(draw: st.DrawFn) -> dsl.Genotype:
    """Returns a genotype that was sampled from a space and mutated a few times."""
    source = draw(st.sampled_from((*SAMPLED, BLOCKS, GENES, STEPS, PARENTS)))
    space = (dsl.load(source) if source in SAMPLED else dsl.loads(source)).space
    rng = random.Random(draw(st.integers(0, 2**32)))
    genotype = dsl.sample(space, rng)
    for _ in range(draw(st.integers(0, 5))):
        genotype = dsl.mutate(genotype, rng).genotype
    return genotype
