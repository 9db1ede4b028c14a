"""The command `evolve`, which returns an exit code. The search is imported after the flags are parsed."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from compiler.arguments import Parser
from compiler.interrupts import INTERRUPTED, interruptible
from compiler.outlet import Outlet, standard
from dsl.wording import nearest_name

DONE, FAILED, MISTAKE = 0, 1, 2

USAGE = """usage: evolve --gin_file=amoeba.gin [--gin_param=...] [--workdir=...] [--resume=changed]
       evolve board [--workdir=runs/amoeba] [--host=...] [--port=...]
       evolve report --workdir=runs/amoeba --out=report.html
       evolve export --workdir=runs/amoeba --csv|--json
       evolve front --workdir=runs/amoeba [--json] [--out=front.svg]
       evolve ask --gin_file=amoeba.gin --workdir=runs/mine [--gin_param=...] [--id=7] [--json]
       evolve tell --workdir=runs/mine --id=7 --fitness=0.9 [--metric=latency_ms=4.1]|--error='no memory'

Evolves image classifiers from the cells, network and mutation rules of a .cell file.
The same command again resumes an interrupted search.
`board` starts TensorBoard with the tab Evolution open; without --workdir it shows all searches in runs/.
`report` writes what that tab shows of a search as one HTML page.
`export` writes all individuals of a search to the terminal, also while the search runs.
`front` shows the best trade-offs of a search for several objectives, also while the search runs.
`ask` prints the next individual, which your own program evaluates; it begins the search where there is none.
`tell` stores the result. Both may be called from many processes; `ask` exits with 1 when the search has ended.

"""
FLAGS = {
    "gin_file": "gin file with the settings of the search: a path, or the name of a shipped file; repeatable",
    "gin_param": "a setting that replaces that of the gin files, such as search.individuals=200; repeatable",
    "workdir": "the folder of the search; by default runs/<name of the gin file>",
    "resume": "'changed' resumes a search with other limits or workers than those with which it was begun",
    "host": "the name or address at which TensorBoard serves; by default localhost, which only this machine reaches",
    "port": "the port of TensorBoard; by default 6006, or the next one that is free",
    "out": "the HTML file of a report, or the SVG file of a picture of a front",
    "csv": "export as a table in CSV",
    "json": "a list of objects in JSON; of `ask`, one object",
    "id": "the id of an individual: one that was asked for before and is printed again, or one with a result",
    "fitness": "the value of search.metric of an individual, by default its accuracy",
    "metric": "a further metric of an individual, such as latency_ms=4.1; repeatable",
    "error": "why an individual could not be evaluated",
    "help": "show this text",
}
_LIST, _SWITCH = {"action": "append", "default": []}, {"action": "store_true"}
_KINDS: Mapping[str, Any] = {"gin_file": _LIST, "gin_param": _LIST, "csv": _SWITCH, "json": _SWITCH, "metric": _LIST}
SEARCH = ("gin_file", "gin_param", "workdir", "resume")
COMMANDS = {
    "board": ("workdir", "host", "port"),
    "report": ("workdir", "out"),
    "export": ("workdir", "csv", "json"),
    "front": ("workdir", "json", "out"),
    "ask": ("gin_file", "gin_param", "workdir", "resume", "id", "json"),
    "tell": ("workdir", "id", "fitness", "metric", "error"),
}


def run(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code, which is 0 only if the command did everything it was asked to do."""
    code = DONE
    try:
        with standard() as outlet, interruptible(for_good=argv is None):
            code = _run(list(sys.argv[1:] if argv is None else argv), outlet)
    except KeyboardInterrupt:
        return INTERRUPTED
    if outlet.complaint:
        print(f"evolve: {outlet.complaint}", file=sys.stderr)
    return code or (FAILED if outlet.complaint else DONE)


def _run(arguments: Sequence[str], outlet: Outlet) -> int:
    command = next((name for name in arguments[:1] if name in COMMANDS), "")
    if not {"-h", "--help"}.isdisjoint(arguments):
        print(USAGE + "\n".join(f"  --{name:<11}{meaning}" for name, meaning in FLAGS.items()))
        return DONE
    try:
        known, rest = _read(COMMANDS.get(command, SEARCH), arguments[bool(command) :])
    except flags.Error as error:
        return _mistake(f"{error}\n\nevolve --help lists the flags")
    if rest:
        return _mistake(f"{rest[0]!r} is not a flag; did you mean --{'workdir' if command else 'gin_file'}={rest[0]}?")
    if importlib.util.find_spec("fcntl") is None:
        return _mistake(
            "this program needs Linux or macOS; on Windows, install WSL (wsl --install) and run evolve inside it"
        )
    workdir = os.path.expanduser(known.workdir or "")
    if command == "export":
        return _export(workdir, known.csv, known.json)
    if command == "front":
        return _front(workdir, known.json, os.path.expanduser(known.out or ""))
    if command == "report":
        return _report(workdir, os.path.expanduser(known.out or ""))
    if command == "board":
        outlet.goes_on = True
        return _board(Path(workdir or "runs"), known.host, known.port)
    if command in ("ask", "tell"):
        return _ask_or_tell(command, known, workdir)
    if not known.gin_file:
        return _mistake("name a gin file, which has the settings of the search: evolve --gin_file=amoeba.gin")
    if known.resume not in (None, "changed"):
        return _mistake(f"--resume is {known.resume!r}; it may be 'changed', or left out")
    # A search also writes files, so it continues when no program reads its output any more.
    outlet.goes_on = True
    files = [os.path.expanduser(name) for name in known.gin_file]
    folder = Path(workdir) if workdir else Path("runs") / Path(files[-1]).stem
    return _evolve(files, known.gin_param, folder, known.resume == "changed")


