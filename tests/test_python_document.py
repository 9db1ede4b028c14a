"""The examples of docs/python.md run, one after another, and so does the notebook."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import evolve

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
# A search that takes seconds, in the place of amoeba.gin.
GIN = """
include 'digits.gin'
search.seed_file = 'small.cell'
search.params = {}
search.executor = 'serial'
regularized_evolution.population_size = 4
regularized_evolution.sample_size = 2
training.epochs = 1
dataset.validation = 100
"""
CELL = """
param F = 4
op sep_conv[kernel] = conv[kernel, filters=F] | batch_norm | relu
values ops = { sep_conv[1x1], sep_conv[3x3], max_pool[3x3] }
cell net(x) {
  a = sep_conv[3x3](x) + max_pool[3x3](x)
  return a
}
network { stem: conv[1x1] body: net head: global_avg_pool | dense[classes] }
mutation op { choose c in cells, n in c.nodes, t in n.terms   t.op = any(other ops) }
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Returns a folder with a short search for amoeba.gin, and with the command `evolve` and a program `evaluate`."""
    (tmp_path / "amoeba.gin").write_text(GIN)
    (tmp_path / "small.cell").write_text(CELL)
    for name, text in {
        "evolve": f'exec {sys.executable} -m evolve.main "$@"',
        "evaluate": 'grep -q "max_pool" "$1" && echo 0.75',
    }.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, "MLFLOW_ALLOW_FILE_STORE": "true"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_python(here: Path) -> None:
    pytest.importorskip("mlflow")
    searched, read, own, two, called = (
        text.replace("individuals=40", "individuals=4").replace("individuals=45", "individuals=5")
        for text in blocks("python")
    )
    printed = []
    for number, text in enumerate((searched + read, own + two, called)):
        (here / f"script{number}.py").write_text(f"import evolve\n{text}")
        printed.append(run(here, sys.executable, f"script{number}.py"))
    assert "<study of runs/first: 4 individuals" in printed[0]
    assert re.search(r"^5 [\d.]+ \d$", printed[2], re.MULTILINE)
    assert len(evolve.open(here / "runs/first")) == 5 and (here / "mlruns").is_dir()
    assert [one.status for one in evolve.open(here / "runs/own")] == ["done"] * 5
    assert [one.metrics for one in evolve.open(here / "runs/two")] == [{"accuracy": 0.93, "latency_ms": 4.1}]


def test_a_shell(here: Path) -> None:
    (text,) = blocks("bash")
    run(here, "bash", "-c", text)
    told = [(one.status, one.fitness or one.error) for one in evolve.open(here / "runs/shell")]
    assert len(told) == 3 and {*told} <= {("done", 0.75), ("failed", "evaluate failed")}


def test_javascript(here: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("there is no node on this machine")
    (text,) = blocks("javascript")
    assert run(here, "node", "-e", text).count("individual") == 2
    assert [one.status for one in evolve.open(here / "runs/node")] == ["done", "done"]


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "docs" / "search.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert path.stat().st_size < 512 * 1024 and not any(cell.get("outputs") for cell in notebook.cells)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    results = [output.data for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    shown = [data["text/plain"] for data in results]
    assert shown[0].startswith("<study of runs/notebook: 10 individuals, best ")
    assert any("image/svg+xml" in data for data in results) and any("text/html" in data for data in results)
    assert evolve.open(tmp_path / "runs/own").front
