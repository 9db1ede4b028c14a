"""A fitness function of the user: its exceptions are shown to the user, and are not failures of individuals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolve import Store, UsageError, main
from evolve.fitness.function import fitness_function
from tests.evolve.test_search import ROOT

OWN = {
    "raises": ("def fit(genotype, seed):\n    return [][seed]\n", ", line 2, in fit: return [][seed]\nIndexError: "),
    "calls": (
        "def fit(genotype, seed):\n    return inner(1)\n\ndef inner(x):\n    return float('x')\n",
        "in fit: return inner(1)\n  {file}, line 5, in inner: return float('x')\nValueError: could not",
    ),
    "exits": ("import sys\ndef fit(genotype, seed):\n    sys.exit(0)\n", "line 3, in fit: sys.exit(0)\nSystemExit: 0"),
    "within a library": ("import json\ndef fit(genotype, seed):\n    return json.loads('{{')\n", "in fit: return json"),
    "no number": ("def fit(genotype, seed):\n    return None\n", "returned None; it must return a number"),
    "text": ("def fit(genotype, seed):\n    return 'good'\n", "returned 'good'; it must return a number"),
    "arguments": (
        "def fit(genotype):\n    return 1\n",
        "TypeError: fit() takes 1 positional argument but 2 were given",
    ),
    "no import": ("import nothing_of_the_kind\n", "line 1, in <module>: import nothing_of_the_kind\nModuleNotFound"),
    "no syntax": ("def fit(genotype, seed)\n    return 1\n", 'fitness_no_syntax.py", line 1\n'),
    "raises at import": ("SIZE = 1 / 0\n", "line 1, in <module>: SIZE = 1 / 0\nZeroDivisionError: "),
    "exits at import": ("raise SystemExit(0)\n", "line 1, in <module>: raise SystemExit(0)\nSystemExit: 0"),
    "no function": ("fit = 3\n", "has no function 'fit'"),
}


@pytest.mark.parametrize(
    ("name", "executor"), [*((name, "serial") for name in OWN), ("raises", "processes"), ("exits", "processes")]
)
def test_exceptions_of_a_users_fitness_are_shown_with_the_users_lines(
    small_gin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    executor: str,
) -> None:
    """There is one message, the exit code is 2, and no individual has failed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    module = f"fitness_{name.replace(' ', '_')}"
    text, message = OWN[name]
    (tmp_path / f"{module}.py").write_text(text.replace("{{", "{"))
    bindings = (f"search.fitness='{module}:fit'", f"search.executor='{executor}'")
    arguments = [
        f"--gin_file={small_gin}",
        f"--workdir={tmp_path / 'w'}",
        *(f"--gin_param={text}" for text in bindings),
    ]
    assert main.run(arguments) == 2
    error = capsys.readouterr().err
    assert message.format(file=tmp_path / f"{module}.py") in error and error.startswith("evolve: search.fitness")
    assert "Traceback" not in error and "function.py" not in error
    if (tmp_path / "w" / "search.sqlite").exists():
        with Store(tmp_path / "w") as store:
            assert store.counts()[:2] == (0, 0)


def test_a_module_in_the_current_folder_where_python_does_not_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in_this_folder.py").write_text("def fit(genotype, seed):\n    return 1.0\n")
    with pytest.raises(UsageError, match=r"in_this_folder\.py is in the current folder, .*: export PYTHONPATH=\."):
        fitness_function("in_this_folder:fit")
