"""Static checks of what nothing reads: settings of operations, genes, and assignments without an effect.

The findings are warnings and not errors, since a text with such a part still means a network.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from dsl.check.limits import clash, decided, domains, limits
from dsl.check.requires import COSTS, readable_params
from dsl.errors import CellError, Problem
from dsl.primitives import PRIMITIVES
from dsl.space.expand import AMBIENT
from dsl.space.genes import INT, REAL
from dsl.space.genotype import Space
from dsl.space.stack import names, repeats, stacked
from dsl.space.steps import sets_stride
from dsl.text import unparse
from dsl.text.unparse import condition as shown
from dsl.tree import syntax as s


def unread(space: Space, read_elsewhere: Collection[str]) -> Iterator[Problem]:
    """Yields a problem for each setting, gene, assignment and requirement without an effect.

    Args:
      space: the search space.
      read_elsewhere: the names of genes that code outside of this package reads, such as the code of the training.
    """
    for item in space.items:
        if isinstance(item, s.OpDef | s.Cell):
            yield from _unread_formals(item)
    for item in space.items:
        yield from _unread_settings(item, space)
    yield from _unread_steps(space)
    parts = list(s.parts_of(space.items))
    unread_paths = {id(part.target) for part in parts if isinstance(part, s.Assign)}
    # The name of a cost means the cost in a requirement, also if a gene has this name.
    unread_paths |= {id(part) for part in s.parts_of(space.requires) if isinstance(part, s.Path) and str(part) in COSTS}
    read = _names(part for part in parts if id(part) not in unread_paths) | _applied(parts)
    for gene in space.genes.values():
        if gene.name not in read and gene.name not in read_elsewhere:
            yield Problem(f"nothing reads gene {gene.name}: no expression names it, and no setting of the training "
                          "has this name", gene.position)  # fmt: skip
        domain = space.domains[gene.name]
        if gene.name in read_elsewhere and not domain.is_numeric:
            yield Problem(f"the training reads gene {gene.name} as a number, and its values are of kind {domain.kind}",
                          gene.position)  # fmt: skip
    yield from _not_whole(space, parts)
    for block in parts:
        if isinstance(block, s.Block):
            yield from _replaced(block)
    for item in space.requires:
        yield from _certain(item.condition, space)


def _not_whole(space: Space, parts: Collection[s.Syntax]) -> Iterator[Problem]:
    """Yields the places that want a whole number and have a gene of which a rule makes other numbers."""
    drawn = {part.target.names[0] for part in parts if isinstance(part, s.Assign)
             and (part.operator != "=" or isinstance(part.value, s.Function))}  # fmt: skip
    real = {name for name in drawn & space.genes.keys()
            if space.domains[name].kind == REAL and space.domains[name].is_range}  # fmt: skip
    wanted = [part.times for part in parts if isinstance(part, s.Step)]
    wanted += [argument.value for part in parts if isinstance(part, s.Op) and real for argument in part.arguments
               if argument.name in AMBIENT or (argument.name is None and part.name in space.written)]  # fmt: skip
    for value in wanted:
        if isinstance(value, s.Path) and str(value) in real:
            declared = unparse.declaration(replace(space.genes[str(value)], kind=INT))
            yield Problem(f"a whole number is wanted here, and rules give gene {value} other numbers", value.position,
                          f"declare whole numbers: {declared}")  # fmt: skip


def _unread_steps(space: Space) -> Iterator[Problem]:
    """Yields the steps of the seed on which the output of the network does not depend."""
    try:
        built = {id(one.step) for one in stacked(space.seed, with_auxiliary=True)}
    except CellError:  # A step reads one that is repeated 0 times. Building the network gives this error.
        return
    known = names(space.seed)
    for section in space.network.sections:
        for step in section.steps:
            first = step.pipe[0]
            if step.stride is not None and isinstance(first, s.Op) and sets_stride(first, space):
                yield Problem(f"op {first.name} has a setting 'stride', so it does not use this stride",
                              step.stride.position, f"write it in the brackets: {first.name}[stride=...]")  # fmt: skip
        for step in section.steps if section.of is None else ():
            if id(step) not in built and repeats(step, known):
                yield Problem("nothing reads the output of this step, so it is not built", step.position,
                              "name it with `as`, and let a step read it: decoder[8](-1, name)")  # fmt: skip


def _names(parts: Iterable[s.Syntax]) -> set[str]:
    """Returns the first names of all paths. A gene is not read by a path to the members of its domain."""
    return {part.names[0] for part in parts if isinstance(part, s.Path) and part.names[1:2] != ("domain",)}


def _applied(parts: Iterable[s.Syntax]) -> set[str]:
    """Returns the names of operations that stand without settings, which may be those of settings or genes."""
    return {part.name for part in parts if isinstance(part, s.Op)}


def _unread_formals(defined: s.OpDef | s.Cell) -> Iterator[Problem]:
    formals = defined.formals if isinstance(defined, s.OpDef) else defined.settings or ()
    parts = list(s.parts_of(defined))
    read, kind = _names(parts) | _applied(parts), "op" if isinstance(defined, s.OpDef) else "cell"
    for formal in formals:
        # Operations in the cases inherit `filters` and `stride` without naming them.
        if formal.name not in read and formal.name not in AMBIENT:
            yield Problem(f"{kind} {defined.name} does not read its setting {formal.name!r}", formal.position)


def _unread_settings(item: s.Declaration, space: Space) -> Iterator[Problem]:
    """Yields the settings in a declaration that the operations to which they are given do not use."""
    ops = space.definitions.ops
    for op in s.parts_of(item):
        if not isinstance(op, s.Op):
            continue
        # In an `op` with the name of a primitive, this name means the primitive.
        is_own = isinstance(item, s.OpDef) and item.name == op.name
        given = {argument.name: argument for argument in op.arguments if argument.name is not None}
        if op.name in ops and not is_own:
            defined = ops[op.name]
            formals = {formal.name for formal in defined.formals}
            if "stride" in given and "stride" not in formals | _names(s.parts_of([defined.cases, defined.formals])):
                yield Problem(f"op {op.name} does not use the stride that it is given here", given["stride"].position)
        elif op.name in PRIMITIVES:
            factor, channels = PRIMITIVES[op.name].channel_factor, PRIMITIVES[op.name].channels
            if factor in given and channels in given:
                yield Problem(f"{op.name} with {factor!r} does not use {channels!r}: its channels are {factor} times "
                              "the channels of the input", given[channels].position)  # fmt: skip


def _replaced(block: s.Block) -> Iterator[Problem]:
    """Yields the assignments whose value the next statement replaces without reading it."""
    for first, second in itertools.pairwise(block.rest):
        if (
            isinstance(first, s.Assign) and isinstance(second, s.Assign)
            and second.operator == "=" and first.target == second.target
            and not (isinstance(second.value, s.Any) and second.value.other)
            and second.target not in s.parts_of(second.value)
        ):  # fmt: skip
            yield Problem(f"the next statement assigns {first.target} again, so this assignment has no effect",
                          first.position or first.target.position)  # fmt: skip


def _certain(condition: s.Condition, space: Space) -> Iterator[Problem]:
    """Yields the parts of a requirement that every network satisfies."""
    if isinstance(condition, s.And):
        for part in condition.conditions:
            yield from _certain(part, space)
        return
    params = readable_params(space)
    always = isinstance(condition, s.Compare) and decided(condition, params) is True
    if not always:
        against = list(limits(condition, params, frozenset(), wanted=False))
        complete = len(against) == sum(1 for _ in s.simple(condition))
        always = complete and clash(against, domains(against, space)) is not None
    if always:
        yield Problem(f"every network satisfies `require {shown(condition)}`", condition.position)
