"""The checks of a file and of every genotype. All code that takes a genotype relies on these checks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator

from dsl.check.mutations import verify_rules
from dsl.check.nesting import large_uses, recursion, room
from dsl.check.network import check_network
from dsl.check.reach import verify_reach
from dsl.check.requires import verify_requires
from dsl.check.sizes import verify_sizes
from dsl.check.uses import (
    CHANNELS,
    check_call,
    check_is_some,
    check_member,
    check_numbers,
    check_use,
    check_value,
    names_at_a_use,
)
from dsl.errors import CellError, Position, Problem, nearest, problems_of
from dsl.primitives import CONCATENATION, JOINS, NOTHING, PRIMITIVES
from dsl.primitives.records import STRIDE
from dsl.space.evaluate import Symbol, Value, decide, number
from dsl.space.expand import Formals
from dsl.space.genes import INT, domain_of, value_of, written
from dsl.space.genotype import Genotype, Space
from dsl.space.slots import key
from dsl.space.stack import names
from dsl.text.unparse import expression
from dsl.tree import edit
from dsl.tree import syntax as s

MAX_NODES = 1_000
_AMBIENT = ("filters", "stride", "channels", "classes")
RESERVED = (*_AMBIENT, NOTHING)
_NOT_LABELS = ("tail", "fit")  # words in the keys of other weights of a node
_NOT_SETTINGS = ("filters", "stride", "channels", "classes", "op", "input", "repeat")


def verify(genotype: Genotype) -> list[Problem]:
    """Returns all errors of a space and its seed, in the order of the text."""
    space = genotype.space
    problems = [*_reserved(space), *recursion(genotype), *verify_sizes(space)]
    problems = problems or [*large_uses(genotype)]
    if problems:
        return problems  # The next checks expand operations. Expanding an operation that contains itself would not end.
    problems = [
        *problems_of(lambda op: _check_op(op, space), space.definitions.ops.values()),
        *problems_of(lambda item: _check_values(item, space), [i for i in space.items if isinstance(i, s.Values)]),
        *problems_of(lambda item: _check_gene(item, space), space.genes.values()),
        *verify_cells(genotype),
        *check_network(genotype),
        *verify_rules(space),
        *verify_requires(space),
    ]
    return problems or list(verify_reach(space))  # `verify_reach` relies on correct names and kinds.


def verify_genotype(genotype: Genotype) -> list[Problem]:
    """Returns the errors of a genotype of a valid space."""
    network = check_network(genotype) if genotype.space.evolves_network else ()
    return [*recursion(genotype)] or [*verify_cells(genotype), *network]


def verify_network_change(before: s.Network, child: Genotype) -> list[Problem]:
    """Returns the errors of a network that a rule has changed in a child. Unchanged steps are not checked again."""
    kept = {id(step) for section in before.sections for step in section.steps}
    return list(check_network(child, kept))


def verify_cells(genotype: Genotype) -> list[Problem]:
    """Returns the errors of a genotype's cells.

    The caller has checked with `recursion` that no cell contains itself.
    """
    return [p for cell in genotype.cells for p in _verify_cell(cell, genotype.space, edit.cell_ops(cell))]


def _check_op(defined: s.OpDef, space: Space) -> None:
    scope = {**names_at_a_use(space), "channels": CHANNELS}
    if len({formal.name for formal in defined.formals}) < len(defined.formals):
        raise CellError(f"op {defined.name} has two settings of one name", defined.position, "rename one of them")
    _check_formals(defined.formals, scope, space)
    for case in defined.cases:
        if case.condition is not None:
            decide(case.condition, scope)
        for part in case.pipe:
            if len(case.pipe) > 1:
                check_is_some(part, f"a pipe of op {defined.name}", space)
            if not isinstance(part, s.Op) or part.name != defined.name:
                check_use(part, space, scope)
            elif part.name not in PRIMITIVES:
                raise CellError(
                    f"op {defined.name} is defined by itself", part.position, "define it by other operations"
                )
            check_call(part, space, scope)
    if any(case.condition is None for case in defined.cases[:-1]):
        raise CellError(
            f"op {defined.name}: a case without `if` must be the last", defined.position, "move it to the end"
        )
    if defined.cases[-1].condition is not None:
        raise CellError(f"op {defined.name}: the last case must have no `if`", defined.cases[-1].position,
                        "add a last case: `else ...`")  # fmt: skip


def _check_formals(formals: tuple[s.Formal, ...], scope: dict[str, Value], space: Space) -> None:
    """Checks the defaults of the settings of an op or cell, and adds the settings to the names in its body."""
    for formal in formals:
        if formal.default is not None:
            check_value(formal.default, space, scope)
        scope[formal.name] = Symbol(formal.name)


def _reserved(space: Space) -> Iterator[Problem]:
    """Yields the errors of declarations with reserved names."""
    for item in space.items:
        if isinstance(item, s.Param | s.Gene | s.Values | s.OpDef | s.Cell) and item.name in RESERVED:
            yield Problem(f"{item.name!r} is a word of the language and cannot be declared", item.position)
        if isinstance(item, s.OpDef | s.Cell) and item.name in JOINS:
            kind = "an op" if isinstance(item, s.OpDef) else "a cell"
            yield Problem(f"{item.name!r} joins states, so {kind} cannot have this name", item.position,
                          f"choose another name, such as my_{item.name}")  # fmt: skip


def _check_brackets(cell: s.Cell, space: Space) -> None:
    """Checks the settings in the brackets of a cell, and what does not go with brackets."""
    if cell.settings is None:
        return
    wrong = [name for name, value in (("fit", cell.fit), ("width", cell.width)) if value is not None]
    wrong += ["each" for item in cell.inputs if item.each]
    if wrong:
        raise CellError(f"cell {cell.name} has brackets, and `{wrong[0]}` does not go with brackets", cell.position,
                        f"leave `{wrong[0]}` or the brackets out")  # fmt: skip
    states = {*[item.name for item in cell.inputs], *[node.name for node in cell.nodes]}
    names = [formal.name for formal in cell.settings]
    for formal in cell.settings:
        if formal.name in _NOT_SETTINGS:
            raise CellError(f"a setting of a cell cannot be called {formal.name!r}", formal.position,
                            f"choose a name other than {', '.join(_NOT_SETTINGS)}")  # fmt: skip
        if names.count(formal.name) > 1:
            raise CellError(f"cell {cell.name} has two settings of one name", formal.position, "rename one of them")
        if formal.name in states:
            raise CellError(f"{formal.name!r} is a setting and a state of cell {cell.name}", formal.position,
                            "rename one of them")  # fmt: skip
    _check_formals(cell.settings, {**names_at_a_use(space), "channels": CHANNELS}, space)


def _check_values(item: s.Values, space: Space) -> None:
    for member in item.items.items:
        check_member(member, space)


def _check_gene(gene: s.Gene, space: Space) -> None:
    domain = domain_of(gene, space.constants, space.values)
    for member in domain.members:
        if isinstance(member, s.Op):
            check_member(member, space)
    value = value_of(gene, space.constants)
    if domain.taken(value, lambda other: key(other, space)) == value:
        return
    known = expression(written(value))
    if not domain.is_range:
        allowed = [expression(written(member)) for member in domain.members]
        raise CellError(f"gene {gene.name} is {known}, which is not in its set", gene.value.position,
                        nearest(known, allowed))  # fmt: skip
    limits = "" if domain.low is None else f"{domain.low} .. {domain.high}"
    numbers = f"whole numbers {limits}".strip() if domain.kind == INT else limits
    raise CellError(f"gene {gene.name} is {known}; its domain is {numbers}", gene.position)


# --- cells -----------------------------------------------------------------------------------------------------


def verify_change(before: s.Cell, after: s.Cell, child: Genotype) -> list[Problem]:
    """Returns the errors of a cell that a rule has changed in a child. The unchanged parts are not checked again."""
    changed = edit.changed_flows(before, after)
    if changed is None:
        kept = set(map(id, before.nodes))
        flows = [node.flow for node in after.nodes if id(node) not in kept]
        ops = list(edit.flow_ops(flows if after.output is before.output else [*flows, after.output]))
        problems = _verify_cell(after, child.space, ops)
    else:
        tails: list[s.Op | s.Any] = []
        ops, faults = [], []
        for index in changed:
            flow, old = edit.flow_at(after, index), edit.flow_at(before, index)
            # Terms are compared by identity, since a comparison by value takes longer than the check.
            kept = set(map(id, old.terms))
            new = [term for term in flow.terms if id(term) not in kept]
            faults += _check_flow(flow, new, after, edit.states(after, index), index == edit.OUTPUT)
            ops += [op for term in new for op in edit.term_ops(term)]
            if flow.tail is not old.tail:
                ops += flow.tail
                tails += flow.tail
        problems = [*problems_of(child.space.once(_checkers)(after.settings), ops), *faults]
        if tails:
            problems += problems_of(lambda op: check_is_some(op, f"cell {after.name}", child.space), tails)
    if not problems and (child.space.nests or _size(after) > child.space.once(room)):
        problems = [*recursion(child)]
    return problems


def _size(cell: s.Cell) -> int:
    """Returns an upper bound on the number of operations in a cell."""
    return sum([node.flow.size for node in cell.nodes]) + cell.output.size + len(cell.inputs) + 1


def _verify_cell(cell: s.Cell, space: Space, ops: Iterable[s.Op | s.Any]) -> list[Problem]:
    """Returns the errors of one cell: of its names, of the order of its nodes, and of the operations `ops` in it."""
    if len(cell.nodes) > MAX_NODES:
        return [Problem(f"cell {cell.name} has {len(cell.nodes):,} nodes; at most {MAX_NODES:,}", cell.position)]
    problems = [*problems_of(lambda item: _check_brackets(item, space), [cell])]
    if problems:
        return problems
    problems += problems_of(space.once(_checkers)(cell.settings), ops)
    problems += problems_of(lambda op: check_is_some(op, f"cell {cell.name}", space), _whole_ops(cell))
    if cell.stride is not None:
        problems += problems_of(lambda stride: _check_stride(stride, cell, space), [cell.stride])
    known: dict[str, Position | None] = {}
    for item in cell.inputs:
        if item.name in known:
            problems.append(Problem(f"cell {cell.name} has two inputs {item.name!r}", item.position))
        if item.kind is not None and cell.settings is not None:
            measured = edit.measured([item.kind])
            problems += [_unknown_state(name, item.position, cell, known) for name in measured if name not in known]
        known[item.name] = item.position
    named = [(item.name, item.position) for item in cell.inputs] + [(node.name, node.position) for node in cell.nodes]
    for name, position in named:
        if name == "unused":
            problems.append(Problem("'unused' means the nodes that no node reads; no state has this name", position))
    for node in cell.nodes:
        problems += _check_flow(node.flow, node.flow.terms, cell, known)
        if node.name in known:
            message = f"{node.name!r} is already a state of cell {cell.name}"
            problems.append(Problem(message, node.position, f"first at {known[node.name]}"))
        known[node.name] = node.position
    problems += _check_flow(cell.output, cell.output.terms, cell, known, is_output=True)
    return problems


def _whole_ops(cell: s.Cell) -> Iterator[s.Op | s.Any]:
    """Yields the operations of a cell that cannot be `none`: of inputs, of the tails of nodes, and after `fit`."""
    yield from (item.kind for item in cell.inputs if item.kind is not None)
    if cell.fit is not None:
        yield cell.fit
    for flow in (*(node.flow for node in cell.nodes), cell.output):
        yield from flow.tail


def _checkers(space: Space) -> Callable[[Formals | None], Callable[[s.Op | s.Any], None]]:
    """Returns a function that returns, for the settings of a cell, a function that checks an operation in the cell.

    The functions keep their results in caches, since the genotypes of a search share operations.
    """

    @functools.lru_cache(maxsize=256)
    def checker(settings: Formals | None) -> Callable[[s.Op | s.Any], None]:
        scope = {**names_at_a_use(space), **{formal.name: Symbol(formal.name) for formal in settings or ()}}

        @functools.lru_cache(maxsize=8192)
        def check(op: s.Op | s.Any) -> None:
            known = scope
            if settings is not None and isinstance(op, s.Op) and op.arguments:
                # That the states exist is checked with the states of the term.
                known = {**scope, **{f"{name}.channels": Symbol(f"{name}.channels") for name in edit.measured([op])}}
            check_use(op, space, known)
            check_call(op, space, known)

        return check

    return checker


def _check_stride(written: s.Expression, cell: s.Cell, space: Space) -> None:
    check_numbers(written, space, f"the stride of cell {cell.name}")
    stride = number(written, names(space.seed))
    if not STRIDE.holds(stride):
        raise CellError(f"stride of cell {cell.name} is {stride}; allowed: {STRIDE.allowed}", written.position)


def _check_flow(
    flow: s.Flow, terms: Iterable[s.Term], cell: s.Cell, known: Collection[str], is_output: bool = False
) -> list[Problem]:
    """Returns the errors of the given terms of a flow, and of the labels of all terms of the flow."""
    problems = [problem for term in terms for problem in _check_term(term, cell, known, is_output)]
    if cell.settings is not None:
        problems += [_unknown_state(state, flow.position, cell, known)
                     for state in edit.measured(edit.flow_ops([flow])) if state not in known]  # fmt: skip
    return problems + list(_check_labels(flow.terms, flow.position))


def _check_labels(terms: tuple[s.Term, ...], position: Position | None) -> Iterator[Problem]:
    """Yields the errors of the labels of terms and of those within them, which are parts of the keys of weights."""
    for term in terms:
        if isinstance(term, s.Call):
            yield from _check_labels(term.arguments, term.position or position)
        if term.label in _NOT_LABELS:
            yield Problem(f"{term.label!r} cannot be a label: other weights of a node have this word in their keys",
                          term.position or position,
                          "choose another name, or leave the label out")  # fmt: skip
    if any([term.label is not None for term in terms]):
        labels = [term.label or str(place) for place, term in enumerate(terms)]
        if len(set(labels)) < len(labels):
            hint = "labels: " + ", ".join(labels)
            yield Problem("two terms of a node have the same label", position, hint)


def _unknown_state(state: str, position: Position | None, cell: s.Cell, known: Collection[str]) -> Problem:
    if state in {node.name for node in cell.nodes}:
        hint = "a node reads only inputs and the nodes above it"
        return Problem(f"{state!r} is read before it is made", position, hint)
    return Problem(f"unknown state {state!r} in cell {cell.name}", position, nearest(state, known))


def _check_term(term: s.Term, cell: s.Cell, known: Collection[str], is_output: bool) -> list[Problem]:
    if isinstance(term, s.Wire):
        if term.state in known or (is_output and term.state == "unused"):
            return []
        return [_unknown_state(term.state, term.position, cell, known)]
    joins = s.is_join(term)
    problems: list[Problem] = []
    if not joins and len(term.arguments) != 1:
        name = term.op.name if isinstance(term.op, s.Op) else "any"
        problems.append(Problem(f"{name} takes one state, found {len(term.arguments)}", term.position,
                                f"join them first: {CONCATENATION}(a, b), or a + b in a node of its own"))  # fmt: skip
    for argument in term.arguments:
        problems += _check_term(argument, cell, known, is_output and joins)
    return problems
