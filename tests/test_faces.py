"""The names that a package offers exist, and tests and experiments import them from the package."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.test_build_files import MODULES, ROOT, offered

FACES = ("dsl", "compiler", "evolve")


@pytest.mark.parametrize("face", FACES)
def test_every_name_is_there_and_every_package_has_its_types(face: str) -> None:
    package = importlib.import_module(face)
    for name in package.__all__:
        assert getattr(package, name) is getattr(importlib.import_module(offered(face)[name][0]), name)
    assert (ROOT / face / "py.typed").is_file()


@pytest.mark.parametrize("face", FACES)
def test_a_name_that_is_not_offered_is_an_error(face: str) -> None:
    with pytest.raises((ImportError, AttributeError), match="nothing"):
        exec(f"from {face} import nothing")


def around_faces(path: Path) -> list[str]:
    """Returns the names that a file imports from the modules of a package that offers them."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    pairs = [(str(node.module), alias.name) for node in nodes for alias in node.names]
    faces = [(module, name, module.partition(".")[0]) for module, name in pairs]
    return [f"{module}.{name}" for module, name, face in faces if face in FACES and is_offered(face, module, name)]


def is_offered(face: str, module: str, name: str) -> bool:
    """Returns whether a package offers this name of one of its modules."""
    return name in importlib.import_module(face).__all__ and offered(face)[name] == (module,)


def test_tests_and_experiments_use_the_faces() -> None:
    users = [path for path in MODULES if path.relative_to(ROOT).parts[0] in ("tests", "experiments")]
    assert {path.name: found for path in users if (found := around_faces(path))} == {}
