"""The commands of `cell` that only read `.cell` files. Each command prints its result and returns the exit code."""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import dsl
from compiler.commands.finding import STDIN, individual_of, standard_input
from compiler.errors import CompileError, WindowError
from compiler.graph import cost_table
from compiler.graph.effects import Images, measured
from compiler.graph.requirements import requirement
from compiler.graph.resolve import resolve
from compiler.networks.names import FACTS, NETWORK
from compiler.pictures.ascii import drawing
from compiler.pictures.picture import marked
from dsl.errors import nearest
from dsl.report.diff import differences, same_network
from dsl.report.explain import Explanation, as_text, explain
from dsl.rules.interpreter import Check
from dsl.text.format import fmt
from dsl.tree import syntax as s
from dsl.wording import by_x

_LARGER = "--input 224x224x3"
_BEYOND_ASCII = "│─┌┐└┘├┤┬┴┼┊┄●○"


class UsageError(Exception):
    """The error for wrong arguments of the command line. The message names the wrong argument."""


# --- arguments -------------------------------------------------------------------------------------------------


def load(
    options: argparse.Namespace,
    file: str,
    params: Mapping[str, int | float] | None = None,
    overlays: Sequence[str] | None = None,
) -> dsl.Genotype:
    """Returns the seed of a file, of standard input (`-`) or an individual of a search, with params and overlays.

    Args:
      options: the arguments of the command line.
      file: the name of the file or individual.
      params: params by their names; None takes those of the command line.
      overlays: the names of overlays; None takes those of the command line.

    Raises:
      UsageError: the file is a folder, or a param is not a number.
      CompileError: a search has no such individual.
      CellError: the file is wrong.
    """
    individual = individual_of(options, file)
    if individual is None and Path(file).is_dir():
        raise UsageError(f"{file} is a folder; name the .cell files in it, such as {Path(file) / '*.cell'}")
    params = params_of(options.param) if params is None else params
    overlays = options.overlays if overlays is None else overlays
    if individual is not None:
        return dsl.loads(individual.text, params, file, overlays)
    if file == STDIN:
        return dsl.loads(standard_input(options).removeprefix("\ufeff"), params, "<stdin>", overlays)
    return dsl.load(file, params, overlays)


