"""Links, files, modules, commands with their flags, and settings that documents name exist."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import io
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from compiler.main import main as cell
from evolve.main import run as evolve
from experiments import reference

ROOT = Path(__file__).parent.parent
PACKAGES = ("dsl", "compiler", "evolve", "experiments", "tests")
TOOLS = "node_modules"  # what npm installs to check the scripts of the tab
PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(path for package in PACKAGES for path in (ROOT / package).rglob("README.md") if TOOLS not in path.parts),
)
GIN_FILES = tuple(sorted((ROOT / "experiments").glob("*.gin")))
DOCUMENTS = (*PAGES, *GIN_FILES)
PRESENT = tuple(path for path in DOCUMENTS if path.name != "HISTORY.md")  # HISTORY also names files that were removed
SUFFIXES = "py|cell|gin|md|lark|toml|svg|png|txt|json|bzl"
# Files that commands write, and files of a user in examples.
WRITTEN = {"best.cell", "space.cell", "config.gin", "network.json", "preparation.json", "labels.txt", "a.svg", "a.png",
           "best.svg", "front.svg", "compare.svg", "compare.png", "images-begun-with.json"}  # fmt: skip
OWN = {"mine.cell", "tiles.cell", "small.cell"}
SPAN = r"`([^`]+)`"


def written(document: Path) -> tuple[str, ...]:
    """Returns the code of a document: spans in backticks, and the lines of blocks without a language."""
    text = document.read_text(encoding="utf-8")
    if document.suffix == ".gin":
        lines = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
        return (*re.findall(SPAN, "\n".join(lines)), *(line for line in lines if is_command(line)))
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").replace("&& ", "\n").splitlines()
    spans = (" ".join(span.split()) for span in re.findall(SPAN, prose(text)))
    return (*spans, *(re.split(r"\s+#", line.removeprefix("$ "))[0].strip() for line in lines))


def prose(text: str) -> str:
    """Returns a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def is_command(piece: str) -> bool:
    return re.match(rf"(cell [a-z]+|evolve|python -m (?:{'|'.join(PACKAGES)})\.\S+)( |$)", piece) is not None


