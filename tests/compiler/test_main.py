"""The `cell` command as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import dsl
from compiler.main import main


def test_check_says_good(capsys):
    assert main(["check", "nasnet.cell", "large_scale.cell"]) == 0
    assert "nasnet.cell: good (2 cells" in capsys.readouterr().out


def test_check_tells_mistakes_and_exits_2(tmp_path, capsys):
    path = tmp_path / "bad.cell"
    path.write_text('include "nasnet.cell"\nvalues ops = { sep_cov[3x3] }')
    assert main(["check", str(path), "nasnet.cell"]) == 2
    output = capsys.readouterr()
    assert "did you mean 'sep_conv'?" in output.err
    assert "Traceback" not in output.err
    assert "nasnet.cell: good" in output.out


def test_cost_as_json(capsys):
    assert main(["cost", "amoebanet_a.cell", "--param", "N=6", "--param", "F=32", "--input", "32x32x3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"params": 2567754, "mult_adds": 407671808}


def test_cost_with_an_overlay_as_a_table(capsys):
    arguments = ["cost", "amoebanet_a.cell", "--with", "imagenet.cell", "--input", "331x331x3", "--classes", "1001"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "86,721,838" in output
    assert "reduction" in output


def test_children_and_samples_read_back(capsys):
    for command in ("mutate", "sample"):
        assert main([command, "nasnet.cell", "--seed", "1", "--count", "3"]) == 0
        first = capsys.readouterr().out
        assert main([command, "nasnet.cell", "--seed", "1", "--count", "3"]) == 0
        assert capsys.readouterr().out == first
        parts = first.split("# ")[1:]
        assert len(parts) == 3
        for part in parts:
            dsl.loads(part.split("\n", 1)[1])


def test_draw_writes_a_picture(tmp_path):
    for name in ("a.svg", "a.png"):
        assert main(["draw", "amoebanet_a.cell", "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cost", "nowhere.cell"], "there is no file 'nowhere.cell'"),
        (["cost", "nasnet.cell", "--param", "N"], "NAME=NUMBER"),
        (["cost", "nasnet.cell", "--param", "M=3"], "there is no param 'M'"),
        (["cost", "nasnet.cell", "--input", "32x32"], "HEIGHTxWIDTHxCHANNELS"),
        (["cost", "nasnet.cell", "--param", "F=2.5"], "filters is 7.5"),
        (["draw", "nasnet.cell", "--out", "a.gif"], "neither in .svg nor in .png"),
    ],
)
def test_mistakes_are_one_message_and_exit_2(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_costs_need_no_tensorflow():
    code = (
        "import compiler, dsl, sys; compiler.cost(dsl.load('amoebanet_a.cell'), (32, 32, 3), 10);"
        "assert not {'tensorflow', 'tf_keras', 'gin', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_reader_that_goes_away_is_no_mistake():
    command = f"{sys.executable} -m compiler.main mutate nasnet.cell --count 200 | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("# child 1, by ")


def test_help_is_quick_to_load_and_needs_no_tensorflow():
    code = "import sys, compiler.main; assert not {'tensorflow', 'PIL', 'numpy'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
    done = subprocess.run([sys.executable, "-m", "compiler.main", "--help"], capture_output=True, text=True, check=True)
    for command in ("check", "cost", "draw", "mutate", "sample"):
        assert command in done.stdout
