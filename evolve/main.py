"""The command `evolve`: flags in, exit code out. The search is imported once the flags are understood."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from rich.console import Console

DONE, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130

USAGE = """usage: evolve --gin_file=amoeba.gin [--gin_param=...] [--workdir=...]

Evolves image classifiers from the cells, network and mutation rules of a .cell file.
The same command again goes on where an interrupted search stopped.

"""
FLAGS = {
    "gin_file": "what to run: a gin file by its path, or a shipped one by its name; repeatable",
    "gin_param": "a binding that replaces one of the files, such as search.individuals=200; repeatable",
    "workdir": "where the search is kept; by default runs/<name of the gin file>",
    "help": "show this",
}


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    known = _flags()
    try:
        rest = known([sys.argv[0], *(sys.argv[1:] if argv is None else argv)])[1:]
    except flags.Error as error:
        return _mistake(f"{error}\n\nevolve --help lists the flags")
    if known.help:
        # Not absl's own text, which from a console script has no flags in it.
        print(USAGE + "\n".join(f"  --{name:<11}{meaning}" for name, meaning in FLAGS.items()))
        return DONE
    if rest:
        return _mistake(f"{rest[0]!r} is no flag; did you mean --gin_file={rest[0]}?")
    if not known.gin_file:
        return _mistake("say what to run: evolve --gin_file=amoeba.gin")
    folder = Path(known.workdir) if known.workdir else Path("runs") / Path(known.gin_file[-1]).stem
    return _evolve(known.gin_file, known.gin_param, folder)


def _flags() -> flags.FlagValues:
    """Our flags alone: the process-wide ones would bring those of every library along."""
    known: flags.FlagValues = flags.FlagValues()  # type: ignore[no-untyped-call]
    for name in ("gin_file", "gin_param"):
        flags.DEFINE_multi_string(name, [], FLAGS[name], flag_values=known)
    flags.DEFINE_string("workdir", None, FLAGS["workdir"], flag_values=known)
    flags.DEFINE_boolean("help", False, FLAGS["help"], short_name="h", flag_values=known)
    return known


def _evolve(files: Sequence[str], bindings: Sequence[str], folder: Path) -> int:
    from dsl import CellError
    from evolve import config
    from evolve.errors import SearchError, UsageError
    from evolve.run import run as search

    try:
        search(config.read(files, bindings), folder, _console())
    except (UsageError, CellError) as error:
        return _mistake(str(error))
    except SearchError as error:
        print(f"evolve: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _console() -> Console:
    """The terminal, or a file whose lines nobody need wrap."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=200)


def _mistake(message: str) -> int:
    print(f"evolve: {message}", file=sys.stderr)
    return MISTAKE


if __name__ == "__main__":
    sys.exit(run())
