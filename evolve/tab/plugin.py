"""The plugin of TensorBoard: the files of the page, and the answers about searches as JSON and pictures.

The plugin only reads. A request is answered only if it is a GET with known parameters. The answer to any other request
is a message. If a search cannot be read, the answer is a message too, and other tabs of TensorBoard are not affected.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.types import StartResponse, WSGIEnvironment

from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers

from evolve.errors import SearchError
from evolve.store.json_text import json_text
from evolve.tab.errors import Missing, Unclear, explained
from evolve.tab.parameters import QUESTIONS, arguments
from evolve.tab.searches import Found, Root, Searches, roots

if TYPE_CHECKING:
    from evolve.tab.data import Data

Headers = Sequence[tuple[str, str]]

NAME, TAB = "amoeba", "Evolution"
ADDRESS = f"/data/plugin/{NAME}/"  # the path below which all files and answers are
_TYPES = {".js": "text/javascript", ".css": "text/css"}  # the files of the page by their endings
_JSON, _SVG = "application/json", "image/svg+xml"
# A picture that is opened as a page of its own runs no script, whatever it contains.
_NO_SCRIPTS = (("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),)
_NOT_FOUND, _NOT_ALLOWED, _UNCLEAR, _CANNOT = 404, 405, 400, 503


class AmoebaPlugin(base_plugin.TBPlugin):  # type: ignore[misc]
    """The tab Evolution. It shows the searches in a folder, by default in TensorBoard's log directories."""

    plugin_name = NAME

    def __init__(self, context: base_plugin.TBContext, folder: str = "") -> None:
        logdir, spec = (getattr(context.flags, name, None) for name in ("logdir", "logdir_spec"))
        self._searches = Searches([Root(Path(folder))] if folder else roots(logdir, spec))
        self._data: dict[str, Data] = {}
        self._lock = threading.Lock()

    def get_plugin_apps(self) -> Mapping[str, Callable[..., object]]:
        """Returns one application for all routes. It catches all errors, so that each error is shown as a message."""
        return {"/index.js": self._respond, "/*": self._respond}

    def is_active(self) -> bool:
        """Returns whether there is a search. A search that cannot be read counts too."""
        return bool(self._searches.listing().found)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Returns the name of the tab and the file that shows it."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name=TAB)

    def _respond(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return self._response(wrappers.Request(environ))(environ, start)

    def _response(self, request: wrappers.Request) -> wrappers.Response:
        if request.method != "GET":
            return _refusal(request, _NOT_ALLOWED, "only GET is allowed; nothing can be changed", [("Allow", "GET")])
        asked = request.path.removeprefix(ADDRESS)
        try:
            if asked == "searches":
                return _as_json(request, self._listing())
            if asked in QUESTIONS:
                key, values = arguments(asked, dict(request.args.lists()))
                return self._answer(request, asked, self._searches.find(key), values)
            return _sent(request, *_file(asked))
        except Unclear as error:
            return _refusal(request, _UNCLEAR, str(error))
        except Missing as error:
            return _refusal(request, _NOT_FOUND, str(error))
        except SearchError as error:
            return _refusal(request, _CANNOT, str(error))

    def _listing(self) -> dict[str, object]:
        """Returns short descriptions of all searches, and messages on searches that cannot be read."""
        listing = self._searches.listing()
        with self._lock:
            for key in self._data.keys() - {found.key for found in listing.found}:
                self._data.pop(key, None)
        problems = [{"name": one.name, "message": one.message} for one in listing.problems]
        searches = []
        for found in listing.found:
            try:
                searches.append(_named(found, self._ask(found, "summary", {})))
            except SearchError as error:
                problems.append({"name": found.name, "message": str(error)})
        return {"searches": searches, "problems": problems}

    def _answer(
        self, request: wrappers.Request, asked: str, found: Found, values: Mapping[str, object]
    ) -> wrappers.Response:
        answer = self._ask(found, asked, values)
        if asked == "picture":
            return _sent(request, answer, _SVG, headers=_NO_SCRIPTS)
        if asked == "overview":
            answer = {**answer, "search": _named(found, answer["search"])}
        return _as_json(request, answer)

    def _ask(self, found: Found, asked: str, values: Mapping[str, object]) -> Any:
        """Returns the answer to a request about a search. After an error, the search is read anew at the next request.

        Raises:
          SearchError: the search cannot be read.
        """
        try:
            with explained(found.folder):
                return getattr(self._data_of(found), asked)(**values)
        except Missing:
            raise
        except SearchError:
            self._data.pop(found.key, None)
            raise

    def _data_of(self, found: Found) -> Data:
        """Returns the object that answers requests about a search. The object is kept, with the rows it has read."""
        from evolve.tab.data import Data

        with self._lock:
            if found.key not in self._data:
                self._data[found.key] = Data(found.folder)
            return self._data[found.key]


def _named(found: Found, search: Mapping[str, object]) -> dict[str, object]:
    return {**search, "key": found.key, "name": found.name}


def _file(name: str) -> tuple[bytes, str]:
    """Returns the content and the type of a file of the page. A name outside the folder has none.

    Raises:
      Missing: there is no such file.
    """
    for file in Path(__file__).with_name("static").glob("*"):
        if file.name == name and file.suffix in _TYPES:
            return file.read_bytes(), _TYPES[file.suffix]
    raise Missing(f"the tab has no file {name[:80]!r}")


def _refusal(request: wrappers.Request, status: int, message: str, headers: Headers = ()) -> wrappers.Response:
    return _sent(request, json.dumps({"error": message}), _JSON, status, headers)


def _as_json(request: wrappers.Request, answer: object) -> wrappers.Response:
    return _sent(request, json_text(answer, separators=(",", ":")), _JSON)


def _sent(
    request: wrappers.Request, content: str | bytes, kind: str, status: int = 200, headers: Headers = ()
) -> wrappers.Response:
    """Returns a response. It is compressed if the browser accepts that.

    The browser must not keep the response, so that it shows a new version of the program at once.
    """
    response: wrappers.Response = http_util.Respond(request, content, kind, code=status, headers=headers)
    return response
