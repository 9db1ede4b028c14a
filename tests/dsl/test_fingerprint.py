"""Fingerprints: equal for one network under other names and orders, different for different networks."""

from __future__ import annotations

import copy
import functools
import itertools
import pickle
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dsl
from dsl.identity.fingerprint import cell_fingerprint
from dsl.rules.sample import decided
from dsl.tree import syntax as s
from tests.dsl.genotypes import genotypes

GENES = Path(__file__).parent.parent / "golden" / "cell" / "genes.cell"


def net(body: str) -> str:
    """Returns the fingerprint of a NAS-Bench-201 cell with this body."""
    return dsl.fingerprint(dsl.loads(f'include "nasbench201.cell"\ncell net(x) {{\n{body}\n}}'))


def shuffled(genotype: dsl.Genotype, rng: random.Random) -> dsl.Genotype:
    """Returns the genotype with other names of nodes and, where it is free, another order of terms."""
    text = genotype.text()
    for cell in genotype.cells:
        for node in cell.nodes:
            text = re.sub(rf"\b{node.name}\b(?=( =|[,)]| [+*]|\.channels|$))", f"{node.name}_renamed", text, flags=re.M)
    renamed = genotype.space.genotype(text)
    cells = []
    for cell in renamed.cells:
        nodes = []
        for node in cell.nodes:
            terms = list(node.flow.terms)
            if cell.fit is None or cell.fit.name != "resize_and_pad":  # with this fit the first term decides the shape
                rng.shuffle(terms)
            nodes.append(s.Node(node.name, s.Flow(tuple(terms), node.flow.tail)))
        cells.append(replace(cell, nodes=tuple(nodes)))
    return replace(renamed, cells=tuple(cells))


@settings(max_examples=60, deadline=None)
@given(genotypes(), st.integers(0, 1000))
def test_names_and_order_do_not_count(genotype: dsl.Genotype, seed: int) -> None:
    assert dsl.fingerprint(shuffled(genotype, random.Random(seed))) == dsl.fingerprint(genotype)


def test_order_of_independent_nodes_does_not_count() -> None:
    first = net("a = relu_conv[3x3](x)\n b = relu_conv[1x1](x)\n c = skip(a) + skip(b)\n return c")
    second = net("b = relu_conv[1x1](x)\n a = relu_conv[3x3](x)\n c = skip(a) + skip(b)\n return c")
    assert first == second


def test_unused_nodes_and_genes_do_not_count() -> None:
    assert net("a = relu_conv[3x3](x)\n dead = relu_conv[1x1](a)\n return a") == net("a = relu_conv[3x3](x)\n return a")
    genotype = dsl.loads('include "nasbench201.cell"\ngene rate = 0.1')
    assert dsl.fingerprint(replace(genotype, genes=(("rate", 5),))) == dsl.fingerprint(genotype)


def test_skips_are_spliced_and_sums_flattened() -> None:
    assert net("a = skip(x)\n b = relu_conv[3x3](a)\n return b") == net("b = relu_conv[3x3](x)\n return b")
    nested = net("a = relu_conv[3x3](x) + skip(x)\n b = skip(a) + pool(x)\n return b")
    assert nested == net("b = relu_conv[3x3](x) + skip(x) + pool(x)\n return b")


def test_the_default_of_a_setting_that_was_added_later_does_not_count() -> None:
    plain = net("a = conv[3x3](x)\n return a")
    assert net("a = conv[3x3, bias=no, groups=1](x)\n return a") == plain
    assert net("a = conv[3x3, bias=yes](x)\n return a") != plain


def test_zero_edges_and_what_reads_only_zeros_do_not_count() -> None:
    nothing = net("b = skip(x)\n return b")
    assert net("a = zero(x)\n b = conv[3x3](a) + skip(x)\n return b") == nothing
    assert net("a = zero(x) | avg_pool[3x3] | relu\n b = skip(a) + skip(x)\n return b") == nothing
    # The constants that biases and offsets learn are left out with the zeros.
    assert net("a = zero(x) | conv[1x1, bias=yes] | batch_norm\n b = a + x\n return b") == nothing


