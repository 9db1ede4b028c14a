"""Hints for common mistakes of syntax: the form to write. Files in `tests/bad` have more of these mistakes."""

from __future__ import annotations

import pytest

import dsl


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("mutations m { }", "write mutation m"),
        ("requires params < 1M", "write require params"),
        ("mutation m { choose t in net.terms, either { } or { } }", "leave out the comma before `either`"),
        ("crossover m { for n in net.nodes where mate has (n) { n = mate.n } }", "write mate has n"),
        ("mutation m { choose a in net.nodes, b in net.nodes where a.feeds(b)  remove a }", "write a feeds b"),
        ("gene int depth = 2 in 1 .. 4", "write gene depth: int"),
        ("mutation m { g = any(3x3, 5x5) }", "write any({ 3x3, 5x5 })"),
        ("mutation m { g = any(other [3x3, 5x5]) }", "write any(other { 3x3, 5x5 })"),
        ("values v = [relu, gelu]", "write { relu, gelu }"),
        ("gene depth = 2 in 1 - 12\ngene b = 1", "write in 1 .. 12"),
        ("gene depth = 2 in 1, 12", "write in 1 .. 12 for a range, or in { 1, 12 } for a set"),
        ("mutation m { for t in net.terms t.op = relu }", "stand in braces: for t in net.terms { ... }"),
        ("mutation m { choose t in net.terms where t.stride = 2  t.op = relu }", "write == to compare two values"),
        ("mutation m { choose s in steps where s.stride in { 1, 2 }  remove s }", "s.stride == 1 or s.stride == 2"),
        ("mutation m { choose t in net.terms  t.op == relu }", "write = to assign a value"),
        ("mutation m { choose s in steps if s.stride == 1  remove s }", "write where in place of if"),
        ("mutation m { choose s in steps where s.stride == 1 && s.filters > 8  remove s }", "write and in place of &"),
        ("mutation m { choose s in steps where !(s.stride == 1)  remove s }", "write not in place of !"),
        ("cell net(x) { y := relu(x)  return y }", "write = in place of :="),
        ("mutation m { choose s in steps  insert conv(3x3) after s }", "square brackets: conv[...]"),
        ("mutation m { choose s in steps  insert relu before s }", "write after s for a step, or on s for a term"),
        ("mutation m { choose t in net.terms  remove t.op }", "write remove t"),
        ("mutation m { forget weights\nrequire params < 1M", "a } is missing before this `require`"),
        ("network { body: relu * 3 strides 2 }", "expected '(' or ':'"),
    ],
)
def test_a_mistake_of_syntax_has_the_form_to_write(text: str, hint: str) -> None:
    with pytest.raises(dsl.CellError) as caught:
        dsl.parse(text)
    assert hint in caught.value.problems[0].hint
