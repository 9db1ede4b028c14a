"""Static checks of mutation rules and requirements: names, kinds of parts, and weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from dsl.check.uses import STRIDE_ASKED, check_member, check_numbers
from dsl.errors import CellError, Problem, nearest, problems_of
from dsl.primitives import JOINS, PRIMITIVES
from dsl.space import steps
from dsl.space.evaluate import DISTRIBUTIONS, WORDS, Symbol, evaluate, number
from dsl.space.functions import FUNCTIONS
from dsl.space.genes import OP
from dsl.space.genotype import STEPS, Space
from dsl.text.unparse import condition as shown
from dsl.text.unparse import expression
from dsl.tree import edit
from dsl.tree import syntax as s

# The attributes of each kind of part. Each attribute has the kind of its value or of its members.
PARTS: Mapping[str, Mapping[str, str]] = {
    "cell": {"nodes": "node", "terms": "term", "vertices": "node", "output": "node", "states": "state",
             "edges": "term", "inputs": "state"},
    "node": {"terms": "term", "inputs": "state", "earlier": "state", "acyclic": "state", "tail": "op", "join": "op"},
    "term": {"op": "op", "input": "state"},
    "state": {},
    "gene": {"domain": "value"},
    "step": {"op": "op", **dict.fromkeys(steps.OWN[1:], "number")},
}  # fmt: skip
_RELATED = ("node", "term", "state")
NOISE = ("normal", "uniform")  # the distributions of noise on weights
MAX_WEIGHT = 1e15
# The greatest number of operations that one statement adds to an edge. A text writes them as nested calls, and the
# nesting depth is bounded.
MAX_CONNECTED = 32
COSTS = ("params", "mult_adds", "depth", "activations", "nodes")
_CROSSOVER = "write `crossover NAME` in place of `mutation NAME`"
Kinds = dict[str, str]
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


def verify_requires(space: Space) -> Iterator[Problem]:
    """Returns the errors of the requirements of a search space."""
    return problems_of(lambda item: _check_require(item.condition, space), space.requires)


def _check_require(condition: s.Condition, space: Space) -> None:
    for part in s.simple(condition):
        if not isinstance(part, s.Compare):
            raise CellError(
                f"`require` compares costs, and `{shown(part)}` does not", part.position, nearest("", COSTS)
            )
        for path in s.paths(part):
            _check_cost(path, space)


def _check_cost(path: s.Path, space: Space) -> None:
    root, *rest = path.names
    if not rest and (root in COSTS or root in space.params):
        return
    if not rest and root in space.genes:
        check_numbers(path, space, "a cost")
        return
    if len(rest) == 2 and rest[1] == "count":
        rest = rest[:1]
    if root in space.cell_names and len(rest) == 1 and rest[0] in PARTS["cell"]:
        return
    names = [
        *COSTS,
        *space.params,
        *space.genes,
        *(f"{cell}.{part}" for cell in space.cell_names for part in PARTS["cell"]),
    ]
    raise CellError(f"unknown cost {str(path)!r}", path.position, nearest(str(path), names))


# --- rules -----------------------------------------------------------------------------------------------------


def _check_block(block: s.Block, kinds: Kinds, space: Space) -> None:
    kinds = dict(kinds)
    for statement in block.statements:
        _CHECKS[type(statement)](statement, kinds, space)


def _check_choose(statement: s.Choose | s.For, kinds: Kinds, space: Space) -> None:
    declared = (("a gene", space.genes), ("a param", space.params),
                ("an operation", {*_FIRST, *space.definitions.ops}))  # fmt: skip
    for binding in statement.bindings:
        if binding.name == s.MATE and _crosses(kinds):
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
            _check_where(binding.where, kinds, space)


def _check_for(statement: s.For, kinds: Kinds, space: Space) -> None:
    inner = dict(kinds)
    _check_choose(statement, inner, space)
    _check_block(statement.block, inner, space)


def range_kind(values: s.Path | s.Set, kinds: Kinds, space: Space) -> str:
    """Returns the kind of a set's members: cell, node, term, state, gene, op, number, or value (of any gene).

    Raises:
      CellError: there is no set of this name.
    """
    if isinstance(values, s.Set):
        return _set_kind(values, space)
    root, *rest = values.names
    if root == s.MATE and _crosses(kinds):
        raise CellError("a variable stands for a part of the child, not of the mate", values.position,
                        "choose a part of the child, such as n in c.nodes where mate has n")  # fmt: skip
    if not rest:
        if root == "cells":
            return "cell"
        if root == STEPS and root not in space.values:
            return "step"
        if root in space.values:
            names = {str(item) for item in space.values[root].items}
            return "cell" if names <= set(space.cell_names) else _set_kind(space.values[root], space)
        if root == "genes":
            return "gene"
        if root == STEPS:
            return "step"
        allowed = ["cells", "genes", STEPS, *space.values, *kinds]
        raise CellError(f"unknown set {root!r}", values.position, nearest(root, allowed), root)
    if root not in kinds and root in space.cell_names and space.is_fixed(root):
        raise CellError(f"cell {root} is fixed; no rule changes it", values.position)
    kind = _kind(root, kinds, space)
    if not kind:
        allowed = [*kinds, *space.cell_names, *space.genes]
        raise CellError(f"unknown name {root!r}", values.position, nearest(root, allowed), root)
    if len(rest) > 1 or rest[0] not in PARTS.get(kind, {}):
        raise CellError(f"a {kind} has no {'.'.join(rest)!r}", values.position, nearest(rest[0], PARTS.get(kind, {})))
    return _gene_kind(root, space) if root in space.genes else PARTS[kind][rest[0]]


def _kind(root: str, kinds: Kinds, space: Space) -> str:
    """Returns the kind of what a name stands for; an empty text if it stands for nothing that has parts."""
    return kinds.get(root) or ("cell" if root in space.cell_names else "gene" if root in space.genes else "")


def _gene_kind(name: str, space: Space) -> str:
    """Returns the kind of the values of a gene: op or number. Kernels count as numbers."""
    return "op" if space.domains[name].kind == OP else "number"


def _set_kind(values: s.Set, space: Space) -> str:
    """Returns the kind of the members of a set: op or number. Kernels and words count as numbers."""
    return "op" if any(isinstance(space.member(item), s.Op) for item in values.items) else "number"


def _check_where(condition: s.Condition, kinds: Kinds, space: Space) -> None:
    for part in s.simple(condition):
        for path in s.paths(part):
            _check_path(path, kinds, space)
        if isinstance(part, s.Is):
            _check_op_name(part.op, space, (*space.once(_operation_settings), *space.genes))
        elif isinstance(part, s.Relation):
            _check_relation(part, kinds)


def _check_relation(relation: s.Relation, kinds: Kinds) -> None:
    if relation.kind == "has":
        _check_mate(relation.left, kinds)
        if relation.left != s.Path((s.MATE,)):
            message = f"`has` asks for a part of the mate, and {relation.left} is not the mate"
            raise CellError(message, relation.left.position, f"write mate has {relation.right}")
    for path in (relation.right,) if relation.kind == "has" else (relation.left, relation.right):
        root, *rest = path.names
        kind = kinds.get(root) if not rest else "state" if rest == ["input"] else None
        if relation.kind == "has" and kind is not None and kind != s.MATE:
            continue
        if kind not in _RELATED:
            message = f"`{relation.kind}` relates nodes, terms and states, and {path} is not one of these"
            raise CellError(message, path.position, "allowed: variables that stand for a node, term or state; t.input")


def _crosses(kinds: Kinds) -> bool:
    """Returns whether a rule is a crossover, in which `mate` is the second parent."""
    return kinds.get(s.MATE) == s.MATE


def _check_mate(path: s.Path, kinds: Kinds) -> None:
    """Checks that a path which begins with `mate` stands in a crossover."""
    if path.names[0] == s.MATE and not _crosses(kinds):
        raise CellError("only a crossover has a mate", path.position, _CROSSOVER)


def _check_path(path: s.Path, kinds: Kinds, space: Space) -> None:
    root, *rest = path.names
    if root == s.MATE and _crosses(kinds):
        if not rest or (len(rest) == 1 and kinds.get(rest[0], "gene") != "gene"):
            raise CellError(f"{path} is not a value", path.position,
                            "allowed: mate.GENE, mate.t.op, mate.c.nodes.count; a whole part: t = mate.t")  # fmt: skip
        root, *rest = rest
    elif root not in (*kinds, *space.genes, *space.params, *space.cell_names):
        _check_mate(path, kinds)
    if not rest:
        known = [*kinds, *space.genes, *space.params, *space.cell_names, *WORDS]
        if root not in known:
            raise CellError(f"unknown name {root!r}", path.position, nearest(root, known), root)
        return
    if rest[-1] == "count":
        range_kind(s.Path((root, *rest[:-1]), position=path.position), kinds, space)
        return
    kind = _kind(root, kinds, space)
    if not kind:
        allowed = [*kinds, *space.cell_names, *space.genes]
        raise CellError(f"unknown name {root!r}", path.position, nearest(root, allowed), root)
    allowed = [*PARTS.get(kind, {}), *(_settings(space) if kind in ("term", "step") else ())]
    parts = ("height", "width") if rest[0] == "kernel" else ()
    if rest[0] not in allowed or (len(rest) > 1 and (len(rest) > 2 or rest[1] not in parts)):
        raise CellError(f"a {kind} has no {'.'.join(rest)!r}", path.position, nearest(rest[0], allowed))


def _settings(space: Space) -> set[str]:
    own = {formal.name for op in space.definitions.ops.values() for formal in op.formals}
    own |= {formal.name for formals in space.definitions.cells.values() for formal in formals or ()}
    return own | {setting.name for primitive in PRIMITIVES.values() for setting in primitive.settings}


def _operation_settings(space: Space) -> frozenset[str]:
    """Returns the names of the settings of ops and cells that may be operations."""
    found: set[str] = set()
    for item in space.items:
        formals = item.formals if isinstance(item, s.OpDef) else item.settings or () if isinstance(item, s.Cell) else ()
        applied = {part.name for part in s.parts_of(item) if isinstance(part, s.Op)} if formals else set()
        found |= {formal.name for formal in formals if formal.name in applied
                  or any(space.definitions.has(name) for name in edit.mentioned_in(formal.default))}  # fmt: skip
    return frozenset(found)


def _check_op_name(op: s.Op | s.Any, space: Space, others: Collection[str] = ()) -> None:
    names = space.definitions.names()
    if isinstance(op, s.Op) and op.name not in (*names, *others):
        raise CellError(f"unknown operation {op.name!r}", op.position, nearest(op.name, names), op.name)


def _check_assign(statement: s.Assign, kinds: Kinds, space: Space) -> None:
    target = statement.target
    name = target.names[0]
    if target.names == (name,) and name in kinds and _takes_part(statement, kinds):
        _check_taken(statement, kinds)
        return
    if len(target.names) == 1 and name not in space.genes and kinds.get(name) != "gene":
        genes = [*space.genes, *(variable for variable, kind in kinds.items() if kind == "gene")]
        raise CellError(f"{target} is not a gene", target.position, nearest(name, genes))
    _check_path(target, kinds, space)
    wanted = {"op": "op", "tail": "op", "join": "op", "input": "state"}.get(target.names[-1], "number")
    if len(target.names) == 1:
        wanted = _gene_kind(name, space) if name in space.genes else "value"
    elif target.names[-1] in space.once(_operation_settings):
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
    return is_of_mate or (_crosses(kinds) and kinds[statement.target.names[0]] != "gene")


def _same_of_mate(name: str) -> s.Path:
    return s.Path((s.MATE, name))


def _check_taken(statement: s.Assign, kinds: Kinds) -> None:
    """Checks an assignment of a whole part, which takes the same part of the mate."""
    target, value = statement.target, statement.value
    name = target.names[0]
    _check_mate(s.Path((s.MATE,), position=statement.position), kinds)
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
            _check_path(value, kinds, space)
    elif wanted not in ("number", "value"):
        raise CellError(f"{target} takes one {wanted}, not a number", value.position)
    else:
        for path in s.paths(value):
            _check_path(path, kinds, space)
        evaluate(value, {**{str(path): Symbol(str(path)) for path in s.paths(value)}, **space.params})


def _is_op_name(value: s.Expression, wanted: str, kinds: Kinds, space: Space) -> bool:
    """Returns whether an assigned value is the name of an operation."""
    if not isinstance(value, s.Path) or len(value.names) > 1:
        return False
    name = value.names[0]
    if wanted == "op":
        return name not in space.genes or _gene_kind(name, space) != "op"
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
        _check_op_name(op, space)
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
                _check_path(path, kinds, space)
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
    if not _crosses(kinds):
        raise CellError("`mutate` stands in a crossover, and this rule is a mutation", statement.position, _CROSSOVER)


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