@pytest.mark.parametrize(
    "op",
    ["sigmoid", "hard_sigmoid", "softplus", "rescale[2, offset=1]", "position"],
)
def test_what_makes_other_values_of_zeros_counts(op: str) -> None:
    """The values are a half, for example."""

    def found(nodes: str) -> str:
        network = "network { stem: conv[3x3, filters=8] body: net head: global_avg_pool | dense[classes] }"
        return dsl.fingerprint(dsl.loads(f"op both = relu | zero | {op} cell net(x) {{ {nodes} }} {network}"))

    one = found(f"a = zero(x) | {op} | relu return x * a")
    assert one != found("a = zero(x) return x * a")
    assert one == found(f"return multiply(relu({op}(zero(x))), x)") == found("a = both(x) | relu return x * a")


def test_the_order_and_the_nesting_of_factors_do_not_count() -> None:
    first = "a = relu_conv[3x3](x)\n b = relu_conv[1x1](x)\n c = "
    flat = net(first + "a * b * x\n return c")
    assert net(first + "x * b * a\n return c") == flat
    assert net(first + "multiply(x, multiply(a, b))\n return c") == flat
    assert net(first + "multiply(a, b) + none(x)\n return c") == net(first + "a * b\n return c")
    assert net(first + "a * none(b)\n return c") == net("c = relu_conv[3x3](x)\n return c")
    assert net(first + "multiply(zero(a), b) + x\n return c") == net("c = skip(x)\n return c")


SAME_BODIES = [
    ("a = relu(x) | relu\n return a", "a = relu(x)\n return a"),
    ("a = relu(relu(x))\n return a", "a = relu(x)\n return a"),
    ("a = max_pool[1x1](x) + avg_pool[1x1, padding=valid](x)\n return a", "a = skip(x) + x\n return a"),
    ("a = relu_conv[3x3](x) | dropout | dropout[rate=0]\n return a", "a = relu_conv[3x3](x)\n return a"),
    ("a = conv[3x3, depth=1](x)\n return a", "a = conv[3x3](x)\n return a"),
    ("a = relu(x)\n return concat(concat(a, x), a)", "a = relu(x)\n return concat(a, x, a)"),
    ("a = relu(x)\n b = concat(a, x)\n return concat(b, a) | relu", "a = relu(x)\n return concat(a, x, a) | relu"),
    ("return concat(x)", "return x"),
    ("a = rescale[1](x) | shuffle[1] | part[1, of=1] | upsample[1x1]\n return a", "return x"),
    ("a = pad[0](x) | pad[0, after=0]\n return a", "return x"),
    ("a = pad[1, after=1](x)\n return a", "a = pad[1](x)\n return a"),
    ("a = conv[3x3, stride_y=2, stride_x=2](x)\n return a", "a = conv[3x3, stride=2](x)\n return a"),
    ("a = conv[3x3, stride=2, stride_y=1](x)\n return a", "a = conv[3x3, stride_x=2](x)\n return a"),
]


@pytest.mark.parametrize("bodies", SAME_BODIES, ids=lambda bodies: bodies[0].replace("\n", ";"))
def test_operations_that_do_nothing_more_do_not_count(bodies: tuple[str, str]) -> None:
    first, second = (
        dsl.loads(f"op relu_conv[kernel] = relu | conv[kernel] cell net(x) {{ {body} }} "
                  "network { stem: conv[3x3, filters=8] body: net head: global_avg_pool | dense[classes] }")
        for body in bodies
    )  # fmt: skip
    assert dsl.fingerprint(first) == dsl.fingerprint(second)


