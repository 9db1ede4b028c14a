"""`cell` with individuals of searches: their names, the settings of their search, and weights that were not kept."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import dsl
from compiler import CompileError
from compiler.main import main
from compiler.networks import formats, saved
from compiler.networks.names import FACTS
from compiler.pictures.picture import marked
from evolve import Store, UsageError
from evolve import main as evolve
from evolve import open as open_study
from evolve.cell import find
from evolve.store.database import FILE
from tests.evolve import made_table
from tests.evolve.test_search import ROOT

SPACE = """
param F = 4
param N = 1
op conv[kernel] = conv[kernel, filters=F] | batch_norm | relu
values ops = { conv[1x1], conv[3x3], max_pool[3x3] }
cell net(x) {
  a = conv[3x3](x) + max_pool[3x3](x)
  b = conv[1x1](a) + max_pool[3x3](a)
  return b
}
network { stem: conv[1x1] body: net * N head: global_avg_pool | dense[classes] }
mutation op { choose c in cells, n in c.nodes, t in n.terms   t.op = any(other ops) }
"""
SETTINGS = """
dataset.source = 'images:photos'
dataset.image_size = (9, 7)
dataset.crop = 0.875
search.seed_file = 'space.cell'
search.executor = 'serial'
search.individuals = 5
search.keep_best = 2
regularized_evolution.population_size = 3
regularized_evolution.sample_size = 2
training.epochs = 1
training.batch_size = 8
training.learning_rate = 0.05
training.augment = ()
training.drop_path_keep = 1.0
"""


def photographs(folder: Path) -> None:
    """Writes images of several sizes and of two classes, bright and dark."""
    rng = np.random.default_rng(0)
    for number in range(48):
        size = (20 + number % 5, 30 - number % 3, 3)
        path = folder / ("bright", "dark ones")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(*((120, 255), (0, 130))[number % 2], size).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a finished search and its output. The work directory has a blank in its name."""
    folder = tmp_path_factory.mktemp("searched")
    photographs(folder / "photos")
    (folder / "space.cell").write_text(SPACE)
    (folder / "small.gin").write_text(SETTINGS)
    command = [sys.executable, "-m", "evolve.main", "--gin_file=small.gin", "--workdir=runs/my search"]
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    (folder / "output.txt").write_text(ended.stdout)
    return folder


