"""Static checks of mutation rules: names, kinds of parts, and weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from dsl.check.paths import (
    CROSSOVER,
    Kinds,
    check_mate,
    check_op_name,
    check_path,
    check_where,
    crosses,
    gene_kind,
    operation_settings,
    range_kind,
)
from dsl.check.uses import STRIDE_ASKED, check_member
from dsl.errors import CellError, Problem, nearest
from dsl.primitives import JOINS, PRIMITIVES
from dsl.space.evaluate import DISTRIBUTIONS, Symbol, evaluate, number
from dsl.space.functions import FUNCTIONS
from dsl.space.genotype import Space
from dsl.text.unparse import expression
from dsl.tree import syntax as s

NOISE = ("normal", "uniform")  # the distributions of noise on weights
MAX_WEIGHT = 1e15
# The greatest number of operations that one statement adds to an edge. A text writes them as nested calls, and the
# nesting depth is bounded.
MAX_CONNECTED = 32
_FIRST = frozenset(name for name, primitive in PRIMITIVES.items() if not primitive.added)


def verify_rules(space: Space) -> Iterator[Problem]:
    """Yields the errors of the mutation rules of a search space."""
    yield from _without_mutations(space)
    for rule in space.mutations:
        try:
            weight = 1 if rule.weight is None else number(rule.weight, space.params)
            if not 0 < weight <= MAX_WEIGHT:
                allowed = f"a weight is above 0 and at most {MAX_WEIGHT:g}"
                yield Problem(f"{rule.title} has weight {weight}; {allowed}", rule.position)
            _check_block(rule.block, {s.MATE: s.MATE} if rule.crossover else {}, space)
        except CellError as error:
            yield from error.problems


def _without_mutations(space: Space) -> Iterator[Problem]:
    """Yields the error of a space in which every rule needs two different individuals, and none makes a second one."""
    if space.mutations and all(rule.crossover for rule in space.mutations):
        yield Problem("every rule is a crossover, which mixes two individuals, and no rule makes a second one",
                      space.mutations[0].position,
                      "add mutation op { choose c in cells, t in c.edges   t.op = any({ skip, relu }) }")  # fmt: skip


def _check_block(block: s.Block, kinds: Kinds, space: Space) -> None:
    kinds = dict(kinds)
    for statement in block.statements:
        _CHECKS[type(statement)](statement, kinds, space)


def _check_choose(statement: s.Choose | s.For, kinds: Kinds, space: Space) -> None:
    declared = (("a gene", space.genes), ("a param", space.params),
                ("an operation", {*_FIRST, *space.definitions.ops}))  # fmt: skip
    for binding in statement.bindings:
        if binding.name == s.MATE and crosses(kinds):
            raise CellError("'mate' is the second parent", binding.position, "choose another name")
        if binding.name in kinds:
            raise CellError(f"{binding.name!r} is bound twice in this rule", binding.position, "choose another name")
        for what, names in declared:
            if binding.name in names:
                message = f"{binding.name!r} is {what}, and cannot be bound too"
                raise CellError(message, binding.position, "choose another name")
        kind = range_kind(binding.range, kinds, space)
        if kind in ("op", "number", "value"):
            message = f"{binding.name!r} cannot be a {kind}; choose binds cells, nodes, terms, states, steps and genes"
            raise CellError(message, binding.position, "draw values with `any(...)`")
        kinds[binding.name] = kind
        if binding.where is not None:
            check_where(binding.where, kinds, space)


def _check_for(statement: s.For, kinds: Kinds, space: Space) -> None:
    inner = dict(kinds)
    _check_choose(statement, inner, space)
    _check_block(statement.block, inner, space)


def _check_assign(statement: s.Assign, kinds: Kinds, space: Space) -> None:
    target = statement.target
    name = target.names[0]
    if target.names == (name,) and name in kinds and _takes_part(statement, kinds):
        _check_taken(statement, kinds)
        return
    if len(target.names) == 1 and name not in space.genes and kinds.get(name) != "gene":
        genes = [*space.genes, *(variable for variable, kind in kinds.items() if kind == "gene")]
        raise CellError(f"{target} is not a gene", target.position, nearest(name, genes))
    check_path(target, kinds, space)
    wanted = {"op": "op", "tail": "op", "join": "op", "input": "state"}.get(target.names[-1], "number")
    if len(target.names) == 1:
        wanted = gene_kind(name, space) if name in space.genes else "value"
    elif target.names[-1] in space.once(operation_settings):
        wanted = "value"
    elif target.names[-1] in ("nodes", "terms", "inputs", "states", "count", "earlier", "acyclic", "domain"):
        raise CellError(
            f"{target} cannot be assigned", target.position, "allowed: op, input, tail, join, a setting, a gene"
        )
    if isinstance(statement.value, s.Any):
        allowed = {"op": ("op", "cell"), "value": ("value", "op", "cell", "number")}.get(wanted, (wanted,))
        _check_any(statement.value, allowed, f"{target} takes one {wanted}", kinds, space)
    if len(target.names) > 1 and target.names[-1] == "join":
        _check_join(target, statement.value, space)
    elif not isinstance(statement.value, s.Any):
        _check_value(target, wanted, statement.value, kinds, space)


def _takes_part(statement: s.Assign, kinds: Kinds) -> bool:
    """Returns whether an assignment of a variable is meant to take a part of the mate."""
    value = statement.value
    is_of_mate = isinstance(value, s.Path) and value.names[0] == s.MATE and kinds.get(s.MATE, s.MATE) == s.MATE
    return is_of_mate or (crosses(kinds) and kinds[statement.target.names[0]] != "gene")


def _same_of_mate(name: str) -> s.Path:
    return s.Path((s.MATE, name))


def _check_taken(statement: s.Assign, kinds: Kinds) -> None:
    """Checks an assignment of a whole part, which takes the same part of the mate."""
    target, value = statement.target, statement.value
    name = target.names[0]
    check_mate(s.Path((s.MATE,), position=statement.position), kinds)
    if name == s.MATE or kinds[name] == "state":
        raise CellError(f"{name} is a {kinds[name]}, and cannot be assigned", target.position,
                        "allowed: a cell, a node, a term or a step, such as t = mate.t")  # fmt: skip
    if statement.operator != "=" or value != _same_of_mate(name):
        raise CellError(f"{name} takes the same part of the mate, not {expression(value)}", value.position,
                        f"write {name} = mate.{name}")  # fmt: skip


def _check_any(drawn: s.Any, allowed: Collection[str], wanted: str, kinds: Kinds, space: Space) -> None:
    """Checks the sets of an `any`. Their members must be of an allowed kind."""
    for part in (drawn.range, drawn.excluded):
        if part is None:
            continue
        kind = range_kind(part, kinds, space)
        for member in part.items if isinstance(part, s.Set) else ():
            check_member(member, space)
        if kind not in allowed:
            raise CellError(f"{wanted}; this is a set of {kind}s", part.position)


def _check_value(target: s.Path, wanted: str, value: s.Expression, kinds: Kinds, space: Space) -> None:
    if isinstance(value, s.Function) and value.name not in FUNCTIONS:
        _check_distribution(value, space)
    elif isinstance(value, s.Op) or _is_op_name(value, wanted, kinds, space):
        is_other = isinstance(value, s.Path) and str(value) in space.constants
        check_member(s.Op(str(value), position=value.position) if is_other else value, space)
    elif isinstance(value, s.Path):
        if wanted != "state" or len(value.names) > 1:
            check_path(value, kinds, space)
    elif wanted not in ("number", "value"):
        raise CellError(f"{target} takes one {wanted}, not a number", value.position)
    else:
        for path in s.paths(value):
            check_path(path, kinds, space)
        evaluate(value, {**{str(path): Symbol(str(path)) for path in s.paths(value)}, **space.params})


def _is_op_name(value: s.Expression, wanted: str, kinds: Kinds, space: Space) -> bool:
    """Returns whether an assigned value is the name of an operation."""
    if not isinstance(value, s.Path) or len(value.names) > 1:
        return False
    name = value.names[0]
    if wanted == "op":
        return name not in space.genes or gene_kind(name, space) != "op"
    return wanted == "value" and name not in (*kinds, *space.genes) and name in space.definitions.names()


def _check_distribution(value: s.Function, space: Space) -> None:
    if value.name not in DISTRIBUTIONS:
        raise CellError(f"unknown distribution {value.name!r}", value.position, nearest(value.name, DISTRIBUTIONS))
    if len(value.arguments) != 2:
        takes = "mean and a standard deviation" if value.name == "normal" else "least and a greatest value"
        example = "normal(0, 0.1)" if value.name == "normal" else f"{value.name}(0.5, 2)"
        raise CellError(f"{value.name} takes a {takes}", value.position, f"such as {example}")
    low, high = (number(argument, space.params) for argument in value.arguments)
    if value.name == "normal":
        if high <= 0:
            raise CellError(f"normal({low}, {high}): the standard deviation is {high}; allowed: a number above 0",
                            value.arguments[1].position)  # fmt: skip
        return
    if low > high or (value.name == "loguniform" and low <= 0):
        hint = "the least value comes first" + ", and is above 0" * (value.name == "loguniform")
        raise CellError(f"{value.name}({low}, {high}) is an empty range", value.position, hint)


def _known(name: str, kinds: Kinds, allowed: tuple[str, ...], at: s.Statement) -> None:
    if kinds.get(name, "") not in allowed:
        found = f"a {kinds[name]}" if name in kinds else "not bound"
        raise CellError(f"{name!r} is {found}", at.position, f"wanted: a {' or a '.join(allowed)}")


def _check_insert(statement: s.Insert, kinds: Kinds, space: Space) -> None:
    kind, other = ("step", "on") if statement.after else ("term", "after")
    if kinds.get(statement.on) == ("term" if statement.after else "step"):
        raise CellError(f"{statement.on!r} is a {kinds[statement.on]}", statement.position,
                        f"write: insert ... {other} {statement.on}")  # fmt: skip
    _known(statement.on, kinds, (kind,), statement)
    _check_pipe(statement.pipe, kinds, space)


def _check_connect(statement: s.Connect, kinds: Kinds, space: Space) -> None:
    _known(statement.source, kinds, ("state", "node"), statement)
    _known(statement.target, kinds, ("node",), statement)
    if len(statement.pipe) > MAX_CONNECTED:
        raise CellError(f"{len(statement.pipe)} operations in a row on one edge; at most {MAX_CONNECTED}",
                        statement.position, "give them a name: op many = ...")  # fmt: skip
    _check_pipe(statement.pipe, kinds, space)


def _check_pipe(pipe: s.Pipe, kinds: Kinds, space: Space) -> None:
    for op in pipe:
        check_op_name(op, space)
        if isinstance(op, s.Any):
            if op.other:
                raise CellError(
                    "`other` excludes the present operation, and a new node has none", op.position, "leave `other` out"
                )
            _check_any(op, ("op", "cell"), "an operation is wanted here", {}, space)
        else:
            check_member(_without_attributes(op, kinds, space), space)


def _without_attributes(op: s.Op, kinds: Kinds, space: Space) -> s.Op:
    """Checks paths such as `s.filters` in an operation's brackets, and returns the operation with symbols for them."""
    arguments = []
    for argument in op.arguments:
        if s.reads_attribute(argument.value, kinds):
            for path in s.paths(argument.value):
                check_path(path, kinds, space)
            argument = replace(argument, value=s.Path((STRIDE_ASKED.text,)))
        arguments.append(argument)
    return replace(op, arguments=tuple(arguments))


