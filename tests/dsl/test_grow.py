"""The actions of rules that change the number of nodes and edges of a cell."""

from __future__ import annotations

import random

import pytest

import dsl
from dsl.tree import edit
from dsl.tree import syntax as s

SPACE = """
op bn_relu = batch_norm | relu
cell net(image) fit resize_and_pad {{
  {nodes}
  return {output}
}}
network {{ body: net  head: global_avg_pool | dense[classes] }}
mutation m {{ {rule} }}
"""


def children(rule: str, nodes: str = "", output: str = "image", count: int = 40) -> set[str]:
    """Returns the bodies of the children of a rule, with semicolons for line breaks."""
    seed = dsl.loads(SPACE.format(nodes=nodes, output=output, rule=rule))
    before = seed.text()
    found = {body(dsl.mutate(seed, random.Random(i)).genotype) for i in range(count)}
    assert seed.text() == before, "the parent was changed"
    return found


def body(genotype: dsl.Genotype) -> str:
    lines = genotype.text().strip().splitlines()[1:-1]
    return "; ".join(line.strip() for line in lines)


class TestInsert:
    def test_splits_the_edge_that_the_return_reads(self) -> None:
        rule = "choose t in net.edges insert conv[3x3, depth=2] | bn_relu on t"
        assert children(rule) == {"n1 = conv[3x3, depth=2](image) | bn_relu; return n1"}

    def test_keeps_operation_and_label_of_the_edge(self) -> None:
        rule = "choose t in net.terms where t.op is conv insert skip on t"
        found = children(rule, "a = skip(image) + 4: conv[3x3](image)", "a")
        assert found == {"n1 = skip(image); a = skip(image) + 4: conv[3x3](n1); return a"}

    def test_splits_an_edge_inside_a_concat(self) -> None:
        rule = "choose t in net.edges insert skip on t"
        assert children(rule, output="concat(image, relu(image))") == {
            "n1 = skip(image); return concat(n1, relu(image))",
            "n1 = skip(image); return concat(image, relu(n1))",
        }

    def test_names_are_one_more_than_the_greatest(self) -> None:
        rule = "choose t in net.output.terms insert skip on t"
        with pytest.raises(dsl.CellError):
            children(rule)
        rule = "choose n in net.output, t in n.terms insert skip on t"
        found = children(rule, "n7 = skip(image) n2 = skip(n7)", "n2")
        assert found == {"n7 = skip(image); n2 = skip(n7); n8 = skip(n2); return n8"}

    def test_draws_every_any(self) -> None:
        rule = "choose t in net.edges insert conv[any({1x1, 3x3}), stride=any({1, 2})] | any({relu, bn_relu}) on t"
        assert len(children(rule, count=200)) == 8

    def test_what_is_bound_before_still_means_the_same_after(self) -> None:
        rule = "choose t in net.terms, u in net.terms where t before u insert skip on t u.op = relu"
        found = children(rule, "a = skip(image) b = skip(a)", "b")
        assert found == {"n1 = skip(image); a = skip(n1); b = relu(a); return b"}


class TestConnect:
    def test_adds_a_term_and_sorts_stably(self) -> None:
        rule = "choose a in net.states, b in net.nodes where not b reaches a and not a feeds b connect a to b by skip"
        assert children(rule, "a = skip(image) b = relu(image)", "a + b") == {
            "a = skip(image); b = relu(image) + skip(a); return a + b",
            "b = relu(image); a = skip(image) + skip(b); return a + b",
        }

    def test_an_edge_to_the_return_becomes_a_sum(self) -> None:
        rule = "choose a in net.states, b in net.output where not a feeds b connect a to b by relu"
        assert children(rule, "a = skip(image)", "a") == {"a = skip(image); return a + relu(image)"}

    def test_a_new_term_never_takes_a_label_that_is_taken(self) -> None:
        rule = "choose a in net.inputs, b in net.nodes connect a to b by skip"
        found = children(rule, "a = skip(image) + 2: relu(image)", "a")
        assert found == {"a = skip(image) + 2: relu(image) + 3: skip(image); return a"}

    def test_a_pipe_becomes_nested_terms(self) -> None:
        rule = "choose a in net.inputs, b in net.nodes connect a to b by relu | conv[3x3]"
        assert children(rule, "a = skip(image)", "a") == {"a = skip(image) + conv[3x3](relu(image)); return a"}

    def test_a_loop_is_not_a_child(self) -> None:
        rule = "choose a in net.states, b in net.nodes connect a to b by skip"
        seed = dsl.loads(SPACE.format(nodes="a = skip(image) b = relu(a)", output="b", rule=rule))
        for i in range(50):
            assert edit.in_order(dsl.mutate(seed, random.Random(i)).genotype.cell("net")) is not None