@pytest.fixture
def here(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies the folder of the search and makes the copy the current folder."""
    shutil.copytree(begun, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


WORK = Path("runs/my search")


def cell(*arguments: str) -> int:
    return main(arguments, find)


def rows(query: str, *values: object) -> list[tuple[Any, ...]]:
    with sqlite3.connect(WORK / FILE) as db:
        return db.execute(query, values).fetchall()


def best_id() -> int:
    ids = rows("select id from individuals where fitness = (select max(fitness) from individuals)")
    return next(int(id) for (id,) in ids if text_of(id) == (WORK / "best.cell").read_text())


def text_of(id: int) -> str:
    ((space,),) = rows("select value from meta where key = 'identity.the space'")
    ((genotype,),) = rows("select genotype from individuals where id = ?", id)
    return dsl.loads(space).space.genotype(genotype).standalone()


# --- names ------------------------------------------------------------------------------------------------------


def test_an_individual_is_its_text(here: Path) -> None:
    for id in range(1, 6):
        found = find(f"{WORK}:{id}")
        assert found is not None and found.text == text_of(id)
        assert (found.label, found.images) == (f"my search-{id}", ((9, 7, 3), 2))
    best = find(str(WORK))
    assert best is not None and best.text == text_of(best_id()) == (WORK / "best.cell").read_text(), rows(
        "select id, fitness, params from individuals"
    )
    for name in (f"{WORK}/", str(WORK.absolute()), f"{WORK.absolute()}:{best.id}"):
        again = find(name)
        assert again is not None and (again.id, again.label, again.is_best) == (best.id, best.label, True)


@pytest.mark.parametrize("command", ["check", "cost", "draw", "explain", "mutate", "sample"])
def test_every_command_takes_an_individual(here: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    Path("same.cell").write_text(text_of(2))
    outputs = []
    for name in (f"{WORK}:2", "same.cell"):
        own = ["--input", "9x7x3", "--classes", "2"] * (command in ("cost", "explain", "mutate", "sample"))
        assert cell(command, name, *(own if name == "same.cell" else [])) == 0
        outputs.append(capsys.readouterr().out.replace(name, "FILE"))
    assert outputs[0] == outputs[1] != ""


def test_of_equals_best_names_the_individual_that_the_search_wrote(here: Path) -> None:
    with sqlite3.connect(WORK / FILE) as db:
        db.execute("update individuals set fitness = 0.5")
    for id in range(1, 6):
        (WORK / "best.cell").write_text(text_of(id))
        best = find(str(WORK))
        assert best is not None and best.text == text_of(id)


def test_diff_compares_individuals(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [id for (id,) in rows("select id from individuals where fingerprint != ?", rows(
        "select fingerprint from individuals where id = 1")[0][0])]  # fmt: skip
    assert cell("diff", f"{WORK}:1", f"{WORK}:{ids[0]}") == 1
    assert capsys.readouterr().out.startswith("cell net: ")
    assert cell("diff", f"{WORK}:1", f"{WORK}:1") == 0
    assert cell("diff", str(WORK), f"{WORK}/best.cell") == 0


def test_draw_marks_the_differences_from_another_individual(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cell("draw", f"{WORK}:2", "--against", f"{WORK}:1", "--out", "a.svg") == 0
    shown = marked(dsl.loads(text_of(1)), dsl.loads(text_of(2)), "my search:2 against my search:1")
    assert Path("a.svg").read_text(encoding="utf-8") == shown.svg()
    assert cell("draw", f"{WORK}:2", "--against", f"{WORK}:6") == 2
    assert "has no individual 6" in capsys.readouterr().err


def test_params_and_overlays_change_an_individual(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wide.cell").write_text(
        "network { stem: conv[1x1] | conv[3x3] body: net * N head: global_avg_pool | dense[classes] }"
    )
    id = next(id for id in range(1, 6) if "conv[" in text_of(id).partition("cell net")[2].partition("}")[0])
    found = []
    for more in ([], ["--param", "N=3"], ["--with", "wide.cell"], ["--with", "wide.cell", "--param", "N=3"]):
        assert cell("cost", f"{WORK}:{id}", "--json", *more) == 0
        found.append(json.loads(capsys.readouterr().out)["params"])
    assert len(set(found)) == 4
    assert cell("cost", f"{WORK}:2", "--param", "M=3") == 2
    assert "there is no param 'M'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{WORK}:6", "the search in runs/my search has no individual 6; it has 5, from 1 to 5"),
        (f"{WORK}:0", "has no individual 0"),
        ("runs/none:3", "no search in runs/none, so individual 3 cannot be found; searches here: runs/my search"),
        ("photos:3", "there is no search in photos"),
        (
            "gs://bucket/run:33",
            "there is no search in gs://bucket/run, so individual 33 cannot be found; an address has only the weights",
        ),
        ("gs:/bucket/run:33", "'gs:/bucket/run' is not an address; write gs://bucket/folder"),
        ("gs://bucket/run", "'gs://bucket/run' is not a .cell file"),
        ("gs://33", "'gs://33' is not a .cell file"),
        ("photos", "photos is a folder; name the .cell files in it"),
        ("none.cell", "file not found: 'none.cell'"),
        (f"{WORK}:best", "is not a .cell file"),
        (f"{WORK}:{10**17}", "has no individual 100000000000000000"),
        (f"{WORK}:{10**30}", f"the search in runs/my search has no individual {10**30}; it has 5, from 1 to 5"),
        (f"{WORK}:\u0663", "is not a .cell file"),
        (f"{WORK}:-1", "is not a .cell file"),
        (":3", "':3' is not a .cell file"),
    ],
)
def test_names_of_no_individual_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    assert cell("draw", name) == 2
    printed = capsys.readouterr()
    assert message in printed.err and not printed.out


def test_a_file_of_that_name_comes_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(f"{WORK}:2").write_text("this is a file")
    assert cell("draw", f"{WORK}:2") == 2
    assert "is not a .cell file" in capsys.readouterr().err
    shutil.copytree(WORK / "best", f"{WORK}:1")  # a trained network's folder
    assert cell("export", f"{WORK}:1", "--out", "a.keras") == 0
    shutil.copytree(WORK, f"{WORK}:3")  # the best of a search of that name, and not an individual of the other search
    assert cell("diff", f"{WORK}:3", str(WORK)) == 0


@pytest.mark.parametrize("storage", ["gs://bucket/run", "s3://bucket/my run", "/somewhere/storage"])
def test_the_storage_of_a_search_names_it_too(here: Path, capsys: pytest.CaptureFixture[str], storage: str) -> None:
    if storage.startswith("/"):
        storage = str(here / "storage")
        Path(storage).mkdir()
    with sqlite3.connect(WORK / FILE) as db:
        db.execute("update meta set value = ? where key = 'setting.search.storage'", (storage,))
    assert cell("diff", f"{storage}:2", f"{WORK}:2") == 0
    assert cell("diff", storage, str(WORK)) == 0
    assert cell("draw", f"{storage}:77") == 2
    assert "has no individual 77" in capsys.readouterr().err


def test_a_search_is_read_while_it_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read without the lock and in the middle of a transaction. Unfinished individuals are read too."""
    with sqlite3.connect(WORK / FILE) as db:
        db.execute("update individuals set status = 'running', finished = null where id = 5")
    with Store(WORK) as store, store.event():
        store.note("something", "else")
        assert cell("check", f"{WORK}:5", str(WORK)) == 0


def test_a_search_without_a_best_is_refused_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect(WORK / FILE) as db:
        db.execute("update individuals set status = 'running', finished = null")
    assert cell("draw", str(WORK)) == 2
    assert "the search in runs/my search has no best individual yet" in capsys.readouterr().err
    assert cell("draw", f"{WORK}:1") == 0


def test_a_damaged_store_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (WORK / FILE).write_bytes(b"nonsense" * 1000)
    assert cell("draw", f"{WORK}:1") == 2
    assert "search.sqlite cannot be used" in capsys.readouterr().err


# --- export -----------------------------------------------------------------------------------------------------


def kept() -> list[int]:
    return sorted(int(path.stem) for path in (WORK / "weights").glob("*.npz"))


def test_an_individual_with_weights_is_exported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The preparation of images and the names of the classes come from the store."""
    assert len(kept()) == 2 and best_id() in kept()
    images = np.random.default_rng(0).integers(0, 255, (2, 40, 33, 3)).astype(np.float32)
    (other,) = {*kept()} - {best_id()}
    for name, id in ((f"{WORK}:{other}", other), (str(WORK), best_id())):
        assert cell("export", name, "--out", "a.keras") == 0
        assert "images of any size, resized to 9x7x3, to 2 classes" in capsys.readouterr().out
        found = find(f"{WORK}:{id}")
        assert found is not None
        network = found.trained()
        assert network.preparation is not None and network.preparation.crop == 0.875
        assert network.accuracy == rows("select fitness from individuals where id = ?", id)[0][0]
        formats.export(network, Path("b.keras"))
        exported = [keras.models.load_model(path).predict(images, verbose=0) for path in ("a.keras", "b.keras")]
        np.testing.assert_array_equal(*exported)
        assert zipfile.ZipFile("a.keras").read("labels.txt") == b"bright\ndark ones\n"


def test_the_images_of_a_search_calibrate_its_networks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The network is named by its search or by its folder, and reaches the accuracy that the search has recorded."""
    fitness = rows("select fitness from individuals where id = ?", best_id())[0][0]
    for name in (str(WORK), str(WORK / "best")):
        assert cell("export", name, "--out", "a.tflite", "--quantize", "int8") == 0
        out = capsys.readouterr().out
        assert re.search(rf"^float32 .* kB +{fitness:.4f}$", out, re.MULTILINE)
        assert re.search(r"^calibrated on \d+ training images of photos; read back", out, re.MULTILINE)


def test_an_individual_without_weights_is_refused_by_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = next(id for id in range(1, 6) if id not in kept())
    assert cell("export", f"{WORK}:{lost}", "--out", "a.keras") == 2
    error = capsys.readouterr().err
    assert (
        f"the search in runs/my search has not kept the weights of individual {lost}; runs/my search/weights" in error
    )
    assert f"has the weights of: {kept()[0]}, {kept()[1]}\n" in error and '--gin_param="search.keep_best=10"' in error
    assert f"cell train 'runs/my search:{lost}'" in error
    assert not Path("a.keras").exists()


def test_the_best_is_exported_from_its_folder_where_its_weights_are_gone(here: Path) -> None:
    (WORK / "weights" / f"{best_id()}.npz").unlink()
    assert cell("export", str(WORK), "--out", "a.keras") == 0
    shutil.rmtree(WORK / "best")
    with pytest.raises(CompileError, match=f"has not kept the weights of individual {best_id()}"):
        find(str(WORK)).trained()  # type: ignore[union-attr]


def test_of_a_search_of_0_5_0_the_best_alone_is_exported(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(rows("select value from meta where key = 'note.data'")[0][0])
    older = json.dumps([facts["description"], facts["input_shape"], facts["classes"]])
    with sqlite3.connect(WORK / FILE) as db:
        db.execute("update meta set value = ? where key = 'note.data'", (older,))
    known = json.loads((WORK / "best" / FACTS).read_text())
    del known["preparation"]
    (WORK / "best" / FACTS).write_text(json.dumps({**known, "version": 1}))
    assert cell("export", str(WORK), "--out", "a.keras") == 0
    assert "takes only images of 9x7x3" in capsys.readouterr().out
    other = next(id for id in range(1, 6) if id != best_id())
    assert cell("export", f"{WORK}:{other}", "--out", "b.keras") == 2
    assert "version 0.5.0 began the search in runs/my search and did not store how" in capsys.readouterr().err
    assert cell("cost", f"{WORK}:{other}") == 0


def test_flags_for_single_weights_are_refused_for_a_search(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cell("export", f"{WORK}:{kept()[0]}", "--out", "a.keras", "--classes", "2") == 2
    assert "--classes goes with --weights only" in capsys.readouterr().err


# --- training ---------------------------------------------------------------------------------------------------


def record(folder: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((Path("runs") / folder / "training.json").read_text())["identity"]
    return found


def test_a_training_takes_the_images_and_settings_of_the_search(
    begun: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds in another current folder too, though the search named the images by a relative path."""
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert cell("train", f"../{WORK}:2", "--param", "N=2", "--gin_param=training.epochs=1") == 0
    assert "N=2" in capsys.readouterr().out
    found = record("my search-2-as-searched")
    in_force = Path("runs/my search-2-as-searched/config.gin").read_text()
    assert f"dataset.source = 'images:{begun}/photos'" in " ".join(in_force.split()).replace("\\ ", "")
    assert (found["dataset.image_size"], found["dataset.crop"]) == ("(9, 7)", "0.875")
    assert (found["training.epochs"], found["training.batch_size"]) == ("1", "8")
    assert (found["training.learning_rate"], found["training.augment"]) == ("0.05", "()")
    trained = saved.read(Path("runs/my search-2-as-searched"))
    assert trained.genotype.space.params == {"F": 4, "N": 2}
    assert trained.class_names == ("bright", "dark ones")


def test_a_file_is_trained_like_a_search(here: Path) -> None:
    Path("other.cell").write_text(text_of(2).replace("param F = 4", "param F = 6"))
    (here / "more.gin").write_text("training.epochs = 1\ntraining.batch_size = 4\n")
    command = ("train", "other.cell", "--like", str(WORK), "--gin_file=more.gin")
    assert cell(*command, "--gin_param=training.momentum=0.5") == 0
    found = record("other-more")
    assert [found[f"training.{name}"] for name in ("epochs", "batch_size", "momentum", "learning_rate")] == [
        "1", "4", "0.5", "0.05"
    ]  # fmt: skip
    assert saved.read(Path("runs/other-more")).genotype.space.params["F"] == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["space.cell"], "say how to train: cell train space.cell --gin_file=train_digits.gin"),
        (["space.cell", "--like", "runs/none"], "--like 'runs/none' does not name a search; name the work directory"),
        (["space.cell", "--like", "runs/none:3"], "there is no search in runs/none, so individual 3"),
        ([f"{WORK}:2", "--gin_param=training.epoch=3"], "did you mean 'training.epochs'?"),
        ([f"{WORK}:2", "--gin_param=search.seed=3"], "this command does not read search.seed: it is a setting of"),
        ([f"{WORK}:2", "--gin_file=small.gin"], "small.gin, line 5: this command does not read search.seed_file"),
        ([f"{WORK}:2", "--param", "M=3"], "there is no param 'M'"),
    ],
)
def test_a_training_that_cannot_be_done_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert cell("train", *arguments) == 2
    assert message in capsys.readouterr().err
    assert os.listdir("runs") == ["my search"]


def test_a_search_whose_settings_have_old_names_is_trained(here: Path) -> None:
    """Version 0.6.0 and earlier ones wrote the settings of the executor as those of the search."""
    old = "search.address = ''\nsearch.workers = None\nsearch.worker_cpus = 1\nsearch.worker_resources = {}\n"
    (WORK / "config.gin").write_text((WORK / "config.gin").read_text() + old)
    assert cell("train", str(WORK), "--gin_param=training.epochs=1") == 0
    assert record("my search-2-as-searched")["training.epochs"] == "1"


def test_a_search_without_its_settings_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (WORK / "config.gin").unlink()
    assert cell("train", str(WORK)) == 2
    assert "runs/my search/config.gin, which has the settings of the search, is missing" in capsys.readouterr().err


def test_a_search_in_a_table_has_no_training_to_take(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_table.write(Path("made.npz"))
    bindings = ("table.path='made.npz'", "search.individuals=12")
    arguments = [f"--gin_param={binding}" for binding in bindings]
    assert evolve.run(["--gin_file=nasbench201.gin", "--workdir=runs/table", *arguments]) == 0
    assert "cell train" not in capsys.readouterr().out
    assert cell("check", "runs/table:3") == 0
    assert cell("train", "runs/table:3") == 2
    assert "say how to train: cell train runs/table:3 --gin_file=train_digits.gin" in capsys.readouterr().err


# --- what a search prints ---------------------------------------------------------------------------------------


def commands(output: str) -> Iterator[list[str]]:
    lines = iter(output.splitlines())
    next(line for line in lines if line.endswith("; next:"))
    for line in lines:
        if not line.strip().startswith("http"):  # the last two commands start TensorBoard on the search
            yield shlex.split(line)


def test_the_commands_that_a_search_prints_work_as_typed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = list(commands((here / "output.txt").read_text()))
    assert [words[:2] for words in printed] == [
        ["cell", "draw"], ["cell", "cost"], ["cell", "train"], ["cell", "export"],
        ["evolve", "board"], ["tensorboard", "--samples_per_plugin=images=200,text=200"],
    ]  # fmt: skip
    assert printed[2] == ["cell", "train", str(WORK), "--gin_file=train_final.gin", "--param", "N=2"]
    assert printed[-1][-1] == f"--logdir={WORK}/tensorboard" and printed[-2][-1] == f"--workdir={WORK}"
    for _, *arguments in printed[:-2]:
        shorter = ["--gin_param=training.epochs=1"] * (arguments[0] == "train")
        assert cell(*arguments, *shorter) == 0
    assert record(f"my search-{best_id()}-train_final")["training.ema_decay"] == "0.99"
    assert Path("my search.keras").is_file()
    watch = next(line for line in (here / "output.txt").read_text().splitlines() if line.startswith("watch"))
    assert shlex.split(watch) == ["watch", "evolve", "board", f"--workdir={WORK}"]


def test_a_space_that_is_not_larger_with_n_2_is_trained_unchanged(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed command leaves out a param with which the network could not be built."""
    Path("space.cell").write_text(SPACE.replace("return b", "return concat(a, b)"))
    fitness = "--gin_param=search.fitness='tests.evolve.made_up:separables'"
    assert evolve.run(["--gin_file=small.gin", "--workdir=runs/other", fitness]) == 0
    assert "\n  cell train runs/other --gin_file=train_final.gin\n" in capsys.readouterr().out


def test_the_console_script_and_the_module_that_knows_files_alone(here: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["cell"] == "evolve.cell:run"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    code = (
        "import sys\nfrom evolve.cell import run\ntry:\n    run(['check', sys.argv[1]])\nfinally:\n"
        "    print([name for name in ('tensorflow', 'gin', 'ray') if name in sys.modules])"
    )
    child = subprocess.run([sys.executable, "-c", code, f"{WORK}:2"], env=environment, capture_output=True, text=True)
    assert child.stdout.splitlines()[-1] == "[]" and f"{WORK}:2: good" in child.stdout
    command = [sys.executable, "-m", "compiler.main", "check", f"{WORK}:2"]
    child = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert child.returncode == 2 and child.stderr.startswith(f"'{WORK}:2' is not a .cell file")


def test_a_network_is_not_trained_on_other_images_than_its_search(
    begun: Path, here: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    new = begun / "photos" / "bright" / "new.png"
    Image.new("RGB", (20, 20)).save(new)
    request.addfinalizer(new.unlink)
    arguments = ["train", str(WORK), "--gin_param", "training.epochs=1", "--workdir", "again"]
    assert cell(*arguments) == 2
    said = capsys.readouterr().err
    assert "differ from those of the search of my search-" in said
    (advice,) = shlex.split(said.strip().rpartition("name their source: ")[2])
    assert cell(*arguments, *advice.split("=", 1)) == 0
    shown = capsys.readouterr().out
    assert "warning" in shown and "steps of 8 images, which is few" in shown


def test_a_training_has_a_work_directory_of_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (WORK / "config.gin").read_text()
    assert cell("train", str(WORK), "--workdir", str(WORK)) == 2
    assert "holds a search; choose another --workdir" in capsys.readouterr().err
    assert (WORK / "config.gin").read_text() == before


def test_a_setting_that_a_gene_replaces_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "gene.cell").write_text(f"gene l2 = 0.01 in 1e-6 .. 1\n{SPACE}")
    arguments = ["train", "gene.cell", "--like", str(WORK), "--workdir", "again", "--gin_param", "training.epochs=1"]
    assert cell(*arguments, "--gin_param", "training.l2=0.5") == 2
    assert "nothing reads training.l2: the gene l2 = " in capsys.readouterr().err
    assert cell(*arguments) == 0
    assert "genes           l2 = " in capsys.readouterr().out


def test_the_keras_model_of_an_individual_in_python(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = open_study(WORK)
    assert study.best is not None
    model = study.best.model()
    image = np.asarray(Image.open(next(here.glob("photos/bright/*.png"))), np.float32)[None]
    assert cell("export", "runs/my search", "--out", "best.keras") == 0
    exported = keras.models.load_model("best.keras")
    np.testing.assert_allclose(model(image), exported.predict(image, verbose=0), atol=1e-3)
    order = "select id from individuals order by fitness desc, params, mult_adds, finished"
    (lacking,) = rows(order)[-1]
    with pytest.raises(UsageError, match=f"has not kept the weights of individual {lacking}"):
        study[lacking].model()
