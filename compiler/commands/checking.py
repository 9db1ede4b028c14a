"""The command `cell check`, which reports mistakes in `.cell` files, and parts of them that have no effect."""

from __future__ import annotations

import argparse
import functools
import random
import sys
from collections.abc import Sequence
from dataclasses import replace

import dsl
from compiler.commands.inspect import UsageError, image_shape, images_named, images_of, load
from compiler.errors import CompileError
from compiler.graph.effects import Images, broken_by_seed, idle_settings, odd_requirements
from compiler.graph.requirements import requirement
from compiler.graph.resolve import resolve
from compiler.settings import GENES
from dsl.check.unread import unread
from dsl.errors import Problem
from dsl.report.idle import descendants, idle_rules
from dsl.rules.sample import decisions
from dsl.wording import plural

_SEED = 0  # the random seed of the individuals on which rules are tried; the same file has the same warnings


def check(options: argparse.Namespace) -> int:
    """Prints the mistakes in each file, its warnings, or a line that the file is good.

    Returns:
      0, or 2 if a file has a warning and `--strict` is given.

    Raises:
      UsageError: a file has a mistake. The message has the mistakes of all files.
    """
    problems, warned = [], False
    if options.input is not None:
        image_shape(options.input)  # A mistake in this argument is reported once and not for every file.
    for file in options.file:
        try:
            genotype = load(options, file)
            images = images_of(options, file)
            with images_named(options, images):
                warnings = warnings_of(genotype, images)
        except (dsl.CellError, CompileError, UsageError) as error:
            problems.append(str(error))
            continue
        for warning in warnings:
            print(_line(warning, file), file=sys.stderr)
        warned = warned or bool(warnings)
        space = genotype.space
        counts = plural(len(genotype.cells), "cell"), plural(len(space.definitions.ops), "operation")
        rules = plural(len(space.mutations), "rule") if space.mutations else "no rules"
        state = f"builds, with {plural(len(warnings), 'warning')}" if warnings else "good"
        print(f"{file}: {state} ({', '.join((*counts, rules))})")
    if problems:
        raise UsageError("\n".join(problems))
    return 2 if warned and options.strict else 0


def _line(warning: Problem, file: str) -> str:
    hint = f" ({'; '.join(warning.hint.splitlines())})" if warning.hint else ""
    return f"{warning.position or file}: warning: {warning.message}{hint}"


def warnings_of(seed: dsl.Genotype, images: Images) -> Sequence[Problem]:
    """Builds the seed, and returns a problem for each part of the space that has no effect.

    Raises:
      CompileError: the seed cannot be built.
      CellError: the free choices of the space take too many steps.
    """
    resolve(seed, *images)
    decisions(seed)
    space, rng = seed.space, random.Random(_SEED)
    accepts = requirement(space, *images)
    free = replace(space, requires=())  # In this space, individuals need not satisfy the requirements.
    line = functools.cache(functools.partial(descendants, replace(seed, space=free), rng, requirement(free, *images)))
    found = [*unread(space, GENES), *idle_settings(seed, line, images)]
    odd = [*odd_requirements(seed, line, images)]
    # If no individual satisfies a requirement, every rule fails for this reason.
    found += odd or [*idle_rules(seed, rng, accepts)]
    if space.mutations and not found:
        try:
            dsl.sample(space, rng, check=accepts)
        except dsl.CellError as error:
            problem = error.problems[0]
            found.append(Problem(problem.message, problem.position or space.network.position, problem.hint))
    places = {problem.position for problem in odd}
    found += [problem for problem in broken_by_seed(seed, images) if problem.position not in places]
    return sorted(found, key=_place)


def _place(problem: Problem) -> tuple[str, int, int]:
    at = problem.position
    return ("", 0, 0) if at is None else (at.source.name, at.line, at.column)