def every(pattern: str, documents: Sequence[Path] = DOCUMENTS) -> list[tuple[str, str]]:
    """Returns the matches of a pattern in the code of documents, with the document's name."""
    found = {
        (document.relative_to(ROOT).as_posix(), match[0])
        for document in documents
        for piece in written(document)
        for match in re.finditer(pattern, piece)
    }
    return sorted(found)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_merge_is_left_half_done() -> None:
    assert not [name_of(page) for page in PAGES if re.search("^(<{7}|>{7}) ", page.read_text(encoding="utf-8"), re.M)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    text = re.sub(SPAN, "", prose(page.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert not broken


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not {name_of(page) for page in (ROOT / "docs").glob("*.md") if f"({name_of(page)})" not in readme}


@cache
def files() -> frozenset[str]:
    """Returns the name of every file of the packages and of the root."""
    below = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    own = (path for path in below if TOOLS not in path.parts)
    return frozenset(path.name for path in (*own, *ROOT.iterdir(), *(ROOT / "docs").iterdir()))


def is_file(named: str, document: Path) -> bool:
    """Returns whether a file exists: by its bare name anywhere, or by a path from the root or the document."""
    if "/" not in named:
        return named in files() or named in WRITTEN | OWN
    return any((folder / named).exists() for folder in (ROOT, document.parent, ROOT / "experiments"))


def test_files_exist() -> None:
    pattern = rf"(?<![\w./*:{{}}-])[\w.][\w./-]*\.(?:{SUFFIXES})(?![\w*(])"
    missing = [
        (document, named)
        for document, named in every(pattern)
        if not (named.startswith("runs/") or is_file(named, ROOT / document) or is_defined(named))
    ]
    assert not missing


def test_folders_exist() -> None:
    pattern = r"(?<![\w./:'<-])[a-z][\w/]*/(?=$|[ ,])"
    made = {"runs/", "best/", "front/", "weights/", "images/", "tensorboard/"}
    missing = [
        (document, named)
        for document, named in every(pattern, PRESENT)
        if named not in made and not is_file(named, ROOT / document)
    ]
    assert not missing


def test_modules_and_what_they_hold_exist() -> None:
    pattern = rf"(?<![\w./'@-])(?:{'|'.join(PACKAGES)})(?:\.[a-zA-Z_]\w*)+"
    names = (name for name in every(pattern, PRESENT) if not re.search(rf"\.(?:{SUFFIXES})$", name[1]))
    assert not [(document, name) for document, name in names if not is_defined(name)]


def test_new_names_of_the_history_exist() -> None:
    rows = re.findall(r"^  \| .* \| (.*) \|$", (ROOT / "HISTORY.md").read_text(encoding="utf-8"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(SPAN, row)]
    assert any(name.startswith("dsl.") for name in names)
    assert not [name for name in names if not (name in reference.names() or is_defined(name))]


def is_defined(name: str) -> bool:
    """Returns whether a dotted name is a module, or a name that a module binds at its top level."""
    folder, parts = ROOT, name.split(".")
    if parts[0] not in PACKAGES:
        return False
    while parts and (folder / parts[0]).is_dir():
        folder = folder / parts.pop(0)
    module = folder / f"{parts[0]}.py" if parts and (folder / f"{parts[0]}.py").is_file() else folder / "__init__.py"
    rest = parts[1:] if module.stem != "__init__" else parts
    return not rest or rest[0] in bound(module)


@cache
def bound(module: Path) -> frozenset[str]:
    """Returns the names that a module binds at its top level, also those that a package imports at their first use."""
    found = set()
    body = ast.parse(module.read_text(encoding="utf-8")).body
    late = [inner for statement in body if isinstance(statement, ast.If) for inner in statement.body]
    for statement in (*body, *late):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            found.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


@pytest.mark.parametrize("package", ["dsl", "compiler", "evolve"])
def test_the_table_of_a_package_has_every_module(package: str) -> None:
    listed: dict[str, set[str]] = {}
    for folder, modules in rows(ROOT / package / "README.md"):
        listed.setdefault(folder, set()).update(re.findall(SPAN, modules) if "..." not in modules else {"..."})
    for path in (path for path in (ROOT / package).rglob("*") if path.is_dir() and (path / "__init__.py").is_file()):
        listed.setdefault(f"{path.relative_to(ROOT / package).as_posix()}/", set())
    for folder, names in listed.items():
        there = {path.stem for path in (ROOT / package / folder).glob("*.py")} - {"__init__"}
        assert names - {"..."} <= there, f"{folder} lacks modules of the table"
        assert there <= names or "..." in names, f"the table lacks modules of {folder or package}"


def rows(page: Path) -> Iterator[tuple[str, str]]:
    """Returns the rows of a package's table: a subpackage, or "" for the package itself, and its modules."""
    folder = ""
    for cells in re.findall(r"^\| (.*?) ?\| (.*?) \| .*\|$", page.read_text(encoding="utf-8"), re.MULTILINE):
        folder = {"top level": ""}.get(cells[0], cells[0].strip("`") or folder)
        if folder == "" or folder.endswith("/"):
            yield folder, cells[1]


@cache
def help_of(command: str) -> str:
    """Returns the output of `evolve --help`, `cell --help` or `cell COMMAND --help`."""
    run: Callable[[list[str]], object] = evolve if command == "evolve" else cell
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        run([*command.split()[1:], "--help"])
    return printed.getvalue()


def known_flags(words: Sequence[str]) -> set[str]:
    """Returns the flags of a command that is given by its words."""
    if words[0] == "python":
        spec = importlib.util.find_spec(words[2])
        assert spec is not None and spec.origin is not None
        return {f"--{flag}" for flag in re.findall(r'"-{0,2}(\w+)"', Path(spec.origin).read_text(encoding="utf-8"))}
    command = f"cell {words[1]}" if words[0] == "cell" else words[0]
    return set(re.findall(r"--\w+", help_of(command)))


def commands() -> Iterator[tuple[str, list[str]]]:
    for document in PRESENT:
        for piece in filter(is_command, written(document)):
            yield name_of(document), shlex.split(piece.replace("...", ""))


def test_commands_have_their_flags() -> None:
    unknown = []
    for document, words in commands():
        flags = {word.partition("=")[0] for word in words if re.match(r"--\w", word)}
        is_known = words[0] != "cell" or re.search(rf"^    {words[1]} ", help_of("cell"), re.MULTILINE)
        if not is_known or flags - known_flags(words):
            unknown.append((document, words))
    assert not unknown


def test_there_are_commands() -> None:
    assert {"cell", "evolve", "python"} == {words[0] for _, words in commands()}


def test_flags_that_stand_alone_exist() -> None:
    known = known_flags(["evolve"]) | {"--help"}
    for command in re.findall(r"^    (\w+) ", help_of("cell"), re.MULTILINE):
        known |= known_flags(["cell", command])
    for module in ("compare", "nasbench201"):
        known |= known_flags(["python", "-m", f"experiments.{module}"])
    assert not [(document, flag) for document, flag in every(r"^--\w+", PRESENT) if flag not in known]


def test_the_reference_of_settings_is_what_the_code_declares() -> None:
    """`python -m experiments.reference > docs/settings.md` writes it anew."""
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == reference.page()


def test_every_setting_that_gin_takes_is_in_the_reference() -> None:
    page = reference.page()
    for scope, record in reference.records().items():
        assert all(f"`{scope}.{name}`" in page for name in bindable(record))


def bindable(record: type) -> set[str]:
    """Returns the settings of a record that a user may bind: not the space and the seed of an algorithm."""
    names = set(inspect.signature(record).parameters)
    return names - {"space", "seed"} if "space" in names else names


def test_settings_exist() -> None:
    scopes = "|".join(reference.records())
    pattern = rf"(?<![\w./])(?:{scopes})\.[a-z]\w*"
    known = set(reference.names())
    unknown = [
        (document, name)
        for document, name in every(pattern, PRESENT)
        if name not in known and name.rpartition(".")[2] not in {*SUFFIXES.split("|"), "sqlite", "jsonl", "id"}
    ]
    assert not unknown


def test_the_readme_names_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"version {version}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"## {version}\n" in (ROOT / "HISTORY.md").read_text(encoding="utf-8")
