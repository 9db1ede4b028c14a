"""TensorBoard's application with the tab, and requests to it."""

from __future__ import annotations

from typing import Any

from tensorboard import default, program
from tensorboard.backend import application
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from werkzeug.test import Client, TestResponse

from evolve.tab.loader import AmoebaLoader

ADDRESS = "/data/plugin/amoeba/"


class Served:
    """TensorBoard with its own plugins and the tab, for the flags of the command `tensorboard`."""

    def __init__(self, **flags: Any) -> None:
        board = program.TensorBoard([*default.get_static_plugins(), AmoebaLoader()])
        board.configure(**{name: str(value) for name, value in flags.items()})
        self._prefix = board.flags.path_prefix
        provider = data_provider.MultiplexerDataProvider(plugin_event_multiplexer.EventMultiplexer(), "")
        self._client = Client(application.TensorBoardWSGIApp(board.flags, board.plugin_loaders, provider))

    def get(self, path: str, method: str = "GET", **headers: str) -> TestResponse:
        """Returns TensorBoard's response to a request for a path below its own address."""
        return self._client.open(f"{self._prefix}{path}", method=method, headers=headers)

    def ask(self, path: str) -> Any:
        """Returns the answer of the tab to a question, which must have one."""
        response = self.get(f"{ADDRESS}{path}")
        assert (response.status_code, response.mimetype) == (200, "application/json"), response.text
        return response.json

    def refused(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Returns the status and the message of a request to the tab that is refused."""
        response = self.get(f"{ADDRESS}{path}", method)
        assert response.mimetype == "application/json" and response.json is not None
        assert list(response.json) == ["error"] and "Traceback" not in response.text
        return response.status_code, response.json["error"]

    def plugins(self) -> dict[str, Any]:
        """Returns the plugins that TensorBoard lists for its page, by name."""
        return dict(self.get("/data/plugins_listing").json or {})
