"""The resolved graph: shapes, keys, and messages that name the place."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

import compiler
import dsl
from compiler import requirement
from compiler.graph.cache import ResolveCache
from dsl import Genotype

SHAPE = (16, 16, 3)


def net(
    body: str, head: str = "global_avg_pool | dense[classes]", traits: str = "", width: str = "[8]"
) -> dsl.Genotype:
    network = f"network {{ stem: conv[3x3, filters=8] body: net{width} head: {head} }}"
    return dsl.loads(f"cell net(x) {traits} {{\n{body}\n}}\n{network}")


def test_weight_keys_are_unique_and_name_their_place() -> None:
    graph = compiler.resolve(dsl.load("amoebanet_a.cell", {"N": 2, "F": 8}), (8, 8, 1), 10)
    keys = [key for step in graph.steps for key, _ in step.weights()]
    assert len(set(keys)) == len(keys)
    assert "body/0/1/normal/b/0/sep_conv/1/depthwise/kernel" in keys


def keys_of(genotype: dsl.Genotype) -> list[str]:
    """Returns the keys of the weights in the cell `net`, without the part that all of them share."""
    graph = compiler.resolve(genotype, SHAPE, 10)
    return [key.removeprefix("body/0/0/net/") for step in graph.steps for key, _ in step.weights() if "/net/" in key]


def test_terms_after_unused_keep_their_keys_when_a_state_is_used() -> None:
    """Otherwise a term of a child would start from the weights of another term."""
    after = "return concat(unused, conv[1x1](x), conv[1x1](x))"
    two, one = (net(f"a = conv[3x3](x)  b = conv[3x3]({read})  {after}") for read in ("x", "a"))
    nodes = ["a/0/conv/kernel", "b/0/conv/kernel"]
    assert keys_of(two) == keys_of(one) == [*nodes, "return/1/conv/kernel", "return/2/conv/kernel"]


def test_states_of_unused_have_keys_of_their_own() -> None:
    body = "a = x | conv[3x3, filters=4]  b = x | conv[3x3, filters=2]  return concat(RETURN)"
    for terms, wanted in (
        ("5: unused, 0: x, conv[1x1](x)", ["5/a", "5/b", "2"]),
        ("unused, conv[1x1](x)", ["0/a", "0/b", "1"]),
        ("concat(conv[1x1](x), unused), conv[1x1](x)", ["0/0", "0/1/a", "0/1/b", "0", "1"]),
    ):
        seed = net(body.replace("RETURN", terms), traits="fit conv[1x1]")
        keys = keys_of(seed)
        assert len(set(keys)) == len(keys)
        found = [key.partition("/conv")[0] for key in keys if "kernel" in key and "return" in key]
        assert [key.removesuffix("/fit").removeprefix("return/") for key in found] == wanted


def test_the_first_cell_reads_the_stem_twice_and_strided_sizes_are_rounded_up() -> None:
    graph = compiler.resolve(dsl.load("nasnet.cell", {"N": 1, "F": 8}), (7, 7, 1), 10)
    assert [step.inputs for step in graph.steps[:4]] == [(-1,), (0, 0), (1, 0), (2, 1)]
    assert [step.shape[:2] for step in graph.steps[:6]] == [(7, 7), (7, 7), (4, 4), (4, 4), (2, 2), (2, 2)]


@pytest.mark.parametrize(
    ("genotype", "parts"),
    [
        (net("a = conv[3x3, stride=2](x) + skip(x)\nreturn a"), ["a sum needs one shape", "8x8x8", "16x16x8", "fit"]),
        (net("a = conv[9x9, padding=valid](x)\nb = conv[9x9, padding=valid](a)\nreturn b"), ["net/b", "does not fit"]),
        (net("a = none(x)\nreturn a"), ["net/return", "no live edge"]),
        (net("return x", head="dense[classes]"), ["put global_avg_pool before it"]),
        (net("return x", head="global_avg_pool | dense[7]"), ["the head ends in 7", "10 classes"]),
        (net("a = conv[1x1, filters=filters/3](x)\nreturn a"), ["filters", "F//4"]),
        (
            net("a = skip(x)\nb = skip(x)\nreturn concat(a, b)", traits="width split", width="[1]"),
            ["1 filter cannot be split", "2 states"],
        ),
        (net("return x", traits="width split", width=""), ["width split", "needs filters, such as normal[F]"]),
    ],
)
def test_an_impossible_network_is_reported_with_place_and_reason(genotype: Genotype, parts: list[str]) -> None:
    with pytest.raises(compiler.CompileError) as caught:
        compiler.resolve(genotype, (16, 16, 3), 10)
    for part in parts:
        assert part in str(caught.value)


def test_odd_filters_are_split_between_the_two_paths() -> None:
    graph = compiler.resolve(dsl.load("nasnet.cell", {"N": 1, "F": 9}), (8, 8, 1), 10)
    shapes = {key.rsplit("/", 1)[1]: weight.shape for step in graph.steps for key, weight in step.weights()
              if "factorized_conv" in key and step.key == "body/2/0"}  # fmt: skip
    assert (shapes["kernel_a"][-1], shapes["kernel_b"][-1]) == (9, 9)
    graph = compiler.resolve(dsl.loads("network { body: factorized_conv[stride=2, filters=5] | conv[1x1, filters=4]"
                                       " head: global_avg_pool | dense[classes] }"), (7, 7, 3), 10)  # fmt: skip
    weights = [weight.shape for _, weight in graph.steps[0].weights()]
    assert weights[:2] == [(1, 1, 3, 2), (1, 1, 3, 3)]


def test_requirements_are_checked_from_costs() -> None:
    text = 'include "nasnet.cell"\nparam N = 1\nparam F = 8\nrequire params <= {} and depth > 2 and normal.nodes == 5'
    tight, loose = (dsl.loads(text.format(limit)) for limit in (100, "10M"))
    assert "require params <= 100" in str(requirement(tight.space, (8, 8, 1), 10)(tight))
    assert requirement(loose.space, (8, 8, 1), 10)(loose) is None


@pytest.mark.parametrize(
    ("required", "broken"),
    [
        ("net.edges <= 1", "net.edges 2"),
        ("net.nodes.count + 1 > 2 * depth", "net.nodes.count 1, depth 3"),
        ("not activations > 100", "activations"),
        ("params > 1K or mult_adds / params < 2", "params"),
    ],
)
def test_a_broken_requirement_is_named_with_its_numbers(required: str, broken: str) -> None:
    text = dsl.unparse(
        dsl.parse(f"""cell net(x) {{
      a = conv[3x3](x)
      return a
    }}
    network {{ stem: conv[3x3, filters=2] body: net[2] head: global_avg_pool | dense[classes] }}
    require {required}""")
    )
    genotype = dsl.loads(text)
    reason = requirement(genotype.space, (8, 8, 1), 10)(genotype)
    assert reason is not None and broken in reason and reason.startswith("require")


def test_samples_meet_what_is_required() -> None:
    space = dsl.loads('include "nasbench201.cell"\nparam N = 1\nparam F = 4\nrequire params <= 12K').space
    check = requirement(space, (8, 8, 1), 10)
    for seed in range(20):
        assert compiler.cost(dsl.sample(space, random.Random(seed), check=check), (8, 8, 1), 10).params <= 12_000
    with pytest.raises(dsl.CellError, match="1,000 random genotypes in a row"):
        dsl.sample(space, random.Random(1), check=lambda genotype: "never")


@pytest.mark.parametrize("file", ["nasnet.cell", "nasbench101.cell", "hierarchical.cell", "large_scale.cell"])
def test_the_cache_between_children_changes_no_graph(file: str) -> None:
    known = dsl.load(file).space.params
    genotype = dsl.load(file, {name: value for name, value in {"N": 1, "F": 8}.items() if name in known})
    rng, cache = random.Random(2), ResolveCache()
    for _ in range(25):
        genotype = dsl.mutate(genotype, rng, requirement(genotype.space, SHAPE, 10)).genotype
        again, anew = compiler.resolve(genotype, SHAPE, 10, cache=cache), compiler.resolve(genotype, SHAPE, 10)
        assert bare(again) == bare(anew)
        assert compiler.cost(genotype, SHAPE, 10, cache) == compiler.cost(genotype, SHAPE, 10)


def bare(graph: compiler.Graph) -> list[tuple[object, ...]]:
    """Returns a graph without the keys of its operations."""
    return [
        (step.name, step.inputs, step.input_shapes, step.output, [replace(o, key="") for o in step.operations])
        for step in graph.steps
    ]


def test_a_child_that_cannot_be_built_is_rejected_with_a_reason_of_one_line() -> None:
    genotype = net("a = conv[9x9, padding=valid](x)\nreturn a")
    reason = requirement(genotype.space, (8, 16, 3), 10)(genotype)
    assert reason == "body/0/0/net/a/0/conv: conv: a window of 9x9 does not fit into a map of 8x16x8"


def test_a_requirement_sees_genes_that_operations_read() -> None:
    seed = dsl.loads("""gene width = 8 in 1 .. 16
      op wide = conv[3x3, filters=2*width]
      cell net(x) { return wide(x) }
      network { stem: conv[3x3, filters=4] body: net[4] head: global_avg_pool | dense[classes] }
      require params <= 800
      mutation any_width { width = any({ 2, 4, 12, 16 }) }""")
    check = requirement(seed.space, (8, 8, 1), 10)
    for width, holds in ((2, True), (16, False), (4, True), (12, False), (2, True)):
        assert (check(replace(seed, genes=(("width", width),))) is None) is holds


def test_a_bomb_is_an_error() -> None:
    genotype = dsl.load("amoebanet_a.cell", {"N": 5000})
    with pytest.raises(compiler.CompileError, match="more than 100,000 operations"):
        compiler.resolve(genotype, (32, 32, 3), 10)


def test_a_cell_is_an_operation() -> None:
    graph = compiler.resolve(
        dsl.loads('include "hierarchical.cell"\ncell m2(x) { a = conv_bn[3x3](x)  return a }'), (8, 8, 3), 10
    )
    assert any("/m2/" in operation.key for step in graph.steps for operation in step.operations)


def test_operations_on_operations_have_weights_of_their_own() -> None:
    graph = compiler.resolve(net("a = conv[3x3](conv[3x3](x))\nreturn a"), (8, 8, 3), 10)
    keys = [key for step in graph.steps for key, _ in step.weights()]
    assert len(set(keys)) == len(keys)


def test_an_auxiliary_head_of_two_steps() -> None:
    text = """
    cell net(x) { a = conv[3x3](x)  return a }
    network {
      stem: conv[3x3, filters=8]
      body: net[8] as middle, net[8]
      auxiliary(middle): relu | conv[1x1, filters=4], global_avg_pool | dense[classes]
      head: global_avg_pool | dense[classes]
    }
    """
    graph = compiler.resolve(dsl.loads(text), (8, 8, 3), 10, auxiliary=True)
    assert [step.inputs for step in graph.auxiliary] == [(1,), (4,)]
    wrong = text.replace("dense[classes]\n      head", "dense[4]\n      head")
    with pytest.raises(compiler.CompileError, match="the auxiliary ends in 4"):
        compiler.resolve(dsl.loads(wrong), (8, 8, 3), 10, auxiliary=True)


def test_a_join_in_a_sum_is_fitted() -> None:
    text = """
    op proj = relu | conv[1x1] | batch_norm
    cell net(x, y) fit proj { a = concat(x, y) + conv[3x3](x)  return a }
    network { stem: conv[3x3, filters=8] body: net[8] head: global_avg_pool | dense[classes] }
    """
    assert compiler.cost(dsl.loads(text), (8, 8, 3), 10).params > 0


PRODUCT = "network { stem: conv[3x3, filters=8] body: net[8] head: global_avg_pool | dense[classes] }"


def test_a_gate_keeps_its_shape_in_a_cell_with_a_fit() -> None:
    for fit in ("conv[1x1]", "resize_and_pad"):
        text = f"cell net(x) fit {fit} {{ a = dense[8](global_avg_pool(x)) * conv[3x3](x)  return a }}"
        (step,) = [step for step in compiler.resolve(dsl.loads(text + PRODUCT), (9, 8, 3), 10).steps if step.is_cell]
        assert step.shape == (9, 8, 8)
        assert [operation.primitive for operation in step.operations] == [
            "global_avg_pool",
            "dense",
            "conv",
            "multiply",
        ]


def test_drop_path_does_not_drop_a_factor() -> None:
    text = "cell net(x) { a = conv[3x3](x) * conv[1x1](x)  b = conv[1x1](a) + x  return b }"
    (step,) = [step for step in compiler.resolve(dsl.loads(text + PRODUCT), (8, 8, 3), 10).steps if step.is_cell]
    assert [operation.drop_path for operation in step.operations] == [False, False, False, True, False]


def test_factors_of_several_shapes_are_refused() -> None:
    text = "cell net(x) { a = max_pool[2x2, stride=2](x) * x  return a }"
    with pytest.raises(
        compiler.ShapeError, match="a product needs one shape, or one value a channel, found 4x4x8, 8x8x8"
    ):
        compiler.resolve(dsl.loads(text + PRODUCT), (8, 8, 3), 10)


def test_a_cell_without_nodes_is_refused() -> None:
    with pytest.raises(compiler.CompileError, match="no live edge"):
        compiler.resolve(net("return concat(unused)"), (8, 8, 3), 10)


def test_a_split_width_gives_the_published_size_of_nasbench101() -> None:
    """The example of Ying et al. 2019's release: 2,694,282 trainable parameters."""
    genotype = dsl.loads("""include "nasbench101.cell"
      cell net(x: each conv_bn[1x1]) width split {
        a = skip(x) | conv_bn[1x1]
        b = skip(x) | conv_bn[3x3]
        c = skip(x) | conv_bn[3x3]
        d = skip(c) | conv_bn[3x3]
        e = skip(x) | max_pool[3x3]
        return concat(skip(a), skip(b), skip(d), skip(e))
      }""")
    assert compiler.cost(genotype, (32, 32, 3), 10).params == 2_694_282


