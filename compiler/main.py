"""The entry point of the command `cell`: its subcommands, their flags, and the exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import dsl
from compiler.arguments import Parser
from compiler.commands import checking, export, formatting, inspect, train, weights
from compiler.commands.finding import Finder, nothing
from compiler.commands.inspect import UsageError
from compiler.editor.command import lsp
from compiler.errors import CompileError, Differs
from compiler.interrupts import INTERRUPTED, interruptible
from compiler.outlet import Outlet, standard

# Each command with its function and its description.
_COMMANDS: tuple[tuple[str, Callable[[argparse.Namespace], int], str], ...] = (
    ("check", checking.check, "print the mistakes in files, and warn of parts that have no effect"),
    ("cost", inspect.cost, "print parameters and mult-adds: of one file by cells, of several files one row each"),
    ("diff", inspect.diff, "print the differences between A and B; exits with 1 if there are any, otherwise with 0"),
    ("draw", inspect.draw, "draw the cells, as text or as a picture"),
    ("explain", inspect.explain_rules, "print the changes that each rule can make, and the size of the search space"),
    ("mutate", inspect.mutate, "print random children, made by the mutation rules of the file"),
    ("sample", inspect.sample, "print random genotypes of the search space of the file"),
    ("fmt", formatting.fmt, "rewrite files in the canonical layout; comments stay"),
    (
        "train",
        train.train,
        "train a network to the end, with the settings of gin files; the same command resumes a training",
    ),
    (
        "export",
        export.export,
        "write a trained network for other programs: *.keras, *.tflite, *.onnx or the folder of a SavedModel",
    ),
    (
        "weights",
        weights.weights,
        "write the weights of a trained network, or of a model of Keras, to a file from which trainings begin",
    ),
    ("lsp", lsp, "answer an editor, which starts this language server"),
)
# The commands whose modules define their arguments.
_OWN_ARGUMENTS = {
    "fmt": formatting.add_arguments,
    "train": train.add_arguments,
    "export": export.add_arguments,
    "weights": weights.add_arguments,
}


def run(arguments: Sequence[str] | None = None) -> None:
    """Runs the command `cell` as a program. This is the entry point of the console script."""
    sys.exit(main(sys.argv[1:] if arguments is None else arguments, for_good=True))


def main(arguments: Sequence[str], find: Finder = nothing, for_good: bool = False) -> int:
    """Runs one command and returns its exit code.

    The code is 0 for success, 1 for a difference, 2 for a mistake of the user, and 130 after an interrupt. The code is
    also 1 if the output could not be written. The end of a reader such as `head` is not an error.

    Args:
      arguments: the command line without the name of the program; None takes the command line of the process.
      find: finds the individuals of searches by their names.
      for_good: whether the process ends after the command.
    """
    code = 0
    try:
        with standard() as outlet, interruptible(for_good):
            code = _run(_parser().parse_args(arguments, argparse.Namespace(find=find)), outlet)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as ended:  # argparse has printed its help or a mistake.
        if ended.code or not outlet.complaint:
            raise
    if outlet.complaint:
        print(f"cell: {outlet.complaint}", file=sys.stderr)
    return code or int(bool(outlet.complaint))


def _run(options: argparse.Namespace, outlet: Outlet) -> int:
    # These commands write files, so they continue when nothing reads their output.
    outlet.goes_on = options.command in (train.train, export.export, weights.weights)
    _at_home(options)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except (dsl.CellError, CompileError, UsageError, OSError) as error:
        if error is outlet.lost:
            raise
        print(error, file=sys.stderr)
        return 1 if isinstance(error, Differs) else 2


def _at_home(options: argparse.Namespace) -> None:
    """Replaces ~ in paths by the home folder, since a shell does not replace ~ in `--workdir=~/x`."""
    for name in (
        "file",
        "other",
        "against",
        "out",
        "workdir",
        "gin_file",
        "weights",
        "source",
        "overlays",
        "like",
        "mate",
    ):
        found = getattr(options, name, None)
        if isinstance(found, str):
            setattr(options, name, os.path.expanduser(found))
        elif isinstance(found, list):
            setattr(options, name, [os.path.expanduser(path) for path in found])


def _parser() -> Parser:
    text = "Check, compare, format, measure, draw, vary, train and export .cell files."
    more = (
        "A FILE may also be an individual of a search: runs/amoeba:33 is number 33, and runs/amoeba is the best. "
        "The FILE - is standard input."
    )
    parser = Parser(prog="cell", description=text, epilog=more)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in _COMMANDS:
        command = subparsers.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        if name in _OWN_ARGUMENTS:
            _OWN_ARGUMENTS[name](command)
        if name in (*_OWN_ARGUMENTS, "lsp"):
            continue
        _add_files(command, name)
        inspect.add_changes(command)
        if name in ("check", "cost", "explain", "mutate", "sample"):
            command.add_argument(
                "--input", metavar="HxWxC", help="image shape (32x32x3, or that of the search or trained network)"
            )
            command.add_argument(
                "--classes", type=int, metavar="N", help="number of classes (10, or that of the search or network)"
            )
        if name == "check":
            command.add_argument("--strict", action="store_true", help="exit with 2 if there is a warning")
        if name in ("cost", "diff", "explain"):
            command.add_argument("--json", action="store_true", help="print one line of JSON")
        if name in ("explain", "mutate", "sample"):
            command.add_argument("--seed", type=int, default=0, help="random seed (0)")
        if name == "mutate":
            command.add_argument("--rule", metavar="NAME", help="make the children by this rule only")
            command.add_argument("--mate", metavar="FILE", help="the second parent, of which crossovers take parts")
        if name in ("mutate", "sample"):
            command.add_argument("--count", type=int, default=1, help="the number to print, at least 1 (1)")
        if name == "mutate":
            command.add_argument("--diff", action="store_true", help="print only what differs from the file")
        if name == "draw":
            command.add_argument("--out", default=None, metavar="PATH", help="write a picture: an .svg or .png file")
            command.add_argument(
                "--against",
                default=None,
                metavar="OTHER",
                help="mark the differences from another .cell file or individual, such as the parent",
            )
            command.add_argument("--dark", action="store_true", help="draw the picture for a dark page")
            command.add_argument("--ascii", action="store_true", help="use ASCII characters only")
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