def _check_join(target: s.Path, drawn: s.Expression, space: Space) -> None:
    """Checks that the value of a node's join is one of the joins."""
    members: tuple[s.Expression, ...] = (drawn,)
    if isinstance(drawn, s.Any):
        members = (space.values[drawn.range.names[0]] if isinstance(drawn.range, s.Path) else drawn.range).items
    for member in members:
        if str(member) not in JOINS:
            raise CellError(
                f"{target} may be {', '.join(JOINS[:-1])} or {JOINS[-1]}, not {expression(member)}", member.position
            )


def _check_remove(statement: s.Remove, kinds: Kinds, space: Space) -> None:
    _known(statement.name, kinds, ("term", "node", "step"), statement)
    del kinds[statement.name]


def _check_forget(statement: s.Forget, kinds: Kinds, space: Space) -> None:
    """Accepts every statement `forget weights`, since it has no parts that could be wrong."""


def _check_perturb(statement: s.Perturb, kinds: Kinds, space: Space) -> None:
    noise = statement.noise
    if not isinstance(noise, s.Function) or noise.name not in NOISE:
        raise CellError(f"noise on weights is {' or '.join(NOISE)}, not {expression(noise)}", noise.position,
                        "such as: perturb weights by normal(0, 0.02)")  # fmt: skip
    _check_distribution(noise, space)


def _check_mutate(statement: s.Mutate, kinds: Kinds, space: Space) -> None:
    if not crosses(kinds):
        raise CellError("`mutate` stands in a crossover, and this rule is a mutation", statement.position, CROSSOVER)


def _check_either(statement: s.Either, kinds: Kinds, space: Space) -> None:
    for block in statement.blocks:
        _check_block(block, kinds, space)


_CHECKS: Mapping[type, Callable[..., None]] = {
    s.Choose: _check_choose,
    s.Assign: _check_assign,
    s.Insert: _check_insert,
    s.Connect: _check_connect,
    s.Remove: _check_remove,
    s.Forget: _check_forget,
    s.Perturb: _check_perturb,
    s.Mutate: _check_mutate,
    s.For: _check_for,
    s.Either: _check_either,
}
