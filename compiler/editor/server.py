"""The language server. It passes the requests of an editor to the other modules of this package.

This is the only module that imports pygls, which the extra `editor` installs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lsprotocol import types as lsp
from pygls import uris
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.workspace import PositionCodec

from compiler.commands.inspect import UsageError, image_shape
from compiler.editor.completion import offers
from compiler.editor.diagnostics import Diagnostic, mistakes, warnings
from compiler.editor.hover import hover
from compiler.editor.project import Document, Project
from compiler.graph.effects import Images
from dsl.check.verify import RESERVED
from dsl.errors import CellError
from dsl.primitives import PRIMITIVES
from dsl.text.format import fmt
from dsl.text.names import Kind, Name

_QUIET = 0.5  # the seconds without a change after which warnings are computed, which takes longer than mistakes
_OFFERED = {
    "keyword": lsp.CompletionItemKind.Keyword, "primitive": lsp.CompletionItemKind.Function,
    "op": lsp.CompletionItemKind.Function, "cell": lsp.CompletionItemKind.Class,
    "attribute": lsp.CompletionItemKind.Field, "setting": lsp.CompletionItemKind.Property,
    "file": lsp.CompletionItemKind.File,
    "value": lsp.CompletionItemKind.EnumMember, "cost": lsp.CompletionItemKind.Constant,
    "param": lsp.CompletionItemKind.Constant,
}  # fmt: skip
_SYMBOLS = {
    Kind.PARAM: lsp.SymbolKind.Constant, Kind.GENE: lsp.SymbolKind.Variable, Kind.VALUES: lsp.SymbolKind.Array,
    Kind.OPERATION: lsp.SymbolKind.Function, Kind.CELL: lsp.SymbolKind.Class, Kind.RULE: lsp.SymbolKind.Method,
}  # fmt: skip
_DEFAULT_IMAGES: Images = ((32, 32, 3), 10)


def serve(version: str) -> None:
    """Answers the requests of an editor on standard input until the editor ends the server."""
    _server(version).start_io()


@dataclass
class _Session:
    """The documents of one editor, and the images for which it builds networks."""

    project: Project
    images: Images = _DEFAULT_IMAGES


def _server(version: str) -> LanguageServer:
    # pygls applies a change of a part by `splitlines`, which also ends lines where the protocol does not, as at U+2028.
    server = LanguageServer("cell", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
    session = _Session(Project())
    _answer_start(server, session)
    _answer_lifecycle(server, session)
    _answer_questions(server, session)
    _answer_changes(server, session)
    return server


def _answer_start(server: LanguageServer, session: _Session) -> None:
    """Adds the handler that reads the options of the editor."""

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        options = params.initialization_options
        given = options if isinstance(options, dict) else {}
        try:
            shape = image_shape(str(given["input"])) if "input" in given else _DEFAULT_IMAGES[0]
            classes = int(given.get("classes", _DEFAULT_IMAGES[1]))
            if classes < 1:
                raise ValueError
        except (UsageError, TypeError, ValueError):
            message = f"initializationOptions {given} are not like {{'input': '32x32x3', 'classes': 10}}"
            raise JsonRpcInvalidParams(message) from None
        session.images = (shape, classes)


def _answer_lifecycle(server: LanguageServer, session: _Session) -> None:
    """Adds the handlers that keep the documents, and that publish their mistakes and warnings."""

    async def refresh(uri: str) -> None:
        document = _document(server, session, uri)
        read = session.project.closure(document)
        found = mistakes(session.project, document)
        _publish(server, uri, document, found)
        if found:
            return

        def unchanged() -> bool:
            return session.project.opened.get(document.path) is document and session.project.closure(document) == read

        await asyncio.sleep(_QUIET)
        if unchanged():
            slow = await asyncio.to_thread(warnings, session.project, document, session.images)
            if unchanged():
                _publish(server, uri, document, slow)

    def open_at(paths: Iterable[Path]) -> list[str]:
        wanted = set(paths)
        return [uri for uri in server.workspace.text_documents if _path(uri) in wanted]

    async def refresh_all(uri: str) -> None:
        """Shows the mistakes of a document, and of the open documents that include it."""
        path = _document(server, session, uri).path
        await asyncio.gather(refresh(uri), *map(refresh, open_at(session.project.readers(path))))

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        await refresh_all(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        await refresh_all(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        # Other open documents may include the file that was saved.
        await asyncio.gather(*(refresh(uri) for uri in list(server.workspace.text_documents)))

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        readers = session.project.readers(_path(uri))
        session.project.opened.pop(_path(uri), None)
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))
        # The documents that include this one read its file again.
        await asyncio.gather(*map(refresh, open_at(readers)))


def _answer_questions(server: LanguageServer, session: _Session) -> None:
    """Adds the handlers of requests that only read documents."""

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[".", "[", '"']))
    def complete(params: lsp.CompletionParams) -> lsp.CompletionList:
        document, line, column = _place(server, session, params.text_document.uri, params.position)
        found = offers(session.project, document, line, column)
        items = [
            lsp.CompletionItem(
                one.label, kind=_OFFERED.get(one.kind, lsp.CompletionItemKind.Variable), detail=one.kind,
                documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, one.meaning) if one.meaning else None,
                insert_text=one.snippet or None,
                insert_text_format=lsp.InsertTextFormat.Snippet if one.snippet else None,
            )
            for one in found
        ]  # fmt: skip
        return lsp.CompletionList(False, items)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        document, line, column = _place(server, session, params.text_document.uri, params.position)
        text = hover(session.project, document, line, column, session.images)
        return None if text is None else lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def defined(params: lsp.DefinitionParams) -> lsp.Location | None:
        document, line, column = _place(server, session, params.text_document.uri, params.position)
        for name, at in document.names.includes:
            path = session.project.included(document, name)
            if at == line and path is not None:
                start = lsp.Position(0, 0)
                return lsp.Location(_uri(path), lsp.Range(start, start))
        found = _declared(session, document, line, column)
        return None if found is None else _location(server, *found)

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def referred(params: lsp.ReferenceParams) -> list[lsp.Location]:
        document, line, column = _place(server, session, params.text_document.uri, params.position)
        found = _declared(session, document, line, column)
        if found is None:
            return []
        places = session.project.reads(*found)
        shown = (one for one in places if params.context.include_declaration or one[1] != found[1])
        return [_location(server, *one) for one in shown]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outline(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        document = _document(server, session, params.text_document.uri)
        lines = document.text.split("\n")
        found = []
        for one in document.names.extents:
            ends = lsp.Position(one.last - 1, len(lines[one.last - 1]))
            whole = lsp.Range(lsp.Position(one.first - 1, one.column - 1), ends)
            kind = lsp.SymbolKind.Namespace if one.kind is None else _SYMBOLS[one.kind]
            found.append(lsp.DocumentSymbol(one.name, kind, whole, whole))
        return found


def _answer_changes(server: LanguageServer, session: _Session) -> None:
    """Adds the handlers of requests whose answers are changes of documents."""

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def laid_out(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = _document(server, session, params.text_document.uri)
        try:
            text = fmt(document.text)
        except CellError:  # The editor shows the mistakes already.
            return None
        if text == document.text:
            return []
        return [lsp.TextEdit(lsp.Range(lsp.Position(0, 0), lsp.Position(document.text.count("\n") + 1, 0)), text)]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def renamed_here(params: lsp.PrepareRenameParams) -> lsp.Range | None:
        document, line, column = _place(server, session, params.text_document.uri, params.position)
        name = document.names.at(line, column)
        if name is None or _refusal(session, document, name):
            return None
        return _location(server, document, name).range

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        document, line, column = _place(server, session, params.text_document.uri, params.position)
        name = document.names.at(line, column)
        if name is None:
            raise JsonRpcInvalidParams("no name stands at this place")
        reason = _refusal(session, document, name) or _clash(session, document, name, params.new_name)
        if reason:
            raise JsonRpcInvalidParams(reason)
        found = session.project.declaration(document, name)
        assert found is not None
        places = list(session.project.reads(*found))
        reason = _misread(places, params.new_name)
        if reason:
            raise JsonRpcInvalidParams(reason)
        edits: dict[str, list[lsp.TextEdit]] = {}
        for where, place in places:
            at = _location(server, where, place)
            edits.setdefault(at.uri, []).append(lsp.TextEdit(at.range, params.new_name))
        return lsp.WorkspaceEdit(changes=edits)


def _refusal(session: _Session, document: Document, name: Name) -> str:
    """Returns why a name cannot be renamed; an empty text if it can."""
    found = session.project.declaration(document, name)
    if found is None:
        what = "a primitive" if name.text in PRIMITIVES else "no name of this file or of a file that it includes"
        return f"{name.text} is {what}, so it has no declaration to rename"
    where, declared = found
    if where.path.parent == session.project.shipped():
        return f"{name.text} is declared in {where.path.name}, which is shipped with the project"
    readers = [one for one, _ in session.project.reads(where, declared)]
    shipped = next((one for one in readers if one.path.parent == session.project.shipped()), None)
    if shipped is not None:
        return f"{shipped.path.name}, which is shipped with the project, reads {name.text}"
    if declared.declares is Kind.SETTING:
        rules = next((one for one in session.project.closure(where) if declared.text in one.names.paths), None)
        if rules is not None:
            return f"a rule in {rules.path.name} reads .{declared.text}, which may be a setting of other operations"
    return ""


def _clash(session: _Session, document: Document, name: Name, new: str) -> str:
    """Returns why a name cannot become another one; an empty text if it can."""
    if not (new.isascii() and new.isidentifier()):
        return f"{new!r} is not a name: names consist of ASCII letters, digits and _, and begin with a letter or _"
    found = session.project.declaration(document, name)
    assert found is not None
    if found[1].declares is Kind.RULE:
        taken = session.project.rule(found[0], new)
        return "" if taken is None else f"a rule {new!r} is declared already, at {taken[0].path.name}:{taken[1].line}"
    if new in RESERVED or new in PRIMITIVES:
        return f"{new!r} is a name of the language"
    for where, place in session.project.reads(*found):
        taken = session.project.declaration(where, replace(place, text=new, declares=None))
        if taken is not None:
            return f"{new!r} is declared already, at {taken[0].path.name}:{taken[1].line}"
    return ""


def _misread(places: Sequence[tuple[Document, Name]], new: str) -> str:
    """Returns why the texts cannot be read with a new name at these places; an empty text if they can."""
    for document in dict.fromkeys(where for where, _ in places):
        own = {(name.line, name.column): name for where, name in places if where == document}
        lines = document.text.split("\n")
        for (line, column), name in sorted(own.items(), reverse=True):
            row = lines[line - 1]
            lines[line - 1] = row[: column - 1] + new + row[column - 1 + len(name.text) :]
        changed = Document(document.path, "\n".join(lines))
        # A keyword makes a mistake, and then the declaration has no names, or it is read as no name.
        wanted = [(new if (n.line, n.column) in own else n.text, n.declares) for n in document.names.names]
        if [(name.text, name.declares) for name in changed.names.names] != wanted:
            return f"{new!r} would be read as a keyword in {document.path.name}"
    return ""


# --- places ----------------------------------------------------------------------------------------------------


def _path(uri: str) -> Path:
    return Path(uris.to_fs_path(uri) or uri).resolve()


def _uri(path: Path) -> str:
    return path.as_uri()


def _document(server: LanguageServer, session: _Session, uri: str) -> Document:
    """Returns the open document of an address in the state that the editor has now."""
    path = _path(uri)
    text = server.workspace.get_text_document(uri).source
    current, known = Document.of(path, text), session.project.opened.get(path)
    if known is None or known != current:
        known = session.project.opened[path] = current
    return known


def _place(
    server: LanguageServer, session: _Session, uri: str, position: lsp.Position
) -> tuple[Document, int, int]:  # fmt: skip
    """Returns an open document, and a line and a column in it, both from 1."""
    document = _document(server, session, uri)
    lines = document.text.split("\n")
    at = server.workspace.position_codec.position_from_client_units(lines, position)
    return document, at.line + 1, at.character + 1


def _range(codec: PositionCodec, lines: Sequence[str], line: int, first: int, end: int) -> lsp.Range:
    whole = lsp.Range(lsp.Position(line - 1, first - 1), lsp.Position(line - 1, end - 1))
    return codec.range_to_client_units(lines, whole)


def _location(server: LanguageServer, document: Document, name: Name) -> lsp.Location:
    codec, lines = server.workspace.position_codec, document.text.split("\n")
    return lsp.Location(_uri(document.path), _range(codec, lines, name.line, name.column, name.column + len(name.text)))


def _declared(session: _Session, document: Document, line: int, column: int) -> tuple[Document, Name] | None:
    name = document.names.at(line, column)
    return None if name is None else session.project.declaration(document, name)


def _publish(server: LanguageServer, uri: str, document: Document, found: Iterable[Diagnostic]) -> None:
    codec, lines = server.workspace.position_codec, document.text.split("\n")
    shown = [
        lsp.Diagnostic(
            _range(codec, lines, one.line, one.first, one.end), one.message, source="cell",
            severity=lsp.DiagnosticSeverity.Error if one.is_error else lsp.DiagnosticSeverity.Warning,
        )
        for one in found
    ]  # fmt: skip
    server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, shown))
