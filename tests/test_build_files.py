"""BUILD files agree with the imports of the files that they name, and modules do not import each other in circles."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("dsl", "compiler", "evolve", "experiments", "tests")
# Names under which a package is imported, where they are not its name on PyPI.
IMPORTED_AS = {
    "PIL": "pillow",
    "absl": "absl_py",
    "gin": "gin_config",
    "google.protobuf": "protobuf",
    "sklearn": "scikit_learn",
}
# Packages that a user installs for one feature. Where one is missing, a message names it, or there is another way.
EXTRAS = {"@pypi//nats_bench", "@pypi//pandas", "@pypi//tensorflow_datasets"}
# Imports inside of functions that are dependencies of the caller: they depend on the target, or are TensorFlow.
LATE = {
    "//compiler:graph": {"//compiler:compiler", "@pypi//tensorflow"},
    "//evolve:core": {"//evolve:controller", "//evolve:evolve"},
}
# Dependencies that no import shows.
UNSEEN = {
    "//tests/compiler:support": {"@pypi//onnxruntime", "@pypi//tf2onnx"},  # `cell export` imports them by their names
    "//dsl:dsl": {"//experiments:experiments"},  # the shipped cells, which are data
    "//tests:support": {"@pypi//pytest", "@pypi//pytest_xdist"},  # the runner of every test, and an option of it
}


@dataclass(frozen=True)
class Target:
    """A target of a BUILD file: its label, its Python files and the labels that it depends on."""

    kind: str
    label: str
    files: tuple[Path, ...]
    deps: frozenset[str]


def package(build: Path) -> str:
    """Returns the label of a BUILD file's folder, such as `//tests/dsl`."""
    folder = build.parent.relative_to(ROOT).as_posix()
    return "//" if folder == "." else f"//{folder}"


def full(label: str, package: str) -> str:
    """Returns a label in full: `:core` in `//evolve` is `//evolve:core`, and `//dsl` is `//dsl:dsl`."""
    if label.startswith("@"):
        return label
    folder, _, name = label.rpartition(":") if ":" in label else (label, "", label.rsplit("/", 1)[-1])
    return f"{folder or package}:{name}"


def targets_of(build: Path) -> list[Target]:
    """Returns the targets of a BUILD file. It is run as Python, since Starlark is a part of Python."""
    found: list[Target] = []

    def rule(kind: str) -> Callable[..., None]:
        def made(name: str, srcs: Sequence[str] = (), deps: Sequence[str] = (), **_: object) -> None:
            files = tuple(build.parent / source for source in srcs if not source.startswith(("//", ":")))
            label, *needed = (full(label, package(build)) for label in (f":{name}", *deps))
            found.append(Target(kind, label, files, frozenset(needed)))

        return made

    def glob(include: Sequence[str], exclude: Sequence[str] = (), allow_empty: bool = False) -> list[str]:
        paths = {kept for pattern in include for kept in build.parent.glob(pattern)}
        paths -= {left for pattern in exclude for left in build.parent.glob(pattern)}
        return sorted(path.relative_to(build.parent).as_posix() for path in paths if path.is_file())

    names = {kind: rule(kind) for kind in ("py_library", "py_binary", "py_test")}
    ignored = {name: lambda *_, **__: None for name in ("load", "exports_files")}
    exec(compile(build.read_text(), build, "exec"), {**names, **ignored, "glob": glob})
    return found


BUILDS = sorted(path for name in (*OURS, ".") for path in (ROOT / name).glob("BUILD" if name == "." else "**/BUILD"))
TARGETS = [target for build in BUILDS for target in targets_of(build)]
LIBRARIES = [target for target in TARGETS if target.kind == "py_library"]
OWNERS = {file: target.label for target in LIBRARIES for file in target.files}
MODULES = [path for name in OURS for path in sorted((ROOT / name).rglob("*.py"))]
# Tests that read the whole checkout, which they cannot see under Bazel.
WHOLE = ("test_build_files.py", "test_documents.py", "test_faces.py", "test_python_document.py")
ONLY_PYTEST = {ROOT / "tests" / name for name in WHOLE}


