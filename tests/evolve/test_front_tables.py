"""The comparison of searches for a front on tables, with made-up accuracies and latencies."""

from __future__ import annotations

import json

import numpy as np
import pytest

from experiments import fronts
from experiments.fronts import CONTROL, METHODS, UNSUPPORTED, World, evolved, main, prepared, searches
from tests.evolve import made_table

Paths = tuple[str, str]
NSGA2 = METHODS["nsga2, no network twice"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The files of a table, and of latencies that grow with the accuracy; one device lacks every third cell."""
    folder = tmp_path_factory.mktemp("tables")
    latencies = np.exp(made_table.columns()["c10v_val_acc_12"] / 20)
    some = np.where(np.arange(len(latencies)) % 3, latencies, UNSUPPORTED)
    names = np.array([b"raspi4_latency", b"raspi4_energy", b"edgetpu_latency"])
    np.savez(folder / "latency.npz", metrics=names, c10=np.stack([latencies, latencies, some], axis=1))
    return str(made_table.write(folder / "made.npz")), str(folder / "latency.npz")


@pytest.fixture(scope="module")
def world(paths: Paths) -> World:
    return prepared(*paths)


def test_a_network_has_the_means_of_its_cells(world: World) -> None:
    assert len(world.table.rows) == 15_625
    rows = {id(row): row for row in world.table.rows.values()}
    assert len(rows) == 5_260
    # An edge into node 2 changes nothing where all edges out of it are zero.
    names = ("nor_conv_3x3", "none", "none", "skip_connect", "none", "none")
    cells = [made_table.key((name, *names[1:])) for name in made_table.NAMES]
    assert len({id(world.table.rows[cell]) for cell in cells}) == 1


def test_the_scale_is_from_the_worst_to_the_best(paths: Paths, world: World) -> None:
    scale = fronts.scale(*paths, "raspi4")
    points = [world.point(row, "raspi4") for row in world.table.rows.values()]
    assert scale.percent(points) == pytest.approx(100)
    assert scale.percent([min(points)]) == scale.percent([]) == 0.0
    assert 0 < scale.percent(points[5000:5001]) < 100


@pytest.mark.parametrize("name", [NSGA2.name, CONTROL, "random_search"])
def test_a_search_depends_on_its_seed_alone(paths: Paths, name: str) -> None:
    if name == CONTROL:
        pytest.importorskip("pymoo")
    found = searches(*paths, 30, METHODS[name], "raspi4", [1, 2, 1])
    assert found[0] == found[2] != found[1]
    assert all(0 < share < 100 for share in found)


def test_no_network_is_evaluated_twice(world: World) -> None:
    points = evolved(world, NSGA2, "raspi4", 40, 0)
    assert len(points) == len({*points}) == 40


def test_a_cell_that_a_device_cannot_run_fails(world: World) -> None:
    points = evolved(world, NSGA2, "edgetpu", 40, 0)
    assert len(points) == 40 and () in points
    assert fronts.Scale(tuple(filter(None, points))).percent([p for p in points if p]) == pytest.approx(100)


def test_the_command_prints_the_means_as_json(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    table, latency = paths
    arguments = ["--table", table, "--latency", latency, "--seeds", "2", "--evaluations", "15", "--processes", "1"]
    assert main([*arguments, "--devices", "raspi4", "--methods", "random_search", "--json"]) == 0
    ((row),) = json.loads(capsys.readouterr().out)
    expected = searches(table, latency, 15, METHODS["random_search"], "raspi4", [0, 1])
    assert row == {"name": "random_search", "raspi4": pytest.approx(sum(expected) / 2)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--latency", "nowhere.npz"], "nowhere.npz cannot be read as the latencies of HW-NAS-Bench"),
        (["--devices", "raspi"], "there is no device 'raspi'; did you mean 'raspi4'?; there are raspi4, edgetpu"),
    ],
)
def test_wrong_files_and_devices_are_refused(
    paths: Paths, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table, latency = paths
    assert main(["--table", table, "--latency", latency, *arguments]) == 2
    assert message in capsys.readouterr().err