def test_a_split_width_is_shared_out_and_read_states_are_cut() -> None:
    genotype = net("a = x\nb = conv[1x1](a)\nc = b + x\nreturn concat(a, c)", traits="width split", width="[7]")
    operations = compiler.resolve(genotype, (16, 16, 3), 10).steps[1].operations
    shapes = [(operation.primitive, operation.shape[-1]) for operation in operations]
    assert shapes == [("resize_and_pad", 4), ("conv", 3), ("resize_and_pad", 3), ("add", 3), ("concat", 7)]


def test_a_node_that_joins_keeps_its_keys() -> None:
    added, joined = (net(f"a = {flow}\nreturn a") for flow in (
        "conv[3x3](x) + 3: conv[1x1](x)", "concat(conv[3x3](x), 3: conv[1x1](x))"))  # fmt: skip
    keys = [[key for key, _ in compiler.resolve(g, (16, 16, 3), 10).steps[1].weights()] for g in (added, joined)]
    assert keys[0] == keys[1] == ["body/0/0/net/a/0/conv/kernel", "body/0/0/net/a/3/conv/kernel"]


def test_a_gene_is_read_where_a_param_is() -> None:
    text = """gene width = 8 in 4 .. 16
      cell net(x) { return conv[3x3, filters=2*width](x) }
      network { stem: conv[3x3, filters=width] body: net[width] head: global_avg_pool | dense[classes] }
      mutation wider { width = any({ 4, 16 }) }"""
    seed = dsl.loads(text)
    params = {compiler.cost(genotype, (8, 8, 1), 10).params
              for genotype in (seed, *(dsl.mutate(seed, random.Random(i)).genotype for i in range(9)))}  # fmt: skip
    assert len(params) == 3
