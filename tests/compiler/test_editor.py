"""The language server, driven by a client over standard input and output, as an editor drives it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

import dsl
from compiler.main import main
from dsl.text.names import names

BLOCKS = """# What cells share.
op unit[kernel, wide=2] = relu | conv[kernel, filters=filters * wide] | batch_norm
param F = 8
"""
NET = """include "blocks.cell"
cell net(x) {
  a = unit[3x3, 1](x) + skip(x) | relu
  b = max_pool[2x2](a)
  return concat(a, b)
}
network { stem: conv[3x3, filters=F]  body: net * 2 as last  auxiliary(last): global_avg_pool | dense[classes]
          head: global_avg_pool | dense[classes] }
mutation op { choose c in cells, t in c.terms where t.op is unit   t.op = any({ skip, unit[1x1] }) }
"""


class Editor:
    """A client that keeps the diagnostics that the server has published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = LanguageClient("editor", "1")
        self.published: dict[str, list[list[lsp.Diagnostic]]] = {}

        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        def publish(params: lsp.PublishDiagnosticsParams) -> None:
            self.published.setdefault(params.uri, []).append(list(params.diagnostics))

    def close(self, name: str) -> None:
        document = lsp.TextDocumentIdentifier(self.uri(name))
        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(document))

    async def start(self, **options: object) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        await self.client.start_io(sys.executable, "-m", "compiler.main", "lsp", env=environment)
        capabilities = lsp.ClientCapabilities()
        found = await self.client.initialize_async(
            lsp.InitializeParams(capabilities, initialization_options=options or None)
        )
        self.client.initialized(lsp.InitializedParams())
        self.started = found

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        item = lsp.TextDocumentItem(self.uri(name), "cell", 1, text)
        self.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def change(self, name: str, text: str, version: int = 2) -> None:
        document = lsp.VersionedTextDocumentIdentifier(version, self.uri(name))
        changes = [lsp.TextDocumentContentChangeWholeDocument(text)]
        self.client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, changes))

    async def diagnostics(self, name: str, holds: Callable[[list[lsp.Diagnostic]], bool]) -> list[lsp.Diagnostic]:
        for _ in range(1200):
            found = self.published.get(self.uri(name), [])
            if found and holds(found[-1]):
                return found[-1]
            await asyncio.sleep(0.05)
        raise AssertionError(self.published)

    def at(self, name: str, text: str, word: str, after: int = 0) -> dict[str, Any]:
        """Returns the document and the position `after` characters behind the first of a word of its text."""
        line, column = next((i, row.index(word)) for i, row in enumerate(text.split("\n")) if word in row)
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "position": lsp.Position(line, column + after),
        }

    async def stop(self) -> None:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()  # type: ignore[no-untyped-call]


class Run(Protocol):
    def __call__(self, talk: Callable[[Editor], Coroutine[Any, Any, None]], **options: object) -> None: ...


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Run]:
    (tmp_path / "blocks.cell").write_text(BLOCKS)

    def run(talk: Callable[[Editor], Coroutine[Any, Any, None]], **options: object) -> None:
        async def whole() -> None:
            editor = Editor(tmp_path)
            await editor.start(**options)
            try:
                await talk(editor)
            finally:
                await editor.stop()

        asyncio.run(whole())

    yield run


def labels(found: Any) -> list[str]:
    return [item.label for item in found.items]