FILE = """
param F = 24
op unit[kernel, act=relu] = act | conv[kernel, stride=stride] | batch_norm
op fitted = unit[1x1] if channels != filters else skip
op fit_it = unit[1x1] if stride > 1 or channels != filters else skip
cell normal(here: fitted, before: fitted) fit fit_it {
  a = unit[3x3](here) + before
  b = unit[5x5](a) + motif(here)
  return concat(a, b)
}
cell motif(x) { return unit[3x3](x) + x }
cell block[expand, act=relu](x) {
  y = conv[1x1, filters=expand * channels](x) | act
  return y + conv[1x1, filters=y.channels](x)
}
network {
  stem: conv[3x3, filters=2*F] | batch_norm
  body: normal[F] * 2 as early, normal[2 * F, stride=2], block[2, act=relu],
        dropout[rate=0.5], block[2, unit[1x1]], normal[2 * F](-1, early)
  head: relu | global_avg_pool | dense[classes]
}
"""
RENAMED = {
    "normal": "tile", "motif": "wheel", "unit": "brick", "kernel": "size", "fitted": "hook", "fit_it": "hinge",
    "block": "stone", "expand": "wider", "early": "first", "a": "p", "b": "q", "here": "h", "before": "g", "x": "v",
    "y": "w", "F": "WIDE",
}  # fmt: skip


def test_names_do_not_count_across_files() -> None:
    text = re.sub(r"[A-Za-z_]\w*", lambda name: RENAMED.get(name[0], name[0]), FILE)
    assert text != FILE
    assert dsl.fingerprint(dsl.loads(text)) == dsl.fingerprint(dsl.loads(FILE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("param F = 24", "param F = 24 param unread = 3"), ("2*F", "48"), ("block[2, act=relu]", "block[2]"),
        ("normal[F] * 2 as", "normal[24], normal[F] as"), ("fit_it {", "fit_it { z = relu(before)"),
        ("rate=0.5],", "rate=0.5], skip,"),
        ("block[2, unit[1x1]]", "block[expand=2, act=unit[1x1, act=relu]]"), ("head:", "auxiliary(early): relu head:"),
        ("cell motif", "cell nobody(x) { return x } cell motif"),
    ],
)  # fmt: skip
def test_files_that_are_the_same_network_have_one_fingerprint(old: str, new: str) -> None:
    assert dsl.fingerprint(dsl.loads(FILE.replace(old, new))) == dsl.fingerprint(dsl.loads(FILE))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("param F = 24", "param F = 12"), ("2*F", "47"), ("normal[F] * 2 as", "normal[F] * 3 as"), ("5x5", "3x5"),
        ("block[2, act=relu]", "block[3, act=relu]"), ("(-1, early)", ""),
        ("block[2, unit[1x1]]", "block[2, unit[3x3]]"),
        (" | batch_norm\nop", " | batch_norm | relu\nop"), ("stride > 1 or ", ""), ("stride=2", "stride=4"),
        ("rate=0.5", "rate=0.25"), ("concat(a, b)", "concat(a, b, a)"), ("y.channels", "x.channels"),
    ],
)  # fmt: skip
def test_files_that_are_other_networks_have_other_fingerprints(old: str, new: str) -> None:
    assert old in FILE
    assert dsl.fingerprint(dsl.loads(FILE.replace(old, new))) != dsl.fingerprint(dsl.loads(FILE))


# Each has the cell `motif` where its operation is not known before the network is built, or as a setting.
AROUND_A_CELL = [
    "op o = motif if channels > 3 else relu  cell net(x) { return o(x) | relu }",
    "op o = p if channels > 3 else relu  op p = relu | motif  cell net(x) { return o(x) | relu }",
    "op p[f] = f | relu  cell net(x) { return p[motif](x) }",
    "op o = motif if channels > 3 else relu  cell net(x: o) { return relu(x) }",
    "op o = motif if channels > 3 else relu  cell net(x: each o) { return relu(x) }",
    "op o = motif if channels > 3 else relu  cell net(x) fit o { return relu(x) }",
    "gene g = motif in { motif, relu }  cell net(x) { return relu(x) | g }",
    "cell block[f=motif](x) { return conv[3x3](x) | f }  cell net(x) { return block(x) }",
    "cell block[f=relu](x) { return conv[3x3](x) | f }  cell net(x) { return block[f=motif](x) }",
    "op p = motif  cell block[f=relu](x) { return conv[3x3](x) | f }  op net = block[f=p]",
]


@pytest.mark.parametrize("around", AROUND_A_CELL)
def test_a_cell_within_an_operation_counts_by_its_content_and_not_by_its_name(around: str) -> None:
    network = "network { stem: conv[3x3, filters=8] body: net head: global_avg_pool | dense[classes] }"

    def found(name: str, inner: str) -> str:
        text = f"cell motif(x) {{ return {inner}(x) }} {around} {network}"
        return dsl.fingerprint(dsl.loads(text.replace("motif", name)))

    assert found("motif", "conv[3x3]") == found("wheel", "conv[3x3]") != found("motif", "conv[5x5]")


