"""The command `cell`: its output, its messages and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import dsl
from compiler.graph.cost_table import short
from compiler.main import main
from compiler.pictures.picture import marked
from dsl.text.format import fmt
from tests.compiler.shipped import FILES, side

GOLDEN = sorted((Path(__file__).parent.parent / "golden" / "cell").glob("*.txt"))


def test_check_prints_that_a_file_is_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nasnet.cell", "large_scale.cell"]) == 0
    assert "nasnet.cell: good (2 cells" in capsys.readouterr().out


def test_check_prints_mistakes_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.cell"
    path.write_text('include "nasnet.cell"\nvalues ops = { sep_cov[3x3] }')
    assert main(["check", str(path), "nasnet.cell"]) == 2
    output = capsys.readouterr()
    assert "did you mean 'sep_conv'?" in output.err
    assert "Traceback" not in output.err
    assert "nasnet.cell: good" in output.out


def test_cost_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "amoebanet_a.cell", "--param", "N=6", "--param", "F=32", "--input", "32x32x3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["params"], found["mult_adds"]) == (2567754, 407671808)
    assert (found["input_shape"], found["classes"]) == ([32, 32, 3], 10)
    assert set(found) == {
        "input_shape", "classes", "params", "mult_adds", "depth", "activations", "activation_bytes", "weight_bytes",
        "shares", "steps",
    }  # fmt: skip
    assert found["activation_bytes"] == 4 * found["activations"]
    assert [share["name"] for share in found["shares"]] == ["stem", "cell normal", "cell reduction", "head"]
    assert sum(share["params"] for share in found["shares"]) == found["params"]
    assert sum(step["params"] for step in found["steps"]) == found["params"]
    assert sum(step["mult_adds"] for step in found["steps"]) == found["mult_adds"]
    assert found["steps"][0]["output"] == [32, 32, 96]


def test_cost_with_an_overlay_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["cost", "amoebanet_a.cell", "--with", "imagenet.cell", "--input", "331x331x3", "--classes", "1001"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "86,721,838" in output
    assert "reduction" in output


def test_the_table_of_a_cost_shows_the_share_of_each_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "amoebanet_a.cell", "--param", "N=6", "--param", "F=32"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"^ +cell normal +18 +2,236,864 +343,605,248$", output, re.MULTILINE)
    assert re.search(r"^total +22 +2,567,754 +407,671,808$", output, re.MULTILINE)
    assert re.search(r"^ +2\.57M +408M$", output, re.MULTILINE)
    assert "images       32x32x3, 10 classes" in output
    assert "depth        102 operations" in output
    assert "activations  22,584,330 values an image, 90.3 MB at float32" in output
    assert "weights      2,599,466 values with batch norm's statistics, 10.4 MB at float32" in output


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_table_fits_into_100_columns(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for size in (side(path, 32), 331):
        assert main(["cost", path.name, "--input", f"{size}x{size}x3", "--classes", "1001"]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_costs_of_several_files_are_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["amoebanet_a.cell", "nasbench201.cell", "large_scale.cell"]
    assert main(["cost", *files]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["file", "images", "classes", "params", "mult-adds", "depth", "activations"]
    assert rows[1].split()[:3] == ["nasbench201.cell", "32x32x3", "10"]
    assert rows[1].split()[3:] == ["1,531,546", "1.53M", "220,119,680", "220M", "51", "12.1", "MB"]
    assert len({len(row) for row in (head, *rows)}) == 1
    assert main(["cost", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in found] == files
    assert found[1]["params"] == 1_531_546


def test_a_file_that_has_no_cost_does_not_hide_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["amoebanet_a.cell", "nowhere.cell", "nasbench201.cell", "amoebanet_b.cell"]
    assert main(["cost", *files, "--param", "after=1"]) == 2
    output = capsys.readouterr()
    assert [row.split()[0] for row in output.out.splitlines()[1:]] == ["amoebanet_a.cell", "amoebanet_b.cell"]
    assert "nowhere.cell: file not found: 'nowhere.cell'" in output.err
    assert "nasbench201.cell: there is no param 'after'" in output.err
    assert main(["cost", *files, "--json"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00K"), (9_994, "9.99K"), (9_996, "10.0K"), (99_960, "100K"), (999_499, "999K"),
     (999_600, "1.00M"), (2_567_754, "2.57M"), (23_133_666_547, "23.1B"), (4 * 10**15, "4000T")],
)  # fmt: skip
def test_numbers_are_shortened(value: int, text: str) -> None:
    assert short(value) == text


def test_children_and_samples_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("mutate", "sample"):
        assert main([command, "nasnet.cell", "--seed", "1", "--count", "3"]) == 0
        first = capsys.readouterr().out
        assert main([command, "nasnet.cell", "--seed", "1", "--count", "3"]) == 0
        assert capsys.readouterr().out == first
        parts = first.split("# ")[1:]
        assert len(parts) == 3
        for part in parts:
            text = part.split("\n", 1)[1].rstrip("\n") + "\n"
            dsl.loads(text)
            assert fmt(text) == text


def test_mutate_prints_only_the_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", "nasnet.cell", "--seed", "1", "--count", "2", "--diff"]) == 0
    found = capsys.readouterr().out
    main(["mutate", "nasnet.cell", "--seed", "1"])
    (tmp_path / "child.cell").write_text(capsys.readouterr().out)
    main(["diff", "nasnet.cell", str(tmp_path / "child.cell")])
    first = capsys.readouterr().out
    assert re.fullmatch(rf"# child 1, by \w+\n{re.escape(first)}\n# child 2, by \w+\nequal to the file\n\n", found)


def test_draw_writes_a_picture(tmp_path: Path) -> None:
    for name in ("a.svg", "a.png"):
        assert main(["draw", "amoebanet_a.cell", "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize("flags", [[], ["--dark"]])
def test_draw_marks_the_differences_from_another_file(tmp_path: Path, flags: list[str]) -> None:
    path = tmp_path / "change.svg"
    assert main(["draw", "amoebanet_a.cell", "--against", "amoebanet_b.cell", f"--out={path}", *flags]) == 0
    shown = marked(dsl.load("amoebanet_b.cell"), dsl.load("amoebanet_a.cell"), "amoebanet_a against amoebanet_b")
    assert path.read_text(encoding="utf-8") == replace(shown, dark=bool(flags)).svg()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_command_prints_the_golden_text(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(path.parent)
    command, _, expected = path.read_text(encoding="utf-8").partition("\n")
    assert command.startswith("$ cell ")
    assert main(shlex.split(command)[2:]) in (0, 1)
    assert capsys.readouterr().out == expected


def test_there_are_golden_texts() -> None:
    assert {path.stem.split("_")[0] for path in GOLDEN} >= {"diff", "draw", "explain", "mutate"}


def test_diff_exits_as_diff_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "amoebanet_a.cell", "amoebanet_a.cell"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["diff", "amoebanet_a.cell", "amoebanet_b.cell"]) == 1
    assert main(["diff", "amoebanet_a.cell", "nowhere.cell"]) == 2


def test_diff_takes_params_and_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "nasnet.cell", "nasnet_13.cell", "--param", "F=8", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["same_network"] is True
    assert all(difference["where"] != "param F" for difference in found["differences"])
    assert {"values ops: + max_pool[5x5]"} <= {difference["text"] for difference in found["differences"]}


def test_diff_shows_the_change_of_a_printed_child(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["mutate", "nasnet.cell", "--seed", "1"])
    child = tmp_path / "child.cell"
    child.write_text(capsys.readouterr().out)
    assert main(["diff", "nasnet.cell", str(child)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("cell ") and " -> " in line


def test_explain_names_the_images_of_required_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "regnet_space.cell", "--input", "64x64x3", "--classes", "1"]) == 0
    required = capsys.readouterr().out.partition("required")[2].splitlines()
    assert required[1] == "  mult_adds <= limit"
    assert re.fullmatch(r"    the seed has mult_adds [\d,]+, limit 400,000,000 for images of 64x64x3 and 1 class "
                        r"\(--input, --classes\)", required[2])  # fmt: skip


def test_explain_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "nasbench201.cell", "--seed", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size"] == 5**6
    assert [(rule["name"], rule["places"], rule["children"]) for rule in found["rules"]] == [("op", 6, 24)]
    assert found["rules"][0]["example"][0].startswith("cell net: ")


def test_draw_keeps_to_what_the_terminal_can_show() -> None:
    command = [sys.executable, "-m", "compiler.main", "draw", "nasbench201.cell"]
    shown = {
        encoding: subprocess.run(command, capture_output=True, check=True, env={**os.environ, **encoding_of(encoding)})
        for encoding in ("ascii", "utf-8")
    }
    assert shown["ascii"].stdout.isascii()
    assert "├───a" in shown["utf-8"].stdout.decode()


def encoding_of(name: str) -> dict[str, str]:
    return {"PYTHONIOENCODING": name, "PYTHONUTF8": "0"}


def test_check_of_a_folder_asks_for_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path), "nasnet.cell"]) == 2
    output = capsys.readouterr()
    assert f"{tmp_path} is a folder; name the .cell files in it" in output.err
    assert "nasnet.cell: good" in output.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cost", "nowhere.cell"], "file not found: 'nowhere.cell'"),
        (["cost", "nasnet.cell", "--param", "N"], "NAME=NUMBER"),
        (["cost", "nasnet.cell", "--param", "M=3"], "there is no param 'M'"),
        (["cost", "nasnet.cell", "--input", "32x32"], "HEIGHTxWIDTHxCHANNELS"),
        (["cost", "nasnet.cell", "--param", "F=2.5"], "filters is 7.5"),
        (["draw", "nasnet.cell", "--out", "a.gif"], "neither in .svg nor in .png"),
        (["draw", "nasnet.cell", "--dark"], "--dark is only for a picture, which --out writes, such as --out dark.svg"),
        (["draw", "nasnet.cell", "--against", "nosuch.cell"], "nosuch.cell"),
        (["draw", "nasnet.cell", "--against", "."], ". is a folder"),
        (["mutate", "nasnet.cell", "--count", "-3"], "--count -3: at least 1"),
        (["mutate", "nasnet.cell", "--mate", "nasnet.cell"], "--mate nasnet.cell: nasnet.cell has no crossover"),
        (["mutate", "nasnet.cell", "--rule", "opp"], "--rule opp: nasnet.cell has no rule of this name; did you mean"),
        (["mutate", "vgg.cell", "--rule", "op"], "vgg.cell has no rule of this name; the file has no rule"),
        (
            ["mutate", "neat.cell", "--rule", "terms"],
            "--rule terms is a crossover, which needs a second parent: --mate",
        ),
        (["sample", "nasnet.cell", "--count", "0"], "--count 0: at least 1"),
    ],
)
def test_mistakes_are_one_message_and_exit_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "rule"), [(["nasnet.cell"], "rewire"), (["neat.cell", "--mate", "neat.cell"], "terms")]
)
def test_children_are_made_by_one_rule(arguments: list[str], rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", *arguments, "--rule", rule, "--count", "6", "--diff"]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("# child")]
    assert heads == [f"# child {number}, by {rule}" for number in range(1, 7)]


def test_costs_need_no_tensorflow() -> None:
    code = (
        "import compiler, dsl, sys; compiler.cost(dsl.load('amoebanet_a.cell'), (32, 32, 3), 10);"
        "assert not {'tensorflow', 'tf_keras', 'gin', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_reader_that_goes_away_is_not_a_mistake() -> None:
    command = f"{sys.executable} -m compiler.main mutate nasnet.cell --count 200 | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("# child 1, by ")


def test_help_is_quick_to_load_and_needs_no_tensorflow() -> None:
    code = "import sys, compiler.main; assert not {'tensorflow', 'PIL', 'numpy'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
    done = subprocess.run([sys.executable, "-m", "compiler.main", "--help"], capture_output=True, text=True, check=True)
    for command in ("check", "cost", "diff", "draw", "explain", "mutate", "sample"):
        assert command in done.stdout