class TestRemove:
    def test_a_neighbour_keeps_its_label(self) -> None:
        rule = "choose t in net.terms where t.op is relu remove t"
        found = children(rule, "a = relu(image) + skip(image) + conv[3x3](image)", "a")
        assert found == {"a = 1: skip(image) + 2: conv[3x3](image); return a"}

    def test_a_label_is_dropped_where_it_is_the_place_again(self) -> None:
        rule = "choose t in net.terms where t.op is conv remove t"
        found = children(rule, "a = skip(image) + 2: conv[3x3](image) + 1: relu(image)", "a")
        assert found == {"a = skip(image) + relu(image); return a"}

    def test_the_last_term_of_a_node_stays(self) -> None:
        seed = dsl.loads(SPACE.format(nodes="a = relu(image)", output="a", rule="choose t in net.terms remove t"))
        with pytest.raises(dsl.CellError, match="no mutation rule applies"):
            dsl.mutate(seed, random.Random(0))

    def test_readers_of_a_removed_node_read_the_state_of_its_first_term(self) -> None:
        rule = "choose n in net.nodes where n.terms.count == 1 remove n"
        found = children(rule, "a = relu(image) b = skip(a) + 3: relu(a)", "concat(a, b)")
        assert found == {"b = skip(image) + 3: relu(image); return concat(image, b)"}

    def test_an_edge_inside_a_concat_is_removed(self) -> None:
        rule = "choose t in net.edges where t.op is relu remove t"
        found = children(rule, output="concat(relu(image), skip(image))")
        assert found == {"return concat(1: skip(image))"}

    def test_a_removed_term_cannot_be_used(self) -> None:
        with pytest.raises(dsl.CellError, match="'t' is not bound"):
            children("choose t in net.terms remove t insert skip on t", "a = skip(image)", "a")


class TestJoin:
    RULE = "choose n in net.nodes n.join = any(other { add, concat })"

    def test_a_sum_becomes_a_concat_and_back(self) -> None:
        assert children(self.RULE, "a = relu(image) + 3: skip(image)", "a") == {
            "a = concat(relu(image), 3: skip(image)); return a"
        }
        assert children(self.RULE, "a = concat(relu(image), 3: skip(image))", "a") == {
            "a = relu(image) + 3: skip(image); return a"
        }

    def test_a_product_becomes_a_sum_and_a_sum_a_product(self) -> None:
        rule = "choose n in net.nodes n.join = any(other { add, multiply })"
        for flow, changed in (("relu(image) + skip(image)", "relu(image) * skip(image)"),
                              ("relu(image) * 3: skip(image)", "relu(image) + 3: skip(image)")):  # fmt: skip
            assert children(rule, f"a = {flow}", "a") == {f"a = {changed}; return a"}

    def test_add_as_a_node_of_its_own_is_a_sum(self) -> None:
        flows = ("add(relu(image), image)", "relu(image) + image")
        written, meant = (
            dsl.loads(SPACE.format(nodes=f"a = {flow}", output="concat(add(a, image), a)", rule="")) for flow in flows
        )
        assert written.cells == meant.cells

    def test_another_operation_is_not_a_join(self) -> None:
        with pytest.raises(dsl.CellError, match="may be add, multiply or concat, not relu"):
            children("choose n in net.nodes n.join = any({ add, relu })", "a = relu(image)", "a")