def test_a_number_with_the_name_of_an_operation_does_not_hide_it() -> None:
    def found(rate: str) -> str:
        text = (
            f"op o = dropout[rate={rate}] if channels > 3 else relu  param dropout = 0.2  cell net(x) {{ return o(x) }}"
        )
        network = "network { stem: conv[3x3, filters=8] body: net head: global_avg_pool | dense[classes] }"
        return dsl.fingerprint(dsl.loads(text + network))

    assert found("0.3") != found("0.4")


KNOWN_DIFFERENT = [
    "a = relu_conv[3x3](x)\n b = a * x\n return b",
    "a = relu_conv[3x3](x)\n b = a * a\n return b",
    "a = relu_conv[3x3](x)\n b = a + x\n return b",
    "a = relu_conv[3x3](x)\n b = multiply(a, x) + x\n return b",
    "a = relu_conv[3x3](x)\n return a",
    "a = relu_conv[1x1](x)\n return a",
    "a = relu_conv[3x3](x) + relu_conv[3x3](x)\n return a",
    "a = relu_conv[3x3](x)\n b = skip(a) + skip(a)\n return b",
    "a = relu_conv[3x3](x)\n b = relu_conv[3x3](a) + relu_conv[3x3](a)\n return b",
    "a = relu_conv[3x3](x)\n c = relu_conv[3x3](x)\n b = relu_conv[3x3](a) + relu_conv[3x3](c)\n return b",
    # two shared nodes that are equal by themselves and are read in two ways
    "a = relu_conv[3x3](x)\n c = relu_conv[3x3](x)\n d = relu_conv[1x1](a) + relu_conv[3x3](a)\n"
    " e = relu_conv[1x1](c) + relu_conv[3x3](c)\n f = skip(d) + skip(e)\n return f",
    "a = relu_conv[3x3](x)\n c = relu_conv[3x3](x)\n d = relu_conv[1x1](a) + relu_conv[1x1](a)\n"
    " e = relu_conv[3x3](c) + relu_conv[3x3](c)\n f = skip(d) + skip(e)\n return f",
]


def test_known_different_networks_differ() -> None:
    assert len({net(body) for body in KNOWN_DIFFERENT}) == len(KNOWN_DIFFERENT)


def test_an_identity_that_may_be_a_convolution_is_not_spliced() -> None:
    def normal(first: str) -> str:
        cell = f"cell normal(here: project, before: match) fit match {{\n a = {first}\n return concat(a)\n}}"
        return dsl.fingerprint(dsl.loads(f'include "nasnet.cell"\n{cell}'))

    base = normal("sep_conv[3x3](here) + here")
    assert normal("sep_conv[3x3](here) + identity(here)") == base
    assert normal("sep_conv[3x3](here) + identity(before)") != normal("sep_conv[3x3](here) + before")


def test_a_part_of_nasbench201_has_a_fixed_number_of_fingerprints() -> None:
    """The part is one cell in 23. A test with the mark `full` counts all 15,625 cells."""
    found = _classes(step=23)
    assert found == _classes(step=23)
    assert 300 < len(found) < 680


@pytest.mark.full
def test_nasbench201_has_its_published_count_of_classes() -> None:
    assert len(_classes(step=1)) == 5260


def _classes(step: int) -> set[str]:
    genotype = dsl.load("nasbench201.cell")
    choices = dsl.decisions(genotype)
    found = set()
    for values in itertools.islice(itertools.product(*(choice.values for choice in choices)), 0, None, step):
        chosen = functools.reduce(lambda g, made: decided(g, *made), zip(choices, values, strict=True), genotype)
        found.add(cell_fingerprint(chosen.cell("net"), chosen))
    return found


