"""The sizes of published networks: exactly known ones are met exactly, and the README has the computed table."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest

import compiler
import dsl
from experiments.bench.sizes import NETWORKS, Measured, Network, measure, rounds_to, table

README = Path(__file__).parent.parent / "experiments" / "README.md"


def shown(network: Network) -> str:
    return "-".join((network.file, *network.overlays, *(f"{name}={value}" for name, value in network.params)))


@pytest.fixture(scope="module", params=NETWORKS, ids=shown)
def measured(request: pytest.FixtureRequest) -> Measured:
    return measure(request.param)


def test_an_exactly_known_size_is_met_exactly(measured: Measured) -> None:
    for known, found in zip(measured.network.exact, (measured.cost.params, measured.cost.mult_adds), strict=True):
        assert known in (None, found)


def test_a_published_figure_is_met_to_its_rounding_or_the_difference_is_noted(measured: Measured) -> None:
    assert measured.agrees or measured.network.note


def test_most_agree_and_all_that_were_read() -> None:
    found = [measure(network) for network in NETWORKS if network.published_params]
    assert sum(one.agrees for one in found) >= 18
    assert all(one.agrees for one in found if one.network.is_read)


@pytest.mark.parametrize(("size", "kilobytes"), [("S", "38.6"), ("M", "189.2"), ("L", "497.6")])
def test_the_memory_of_a_keyword_network_is_that_of_the_paper(size: str, kilobytes: str) -> None:
    """The memory has one byte for each parameter, and for each value that one convolution reads and writes."""
    network = next(network for network in NETWORKS if network.paper == f"DS-CNN-{size}")
    graph = compiler.resolve(dsl.load(network.file, dict(network.params)), network.input, network.classes)
    maps = [
        prod(shapes[operation.inputs[0]]) + prod(operation.shape)
        for step in graph.steps
        for shapes in [[*step.input_shapes, *(operation.shape for operation in step.operations)]]
        for operation in step.operations
        if any(weight.is_kernel for weight in operation.weights)
    ]
    assert f"{(compiler.graph_cost(graph).params + max(maps)) / 1000:.1f}" == kilobytes


def test_the_readme_has_the_table() -> None:
    assert table() in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "figure", "is_so"),
    [
        (2_567_754, "2.6M", True), (2_567_754, "2.57M", True), (2_567_754, "2.5M", False),
        (23_133_666_547, "23.1B", True),
        (468_158_353, "469M", False), (1_531_546, "1,531,546", True), (1_531_547, "1,531,546", False), (7, "", True),
        (7, "seven", False),
    ],
)  # fmt: skip
def test_figures_round_as_they_are_printed(value: int, figure: str, is_so: bool) -> None:
    assert rounds_to(value, figure) is is_so