def _read(names: Sequence[str], arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the values of the flags, and the other arguments. A flag may have one dash or two.

    Raises:
      flags.Error: a flag is unknown or lacks its value.
    """
    parser: argparse.ArgumentParser = Parser(allow_abbrev=False, exit_on_error=False)
    for name in names:
        parser.add_argument(f"--{name}", **_KINDS.get(name, {}))
    two_dashes = [f"-{text}" if text[:1] == "-" and text[1:].partition("=")[0] in names else text for text in arguments]
    try:
        known, rest = parser.parse_known_args(two_dashes)
    except argparse.ArgumentError as error:
        no_value = f"Missing value for flag {error.argument_name}"
        raise flags.Error(no_value if error.message == "expected one argument" else str(error)) from error
    for name in (text.lstrip("-").partition("=")[0] for text in rest if text[:1] == "-" and text != "--"):
        close = nearest_name(name, names)
        raise flags.UnrecognizedFlagError(name, suggestions=[close] if close else [])
    return known, [text for text in rest if text != "--"]


def _export(workdir: str, as_csv: bool, as_json: bool) -> int:
    from evolve.errors import UsageError
    from evolve.store import export_table

    if not workdir or as_csv == as_json:
        return _mistake("name a search and one format: evolve export --workdir=runs/amoeba --csv, or --json")
    try:
        (export_table.write_csv if as_csv else export_table.write_json)(Path(workdir), sys.stdout)
    except UsageError as error:
        return _mistake(str(error))
    return DONE


def _front(workdir: str, as_json: bool, out: str) -> int:
    from evolve.errors import UsageError
    from evolve.observers import front
    from evolve.observers.progress import console

    if not workdir:
        return _mistake("name a search: evolve front --workdir=runs/amoeba")
    try:
        found = front.read(Path(workdir))
        if out:
            front.write(found, Path(out))
    except UsageError as error:
        return _mistake(str(error))
    if as_json:
        print(found.json())
    else:
        console().print(found.table())
    return DONE


def _ask_or_tell(command: str, known: argparse.Namespace, workdir: str) -> int:
    from dsl import CellError
    from evolve import ask_command
    from evolve.asking import SearchEnded
    from evolve.errors import UsageError

    folder = Path(workdir)
    if not workdir:
        return _mistake(f"name the folder of the search: evolve {command} --workdir=runs/mine")
    try:
        if command == "tell":
            print(ask_command.tell(folder, known.id, known.fitness, known.metric, known.error))
            return DONE
        if known.resume not in (None, "changed"):
            return _mistake(f"--resume is {known.resume!r}; it may be 'changed', or left out")
        files = [os.path.expanduser(name) for name in known.gin_file]
        print(ask_command.ask(files, known.gin_param, folder, known.id, known.resume == "changed", known.json))
    except SearchEnded as ended:
        print(f"evolve: {ended}", file=sys.stderr)
        return FAILED
    except (UsageError, CellError) as error:
        return _mistake(str(error))
    return DONE


def _board(folder: Path, host: str | None, port: str | None) -> int:
    from evolve.errors import UsageError
    from evolve.tab import board

    try:
        board.serve(folder, host or board.HOST, board.port_of(port))
    except UsageError as error:
        return _mistake(str(error))
    return DONE


def _report(workdir: str, out: str) -> int:
    from evolve.errors import SearchError
    from evolve.tab import report

    if not workdir or not out:
        return _mistake("name a search and a file: evolve report --workdir=runs/amoeba --out=report.html")
    try:
        report.write(Path(workdir), Path(out), lambda words: print(words, file=sys.stderr))
    except SearchError as error:
        return _mistake(str(error))
    print(f"written: {out}")
    return DONE


def _evolve(files: Sequence[str], bindings: Sequence[str], folder: Path, changed: bool) -> int:
    from dsl import CellError
    from evolve import config, loaded
    from evolve.alone import alone
    from evolve.errors import SearchError, UsageError
    from evolve.observers.progress import console
    from evolve.whole import run as search

    loaded.freeze()
    try:
        with alone():  # Gin keeps one set of settings for a whole process, so the settings are read inside too.
            search(config.read(files, bindings), folder, console(), changed)
    except (UsageError, CellError) as error:
        return _mistake(str(error))
    except SearchError as error:
        print(f"evolve: {error}", file=sys.stderr)
        return FAILED
    return DONE


def _mistake(message: str) -> int:
    print(f"evolve: {message}", file=sys.stderr)
    return MISTAKE


if __name__ == "__main__":
    sys.exit(run())