@pytest.mark.parametrize(
    ("head", "first", "second"),
    [
        ("cell c(x: each proj)", "a = relu(x)\n b = conv[3x3](a) + conv[5x5](a)",
         "a = relu(x)\n e = relu(x)\n b = conv[3x3](a) + conv[5x5](e)"),
        ("cell c(x) stride 2 fit match", "a = relu(x)\n b = conv[3x3](a) + conv[5x5](a)",
         "a = relu(x)\n e = relu(x)\n b = conv[3x3](a) + conv[5x5](e)"),
        ("cell c(x) stride 2 fit match", "a = x\n b = a + conv[3x3](a)\n d = a + conv[5x5](b)",
         "b = x + conv[3x3](x)\n d = x + conv[5x5](b)"),
    ],
)  # fmt: skip
def test_reads_that_cost_weights_count_each_time(head: str, first: str, second: str) -> None:
    text = """
    op proj = relu | conv[1x1] | batch_norm
    op match = relu | factorized_conv[stride=stride] | batch_norm if stride > 1 else proj
    network { stem: conv[3x3, filters=8] body: c[8] head: global_avg_pool | dense[classes] }
    """
    last = {body: body.rsplit("\n", 1)[-1].split("=")[0].strip() for body in (first, second)}
    prints = [
        dsl.fingerprint(dsl.loads(f"{text}{head} {{ {body}\n return {last[body]} }}")) for body in (first, second)
    ]
    assert prints[0] != prints[1]


def test_a_chain_of_a_thousand_nodes() -> None:
    nodes = "".join(f"n{i} = conv[3x3]({'x' if not i else f'n{i - 1}'})\n" for i in range(1000))
    text = f"cell c(x) {{\n{nodes}return n999\n}}\nnetwork {{ body: c head: global_avg_pool | dense[classes] }}"
    assert dsl.fingerprint(dsl.loads(text)) != dsl.fingerprint(
        dsl.loads(text.replace("n500 = conv[3x3]", "n500 = conv[5x5]"))
    )


def test_a_genotype_in_use_is_pickled_without_its_caches() -> None:
    """The caches have keys that hold in one process only."""
    genotype = dsl.load("nasnet.cell")
    child = dsl.mutate(genotype, random.Random(1)).genotype
    expected = [(one.text(), dsl.fingerprint(one)) for one in (genotype, child)]
    for copied in (pickle.loads(pickle.dumps((genotype, child))), copy.deepcopy((genotype, child))):
        assert [(one.text(), dsl.fingerprint(one)) for one in copied] == expected


@pytest.mark.parametrize("file", ["hierarchical.cell", "mobilenet_space.cell", "regnet_space.cell", GENES])
def test_the_caches_of_a_space_change_no_fingerprint(file: str | Path) -> None:
    rng, family = random.Random(3), [dsl.load(file)]
    for born in range(1, 30):
        parent, mate = rng.choices(family, k=2)
        family.append(dsl.mutate(parent, rng, mate=mate, born=born).genotype)
        without_caches = pickle.loads(pickle.dumps(family[-1]))
        assert dsl.fingerprint(family[-1]) == dsl.fingerprint(without_caches)


BRANCHES = "cell m(x) { a = conv[3x3](x)  b = max_pool[3x3](x)  return concat(ORDER)TAIL }"
NETWORK = "network { stem: conv[3x3, filters=8]  body: BODY  head: global_avg_pool | dense[classes] }"
# The tail of the cell `m`, other declarations, and the body of the network.
READERS_THAT_DEPEND_ON_ORDER = [
    (" | part[1, of=2] | conv[1x1]", "", "m[8]"),
    (" | shuffle[2]", "", "m[8]"),
    (" | conv[3x3, groups=2]", "", "m[8]"),
    ("", "", "m[8], part[1, of=2] | conv[1x1, filters=8]"),
    ("", "", "m[8], group_norm[2]"),
    ("", "op halves = part[1, of=2] | relu", "m[8], halves"),
    ("", "param g = 2  op apart[n] = conv[3x3, filters=8, groups=n]", "m[8], apart[g]"),
    ("", "gene g = part[1, of=2] in { relu, part[1, of=2] }", "m[8], g"),
    ("", "cell later(y) { z = part[1, of=2](y)  return z }", "m[8], later[8]"),
    ("", "cell later[](y) { z = shuffle[2](y)  return z }", "m[8], later"),
    ("", "cell other(y) { a = conv[5x5](y) | part[2, of=2]  return a }", "m[8], other[16]"),
    # channels of two states are added to each other
    ("", "cell later(y, z) { return y + z }", "m[8], m[8], later[16](-1, -2)"),
    ("", "cell later(y) { a = conv[3x3, filters=8](y)  b = concat(a, a)  return b + y }", "m[8], later[8]"),
    ("", "cell later(y, z) fit resize_and_pad { return conv[1x1](y) + z }", "m[8], m[8], later[8](-1, -2)"),
    ("", "cell later(y) { a = m(y)  b = conv[3x3, filters=8](y)  return concat(b, b) + a }", "later[8]"),
    (" | global_avg_pool", "", "conv[3x3, filters=5], m[5] head: relu ignored:"),
]


