"""The command `evolve board`: TensorBoard on this machine, with the tab Evolution first and open."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
from pathlib import Path
from types import ModuleType

from compiler.filesystem import BETWEEN
from evolve.errors import UsageError
from evolve.store import FILE, JOURNAL
from evolve.store.database import reading
from evolve.tab.loader import AmoebaLoader
from evolve.tab.plugin import NAME, TAB
from evolve.tab.searches import Root, Searches

HOST = "localhost"
SAMPLES = {"images": 200, "text": 200}  # by default TensorBoard keeps only ten pictures and ten texts


def port_of(text: str | None) -> int | None:
    """Returns the port in a text of the command line; None if the text is missing and TensorBoard chooses a port.

    Raises:
      UsageError: the text is not the number of a port.
    """
    if text is not None and not (re.fullmatch("[0-9]{1,5}", text) and int(text) < 2**16):
        raise UsageError(f"--port is {text!r}; it must be a number from 0 to {2**16 - 1}, such as --port=6007")
    return None if text is None else int(text)


def serve(folder: Path, host: str, port: int | None) -> None:
    """Starts TensorBoard for the searches in a folder, prints its address, and serves until an interrupt.

    Args:
      folder: a work directory, or a folder with several work directories.
      host: the name or address of this machine at which TensorBoard serves.
      port: the port; None takes 6006, or the next free port.

    Raises:
      UsageError: there is no search in the folder, or TensorBoard cannot serve at this host and port.
    """
    if "/" in host:
        raise UsageError(f"--host is {host!r}; it must be a name or address of this machine, such as {HOST}")
    _check(folder)
    address = _start(folder, host, port)
    print(f"the tab {TAB} of {folder}: {address}#{NAME}\nCtrl-C ends TensorBoard", flush=True)
    threading.Event().wait()


def _check(folder: Path) -> None:
    listing = Searches([Root(folder)]).listing()
    if listing.found:
        return
    reasons = [problem.message for problem in listing.problems] if folder.is_dir() else []
    raise UsageError(
        f"there is no {'search in' if folder.is_dir() else 'folder'} {folder}: name a work directory, such as "
        "evolve board --workdir=runs/amoeba, or begin a search: evolve --gin_file=amoeba.gin"
        + "".join(f"\n{reason}" for reason in reasons)
    )


def _start(folder: Path, host: str, port: int | None) -> str:
    """Starts TensorBoard in a thread, and returns its address."""
    logdir = _summaries(folder)
    if BETWEEN not in logdir:
        # TensorBoard needs TensorFlow only for files at addresses. If this module exists, TensorBoard does not import
        # TensorFlow.
        sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")
    from tensorboard import default, program

    # Tabs have the order of the plugins, and the first active tab is opened. The first plugin is TensorBoard itself,
    # which has no tab.
    itself, *static = default.get_static_plugins()
    dynamic = [plugin for plugin in default.get_dynamic_plugins() if plugin is not AmoebaLoader]
    board = program.TensorBoard([itself, AmoebaLoader(str(folder)), *static, *dynamic])
    board.configure(logdir=logdir, host=host, port=port, samples_per_plugin=SAMPLES)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # TensorBoard's messages name flags that `evolve` does not have
            return str(board.launch())
    except program.TensorBoardPortInUseError:
        raise UsageError(f"port {port} is taken: choose another --port, or leave it out to take a free one") from None
    except program.TensorBoardServerException as error:
        reason = error.msg
    except SystemExit:  # Werkzeug raises it if the system refuses the host and port
        reason = said.getvalue().strip().rpartition("\n")[2]
    raise UsageError(f"TensorBoard cannot serve at {host!r}: {reason}; choose another --host or --port")


def _summaries(folder: Path) -> str:
    """Returns the folder or address with TensorBoard's files of the search in `folder`, or of all searches in it."""
    if not (folder / FILE).is_file():
        return str(folder / "tensorboard" if (folder / JOURNAL).is_file() else folder)
    place = str(folder)
    with contextlib.suppress(UsageError), reading(folder) as db:  # the tab shows why the search cannot be read
        meta = dict(db.execute("select key, value from meta where key in ('setting.search.storage', 'note.kept in')"))
        if meta.get("setting.search.storage"):
            place = meta["note.kept in"]
    return f"{place}/tensorboard"