class TestTermsOfAJoin:
    """A term that a rule has bound stays the same term when the join of its node changes."""

    SUM, CONCAT = "relu(image) + 3: skip(image)", "concat(relu(image), 3: skip(image))"

    @pytest.mark.parametrize(
        ("flow", "join", "wanted"),
        [(SUM, "concat", "concat({}, {})"), (CONCAT, "add", "{} + {}"), (CONCAT, "multiply", "{} * {}")],
    )
    @pytest.mark.parametrize("change", ["n.join = JOIN", "either { n.join = JOIN  t.op = gelu } or { n.join = JOIN }"])
    def test_it_changes_after_its_node_has_another_join(self, flow: str, join: str, wanted: str, change: str) -> None:
        rule = f"choose n in net.nodes, t in n.terms where n.terms.count > 1  {change.replace('JOIN', join)}"
        assert children(f"{rule}  t.op = elu", f"a = {flow}", "a") == {
            f"a = {wanted.format(first, second)}; return a"
            for first, second in (("elu(image)", "3: skip(image)"), ("relu(image)", "3: elu(image)"))
        }
        assert children(f"{rule}  t.op = elu  insert skip on t", f"a = {flow}", "a") == {
            f"n1 = skip(image); a = {wanted.format(first, second)}; return a"
            for first, second in (("elu(n1)", "3: skip(image)"), ("relu(image)", "3: elu(n1)"))
        }

    def test_one_term_alone_stays_the_same(self) -> None:
        rule = "choose n in net.nodes, t in n.terms n.join = concat t.input = image t.op = elu"
        assert children(rule, "a = relu(image)", "a") == {"a = concat(elu(image)); return a"}

    def test_a_join_within_the_new_join_keeps_its_terms(self) -> None:
        rule = "choose n in net.nodes, t in n.terms where t.op is relu n.join = any(other { add, concat }) t.op = elu"
        one, two = "concat(relu(image), skip(image)) + skip(image)", "concat(concat(relu(image), skip(image)))"
        assert children(rule, f"a = {one}", "a") == {
            "a = concat(concat(elu(image), skip(image)), skip(image)); return a"
        }
        assert children(rule, f"a = {two}", "a") == {"a = concat(elu(image), skip(image)); return a"}

    def test_a_term_beside_a_join_does_not_change_what_is_bound(self) -> None:
        rule = "choose x in net.inputs, n in net.nodes, t in n.terms where t.op is skip " \
               "connect x to n by gelu  t.op = elu"  # fmt: skip
        assert children(rule, f"a = {self.CONCAT}", "a") == {
            "a = concat(relu(image), 3: elu(image)) + gelu(image); return a"
        }

    def test_a_join_that_is_left_alone_keeps_its_terms(self) -> None:
        rule = "choose n in net.nodes, t in n.terms, u in n.terms where t.op is relu and u.op is elu " \
               "remove u  t.op = swish"  # fmt: skip
        for flow in ("concat(relu(image), skip(image)) + elu(image)", "concat(relu(image), skip(image), elu(image))"):
            assert children(rule, f"a = {flow}", "a") == {"a = concat(swish(image), skip(image)); return a"}
        flow = "elu(image) + concat(relu(image), skip(image))"
        assert children(rule, f"a = {flow}", "a") == {"a = 1: concat(swish(image), skip(image)); return a"}

    def test_an_operation_that_is_a_join_may_be_replaced(self) -> None:
        rule = "choose n in net.nodes, t in n.terms where t.op is relu t.op = concat t.op = elu"
        assert children(rule, "a = relu(image) + skip(image)", "a") == {"a = elu(image) + skip(image); return a"}
        assert children(rule, "a = relu(image)", "a") == {"a = elu(image); return a"}

    def test_the_same_term_of_a_mate_may_be_within_another_join(self) -> None:
        text = SPACE.replace("mutation m", "mutation o {{ }} crossover m")
        rule = "choose t in net.terms where t.op is relu t = mate.t"
        seed, mate = (
            dsl.loads(text.format(nodes=f"a = {flow}", output="a", rule=rule))
            for flow in (self.SUM, "concat(swish(image), 3: gelu(image))")
        )
        only = [one for one in seed.space.mutations if one.crossover]
        for own, other, wanted in ((seed, mate, "swish(image) + 3: skip(image)"),
                                   (seed.space.genotype(mate.text().replace("swish", "relu")), seed,
                                    "concat(relu(image), 3: gelu(image))")):  # fmt: skip
            made = dsl.mutate(own, random.Random(0), only=only, mate=other)
            assert body(made.genotype) == f"a = {wanted}; return a"
            assert made.from_mate == (("cell", "net", "a", "0"),)