def in_both_orders(tail: str, others: str, body: str) -> set[str]:
    network = NETWORK.replace("BODY", body)
    if "ignored:" in body:  # the output of the cell has a channel for each class
        network = network.replace("ignored:  head: global_avg_pool | dense[classes]", "")
    text = f"{BRANCHES.replace('TAIL', tail)} {others} {network}"
    return {dsl.fingerprint(dsl.loads(text.replace("ORDER", order))) for order in ("a, b", "b, a")}


@pytest.mark.parametrize("readers", READERS_THAT_DEPEND_ON_ORDER, ids=lambda readers: " ".join(readers)[:60])
def test_the_order_of_a_returned_concatenation_counts_where_it_has_an_effect(readers: tuple[str, str, str]) -> None:
    assert len(in_both_orders(*readers)) == 2


@pytest.mark.parametrize(
    "readers",
    [
        ("", "", "m[8]"),
        (" | relu | conv[1x1]", "", "m[8], batch_norm, depthwise[3x3], conv[3x3, filters=8, groups=1]"),
        ("", "cell later(y) { a = conv[3x3, filters=16](y)  return a + y }", "m[8], later[8]"),
        ("", "op mix = relu | conv[1x1]  cell later(y: mix, z: mix) { b = concat(y, z)  return b * b }",
         "m[8], m[8], later[8](-1, -2)"),
        ("", "cell unread(y, z) { return y + z }  op unused = shuffle[2]", "m[8]"),
        ("", "cell later(y) { dead = shuffle[2](y)  a = conv[3x3](y)  return a }", "m[8], later[8]"),
    ],
    ids=lambda readers: " ".join(readers)[:60],
)  # fmt: skip
def test_the_order_of_a_returned_concatenation_does_not_count_otherwise(readers: tuple[str, str, str]) -> None:
    assert len(in_both_orders(*readers)) == 1


def test_the_stride_of_a_cell_that_another_cell_contains_is_not_known() -> None:
    def found(op: str, outer: str) -> str:
        ops = "".join(
            f"op {name} = conv[{kernel}, stride=stride] if stride > 1 else conv[1x1]  "
            for name, kernel in (("p", "3x3"), ("q", "5x5"))
        )
        cells = f"cell m(x) {{ a = {op}(x)  return a }}  {outer}"
        return dsl.fingerprint(dsl.loads(ops + cells + NETWORK.replace("BODY", "m[8], top[8]")))

    for outer in (
        "cell top(x) stride 2 { a = m(x)  return a }",
        "op foo = m[stride=stride] | relu  cell top(x) stride 2 { a = foo(x)  return a }",
    ):
        assert found("p", outer) != found("q", outer)


@pytest.mark.parametrize(
    ("shared", "apart"),
    [
        ("b = skip(a)  d = b + here  e = b + here", "d = a + here  e = a + here"),
        ("b = skip(a)  d = b + here  e = b + here", "d = skip(a) + here  e = skip(a) + here"),
        ("b = max_pool[3x3](a) + here  d = relu(b)  e = b + here",
         "b = max_pool[3x3](a) + here  c = max_pool[3x3](a) + here  d = relu(b)  e = c + here"),
    ],
)  # fmt: skip
def test_a_concatenation_that_fit_changes_costs_weights_at_each_read(shared: str, apart: str) -> None:
    cell = "cell normal(here: project, before: match) fit shape {{ a = concat(here, here)  {}  return concat(d, e) }}"
    first, second = (dsl.loads(f'include "nasnet.cell"  {cell.format(body)}') for body in (shared, apart))
    assert dsl.fingerprint(first) != dsl.fingerprint(second)


