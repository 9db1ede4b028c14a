"""The entry point of the plugin, which every start of TensorBoard imports."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from evolve.tab.loader import AmoebaLoader
from evolve.tab.plugin import AmoebaPlugin
from tests.evolve.test_main import environment
from tests.evolve.test_search import ROOT

CONTEXT = SimpleNamespace(flags=SimpleNamespace(logdir="", logdir_spec=""))
OURS = "sorted(name for name in sys.modules if name.split('.')[0] in ('dsl', 'compiler', 'evolve'))"


def modules(code: str) -> list[list[str]]:
    """Returns the lists that a program prints in a new process."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}"],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_the_package_declares_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, value),) = project["entry-points"]["tensorboard_plugins"].items()
    assert EntryPoint(name, value, "tensorboard_plugins").load() is AmoebaLoader and name == AmoebaPlugin.plugin_name


def test_the_entry_point_imports_next_to_nothing() -> None:
    (ours, others) = modules(
        "import tensorboard.default\n"
        "before = {*sys.modules}\n"
        "import evolve.tab.loader\n"
        f"print(json.dumps({OURS}))\n"
        "print(json.dumps(sorted({*sys.modules} - before)))\n"
    )
    assert ours == others == ["evolve", "evolve.tab", "evolve.tab.loader"]


def test_the_plugin_waits_with_what_it_needs_until_it_is_asked() -> None:
    """TensorBoard makes the plugin at each start, and asks it whether it is active."""
    (after,) = modules(
        "from types import SimpleNamespace\n"
        "from evolve.tab.loader import AmoebaLoader\n"
        "flags = SimpleNamespace(logdir='.', logdir_spec='')\n"
        "plugin = AmoebaLoader().load(SimpleNamespace(flags=flags))\n"
        "plugin.get_plugin_apps(), plugin.is_active(), plugin.frontend_metadata()\n"
        f"print(json.dumps({OURS}))\n"
    )
    assert after == [
        "evolve", "evolve.errors", "evolve.store", "evolve.store.json_text", "evolve.tab", "evolve.tab.errors",
        "evolve.tab.loader", "evolve.tab.parameters", "evolve.tab.plugin", "evolve.tab.searches",
    ]  # fmt: skip


def test_importing_the_package_loads_none_of_its_modules() -> None:
    (ours,) = modules(f"import evolve\nprint(json.dumps({OURS}))")
    assert ours == ["evolve"]


def test_a_part_that_cannot_be_imported_leaves_tensorboard_without_the_tab(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "evolve.tab.plugin", None)
    with caplog.at_level(logging.WARNING):
        assert AmoebaLoader().load(CONTEXT) is None
    assert "The tab Evolution cannot be shown: " in caplog.text
    monkeypatch.undo()
    assert isinstance(AmoebaLoader().load(CONTEXT), AmoebaPlugin)
