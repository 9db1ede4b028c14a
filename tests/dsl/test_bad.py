"""Wrong files and their messages. A file that is put into the folder is a new test.

A file's first comment lines (`# says: ...`) are parts of the message that it must give.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

import dsl
from dsl import shipped_cells
from dsl.check.reach import dead_rules

FILES = sorted((Path(__file__).parent.parent / "bad").glob("*.cell"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_wrong_file_gets_its_message(path: Path) -> None:
    wanted = [line[7:].strip() for line in path.read_text().splitlines() if line.startswith("# says:")]
    assert wanted, "a wrong file says what its message must hold"
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(path)
    for part in wanted:
        assert part in str(caught.value)


def test_there_are_wrong_files() -> None:
    assert len(FILES) >= 25


def test_all_mistakes_of_a_file_are_printed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "two.cell"
    path.write_text(
        'include "nasnet.cell"\ncell normal(here: project, before: match) fit match {\n'
        "  a = sep_cov[3x3](here) + identity(befor)\n  return concat(a)\n}\n"
    )
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(path)
    assert len(caught.value.problems) == 2
    assert "did you mean 'sep_conv'?" in str(caught.value)
    assert "did you mean 'before'?" in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"param A = \x001", "param \u00e9 = 1".encode()])
def test_bytes_that_are_not_text_of_the_language_give_a_cell_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.cell"
    path.write_bytes(data)
    with pytest.raises(dsl.CellError):
        dsl.load(path)


def test_files_of_another_kind_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "space.cell"
    path.write_text('include "/etc/passwd"')
    with pytest.raises(dsl.CellError, match=r"not a \.cell file"):
        dsl.load(path)


def test_an_include_loop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.cell").write_text('include "b.cell"')
    (tmp_path / "b.cell").write_text('include "a.cell"')
    with pytest.raises(dsl.CellError, match=r"a\.cell -> b\.cell -> a\.cell"):
        dsl.load(tmp_path / "a.cell")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_message_shows_the_place_once(path: Path) -> None:
    """Every file has one mistake, which gives one problem. A problem with a place shows it with a caret."""
    with pytest.raises(dsl.CellError) as caught:
        dsl.load(path)
    # In these files three steps of the network read N.
    assert len(caught.value.problems) == 1 or path.stem in ("a_billion_cells", "half_a_repetition")
    # The problems of these files have no line of the file.
    if path.stem not in ("no_network", "a_billion_cells", "half_a_repetition"):
        lines = str(caught.value).splitlines()
        assert re.match(rf"\S+{path.name}:\d+:\d+: ", lines[0])
        assert lines[2].strip() == "^"


DEAD = sorted((Path(__file__).parent.parent / "bad" / "dead").glob("*.cell"))


@pytest.mark.parametrize("path", DEAD, ids=lambda path: path.stem)
def test_a_rule_with_nothing_to_change_is_reported(path: Path) -> None:
    wanted = [line[7:].strip() for line in path.read_text().splitlines() if line.startswith("# says:")]
    (problem,) = dead_rules(dsl.load(path).space)
    assert wanted
    for part in wanted:
        assert part in str(problem)


@pytest.mark.parametrize("path", sorted(shipped_cells().glob("*.cell")), ids=lambda path: path.stem)
def test_every_shipped_rule_can_change_something(path: Path) -> None:
    assert list(dead_rules(dsl.load(path).space)) == []


ALIVE = {
    "brought by another rule": "mutation m { choose t in net.terms where t.op is dropout  t.rate = any({ 0, 0.2 }) }\n"
    "mutation n { choose t in net.terms  t.op = any({ dropout[0.5], skip }) }",
    "brought through a rule that another brings alive":
    "mutation m { choose t in net.terms where t.op is dropout  t.op = max_pool[3x3] }\n"
    "mutation n { choose t in net.terms where t.op is max_pool  t.op = relu }\n"
    "mutation o { choose t in net.terms where t.op is relu  t.op = skip }\n"
    "mutation p { choose t in net.terms  t.op = dropout[0.5] }",
    "brought by a node that is inserted": "mutation m { choose t in net.terms where t.op is dropout  t.op = skip }\n"
    "mutation n { choose t in net.terms  insert dropout[0.5] on t }",
    "one member, and other operations now": "mutation m { choose t in net.terms  t.op = any(other { skip }) }",
    "a choice of conditions": "mutation m { choose t in net.terms where t.op is dense or t.op is skip\n"
    "t.op = any(ops) }",
    "not one that never is": "mutation m { choose t in net.terms where not t.op is dense  t.op = any(ops) }",
    "settings that may be missing": "mutation m { choose t in net.terms where not t.kernel < 3 and not t.kernel >= 3"
    "  t.op = any(ops) }",
    "limits of two things": "mutation m { choose n in net.nodes, t in n.terms where n.terms.count > 2 and "
    "net.nodes.count < 5  t.op = any(ops) }",
    "limits that meet": "require params <= 2M\nrequire params >= 2M\nrequire nodes > 1 and nodes < 3",
    "brought by a statement before": "mutation m { choose t in net.terms  t.op = dropout[0.5]\n"
    "either { t.rate = 0.1 } or { t.rate = any({ 0.2, 0.3 }) } }",
    "brought by a branch before": "mutation m { choose t in net.terms\n"
    "either { t.op = dropout[0.5] } or { t.op = dropout[0.25] }  t.rate *= 1.5 }",
    "brought by a member before": "mutation m { for n in net.nodes { choose t in n.terms  t.op = dropout[0.5] }\n"
    "either { choose t in net.terms where t.op is dropout  t.rate = 0.1 } or { } }",
    "a node that a statement before inserts": "cell net(x) { return x }\n"
    "mutation op { choose t in net.edges  insert relu on t  either { choose n in net.nodes  n.tail = relu } or { } }",
    "brought from the domain of a gene": "gene act = relu in { relu, swish }\n"
    "mutation m { choose t in net.terms where t.op is swish  t.op = skip }\n"
    "mutation n { choose t in net.terms  t.op = any(act.domain) }",
    "brought as the value of a gene": "gene act = relu in { relu, swish }\n"
    "mutation m { choose t in net.terms where t.op is swish  t.op = skip }\n"
    "mutation n { choose t in net.terms  t.op = act }",
    "brought as the value of the mate's gene": "gene act = relu in { relu, swish }\n"
    "mutation m { choose t in net.terms where t.op is swish  t.op = skip }\n"
    "crossover n { choose t in net.terms  t.op = mate.act }",
    "brought from a setting": "op act_conv[act=swish] = conv[1x1, stride=stride] | act\n"
    "mutation m { choose t in net.terms where t.op is swish  t.op = skip }\n"
    "mutation n { choose t in net.terms  t.op = act_conv }\n"
    "mutation o { choose t in net.terms, u in net.terms where t.op is act_conv  u.op = t.act }",
    "brought from a step that a rule below inserts": "op block[kernel] = conv[kernel] | batch_norm\n"
    "network { stem: conv[3x3, filters=8]  body: net, net  head: global_avg_pool | dense[classes] }\n"
    "mutation m { choose t in net.terms where t.op is block  t.kernel = 5x5 }\n"
    "mutation n { choose t in net.terms, d in steps  t.op = d.op }\n"
    "mutation o { choose d in steps  insert block[3x3] after d }",
    "brought from a step": "op block[kernel] = conv[kernel] | batch_norm\n"
    "network { stem: conv[3x3, filters=8]  body: block[3x3], net  head: global_avg_pool | dense[classes] }\n"
    "mutation m { choose t in net.terms where t.op is block  t.kernel = 5x5 }\n"
    "mutation n { choose t in net.terms, d in steps  t.op = d.op }",
    "brought from an edge to a step": "network { stem: conv[3x3, filters=8]  body: net, net\n"
    "head: global_avg_pool | dense[classes] }\n"
    "mutation m { choose d in steps where d.op is skip  remove d }\n"
    "mutation n { choose t in net.terms, d in steps  d.op = t.op }",
    "a gene of the mate": "gene act = relu in { relu, swish }\n"
    "crossover c { choose t in net.terms where mate.act is relu  act = mate.act }",
    "a step of the mate": "op block[kernel] = conv[kernel] | batch_norm\n"
    "network { stem: conv[3x3, filters=8]  body: block[3x3], net  head: global_avg_pool | dense[classes] }\n"
    "crossover c { choose d in steps where mate.d.op is block  d = mate.d }",
    "a part that the mate may lack": "cell net(x) { a = skip(x)  return a }\n"
    "mutation op { choose t in net.terms  insert skip on t }\n"
    "crossover c { choose t in net.terms where mate.t.op is not skip  t.op = relu }",
    "a count of a part that the mate may lack": "mutation m { choose t in net.terms  insert skip on t }\n"
    "crossover c { choose n in net.nodes where not mate.n.terms.count > 3 and not mate.n.terms.count <= 3  remove n }",
    "a step of several operations": "op block[kernel] = conv[kernel] | batch_norm\n"
    "network { stem: conv[3x3, filters=8]  body: block[3x3], relu | block[3x3]\n"
    "head: global_avg_pool | dense[classes] }\n"
    "mutation m { choose d in steps where d.op is not block  d.repeat += 1 }",
    "a step of several operations that a rule inserts": "op block[kernel] = conv[kernel] | batch_norm\n"
    "network { stem: conv[3x3, filters=8]  body: block[3x3]  head: global_avg_pool | dense[classes] }\n"
    "mutation m { choose d in steps where d.op is not block  d.repeat += 1 }\n"
    "mutation n { choose d in steps  insert relu | block[3x3] after d }",
    "a bound of another cost": "require params <= 2M\nrequire mult_adds >= 3M",
    "one of two limits": "require params <= 2M or params >= 3M",
}  # fmt: skip


@pytest.mark.parametrize("rules", ALIVE.values(), ids=ALIVE)
def test_a_condition_that_mutations_can_bring_about_is_not_a_mistake(rules: str) -> None:
    space = dsl.loads(f'include "nasbench201.cell"\n{rules}').space
    assert list(dead_rules(space)) == []


def test_a_gene_whose_operations_a_rule_draws_is_not_taken_for_the_cells() -> None:
    network = "network { stem: conv[3x3, filters=8]  body: net(-1, -1)  head: global_avg_pool | dense[classes] }"
    text = "gene act = relu in { relu, swish }\ncell net(x, y) { a = relu(x) + skip(y)  return a }\n"
    seed = dsl.loads(f"{text}{network}\nmutation m {{ choose t in net.terms  t.op = any(act.domain) }}")
    assert dsl.mutate(seed, random.Random(0)).rule == "m"


def test_a_branch_that_no_statement_before_brings_alive_is_reported() -> None:
    rule = "mutation m { choose t in net.terms  t.op = relu  either { t.rate = 0.1 } or { t.op = skip } }"
    (problem,) = dead_rules(dsl.loads(f'include "nasbench201.cell"\n{rule}').space)
    assert problem.message.startswith("a branch of mutation m can never apply: no operation that the rule can draw")


def test_a_large_file_of_rules_that_wake_each_other_ends() -> None:
    ops = "".join(f"op o{i} = relu\n" for i in range(1500))
    rules = "".join(
        f"mutation m{i} {{ choose t in net.terms where t.op is o{i}  t.op = o{i + 1} }}\n" for i in range(1499)
    )
    text = f'include "nasbench201.cell"\n{ops}{rules}mutation first {{ choose t in net.terms  t.op = o0 }}'
    assert list(dead_rules(dsl.loads(text).space)) == []


def test_the_first_of_many_mistakes_are_shown() -> None:
    with pytest.raises(dsl.CellError) as caught:
        dsl.loads('include "nasbench201.cell"\n' + "require parms < 1\n" * 300)
    assert len(caught.value.problems) == 300
    assert str(caught.value).count("unknown cost 'parms'") == 50
    assert str(caught.value).endswith("... and 250 more")


# --- inputs that are not committed --------------------------------------------------------------------------------


def test_texts_of_ten_megabytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.cell"
    path.write_bytes(b"param A = 1\n" * 900_000)
    with pytest.raises(dsl.CellError, match=r"large\.cell is too large: at most 2,097,152 bytes"):
        dsl.load(path)
    with pytest.raises(dsl.CellError, match="at most 524,288 are read"):
        dsl.loads("param A = 1\n" * 900_000)


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.cell"
    path.write_bytes(b"param A = 1 # caf\xe9\n")
    with pytest.raises(dsl.CellError, match="is not UTF-8 text: byte 17 is 0xe9"):
        dsl.load(path)


def test_a_nul_byte_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "odd.cell"
    path.write_bytes(b"param A = 1\nparam \x00B = 2\n")
    with pytest.raises(dsl.CellError, match=r"odd\.cell:2:7: syntax error: '\\x00'"):
        dsl.load(path)


class TestOnlyCellFilesAreRead:
    """A `.cell` text can neither run code nor read a file of another kind."""

    def fails(self, tmp_path: Path, name: str) -> str:
        path = tmp_path / "space.cell"
        path.write_text(f'include "{name}"')
        with pytest.raises(dsl.CellError) as caught:
            dsl.load(path)
        assert "secret" not in str(caught.value)
        return str(caught.value)

    @pytest.mark.parametrize("name", ["/etc/passwd", "../space.txt", "", "..", "/dev/zero", "plain", "a.cell/"])
    def test_a_file_without_the_suffix_cell_is_not_read(self, tmp_path: Path, name: str) -> None:
        assert "not a .cell file" in self.fails(tmp_path, name)

    def test_a_link_to_a_file_of_another_kind_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "hidden.txt").write_text("secret")
        (tmp_path / "link.cell").symlink_to(tmp_path / "hidden.txt")
        assert "is a link to a file that is not a .cell file" in self.fails(tmp_path, "link.cell")

    def test_a_link_to_a_device_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "zero.cell").symlink_to("/dev/zero")
        assert "not a file" in self.fails(tmp_path, "zero.cell")

    def test_a_link_to_itself_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "loop.cell").symlink_to(tmp_path / "loop.cell")
        assert "not a file" in self.fails(tmp_path, "loop.cell")

    def test_a_folder_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "folder.cell").mkdir()
        assert "not a file" in self.fails(tmp_path, "folder.cell")

    def test_a_pipe_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.cell")
        assert "not a file" in self.fails(tmp_path, "pipe.cell")

    @pytest.mark.parametrize("name", ["x" * 300 + ".cell", "x/" * 3000 + ".cell"])
    def test_a_name_too_long_for_the_disk(self, tmp_path: Path, name: str) -> None:
        assert "file not found" in self.fails(tmp_path, name)

    def test_a_cell_file_of_another_folder_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "base.cell").write_text('include "nasnet.cell"')
        (tmp_path / "inner").mkdir()
        (tmp_path / "inner" / "own.cell").write_text('include "../base.cell"')
        assert dsl.load(tmp_path / "inner" / "own.cell").space.cell_names == ("normal", "reduction")


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.cell").write_text('include "a.cell"')
    with pytest.raises(dsl.CellError, match=r"a\.cell -> a\.cell"):
        dsl.load(tmp_path / "a.cell")


def test_more_than_64_includes_are_refused(tmp_path: Path) -> None:
    for index in range(80):
        (tmp_path / f"f{index}.cell").write_text(f'include "f{index + 1}.cell"')
    (tmp_path / "f80.cell").write_text("")
    with pytest.raises(dsl.CellError, match="more than 64 files are included"):
        dsl.load(tmp_path / "f0.cell")