# Nodes of a cell with 8 filters and `fit`. Each is followed by nodes of another network.
FITTED_APART = [
    ("a = u(x)  b = u(x)  d = concat(a, b)  return d", "a = u(x)  b = u(x)  return concat(a, b)"),
    ("a = u(x)  b = u(x)  e = u(x)  return concat(concat(a, b), e)",
     "a = u(x)  b = u(x)  e = u(x)  return concat(a, b, e)"),
    ("a = u(x)  b = u(x)  e = u(x)  d = concat(a, b)  f = concat(d, e)  g = u(f)  return g",
     "a = u(x)  b = u(x)  e = u(x)  f = concat(a, b, e)  g = u(f)  return g"),
    ("a = u(x) | conv[1x1, filters=4]  return a", "return u(x) | conv[1x1, filters=4]"),
    ("a = u(x) | wide  b = u(a) + a  return a + b", "a = u(x) | wide  b = u(a) + a  return concat(a, b)"),
    # The operation reads what is fitted, or is itself fitted.
    ("a = conv[1x1, filters=4](x) | relu  return a", "a = relu(conv[1x1, filters=4](x))  return a"),
    ("return relu(concat(x, x))", "return concat(x, x) | relu"),
    ("a = multiply(conv[1x1, filters=4](x), conv[1x1, filters=4](x))  return a",
     "a = conv[1x1, filters=4](x)  b = conv[1x1, filters=4](x)  return relu(multiply(a, b))"),
    # Half of the channels, or of the pixels, are fitted at each read.
    ("a = u(x)  b = part[1, of=2](a)  return u(b) + conv[5x5](b)",
     "a = u(x)  b = part[1, of=2](a)  d = part[1, of=2](a)  return u(b) + conv[5x5](d)"),
    ("a = u(x) | pad[1]  b = u(a)  d = a  return u(d) + d + b", "a = u(x) | pad[1]  b = u(a)  return u(a) + a + b"),
]  # fmt: skip
FITTED_ALIKE = [
    ("a = u(x) | conv[1x1, filters=4]  return a", "a = u(x) | conv[1x1, filters=4]  return skip(a)"),
    ("a = u(x)  return concat(a)", "a = u(x)  return a"),
    ("a = concat(x, x) | conv[1x1]  return a", "return conv[1x1](concat(x, x))"),
    ("a = concat(x, x) | relu  return a", "return relu(concat(x, x))"),
    ("a = u(x)  b = a  return b + u(b)", "a = u(x)  return a + u(a)"),
    ("a = add(u(x), max_pool[3x3](u(x))) + u(x)  return a",
     "a = u(x)  b = max_pool[3x3](a) + u(x)  d = u(x) + b  return d"),
    ("return u(x) | conv[1x1, filters=4]", "a = u(x)  return a | conv[1x1, filters=4]"),
]  # fmt: skip


def fitted(nodes: str) -> str:
    text = """
    op u = conv[3x3] | batch_norm
    op match = conv[1x1] | batch_norm if channels != filters or stride > 1 else skip
    cell wide(x) { return conv[3x3, filters=32](x) }
    network { stem: conv[3x3, filters=8] body: c[8] head: global_avg_pool | dense[classes] }
    """
    return dsl.fingerprint(dsl.loads(f"{text} cell c(x) fit match {{ {nodes} }}"))


@pytest.mark.parametrize("nodes", FITTED_APART, ids=lambda nodes: nodes[0])
def test_what_fit_changes_is_another_network(nodes: tuple[str, str]) -> None:
    assert fitted(nodes[0]) != fitted(nodes[1])


@pytest.mark.parametrize("nodes", FITTED_ALIKE, ids=lambda nodes: nodes[0])
def test_what_fit_does_not_change_is_the_same_network(nodes: tuple[str, str]) -> None:
    assert fitted(nodes[0]) == fitted(nodes[1])