def test_labels_are_kept_over_long_lives() -> None:
    genotype, rng = dsl.load("large_scale.cell"), random.Random(3)
    for _ in range(150):
        child = dsl.mutate(genotype, rng)
        before, after = genotype.cell("net"), child.genotype.cell("net")
        shared = {node.name for node in before.nodes} & {node.name for node in after.nodes}
        for name in shared:
            old, new = (labels(next(n for n in cell.nodes if n.name == name)) for cell in (before, after))
            assert len(set(old.items()) ^ set(new.items())) <= 2, "more than one term changed what its label names"
        assert genotype.space.genotype(child.genotype.text()) == child.genotype
        genotype = child.genotype


def labels(node: s.Node) -> dict[str, str]:
    named = (
        (term.label or str(place), edge) for place, term in enumerate(node.flow.terms) for _, edge in s.edges(term)
    )
    return {
        label: edge.op.name if isinstance(edge, s.Call) and isinstance(edge.op, s.Op) else "" for label, edge in named
    }


def test_a_rule_does_not_bring_a_cell_into_itself_under_another_name() -> None:
    text = """
op same = net
values tails = { relu, same }
cell net(image) { return image }
network { body: net  head: global_avg_pool | dense[classes] }
mutation grow { choose t in net.edges  insert skip | any(tails) on t }
"""
    seed = dsl.loads(text)
    for number in range(20):
        child = dsl.mutate(seed, random.Random(number)).genotype
        assert "same" not in child.text()
        assert dsl.loads(child.standalone()) == child


class TestMarks:
    """In a search, new parts have the number of their individual as their name or label."""

    def child(self, rule: str, nodes: str = "", output: str = "image", born: int | None = 57) -> str:
        seed = dsl.loads(SPACE.format(nodes=nodes, output=output, rule=rule))
        return body(dsl.mutate(seed, random.Random(0), born=born).genotype)

    def test_a_new_node_is_named_after_its_individual(self) -> None:
        rule = "choose t in net.edges insert relu on t"
        assert self.child(rule) == "n57 = relu(image); return n57"
        assert self.child(rule, born=None) == "n1 = relu(image); return n1"

    def test_further_nodes_and_terms_are_numbered(self) -> None:
        rule = "choose t in net.edges, x in net.inputs, n in net.output  insert relu on t  insert skip on t  " \
               "connect x to n by skip"  # fmt: skip
        made = "n57 = relu(image); n57_2 = skip(n57); return n57_2 + n57_3: skip(image)"
        assert self.child(rule) == made

    def test_names_in_use_are_passed_over(self) -> None:
        rule = "choose t in net.output, e in t.terms insert relu on e"
        found = self.child(rule, "n57 = relu(image)  a = skip(n57) + n57_2: skip(image)", "a")
        assert found.endswith("n57_3 = relu(a); return n57_3")

    def test_a_label_is_never_that_of_another_place(self) -> None:
        rule = "choose x in net.inputs, n in net.output  connect x to n by relu"
        assert self.child(rule, output="image + relu(image)", born=1) == "return image + relu(image) + n1: relu(image)"

    def test_marks_do_not_change_what_a_seed_draws(self) -> None:
        plain, marked = (dsl.load("large_scale.cell") for _ in range(2))
        first, second = random.Random(5), random.Random(5)
        for number in range(60):
            plain = dsl.mutate(plain, first).genotype
            marked = dsl.mutate(marked, second, born=number + 100).genotype
            assert dsl.fingerprint(plain) == dsl.fingerprint(marked)
        assert marked.space.genotype(marked.text()) == marked

    def test_parts_of_a_sample_are_marked(self) -> None:
        space = dsl.load("large_scale.cell").space
        plain, marked = dsl.sample(space, random.Random(8)), dsl.sample(space, random.Random(8), born=900)
        assert dsl.fingerprint(plain) == dsl.fingerprint(marked)
        added = {node.name for node in marked.cell("net").nodes} - {node.name for node in space.seed.cell("net").nodes}
        assert added
        assert all(name.startswith("n900") for name in added)
