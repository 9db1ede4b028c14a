"""Non-dominated sorting, crowding and hypervolume, compared with their definitions and with pymoo."""

from __future__ import annotations

import itertools
import math
import operator
import random

import pytest

from evolve.algorithms.fronts import Point, crowded, crowding, dominates, hypervolume, non_dominated, ranks

CLOUDS = tuple(itertools.product((1, 2, 3, 4), (1, 2, 7, 40), (3, 1000)))  # objectives, points, values of a score


def cloud(objectives: int, points: int, values: int) -> list[Point]:
    """Returns random points. With few values, many scores and points are equal."""
    rng = random.Random(f"{objectives} {points} {values}")
    return [tuple(rng.randrange(values) / values for _ in range(objectives)) for _ in range(points)]


def negated(points: list[Point]) -> list[list[float]]:
    """Returns the points for pymoo, which minimizes."""
    return [[-score for score in point] for point in points]


def test_a_point_dominates_if_it_is_nowhere_worse_and_once_better() -> None:
    assert dominates((1.0, 2.0), (1.0, 1.0))
    assert not dominates((1.0, 1.0), (1.0, 1.0))
    assert not dominates((2.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize("shape", CLOUDS)
class TestDefinitions:
    def test_ranks(self, shape: tuple[int, int, int]) -> None:
        """A point has rank 0, or the next rank after the highest of those that dominate it."""
        points = cloud(*shape)
        found = ranks(points)
        for point, rank in zip(points, found, strict=True):
            above = [other for other, one in zip(found, points, strict=True) if dominates(one, point)]
            assert rank == max(above, default=-1) + 1
        assert non_dominated(points) == [place for place, rank in enumerate(found) if rank == 0]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_the_hypervolume_is_that_of_the_cells_of_a_grid(objectives: int, count: int) -> None:
    points = cloud(objectives, count, 3)
    cells = list(itertools.product((0, 1, 2), repeat=objectives))
    covered = sum(any(all(map(operator.gt, p, (c / 3 for c in cell))) for p in points) for cell in cells)
    assert hypervolume(points, (0.0,) * objectives) == pytest.approx(covered / len(cells))


@pytest.mark.parametrize("shape", [shape for shape in CLOUDS if shape[0] > 1])
class TestPymoo:
    """Pymoo, whose authors include the first one of NSGA-II, is the oracle."""

    def test_ranks(self, shape: tuple[int, int, int]) -> None:
        sorting = pytest.importorskip("pymoo.util.nds.non_dominated_sorting")
        np = pytest.importorskip("numpy")
        points = cloud(*shape)
        layers = sorting.NonDominatedSorting().do(np.array(negated(points)))
        expected = {int(place): rank for rank, layer in enumerate(layers) for place in layer}
        assert dict(enumerate(ranks(points))) == expected

    def test_hypervolume(self, shape: tuple[int, int, int]) -> None:
        hv = pytest.importorskip("pymoo.indicators.hv")
        np = pytest.importorskip("numpy")
        points = cloud(*shape)
        for low in (-0.1, 0.4):
            expected = hv.HV(ref_point=np.full(shape[0], -low))(np.array(negated(points)))
            assert hypervolume(points, (low,) * shape[0]) == pytest.approx(float(expected))


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_pymoo_finds_the_same_crowding(objectives: int) -> None:
    metrics = pytest.importorskip("pymoo.operators.survival.rank_and_crowding.metrics")
    np = pytest.importorskip("numpy")
    points = cloud(objectives, 400, 10**9)
    front = [points[place] for place in non_dominated(points)]
    expected = metrics.calc_crowding_distance(np.array(negated(front)))  # divided by the number of objectives
    assert len(front) > 3
    assert crowding(front) == pytest.approx([objectives * distance for distance in expected])


def test_the_distance_is_that_of_the_neighbours() -> None:
    """In each objective, the distance of the two neighbours is divided by the range of all points."""
    front = [(0.0, 10.0), (1.0, 8.0), (3.0, 2.0), (4.0, 0.0)]
    assert crowding(front) == [math.inf, 3 / 4 + 8 / 10, 3 / 4 + 8 / 10, math.inf]


def test_equal_points_count_once() -> None:
    assert crowding([(0.0, 1.0), (0.5, 0.5), (0.5, 0.5), (1.0, 0.0)]) == [math.inf, 2.0, 0.0, math.inf]
    assert crowding([(0.0, 1.0), (0.0, 1.0)]) == [math.inf, 0.0]


def test_the_crowded_comparison_takes_the_rank_first() -> None:
    points = [(0.0, 0.0), (1.0, 3.0), (2.0, 2.0), (3.0, 1.0), (1.0, 1.0)]
    assert crowded(points) == [(-2, math.inf), (0, math.inf), (0, 2.0), (0, math.inf), (-1, math.inf)]


def test_failures_stand_below_all_results() -> None:
    failed = (-math.inf, -math.inf)
    assert ranks([failed, (0.1, -5.0), failed]) == [1, 0, 1]
    assert crowded([failed, (0.1, -5.0), failed]) == [(-1, math.inf), (0, math.inf), (-1, 0.0)]


def test_points_below_the_reference_have_no_volume() -> None:
    assert hypervolume([(0.5, -1.0), (-1.0, 0.5)], (0.0, 0.0)) == 0.0
    assert hypervolume([], (0.0, 0.0, 0.0)) == 0.0
