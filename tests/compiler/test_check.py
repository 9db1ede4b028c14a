"""`cell check`: warnings of what has no effect, the seed that it builds, and standard input.

A file that is put into the folder of warnings is a new test. Its first comment line (`# says: ...`) is a part of its
only warning.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.main import main
from tests.compiler.shipped import FILES, side

IDLE = sorted((Path(__file__).parent.parent / "bad" / "idle").glob("*.cell"))
UNFIT = sorted((Path(__file__).parent.parent / "bad" / "shapes").glob("*.cell"))
NETWORK = "network { stem: conv[3x3, filters=8]  body: net[8]  head: global_avg_pool | dense[classes] }"
SPACE = f"cell net(x) {{ a = conv[3x3](x) + skip(x)  return a }}\n{NETWORK}\n"
GOOD = SPACE + "mutation op { choose t in net.terms  t.op = any({ conv[3x3], skip }) }\n"
TWO_SETS = SPACE + (
    "mutation to_pool { choose t in net.terms  t.op = any({ max_pool[3x3], avg_pool[3x3] }) }\n"
    "mutation to_conv { choose t in net.terms  t.op = any({ conv[1x1], conv[3x3] }) }\n"
)
DEAD = f"cell net(x) {{ a = none(x)  return a }}\n{NETWORK}\n"


def typed(monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


@pytest.mark.parametrize("path", IDLE, ids=lambda path: path.stem)
def test_what_has_no_effect_gives_one_warning_with_its_place(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert main(["check", str(path)]) == 0
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert re.match(rf"\S*{path.name}:\d+:\d+: warning: ", line)
    assert first.removeprefix("# says: ") in line
    assert f"{path}: builds, with 1 warning (" in output.out


@pytest.mark.parametrize("path", IDLE[:3], ids=lambda path: path.stem)
def test_strict_exits_with_2_for_a_warning(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--strict", str(path)]) == 2
    assert main(["check", "--strict", "nasbench201.cell"]) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_has_no_warning(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [f"--input={side(path, 0)}x{side(path, 0)}x3"] if side(path, 0) else []
    assert main(["check", "--strict", path.name, *images]) == 0
    output = capsys.readouterr()
    assert output.err == "" and output.out.startswith(f"{path.name}: good (")


@pytest.mark.parametrize("path", UNFIT[:8], ids=lambda path: path.stem)
def test_a_seed_that_cannot_be_built_is_an_error(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = re.findall(r"^# cost: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert main(["check", str(path), *" ".join(flags).split()]) == 2
    output = capsys.readouterr()
    assert output.out == "" and re.match(r"\S*\.cell:\d+:\d+: ", output.err)


@pytest.mark.parametrize("command", ["check", "explain", "sample"])
def test_commands_agree_that_an_attribute_may_have_two_sets(command: str, tmp_path: Path) -> None:
    path = tmp_path / "space.cell"
    path.write_text(TWO_SETS)
    assert main([command, str(path)]) == 0


@pytest.mark.parametrize("command", ["check", "explain", "sample"])
def test_commands_agree_on_what_is_wrong(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "space.cell"
    path.write_text(DEAD)
    assert main([command, str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert re.match(r"\S*space\.cell:\d+:\d+: ", output.err)


def test_the_images_are_those_of_the_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "large.cell"
    path.write_text(GOOD.replace("body: net[8]", "body: avg_pool[9x9, padding=valid], net[8]"))
    assert main(["check", str(path)]) == 0
    assert main(["check", str(path), "--input", "8x8x3"]) == 2
    error = capsys.readouterr().err
    assert "a window of 9x9 does not fit into a map of 8x8x8" in error and "--input" not in error
    for command in ("check", "cost", "explain", "sample"):
        assert main([command, "inception_v3.cell"]) == 2
        assert capsys.readouterr().err.endswith("the images are 32x32x3; for larger ones: --input 224x224x3\n")
    assert main(["check", str(path), str(path), "--input", "8x8"]) == 2
    assert capsys.readouterr().err == "--input '8x8' is not HEIGHTxWIDTHxCHANNELS, such as 32x32x3\n"


@pytest.mark.parametrize(
    "lines",
    [
        "param depth = 5\nrequire depth <= 4",
        "param depth = 5\nrequire depth <= 60",
        "param nodes = 5\nrequire nodes <= 60\n"
        "mutation grow { choose t in net.terms where net.nodes.count < 9  insert relu on t }",
        "param depth = 0\nrequire params / depth < 1M",
        "param params = 900\nrequire params >= 600 and params < 1M",
    ],
)
def test_the_name_of_a_cost_in_require_means_the_cost(
    lines: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "space.cell"
    path.write_text(f"{GOOD}{lines}\n")
    assert main(["check", "--strict", str(path)]) == 0
    assert capsys.readouterr().err == ""


def test_a_rule_that_applies_to_descendants_only_is_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grows.cell"
    path.write_text(
        "cell net(x) fit resize_and_pad { return x }\n"
        "network { body: net  head: global_avg_pool | dense[classes] }\n"
        "mutation grow { choose t in net.edges  insert relu on t }\n"
        "mutation shrink { choose n in net.nodes where net.nodes.count > 2  remove n }\n"
        "mutation fresh { forget weights }\nmutation nothing { }\n"
    )
    assert main(["check", "--strict", str(path)]) == 0
    assert capsys.readouterr().err == ""


def test_a_rule_that_others_bring_alive_one_after_the_other_is_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chain.cell"
    path.write_text(
        SPACE + "mutation first { choose t in net.terms where t.op is conv  t.op = any({ relu, skip }) }\n"
        "mutation second { choose t in net.terms where t.op is relu  t.op = any({ dropout[0.5], skip }) }\n"
        "mutation third { choose t in net.terms where t.op is dropout  t.op = conv[3x3] }\n"
        "mutation back { choose t in net.terms where t.op is skip  t.op = any({ conv[3x3], relu }) }\n"
    )
    assert main(["check", "--strict", str(path)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["check", "cost", "draw", "explain", "mutate", "sample", "fmt"])
def test_a_command_reads_standard_input(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, GOOD)
    assert main([command, "-"]) == 0
    output = capsys.readouterr()
    assert output.out and output.err == ""


def test_standard_input_is_compared_with_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.cell"
    path.write_text(GOOD.replace("a = conv[3x3]", "a = conv[1x1]"))
    typed(monkeypatch, GOOD)
    assert main(["diff", "-", str(path)]) == 1
    typed(monkeypatch, GOOD)
    assert main(["diff", "-", "-"]) == 0
    typed(monkeypatch, GOOD)
    assert main(["draw", str(path), "--against", "-"]) == 0
    assert "differences from -" in capsys.readouterr().out


def test_a_mistake_of_standard_input_has_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, GOOD.replace("conv", "cov"))
    assert main(["check", "-"]) == 2
    assert capsys.readouterr().err.startswith("<stdin>:1:19: unknown operation 'cov'")
    typed(monkeypatch, b"cell \xff")
    assert main(["check", "-"]) == 2
    assert capsys.readouterr().err == "<stdin> is not UTF-8 text: byte 5 is 0xff\n"


def test_the_check_needs_no_tensorflow() -> None:
    code = (
        "import sys; from compiler.main import main; assert main(['check', 'nasbench201.cell']) == 0;"
        "assert not {'tensorflow', 'tf_keras', 'gin', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["nasnet_13", "hierarchical", "large_scale"])
def test_a_child_that_is_printed_can_be_checked(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mutate", f"{name}.cell", "--seed", "3"]) == 0
    typed(monkeypatch, capsys.readouterr().out)
    assert main(["check", "--strict", "-"]) == 0
    assert capsys.readouterr().out.startswith("-: good (")
