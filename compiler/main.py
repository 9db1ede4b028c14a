"""The `cell` command: everything one does with a `.cell` file that needs no training."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import dsl
from compiler.arguments import Parser
from compiler.commands import export, formatting, inspect, train
from compiler.commands.finding import Finder, nothing
from compiler.commands.inspect import UsageError
from compiler.errors import CompileError
from compiler.interrupts import INTERRUPTED, interruptible
from compiler.outlet import Outlet, standard

_COMMANDS: tuple[tuple[str, Callable[[argparse.Namespace], int], str], ...] = (
    ("check", inspect.check, "say what is wrong with files, or that nothing is"),
    ("cost", inspect.cost, "count parameters and mult-adds, of one file by cells, of several a row each"),
    ("diff", inspect.diff, "say what changed from A to B; exits 0 if nothing, 1 if anything did"),
    ("draw", inspect.draw, "draw the cells, as text or as a picture"),
    ("explain", inspect.explain_rules, "say what each rule can do, and how large the space is"),
    ("mutate", inspect.mutate, "print children by the file's own rules"),
    ("sample", inspect.sample, "print random genotypes of the file's space"),
)


def run(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    sys.exit(main(sys.argv[1:] if arguments is None else arguments, for_good=True))


def main(arguments: Sequence[str], find: Finder = nothing, for_good: bool = False) -> int:
    """Runs one command; 0 when it is done, 1 for a difference, 2 for the user's mistake, 130 when interrupted.

    It is 1 too where what is printed could not be written, unless its reader, such as `head`, has seen enough. `find`
    finds what is named otherwise than by a file; `for_good` says that the process ends with the command.
    """
    code = 0
    try:
        with standard() as outlet, interruptible(for_good):
            code = _run(_parser().parse_args(arguments, argparse.Namespace(find=find)), outlet)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as ended:  # of argparse, which has shown its help or a mistake
        if ended.code or not outlet.complaint:
            raise
    if outlet.complaint:
        print(f"cell: {outlet.complaint}", file=sys.stderr)
    return code or int(bool(outlet.complaint))


def _run(options: argparse.Namespace, outlet: Outlet) -> int:
    # These commands write files, so they go on when their output has no reader.
    outlet.goes_on = options.command in (train.train, export.export)
    _at_home(options)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except (dsl.CellError, CompileError, UsageError, OSError) as error:
        if error is outlet.lost:
            raise
        print(error, file=sys.stderr)
        return 2


def _at_home(options: argparse.Namespace) -> None:
    """Paths from the home folder: a shell leaves the ~ of `--workdir=~/x` to the program."""
    for name in ("file", "other", "out", "workdir", "gin_file", "weights", "overlays", "like"):
        found = getattr(options, name, None)
        if isinstance(found, str):
            setattr(options, name, os.path.expanduser(found))
        elif isinstance(found, list):
            setattr(options, name, [os.path.expanduser(path) for path in found])


def _parser() -> Parser:
    text = "Check, compare, format, measure, draw, vary, train and export .cell files."
    more = "Where a FILE is wanted, runs/amoeba:33 is individual 33 of the search in runs/amoeba, runs/amoeba its best."
    parser = Parser(prog="cell", description=text, epilog=more)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in _COMMANDS:
        command = subparsers.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        _add_files(command, name)
        inspect.add_changes(command)
        if name in ("cost", "explain", "mutate", "sample"):
            command.add_argument("--input", metavar="HxWxC", help="image shape (32x32x3, or that of the search)")
            command.add_argument("--classes", type=int, metavar="N", help="number of classes (10, or as the search)")
        if name in ("cost", "diff", "explain"):
            command.add_argument("--json", action="store_true", help="print one line of JSON")
        if name in ("explain", "mutate", "sample"):
            command.add_argument("--seed", type=int, default=0, help="seed of the draws (0)")
        if name in ("mutate", "sample"):
            command.add_argument("--count", type=int, default=1, help="how many to print, at least 1 (1)")
        if name == "draw":
            command.add_argument("--out", default=None, metavar="PATH", help="write a picture: an .svg or .png file")
            command.add_argument("--ascii", action="store_true", help="use no character beyond ASCII")
    text = "rewrite files in the canonical layout; comments stay"
    command = subparsers.add_parser("fmt", help=text, description=text)
    command.set_defaults(command=formatting.fmt)
    formatting.add_arguments(command)
    text = "train a network to the end, on the data and by the settings of a gin file; again to go on"
    command = subparsers.add_parser("train", help=text, description=text)
    command.set_defaults(command=train.train)
    train.add_arguments(command)
    text = "write a trained network for use elsewhere: *.keras, *.tflite or a SavedModel's folder"
    command = subparsers.add_parser("export", help=text, description=text)
    command.set_defaults(command=export.export)
    export.add_arguments(command)
    return parser


def _add_files(command: argparse.ArgumentParser, name: str) -> None:
    if name in ("check", "cost"):
        command.add_argument("file", metavar="FILE", nargs="+", help="a .cell file")
    elif name == "diff":
        command.add_argument("file", metavar="A", help="a .cell file")
        command.add_argument("other", metavar="B", help="the .cell file to compare with it")
    else:
        command.add_argument("file", metavar="FILE", help="a .cell file")


if __name__ == "__main__":
    run()