@cache
def file_of(module: str) -> Path | None:
    """Returns the file of a module of this project, or None."""
    path = ROOT.joinpath(*module.split("."))
    return next((found for found in (path / "__init__.py", path.with_suffix(".py")) if found.is_file()), None)


@cache
def offered(package: str) -> dict[str, tuple[str, ...]]:
    """Returns the names that a package offers, each with the modules that have it."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name: (str(node.module),) for node in found for alias in node.names}


def imported(node: ast.AST) -> Iterator[str]:
    """Returns the modules that a statement imports. An imported name may be a module too."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if file_of(inner) else str(node.module)
            yield from offered(node.module).get(alias.name, ()) if node.module in OURS else ()


def at_once(tree: ast.AST) -> Iterator[ast.AST]:
    """Returns the nodes that run when their module is imported: none in functions or for types alone."""
    for node in ast.iter_child_nodes(tree):
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, ast.FunctionDef) and not for_types:
            yield node
            yield from at_once(node)


@cache
def imports(path: Path, late: bool = True) -> frozenset[str]:
    """Returns the modules that a file imports; without `late` only those at its own import."""
    tree = ast.parse(path.read_text())
    return frozenset(name for node in (ast.walk(tree) if late else at_once(tree)) for name in imported(node))


@cache
def label_of(module: str) -> str:
    """Returns the label that has a module, or "" for a module of Python's own."""
    top = module.partition(".")[0]
    if top in OURS:
        return OWNERS[file] if (file := file_of(module)) in OWNERS else f"no library has {module}"
    if top in sys.stdlib_module_names:
        return ""
    return f"@pypi//{next((to for of, to in IMPORTED_AS.items() if f'{module}.'.startswith(f'{of}.')), top)}"


def needs(files: Iterable[Path], late: bool = True) -> set[str]:
    """Returns the labels of all modules that files import."""
    return {label_of(name) for file in files for name in imports(file, late)} - {""}


def around(files: Iterable[Path]) -> set[str]:
    """Returns the labels of the packages of files, which Python imports before the files."""
    folders = {folder for file in files for folder in file.relative_to(ROOT).parents if folder.parts}
    return {label_of(".".join(folder.parts)) for folder in folders if (ROOT / folder / "__init__.py").is_file()}


@pytest.mark.parametrize("target", LIBRARIES, ids=lambda target: target.label)
def test_the_deps_of_a_library_are_what_its_files_import(target: Target) -> None:
    needed = (needs(target.files) | around(target.files)) - {target.label}
    late = LATE.get(target.label, set())
    optional = EXTRAS | (late - needs(target.files, late=False) if late else late)
    assert needed - target.deps <= optional, "imported, and not in deps"
    assert target.deps - needed == UNSEEN.get(target.label, set()), "in deps, and not imported"


@pytest.mark.parametrize("build", BUILDS, ids=package)
def test_the_imports_of_tests_and_programs_are_in_their_targets(build: Path) -> None:
    found = [target for target in targets_of(build) if target.kind != "py_library"]
    libraries = {target.label: target for target in LIBRARIES}
    for target in found:
        seen = target.deps.union(*(libraries[dep].deps for dep in target.deps if dep in libraries))
        assert needs(target.files) <= seen | EXTRAS, target.label


def test_every_module_is_in_one_library() -> None:
    counted = Counter(file for target in LIBRARIES for file in target.files)
    tested = {file for target in TARGETS if target.kind == "py_test" for file in target.files}
    alone = {*tested, *(ROOT / "tests" / "bazel").glob("*.py"), *ONLY_PYTEST}
    wrong = {path: counted[path] for path in MODULES if counted[path] != 1 and path not in alone}
    assert wrong == {}


def test_no_module_imports_itself_through_others() -> None:
    ours = [path for path in MODULES if "tests" not in path.parts]
    left = {path: {found for name in imports(path) if (found := file_of(name))} for path in ours}
    while free := [path for path, needed in left.items() if not needed & left.keys()]:
        for path in free:
            del left[path]
    assert sorted(path.relative_to(ROOT).as_posix() for path in left) == []