# A cell or an op whose text has `HERE`, the body of the network, and two texts in the place of `HERE`.
USED_IN_SEVERAL_WAYS = [
    ("cell c(x) { a = HERE(x)  return a }", "c[16], c", "match", "skip"),
    ("cell c(x) { a = conv[3x3](x) | HERE  return a }", "c[16], c",
     "conv[1x1, filters=4] | conv[1x1]", "conv[1x1, filters=4] | conv[1x1, filters=channels]"),
    ("op o = c  cell c(x) { a = HERE(x)  return a }", "c[16], o", "match", "skip"),
    ("op o = c  cell c(x) { a = HERE(x)  return a }", "c[8], o[filters=16]", "eight", "skip"),
    ("op o = c  cell c(x) fit match { a = conv[3x3, filters=16](x)  b = conv[3x3, filters=4](x)  return HERE }", "o",
     "a + b", "b + a"),
    ("cell c(x) fit match { a = conv[3x3, filters=4](x)  b = x + a  HERE }", "c",
     "d = x + a  return relu(b) + d", "return relu(b) + b"),
    ("op o = m | relu  cell m(x) HERE { return conv[3x3](x) }  cell c(x) { return o(x) }", "c[8]", "stride 2", ""),
    ("cell c(x) width split { a = HERE(x)  b = conv[3x3](x)  return concat(a, b) }", "c[8]", "eight", "skip"),
    ("cell c(x) width split { a = conv[1x1](x)  HERE  d = conv[3x3](a)  return concat(b, d) }", "c[8]",
     "b = skip(a)", "b = skip(x)"),
    ("cell c(x) width split { a = conv[1x1](x)  HERE }", "c[8]",
     "b = skip(a)  d = conv[3x3](a)  return concat(b, d)", "d = conv[3x3](a)  return concat(a, d)"),
    # two cells in one operation
    ("op o = wide | both[filters=channels]  op both = narrow | HERE", "o", "conv[1x1]", "conv[1x1, filters=channels]"),
    ("op both = narrow | HERE", "wide | both[filters=channels]", "conv[1x1]", "conv[1x1, filters=channels]"),
    ("op both = narrow | HERE", "wide, both[filters=channels]", "conv[1x1]", "conv[1x1, filters=channels]"),
]  # fmt: skip


@pytest.mark.parametrize("case", USED_IN_SEVERAL_WAYS, ids=" ".join)
def test_filters_that_differ_between_the_uses_of_a_cell_are_not_taken_as_equal(case: tuple[str, str, str, str]) -> None:
    declared, body, *choices = case
    others = """
    op match = skip if channels == filters else conv[1x1]
    op eight = skip if filters == 8 else conv[1x1]
    cell wide(x) { return conv[3x3, filters=32](x) }
    cell narrow(x) { return conv[3x3, filters=8](x) }
    """
    texts = [f"{others} {declared} {NETWORK.replace('BODY', body)}".replace("HERE", choice) for choice in choices]
    assert dsl.fingerprint(dsl.loads(texts[0])) != dsl.fingerprint(dsl.loads(texts[1]))


def test_a_cell_as_the_operation_of_an_input_counts_by_its_content() -> None:
    def found(kernel: str) -> str:
        cells = f"op o = m  cell m(x) {{ return conv[{kernel}](x) }}  cell c(x: o) {{ return relu(x) }}"
        return dsl.fingerprint(dsl.loads(f"{cells} {NETWORK.replace('BODY', 'c[8]')}"))

    assert found("3x3") != found("5x5")


def test_one_ring_of_nodes_is_another_network_than_two_rings() -> None:
    def found(*lengths: int) -> str:
        nodes, terms, first = "", list[str](), 0
        for length in lengths:
            places = [*range(first, first + length)]
            nodes += "".join(f"a{place} = conv[3x3](x)  " for place in places)
            for one, other in zip(places, [*places[1:], first], strict=True):
                nodes += f"b{one} = skip(a{one}) + skip(a{other}) | conv[3x3]  "
                terms.append(f"b{one}")
            first += length
        return net(f"{nodes} return {' + '.join(terms)}")

    assert len({found(8), found(4, 4), found(3, 5)}) == 3
    assert found(3, 5) == found(5, 3)
