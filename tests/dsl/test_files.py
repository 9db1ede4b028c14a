"""Includes, overlays and params: the declaration that wins."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dsl
from dsl.text.includes import MAX_FILES
from dsl.tree import syntax as s


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


BASE = """
param F = 8
op thing = relu
cell net(x) {
  a = conv[3x3](x) | thing
  return a
}
network { body: net[F] head: global_avg_pool | dense[classes] }
"""


def test_the_files_own_wins_over_what_it_includes(tmp_path: Path) -> None:
    write(tmp_path, "base.cell", BASE)
    genotype = dsl.load(write(tmp_path, "own.cell", 'include "base.cell"\nparam F = 16'))
    assert genotype.space.params == {"F": 16}


def test_nearest_include_wins(tmp_path: Path) -> None:
    write(tmp_path, "base.cell", BASE)
    write(tmp_path, "middle.cell", 'include "base.cell"\nparam F = 32')
    assert dsl.load(write(tmp_path, "own.cell", 'include "middle.cell"')).space.params["F"] == 32


@pytest.mark.parametrize("order", [("far", "near"), ("near", "far")])
def test_the_nearest_include_wins_also_if_a_farther_file_includes_it_first(
    order: tuple[str, str], tmp_path: Path
) -> None:
    write(tmp_path, "base.cell", BASE)
    write(tmp_path, "deep.cell", "op thing = gelu")
    write(tmp_path, "near.cell", 'include "deep.cell"\nparam F = 2')
    write(tmp_path, "far.cell", 'include "base.cell"\ninclude "near.cell"')
    text = "".join(f'include "{name}.cell"\n' for name in order)
    found = [dsl.load(write(tmp_path, "own.cell", text)), dsl.loads(text, folder=tmp_path)]
    # `base` and `deep` are both at depth 2, so the order of the includes decides between them.
    thing = "relu" if order[0] == "far" else "gelu"
    for genotype in found:
        assert genotype.space.params == {"F": 2}
        assert f"op thing = {thing}\n" in genotype.space.text()


def test_an_include_of_an_overlay_is_as_near_as_the_overlay_includes_it(tmp_path: Path) -> None:
    write(tmp_path, "base.cell", BASE)
    write(tmp_path, "least.cell", "param F = 3")
    write(tmp_path, "near.cell", "param F = 2")
    write(tmp_path, "far.cell", 'include "least.cell"\ninclude "near.cell"')
    own = write(tmp_path, "own.cell", f'{BASE.replace("param F = 8", "")}\ninclude "far.cell"')
    assert dsl.load(own).space.params == {"F": 3}
    assert dsl.load(own, overlays=[write(tmp_path, "over.cell", 'include "near.cell"')]).space.params == {"F": 2}


def test_two_files_at_one_depth_that_include_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.cell", 'include "b.cell"')
    write(tmp_path, "b.cell", 'include "a.cell"')
    with pytest.raises(dsl.CellError, match=r"a\.cell -> b\.cell -> a\.cell"):
        dsl.load(write(tmp_path, "own.cell", f'include "a.cell"\ninclude "b.cell"\n{BASE}'))


def test_a_bare_name_is_found_in_the_folder_that_is_handed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    write(shipped, "base.cell", BASE)
    monkeypatch.chdir(tmp_path)
    assert dsl.load("base.cell", shipped=lambda: shipped).space.params == {"F": 8}
    assert dsl.loads('include "base.cell"\nparam F = 2', shipped=lambda: shipped).space.params == {"F": 2}
    with pytest.raises(dsl.CellError, match=r"file not found: 'nasnet\.cell' is neither in .*\n.*allowed: base\.cell"):
        dsl.load("nasnet.cell", shipped=lambda: shipped)


def test_one_module_names_the_package_of_the_shipped_files() -> None:
    root = Path(dsl.__file__).parent.parent
    modules = [path for package in ("dsl", "compiler") for path in sorted((root / package).rglob("*.py"))]
    assert [path.name for path in modules if "experiments" in path.read_text()] == ["shipped.py"]


def test_overlays_win_over_the_file_and_params_over_all(tmp_path: Path) -> None:
    base = write(tmp_path, "base.cell", BASE)
    overlays = [write(tmp_path, f"o{f}.cell", f"param F = {f}") for f in (2, 3)]
    assert dsl.load(base, overlays=overlays).space.params["F"] == 3
    assert dsl.load(base, {"F": 5}, overlays).space.params["F"] == 5


def test_an_overlays_include_is_weaker_than_the_file(tmp_path: Path) -> None:
    base = write(tmp_path, "base.cell", BASE)
    write(tmp_path, "deep.cell", "param F = 99")
    assert dsl.load(base, overlays=[write(tmp_path, "o.cell", 'include "deep.cell"')]).space.params["F"] == 8


def test_cells_of_one_and_network_of_the_other() -> None:
    genotype = dsl.load("amoebanet_a.cell", {"F": 190}, ["imagenet.cell"])
    assert "sep_conv[5x5](a)" in genotype.text()
    second = genotype.space.network.sections[0].steps[1].pipe[0]
    assert isinstance(second, s.Op) and second.name == "reduction"


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        (BASE, {"G": 1}, r"there is no param 'G'\nallowed: F"),
        (
            BASE.replace("param F = 8", "").replace("F", "8"),
            {"G": 1},
            r"there is no param 'G'\nthe file declares no param",
        ),
        (BASE, {"F": math.inf}, "param F is inf; allowed: a number from -1e15 to 1e15"),
    ],
)
def test_a_wrong_param_is_named(tmp_path: Path, text: str, params: dict[str, float], message: str) -> None:
    with pytest.raises(dsl.CellError, match=message):
        dsl.load(write(tmp_path, "base.cell", text), params)


def test_shipped_files_are_found_by_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dsl.load("nasnet.cell").space.mutable_cells == ("normal", "reduction")


def test_neither_parsing_nor_mutating_loads_tensorflow() -> None:
    code = (
        "import dsl, random, sys; g = dsl.load('nasnet.cell'); dsl.mutate(g, random.Random(1)); dsl.fingerprint(g);"
        "assert not {'tensorflow', 'tf_keras', 'gin'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_text_of_a_genotype_can_be_built_larger() -> None:
    """A param that depends on another one also depends on it in the text of a genotype."""
    found = dsl.loads(dsl.load("amoebanet_a.cell", {"N": 1, "F": 8}).standalone(), {"N": 4})
    assert (found.space.params["N"], found.space.params["after"], found.space.params["F"]) == (4, 4, 8)
    fixed = dsl.loads(dsl.load("amoebanet_a.cell", {"N": 1, "after": 2}).standalone(), {"N": 4})
    assert (fixed.space.params["N"], fixed.space.params["after"]) == (4, 2)


SPACE = "network { body: net  head: global_avg_pool | dense[classes] }\ncell net(x) { return x }\n"


def other_kind(kind: str, path: Path) -> None:
    """Makes something at the path that is not a regular file."""
    match kind:
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case "a device":
            path.symlink_to("/dev/null")
        case _:
            path.symlink_to("nothing.cell")


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device", "a link to a file that does not exist"])
def test_an_include_of_something_else_than_a_file_has_its_place(kind: str, tmp_path: Path) -> None:
    other_kind(kind, tmp_path / "other.cell")
    (tmp_path / "a.cell").write_text(f'{SPACE}include "other.cell"\n')
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(tmp_path / "a.cell")
    message, line, caret, hint = str(caught.value).splitlines()
    assert message == f"a.cell:3:1: not a file: 'other.cell' is {kind}"
    assert (line, caret, hint) == ('  include "other.cell"', "  ^", "only regular files are read")


def test_an_include_that_closes_a_loop_has_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.cell").write_text(f'{SPACE}include "b.cell"\n')
    (tmp_path / "b.cell").write_text('\n  include "a.cell"\n')
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(tmp_path / "a.cell")
    assert str(caught.value).splitlines()[0] == (
        "b.cell:2:3: files include each other in a loop: a.cell -> b.cell -> a.cell"
    )


def test_the_include_of_one_file_too_many_has_its_place(tmp_path: Path) -> None:
    for index in range(MAX_FILES + 1):
        (tmp_path / f"f{index}.cell").write_text("")
    (tmp_path / "a.cell").write_text(SPACE + "".join(f'include "f{index}.cell"\n' for index in range(MAX_FILES + 1)))
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(tmp_path / "a.cell")
    assert str(caught.value).startswith(f"a.cell:{MAX_FILES + 2}:1: more than {MAX_FILES} files are included\n")


def test_the_file_without_a_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lone.cell"
    path.write_text("cell net(x) { return x }")
    with pytest.raises(dsl.CellError, match=r"there is no network in \S*lone\.cell or in a file that it includes"):
        dsl.load(path)


def test_a_copy_may_be_copied() -> None:
    text = "cell third(x) like second\ncell second(x) like net\n" + SPACE
    cells = {cell.name: cell for cell in dsl.loads(text).cells}
    assert cells["third"].output == cells["second"].output == cells["net"].output


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"], ids=["carriage return", "both", "line feed"])
def test_every_kind_of_line_end_ends_a_comment_and_is_counted(end: str) -> None:
    lines = ["# a space", *SPACE.splitlines(), "require params < 1 # nothing", "require parms < 2"]
    with pytest.raises(dsl.CellError) as caught:
        dsl.loads(end.join(lines), name="a.cell")
    message, line, caret, _ = str(caught.value).splitlines()
    assert message == "a.cell:5:9: unknown cost 'parms'"
    assert (line, caret) == ("  require parms < 2", "          ^")


def test_other_characters_that_end_lines_elsewhere_do_not_count() -> None:
    with pytest.raises(dsl.CellError) as caught:
        dsl.loads(f"# one\u2028still one\n{SPACE}require parms < 2", name="a.cell")
    assert str(caught.value).splitlines()[:2] == ["a.cell:4:9: unknown cost 'parms'", "  require parms < 2"]