def test_mistakes_come_and_go_as_one_types(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("net.cell", NET.replace("max_pool", "max_pol"))
        (found,) = await editor.diagnostics("net.cell", bool)
        assert found.severity is lsp.DiagnosticSeverity.Error
        assert "unknown operation 'max_pol'" in found.message
        assert "did you mean 'max_pool'?" in found.message
        assert found.range == lsp.Range(lsp.Position(3, 6), lsp.Position(3, 13))
        editor.change("net.cell", NET)
        await editor.diagnostics("net.cell", lambda shown: not shown)

    session(talk)


def test_warnings_and_networks_that_cannot_be_built_are_shown(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("net.cell", NET.replace("dense[classes] }", "dense[4] }"))
        (found,) = await editor.diagnostics("net.cell", bool)
        assert "not in one value for each of 10 classes" in found.message
        editor.change("net.cell", NET + "gene unread = 1 in 0 .. 2\n")
        (found,) = await editor.diagnostics("net.cell", lambda shown: bool(shown) and "gene" in shown[0].message)
        assert found.severity is lsp.DiagnosticSeverity.Warning
        assert found.range.start == lsp.Position(9, 0)

    session(talk)


def test_a_mistake_in_an_included_file_is_shown_at_the_include(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        (editor.folder / "blocks.cell").write_text(BLOCKS.replace("relu |", "relo |"))
        editor.open("net.cell", NET)
        found = await editor.diagnostics("net.cell", bool)
        assert "blocks.cell:2:27: unknown operation 'relo'" in found[0].message
        assert {one.range.start.line for one in found} == {0}

    session(talk)


def test_a_mistake_in_a_file_with_other_line_ends_is_shown_at_the_include(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        (editor.folder / "blocks.cell").write_bytes(BLOCKS.replace("relu |", "relo |").replace("\n", "\r\n").encode())
        editor.open("net.cell", "# one\n# two\n" + NET)
        found = await editor.diagnostics("net.cell", bool)
        assert {one.range.start.line for one in found} == {2}

    session(talk)


def test_included_files_are_read_as_they_are_in_the_editor(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        text = "# one\n" + NET.replace('"blocks.cell"', '"new.cell"')
        editor.open("new.cell", BLOCKS)  # no file has this name
        editor.open("net.cell", text)
        await editor.diagnostics("net.cell", lambda shown: not shown)
        editor.change("new.cell", BLOCKS.replace("relu |", "relo |"))
        found = await editor.diagnostics("net.cell", bool)
        assert "new.cell:2:27: unknown operation 'relo'" in found[0].message
        assert {one.range.start.line for one in found} == {1}
        editor.change("new.cell", BLOCKS, 3)
        await editor.diagnostics("net.cell", lambda shown: not shown)
        editor.close("new.cell")
        (missing,) = await editor.diagnostics("net.cell", bool)
        assert "file not found: 'new.cell'" in missing.message

    session(talk)


def test_carriage_returns_end_lines(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        text = NET.replace("max_pool", "max_pol")
        document = lsp.TextDocumentIdentifier(editor.uri("net.cell"))
        for ending in ("\r", "\r\n"):
            editor.published.clear()
            editor.open("net.cell", text.replace("\n", ending))
            (found,) = await editor.diagnostics("net.cell", bool)
            assert found.range == lsp.Range(lsp.Position(3, 6), lsp.Position(3, 13))
            outline = await editor.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
            assert [one.range.start.line for one in outline or [] if isinstance(one, lsp.DocumentSymbol)] == [
                0,
                1,
                6,
                8,
            ]
            editor.close("net.cell")

    session(talk)


def test_the_editor_sends_whole_texts(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        sync = editor.started.capabilities.text_document_sync
        assert isinstance(sync, lsp.TextDocumentSyncOptions)
        assert sync.change is lsp.TextDocumentSyncKind.Full

    session(talk)


def test_long_names_of_files_and_long_sums_are_mistakes(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("long.cell", f'include "{"a" * 300}.cell"\n')
        (found, *_) = await editor.diagnostics("long.cell", bool)
        assert "file not found: 'aaa" in found.message
        editor.open("sum.cell", f"param x = {'+'.join(['1'] * 3000)}\n")
        (found, *_) = await editor.diagnostics("sum.cell", bool)
        assert found.range.start.line == 0

    session(talk)


def test_a_long_sum_has_its_names() -> None:
    found = names(f"param x = {' + '.join(['y'] * 3000)}\n")
    assert [name.text for name in found.names] == ["x"] + ["y"] * 3000
    assert [name.column for name in found.names[:3]] == [7, 11, 15]


def test_a_file_without_a_network_is_a_part_for_other_files(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("blocks.cell", BLOCKS)
        assert await editor.diagnostics("blocks.cell", lambda shown: True) == []

    session(talk)


def test_completion_offers_what_fits_there(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        async def offered(text: str, word: str) -> list[str]:
            editor.change("net.cell", text)
            place = editor.at("net.cell", text, word, len(word))
            return labels(await editor.client.text_document_completion_async(lsp.CompletionParams(**place)))

        editor.open("net.cell", NET)
        inner = await offered(NET.replace("(a)", "(a"), "max_pool[2x2](a")
        assert {"a", "x", "unit", "F", "conv"} <= set(inner)
        assert "mutation" not in inner
        settings = await offered(NET.replace("unit[3x3, 1](x)", "unit[k"), "unit[k")
        assert settings[:2] == ["kernel=", "wide="]
        assert "dilation=" in await offered(NET.replace("filters=F", ""), "conv[3x3, ")
        assert {"mutation", "cell", "include"} <= set(await offered(NET + "\nmu", "\nmu"[1:]))
        members = await offered(NET.replace("t.op = any", "t. = any"), "unit   t.")
        assert {"op", "input", "kernel"} <= set(members)
        assert "nodes" not in members
        steps = await offered(NET + "mutation step { choose s in steps   s.", "s in steps   s.")
        assert {"op", "repeat", "stride", "filters", "kernel"} <= set(steps)
        assert "input" not in steps
        assert "blocks.cell" in await offered('include "b\n', 'include "b')
        for begun in ("op a = ", "op a = relu | co", "param x = ", "cell more(x) stride ", "param y = 1 param "):
            right = await offered(f"{NET}{begun}\n", begun)
            assert {"conv", "unit", "F"} <= set(right)
            assert "include" not in right
        assert {"params", "F"} <= set(await offered(NET + "require \n", "require "))
        assert {"include", "require"} <= set(await offered(NET + "param z = 1 re\n", "param z = 1 re"))

    session(talk)


def test_hover_tells_the_meaning_the_shape_and_the_cost(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        async def shown(word: str, after: int = 0) -> str:
            found = await editor.client.text_document_hover_async(
                lsp.HoverParams(**editor.at("net.cell", NET, word, after))
            )
            assert found is not None
            assert isinstance(found.contents, lsp.MarkupContent)
            return found.contents.value

        editor.open("net.cell", NET)
        pool = await shown("max_pool")
        assert "The maximum of each window." in pool
        assert "`stride`: a whole number from 1 to 1,024; default: 1" in pool
        unit = await shown("unit[3x3, 1]")
        assert "op unit[kernel, wide=2]" in unit
        assert "What cells share." in unit
        # 3x3 kernels from 8 channels to 8, and 8 scales and offsets; the second use has 16 channels
        assert "output 28x28x8: 592 params, 451,584 mult-adds in the first of 2 uses; 2,928 params in all" in unit
        assert "filters" in await shown("filters=F")

    session(talk, input="28x28x1", classes=4)


def test_hover_finds_a_step_by_its_label(session: Run) -> None:
    text = (
        "op unit[kernel] = conv[kernel] | batch_norm\nnetwork { stem: conv[3x3, filters=8]  "
        "body: unit[1x1, filters=16], 2: unit[5x5, filters=32], 1: unit[3x3, filters=64]  "
        "head: global_avg_pool | dense[classes] }\n"
    )

    async def talk(editor: Editor) -> None:
        async def shown(word: str) -> str:
            found = await editor.client.text_document_hover_async(lsp.HoverParams(**editor.at("net.cell", text, word)))
            assert found is not None
            assert isinstance(found.contents, lsp.MarkupContent)
            return found.contents.value

        editor.open("net.cell", text)
        for step, filters in (("unit[1x1", 16), ("unit[5x5", 32), ("unit[3x3", 64)):
            assert f"output 28x28x{filters}: " in await shown(step)

    session(talk, input="28x28x1", classes=4)


def test_definition_and_references_reach_other_files(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("net.cell", NET)
        found = await editor.client.text_document_definition_async(
            lsp.DefinitionParams(**editor.at("net.cell", NET, "unit[3x3, 1]"))
        )
        assert isinstance(found, lsp.Location)
        assert (found.uri, found.range.start) == (editor.uri("blocks.cell"), lsp.Position(1, 3))
        node = await editor.client.text_document_definition_async(
            lsp.DefinitionParams(**editor.at("net.cell", NET, "concat(a", 7))
        )
        assert isinstance(node, lsp.Location)
        assert node.range.start == lsp.Position(2, 2)
        step = await editor.client.text_document_definition_async(
            lsp.DefinitionParams(**editor.at("net.cell", NET, "auxiliary(last", 11))
        )
        assert isinstance(step, lsp.Location)
        assert step.range.start == lsp.Position(6, NET.split("\n")[6].index("last"))
        everywhere = await editor.client.text_document_references_async(
            lsp.ReferenceParams(lsp.ReferenceContext(True), **editor.at("net.cell", NET, "unit[3x3, 1]"))
        )
        assert everywhere is not None
        assert len(everywhere) == 4

    session(talk)


def applied(text: str, edits: list[lsp.TextEdit]) -> str:
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda one: (one.range.start.line, one.range.start.character), reverse=True):
        line = edit.range.start.line
        assert line == edit.range.end.line
        lines[line] = (
            lines[line][: edit.range.start.character] + edit.new_text + lines[line][edit.range.end.character :]
        )
    return "\n".join(lines)


def test_rename_changes_every_file_and_refuses_what_it_cannot(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        async def rename(word: str, new: str, after: int = 0) -> dict[str, list[lsp.TextEdit]]:
            place = editor.at("net.cell", NET, word, after)
            found = await editor.client.text_document_rename_async(lsp.RenameParams(new_name=new, **place))
            assert found is not None
            return {str(uri): list(edits) for uri, edits in (found.changes or {}).items()}

        editor.open("net.cell", NET)
        changes = await rename("unit[3x3, 1]", "block")
        assert applied(NET, changes[editor.uri("net.cell")]) == NET.replace("unit", "block")
        assert applied(BLOCKS, changes[editor.uri("blocks.cell")]) == BLOCKS.replace("unit", "block")
        changes = await rename("concat(a", "first", 7)
        expected = NET.replace("  a = ", "  first = ").replace("(a)", "(first)").replace("concat(a,", "concat(first,")
        assert {uri: applied(NET, edits) for uri, edits in changes.items()} == {editor.uri("net.cell"): expected}
        editor.open("blocks.cell", BLOCKS)
        place = editor.at("blocks.cell", BLOCKS, "unit")
        with pytest.raises(JsonRpcException, match=r"'net' is declared already, at net\.cell:2"):
            await editor.client.text_document_rename_async(lsp.RenameParams(new_name="net", **place))
        for word, new, after, reason in (
            ("unit[3x3, 1]", "net", 0, "'net' is declared already"),
            ("unit[3x3, 1]", "conv", 0, "a name of the language"),
            ("unit[3x3, 1]", "1x", 0, "is not a name"), ("max_pool", "pool", 0, "is a primitive"),
        ):  # fmt: skip
            with pytest.raises(JsonRpcException, match=reason):
                await rename(word, new, after)

    session(talk)


def test_rename_refuses_keywords_and_the_names_of_other_rules(session: Run) -> None:
    text = NET + "mutation more { choose c in cells, t in c.terms where t.op is unit   t.op = skip }\n"

    async def talk(editor: Editor) -> None:
        async def rename(word: str, new: str, after: int = 0) -> str:
            place = editor.at("net.cell", text, word, after)
            found = await editor.client.text_document_rename_async(lsp.RenameParams(new_name=new, **place))
            assert found is not None
            return applied(text, list((found.changes or {})[editor.uri("net.cell")]))

        editor.open("net.cell", text)
        for word, new, after, reason in (
            ("unit[3x3, 1]", "any", 0, "'any' would be read as a keyword in "),
            ("concat(a", "return", 7, "'return' would be read as a keyword in net.cell"),
            ("mutation more", "op", 9, "a rule 'op' is declared already, at net.cell:9"),
        ):  # fmt: skip
            with pytest.raises(JsonRpcException, match=reason):
                await rename(word, new, after)
        for new in ("if", "or", "for", "not"):
            with pytest.raises(JsonRpcException, match=f"'{new}' would be read as a keyword"):
                await rename("t in c.terms where t.op is unit", new)
        assert await rename("mutation more", "unit", 9) == text.replace("mutation more", "mutation unit")

    session(talk)


@pytest.mark.parametrize(
    ("word", "after", "old", "new"),
    [
        ("gene learning_rate", 5, "learning_rate", "rate"),
        ("(learning_rate + ", 1, "learning_rate", "rate"),
        ("mate.learning_rate", 5, "learning_rate", "rate"),
        ("t in n.terms where mate", 0, "t", "term"),
        ("mate.t.kernel", 5, "t", "term"),
        ("cell pair(x)", 10, "x", "image"),
        ("cell line(x)", 10, "x", "image"),
        ("cell third(x)", 11, "x", "image"),
    ],
)
def test_rename_reaches_parts_of_the_mate_and_copies_of_cells(
    session: Run, word: str, after: int, old: str, new: str
) -> None:
    text = """gene learning_rate = 0.1 in 0.01 .. 1
cell pair(x) {
  a = conv[3x3](x)
  return a + x
}
cell line(x) like pair
cell third(x) like line
cell other(y) {
  a = pair(y) + line(y) + third(y)
  return a
}
network { stem: conv[3x3, filters=8]  body: other  head: global_avg_pool | dense[classes] }
mutation m { choose mate in pair.nodes, u in mate.terms  u.op = any({ relu, skip }) }
crossover mixed { learning_rate = (learning_rate + mate.learning_rate) / 2 }
crossover terms { for n in pair.vertices, t in n.terms where mate has t and mate.t.kernel == 3x3 { t = mate.t } }
"""
    dsl.loads(text)
    expected = re.sub(rf"\b{old}\b", new, text)

    async def talk(editor: Editor) -> None:
        editor.open("net.cell", text)
        place = editor.at("net.cell", text, word, after)
        found = await editor.client.text_document_rename_async(lsp.RenameParams(new_name=new, **place))
        assert found is not None
        changed = applied(text, list((found.changes or {})[editor.uri("net.cell")]))
        assert changed == expected
        dsl.loads(changed)

    session(talk)


def test_formatting_gives_the_canonical_layout(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("net.cell", "param  N=3   # é\n")
        document = lsp.TextDocumentIdentifier(editor.uri("net.cell"))
        options = lsp.FormattingOptions(2, True)
        request = lsp.DocumentFormattingParams(document, options)
        (edit,) = await editor.client.text_document_formatting_async(request) or []
        assert edit.new_text == "param N = 3  # é\n"
        editor.change("net.cell", edit.new_text)
        again = await editor.client.text_document_formatting_async(request)
        assert again is not None
        assert list(again) == []
        editor.change("net.cell", "param N = = 3\n", 3)
        assert await editor.client.text_document_formatting_async(request) is None

    session(talk)


def test_the_outline_lists_the_declarations(session: Run) -> None:
    async def talk(editor: Editor) -> None:
        editor.open("net.cell", NET)
        document = lsp.TextDocumentIdentifier(editor.uri("net.cell"))
        found = await editor.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
        assert [one.name for one in found or []] == ["include", "net", "network", "op"]

    session(talk)


def test_a_missing_pygls_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lsp"]) == 2
    assert capsys.readouterr().err == "cell lsp needs pygls: pip install 'amoeba-evolve[editor]'\n"
