"""The `cell` command: everything one does with a `.cell` file that needs no training."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dsl
from compiler.cost import graph_cost, step_mult_adds, step_params
from compiler.errors import CompileError
from compiler.picture import picture
from compiler.primitives import shown
from compiler.requirements import requirement
from compiler.resolve import resolve


class UsageError(Exception):
    """The command line says something that cannot be done."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    sys.exit(main(sys.argv[1:] if arguments is None else arguments))


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 0 when it is done, 2 for the user's mistake, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], None] = options.command
        command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader, such as `head`, has seen enough; Python would complain again when it closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (dsl.CellError, CompileError, UsageError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cell", description="Check, measure, draw and vary a .cell file.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        ("check", _check, "say what is wrong with files, or that nothing is"),
        ("cost", _cost, "count parameters and mult-adds"),
        ("draw", _draw, "draw the cells as a picture"),
        ("mutate", _mutate, "print children by the file's own rules"),
        ("sample", _sample, "print random genotypes of the file's space"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function)
        command.add_argument("file", metavar="FILE", nargs="+" if name == "check" else None, help="a .cell file")
        command.add_argument("--with", dest="overlays", action="append", default=[], metavar="FILE",
                             help="lay this file's declarations over the first one's (repeatable)")  # fmt: skip
        command.add_argument("--param", action="append", default=[], metavar="NAME=VALUE",
                             help="set a param of the file (repeatable)")  # fmt: skip
        if name in ("cost", "mutate", "sample"):
            command.add_argument("--input", default="32x32x3", metavar="HxWxC", help="image shape (32x32x3)")
            command.add_argument("--classes", type=int, default=10, metavar="N", help="number of classes (10)")
        if name == "cost":
            command.add_argument("--json", action="store_true", help="print one line of JSON")
        if name in ("mutate", "sample"):
            command.add_argument("--seed", type=int, default=0, help="seed of the draws (0)")
            command.add_argument("--count", type=int, default=1, help="how many to print (1)")
        if name == "draw":
            command.add_argument("--out", default=None, metavar="PATH", help="an .svg or .png file (FILE's name .svg)")
    return parser


def _load(options: argparse.Namespace, file: str | None = None) -> dsl.Genotype:
    return dsl.load(file or options.file, _params(options.param), options.overlays)


def _params(given: Sequence[str]) -> dict[str, int | float]:
    found: dict[str, int | float] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            found[name] = float(value) if "." in value or "e" in value.lower() else int(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UsageError(f"--param {text!r} is not NAME=NUMBER, such as N=6")
    return found


def _shape(text: str) -> tuple[int, int, int]:
    parts = text.split("x")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UsageError(f"--input {text!r} is not HEIGHTxWIDTHxCHANNELS, such as 32x32x3")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _check(options: argparse.Namespace) -> None:
    problems = []
    for file in options.file:
        try:
            genotype = _load(options, file)
        except dsl.CellError as error:
            problems.append(str(error))
            continue
        space = genotype.space
        rules = f"{len(space.mutations)} rules" if space.mutations else "no rules"
        print(f"{file}: good ({len(genotype.cells)} cells, {len(space.definitions.ops)} operations, {rules})")
    if problems:
        raise UsageError("\n".join(problems))


def _cost(options: argparse.Namespace) -> None:
    graph = resolve(_load(options), _shape(options.input), options.classes)
    total = graph_cost(graph)
    if options.json:
        print(json.dumps({"params": total.params, "mult_adds": total.mult_adds}))
        return
    width = max(len(step.name) for step in graph.steps)
    print(f"{'step':<12} {'':<{width}} {'output':>12} {'params':>14} {'mult-adds':>18}")
    for step in graph.steps:
        print(f"{step.key:<12} {step.name:<{width}} {shown(step.shape):>12} {step_params(step):>14,} "
              f"{step_mult_adds(step):>18,}")  # fmt: skip
    print(f"{'total':<12} {'':<{width}} {'':>12} {total.params:>14,} {total.mult_adds:>18,}")
    print(f"depth {total.depth} operations with weights, {total.activations:,} activations an image")


def _draw(options: argparse.Namespace) -> None:
    genotype = _load(options)
    path = Path(options.out or Path(options.file).stem + ".svg")
    reached = [cell for cell in genotype.cells if cell.name in genotype.space.reached]
    drawing = picture(reached, title=Path(options.file).stem)
    if path.suffix not in (".svg", ".png"):
        raise UsageError(f"--out {str(path)!r} ends neither in .svg nor in .png")
    if path.suffix == ".svg":
        path.write_text(drawing.svg(), encoding="utf-8")
    else:
        path.write_bytes(drawing.png(2.0))
    print(path)


def _mutate(options: argparse.Namespace) -> None:
    parent, rng = _load(options), random.Random(options.seed)
    check = requirement(parent.space, _shape(options.input), options.classes)
    for number in range(options.count):
        child = dsl.mutate(parent, rng, check)
        print(f"# child {number + 1}, by {child.rule}\n{child.genotype.standalone()}")


def _sample(options: argparse.Namespace) -> None:
    space, rng = _load(options).space, random.Random(options.seed)
    check = requirement(space, _shape(options.input), options.classes)
    for number in range(options.count):
        print(f"# sample {number + 1}\n{sample_valid(space, rng, check).standalone()}")


def sample_valid(space: dsl.Space, rng: random.Random, check: Callable[[dsl.Genotype], str | None]) -> dsl.Genotype:
    """A random genotype that meets what the space requires.

    Raises:
      CellError: a thousand in a row do not.
    """
    reasons: Mapping[str, int] = {}
    for _ in range(1000):
        genotype = dsl.sample(space, rng)
        reason = check(genotype)
        if reason is None:
            return genotype
        reasons = {**reasons, reason: 1}
    raise dsl.CellError("a thousand random genotypes break what the space requires", hint="; ".join(list(reasons)[:3]))


if __name__ == "__main__":
    run()