def add_changes(command: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds the flags `--with` and `--param`, which change declarations and params of a file."""
    command.add_argument("--with", dest="overlays", action="append", default=[], metavar="FILE",
                         help="replace declarations of FILE by those of this file (repeatable)")  # fmt: skip
    command.add_argument("--param", action="append", default=[], metavar="NAME=VALUE",
                         help="set a param of the file (repeatable)")  # fmt: skip


def params_of(given: Sequence[str]) -> dict[str, int | float]:
    """Returns the params of the `--param` flags by their names.

    Raises:
      UsageError: a flag is not NAME=NUMBER.
    """
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


def image_shape(text: str) -> tuple[int, int, int]:
    """Returns the shape (height, width, channels) of `--input`.

    Raises:
      UsageError: the text is not a shape.
    """
    parts = text.split("x")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UsageError(f"--input {text!r} is not HEIGHTxWIDTHxCHANNELS, such as 32x32x3")
    return int(parts[0]), int(parts[1]), int(parts[2])


def images_of(options: argparse.Namespace, file: str) -> tuple[tuple[int, int, int], int]:
    """Returns the image shape and the number of classes.

    They are taken from the command line, then from the search or the trained network, or else from CIFAR-10.

    Raises:
      UsageError: `--input` is not a shape.
      CompileError: the facts of the trained network are damaged, or a search has no such individual.
    """
    if options.input is not None and options.classes is not None:
        return image_shape(options.input), options.classes
    individual, path = individual_of(options, file), Path(file)
    if individual is not None:
        shape, classes = individual.images
    elif path.name == NETWORK and path.with_name(FACTS).is_file():
        from compiler.networks import saved  # It loads numpy.

        shape, classes = saved.images_of(path.parent)
    else:
        shape, classes = (32, 32, 3), 10
    return (
        shape if options.input is None else image_shape(options.input),
        classes if options.classes is None else options.classes,
    )


def _built(options: argparse.Namespace) -> tuple[dsl.Genotype, Check]:
    """Returns the seed of a file that `cell check` accepts too, and the check of its children.

    Raises:
      CompileError: the seed cannot be built.
    """
    seed, images = load(options, options.file), images_of(options, options.file)
    with images_named(options, images):
        resolve(seed, *images)
    return seed, requirement(seed.space, *images)


@contextmanager
def images_named(options: argparse.Namespace, images: Images) -> Iterator[None]:
    """A context in which the error for a window names the images, if the command line does not name them."""
    try:
        yield
    except WindowError as error:
        if options.input is not None:
            raise
        advice = f"the images are {by_x(images[0])}; for larger ones: {_LARGER}"
        raise WindowError(f"{error}\n{advice}", error.reason, error.problem) from None


def _numbered(options: argparse.Namespace) -> range:
    if options.count < 1:
        raise UsageError(f"--count {options.count}: at least 1 is required")
    return range(1, options.count + 1)


# --- commands --------------------------------------------------------------------------------------------------


def cost(options: argparse.Namespace) -> int:
    """Prints parameters and mult-adds. The table of one file has steps and cells; several files have one row each."""
    graphs, problems = {}, []
    if options.input is not None:
        image_shape(options.input)  # A mistake in these arguments is reported once and not for every file.
    for file in options.file:
        try:
            seed, images = load(options, file), images_of(options, file)
            with images_named(options, images):
                graphs[file] = resolve(seed, *images)
        except (dsl.CellError, CompileError, UsageError) as error:
            problems.append(str(error) if len(options.file) == 1 else f"{file}: {error}")
    is_one = len(options.file) == 1
    if is_one and graphs:
        (graph,) = graphs.values()
        print(json.dumps(cost_table.as_json(graph)) if options.json else cost_table.one(graph))
    elif options.json and not problems:
        print(json.dumps([{"file": file, **cost_table.as_json(graph)} for file, graph in graphs.items()]))
    elif graphs and not options.json:
        print(cost_table.several(graphs))
    if problems:
        raise UsageError("\n".join(problems))
    return 0


def diff(options: argparse.Namespace) -> int:
    """Prints the differences between two files; returns 1 if there are any, otherwise 0."""
    a, b = load(options, options.file), load(options, options.other)
    found = differences(a, b)
    same = same_network(a, b)
    if options.json:
        listed = [{**asdict(difference), "text": str(difference)} for difference in found]
        print(json.dumps({"differences": listed, "same_network": same}))
    else:
        for difference in found:
            print(difference)
        if found and same:
            what = "the files differ in text only" if a.genes == b.genes else "the genes differ"
            print(f"both are the same network; {what}")
    return 1 if found else 0


def draw(options: argparse.Namespace) -> int:
    """Draws the cells of a file as text on the terminal, or with `--out` as a picture in a file."""
    if options.out is not None and Path(options.out).suffix not in (".svg", ".png"):
        raise UsageError(f"--out {options.out!r} ends neither in .svg nor in .png")
    if options.dark and options.out is None:
        raise UsageError("--dark is only for a picture, which --out writes, such as --out dark.svg")
    genotype = load(options, options.file)
    other = None if options.against is None else load(options, options.against)
    if options.out is None:
        print(drawing(genotype, plain=options.ascii or not _shows_lines(sys.stdout.encoding)))
        if other is not None:
            found = differences(other, genotype)
            print(f"\n{'differences' if found else 'no differences'} from {options.against}", *found, sep="\n")
        return 0
    path = Path(options.out)
    title = Path(options.file).stem + (f" against {Path(options.against).stem}" if other is not None else "")
    image = marked(other, genotype, title, options.dark)
    if path.suffix == ".svg":
        path.write_text(image.svg(), encoding="utf-8")
    else:
        path.write_bytes(image.png(2.0))
    print(path)
    return 0


def _shows_lines(encoding: str) -> bool:
    try:
        _BEYOND_ASCII.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def explain_rules(options: argparse.Namespace) -> int:
    """Prints the changes that each rule can make, and the size of the search space."""
    genotype, accepts = _built(options)
    found = explain(genotype, random.Random(options.seed), accepts)
    if options.json:
        print(json.dumps(_as_json(found)))
        return 0
    print(f"{options.file}\n\n{as_text(found)}")
    for line in measured(genotype, images_of(options, options.file)):
        print(f"    {line}")
    return 0


def _as_json(found: Explanation) -> dict[str, object]:
    rules = [{**asdict(rule), "example": [*map(str, rule.example)]} for rule in found.rules]
    return {**asdict(found), "rules": rules, "size": found.size}


def mutate(options: argparse.Namespace) -> int:
    """Prints random children, made by the mutation rules of the file; with `--diff` only their differences."""
    numbers, parent, rng = _numbered(options), load(options, options.file), random.Random(options.seed)
    reject = requirement(parent.space, *images_of(options, options.file))
    mate = None if options.mate is None else _mate(options, parent.space)
    only = None if options.rule is None else _rules(options, parent.space)
    for number in numbers:
        child = dsl.mutate(parent, rng, reject, only, mate=mate)
        print(f"# child {number}, by {child.rule}")
        if options.diff:
            found = differences(parent, child.genotype) or ("equal to the file",)
            print("".join(f"{difference}\n" for difference in found))
        else:
            print(fmt(child.genotype.standalone()))
    return 0


def _rules(options: argparse.Namespace, space: dsl.Space) -> Sequence[s.Mutation]:
    """Returns the rules with the name of `--rule`.

    Raises:
      UsageError: no rule has this name, or the rule is a crossover and `--mate` is missing.
    """
    found = [rule for rule in space.mutations if rule.name == options.rule]
    if not found:
        names = nearest(options.rule, (rule.name for rule in space.mutations)) or "the file has no rule"
        raise UsageError(f"--rule {options.rule}: {options.file} has no rule of this name; {names}")
    if options.mate is None and all(rule.crossover for rule in found):
        raise UsageError(f"--rule {options.rule} is a crossover, which needs a second parent: --mate FILE")
    return found


def _mate(options: argparse.Namespace, space: dsl.Space) -> dsl.Genotype:
    """Returns the second parent of `--mate`.

    Raises:
      UsageError: the space has no crossover, or the second parent is not an individual of the space.
    """
    if not space.has_crossover:
        raise UsageError(f"--mate {options.mate}: {options.file} has no crossover, so every child has one parent")
    other = load(options, options.mate).text()
    try:
        return space.genotype(other)
    except dsl.CellError as error:
        message = f"is not an individual of the space of {options.file}: {error.problems[0].message}"
        raise UsageError(f"--mate {options.mate} {message}; {error.problems[0].hint}") from None


def sample(options: argparse.Namespace) -> int:
    """Prints random genotypes of the search space of the file."""
    numbers, (seed, reject), rng = _numbered(options), _built(options), random.Random(options.seed)
    for number in numbers:
        print(f"# sample {number}\n{fmt(dsl.sample(seed.space, rng, check=reject).standalone())}")
    return 0
