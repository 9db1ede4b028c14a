"""The checks of a file and of every genotype. All code that takes a genotype relies on these checks."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from dsl.check.mutations import verify_requires, verify_rules
from dsl.check.reach import verify_reach
from dsl.check.sizes import verify_sizes
from dsl.check.uses import CHANNELS, check_member, check_use, names_at_a_use
from dsl.errors import CellError, Position, Problem, nearest, problems_of
from dsl.primitives import CONCATENATION, NOTHING, PRIMITIVES
from dsl.primitives.records import COUNT, STRIDE
from dsl.space.evaluate import Symbol, Value, decide, evaluate, number
from dsl.space.genes import INT, domain_of, value_of, written
from dsl.space.genotype import Genotype, Space
from dsl.space.slots import key
from dsl.space.stack import mark_of
from dsl.text.unparse import expression
from dsl.tree import edit
from dsl.tree import syntax as s

MAX_REPEATS = 10_000
MAX_NODES = 1_000
MAX_NESTING = 64
MAX_EXPANDED = 10_000
_ONLY_IN_A_CELL = f"`{NOTHING}` is used in {{}}; it is allowed only in a cell, as the operation of a term"
_AMBIENT = ("filters", "stride", "channels", "classes")
RESERVED = (*_AMBIENT, NOTHING)
_ORDER = ("stem", "body", "head")


def verify(genotype: Genotype) -> list[Problem]:
    """Returns all errors of a space and its seed, in the order of the text."""
    space = genotype.space
    problems = [*_reserved(space), *recursion(genotype), *verify_sizes(space)]
    if problems:
        return problems  # The next checks expand operations. Expanding an operation that contains itself would not end.
    problems = [
        *problems_of(lambda op: _check_op(op, space), space.definitions.ops.values()),
        *problems_of(lambda item: _check_values(item, space), [i for i in space.items if isinstance(i, s.Values)]),
        *problems_of(lambda item: _check_gene(item, space), space.genes.values()),
        *verify_cells(genotype),
        *_check_network(genotype),
        *verify_rules(space),
        *verify_requires(space),
    ]
    return problems or list(verify_reach(space))  # `verify_reach` relies on correct names and kinds.


def verify_genotype(genotype: Genotype) -> list[Problem]:
    """Returns the errors of a genotype of a valid space."""
    return [*recursion(genotype)] or verify_cells(genotype)


def verify_cells(genotype: Genotype) -> list[Problem]:
    """Returns the errors of a genotype's cells.

    The caller has checked with `recursion` that no cell contains itself.
    """
    return [p for cell in genotype.cells for p in _verify_cell(cell, genotype.space, edit.cell_ops(cell))]


def _check_op(defined: s.OpDef, space: Space) -> None:
    scope = {**names_at_a_use(space), "channels": CHANNELS}
    if len({formal.name for formal in defined.formals}) < len(defined.formals):
        raise CellError(f"op {defined.name} has two settings of one name", defined.position, "rename one of them")
    for formal in defined.formals:
        scope[formal.name] = Symbol(formal.name)
    for case in defined.cases:
        if case.condition is not None:
            decide(case.condition, scope)
        for part in case.pipe:
            if isinstance(part, s.Op) and part.name == NOTHING:
                raise CellError(_ONLY_IN_A_CELL.format(f"op {defined.name}"), part.position)
            if not isinstance(part, s.Op) or part.name != defined.name:
                check_use(part, space, scope)
            elif part.name not in PRIMITIVES:
                raise CellError(
                    f"op {defined.name} is defined by itself", part.position, "define it by other operations"
                )
            _check_call(part, space, scope)
    if any(case.condition is None for case in defined.cases[:-1]):
        raise CellError(
            f"op {defined.name}: a case without `if` must be the last", defined.position, "move it to the end"
        )
    if defined.cases[-1].condition is not None:
        raise CellError(f"op {defined.name}: the last case must have no `if`", defined.cases[-1].position,
                        "add a last case: `else ...`")  # fmt: skip


def recursion(genotype: Genotype) -> Iterator[Problem]:
    """Yields the errors of operations and cells that contain themselves or nest too deeply."""
    uses = {name: defined.uses() for name, defined in genotype.space.definitions.ops.items()}
    places = {name: defined.position for name, defined in genotype.space.definitions.ops.items()}
    for cell in genotype.cells:
        uses[cell.name] = edit.op_names(edit.cell_ops(cell))
        places[cell.name] = cell.position
    sizes: dict[str, tuple[int, int]] = {}
    for name in uses:
        loop = _loop(name, uses, sizes, ())
        if loop and loop[0] in loop[1:]:
            yield Problem(f"{name} contains itself: {' -> '.join(loop)}", places[loop[0]])
            return
        if loop or sizes[name][1] > MAX_NESTING:
            yield Problem(f"{name} nests deeper than {MAX_NESTING} operations", places[name])
            return
        if sizes[name][0] > MAX_EXPANDED:
            yield Problem(f"{name} stands for more than {MAX_EXPANDED:,} operations", places[name])
            return


def _loop(
    name: str, uses: Mapping[str, list[str]], sizes: dict[str, tuple[int, int]], trail: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the names in a loop of operations or in a nest that is too deep; an empty tuple if there is none.

    Args:
      name: the operation or cell that is checked.
      uses: the names of the operations in each operation and cell.
      sizes: receives the number of operations and the nesting depth of each operation that is in order.
      trail: the operations that contain this one, the outermost first.
    """
    if name in trail:
        return (*trail[trail.index(name) :], name)
    if name in sizes or name not in uses:
        return ()
    if len(trail) >= MAX_NESTING:
        return trail
    for used in uses[name]:
        loop = _loop(used, uses, sizes, (*trail, name))
        if loop:
            return loop
    parts = [sizes.get(used, (1, 1)) for used in uses[name]]
    sizes[name] = (1 + sum(size for size, _ in parts), 1 + max((depth for _, depth in parts), default=0))
    return ()


def _reserved(space: Space) -> Iterator[Problem]:
    """Yields the errors of declarations with reserved names."""
    for item in space.items:
        if isinstance(item, s.Param | s.Gene | s.Values | s.OpDef | s.Cell) and item.name in RESERVED:
            yield Problem(f"{item.name!r} is a word of the language and cannot be declared", item.position)


def _check_values(item: s.Values, space: Space) -> None:
    for member in item.items.items:
        check_member(member, space)


def _check_gene(gene: s.Gene, space: Space) -> None:
    domain = domain_of(gene, space.params, space.values)
    for member in domain.members:
        if isinstance(member, s.Op):
            check_member(member, space)
    value = value_of(gene, space.params)
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
        problems = [*problems_of(child.space.once(_checker), ops), *faults]
    if not problems and (child.space.nests or _size(after) > child.space.once(_room)):
        problems = [*recursion(child)]
    return problems


def _size(cell: s.Cell) -> int:
    """Returns an upper bound on the number of operations in a cell."""
    return sum([node.flow.size for node in cell.nodes]) + cell.output.size + len(cell.inputs) + 1


def _room(space: Space) -> int:
    """Returns a number of operations. A cell with at most this number needs no check of its size and its nesting depth.

    This holds only for cells that contain no other cell.
    """
    sizes: dict[str, tuple[int, int]] = {}
    uses = {name: defined.uses() for name, defined in space.definitions.ops.items()}
    for name in uses:
        _loop(name, uses, sizes, ())
    if max((depth for _, depth in sizes.values()), default=1) >= MAX_NESTING:
        return 0
    return (MAX_EXPANDED - 1) // max((size for size, _ in sizes.values()), default=1)


def _verify_cell(cell: s.Cell, space: Space, ops: Iterable[s.Op | s.Any]) -> list[Problem]:
    """Returns the errors of one cell: of its names, of the order of its nodes, and of the operations `ops` in it."""
    if len(cell.nodes) > MAX_NODES:
        return [Problem(f"cell {cell.name} has {len(cell.nodes):,} nodes; at most {MAX_NODES:,}", cell.position)]
    problems = list(problems_of(space.once(_checker), ops))
    problems += problems_of(lambda stride: _check_stride(stride, cell, space), [cell.stride] if cell.stride else [])
    known: dict[str, Position | None] = {}
    for item in cell.inputs:
        if item.name in known:
            problems.append(Problem(f"cell {cell.name} has two inputs {item.name!r}", item.position))
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


def _checker(space: Space) -> Callable[[s.Op | s.Any], None]:
    """Returns a function that checks an operation in a cell.

    The function keeps its results in a cache, since the genotypes of a search share operations.
    """
    scope = names_at_a_use(space)

    @functools.lru_cache(maxsize=8192)
    def check(op: s.Op | s.Any) -> None:
        check_use(op, space, scope)
        _check_call(op, space, scope)

    return check


def _check_stride(written: s.Expression, cell: s.Cell, space: Space) -> None:
    stride = number(written, space.params)
    if not STRIDE.holds(stride):
        raise CellError(f"stride of cell {cell.name} is {stride}; allowed: {STRIDE.allowed}", written.position)


def _check_flow(
    flow: s.Flow, terms: Iterable[s.Term], cell: s.Cell, known: Collection[str], is_output: bool = False
) -> list[Problem]:
    """Returns the errors of the given terms of a flow, and of the labels of all terms of the flow."""
    problems = [problem for term in terms for problem in _check_term(term, cell, known, is_output)]
    if any([term.label is not None for term in flow.terms]):
        labels = [term.label or str(place) for place, term in enumerate(flow.terms)]
        if len(set(labels)) < len(labels):
            hint = "labels: " + ", ".join(labels)
            problems.append(Problem("two terms of a node have the same label", flow.position, hint))
    return problems


def _check_term(term: s.Term, cell: s.Cell, known: Collection[str], is_output: bool) -> list[Problem]:
    if isinstance(term, s.Wire):
        if term.state in known or (is_output and term.state == "unused"):
            return []
        if term.state in {node.name for node in cell.nodes}:
            hint = "a node reads only inputs and the nodes above it"
            return [Problem(f"{term.state!r} is read before it is made", term.position, hint)]
        return [Problem(f"unknown state {term.state!r} in cell {cell.name}", term.position, nearest(term.state, known))]
    joins = s.is_join(term)
    problems: list[Problem] = []
    if not joins and len(term.arguments) != 1:
        name = term.op.name if isinstance(term.op, s.Op) else "any"
        problems.append(Problem(f"{name} takes one state, found {len(term.arguments)}", term.position,
                                f"join them first: {CONCATENATION}(a, b), or a + b in a node of its own"))  # fmt: skip
    for argument in term.arguments:
        problems += _check_term(argument, cell, known, is_output and joins)
    return problems


# --- network ---------------------------------------------------------------------------------------------------


def _check_network(genotype: Genotype) -> Iterator[Problem]:
    network = genotype.network
    steps = [step for section in network.sections for step in section.steps]
    marks = [step.name for step in steps if step.name is not None]
    seen: set[str] = set()
    for section in network.sections:
        if section.name not in s.SECTIONS:
            message = f"unknown section {section.name!r} of the network"
            yield Problem(message, section.position, nearest(section.name, s.SECTIONS))
        if section.of is not None and section.name != "auxiliary":
            yield Problem(f"section {section.name!r} cannot name a step; only auxiliary can", section.position)
        if section.name in seen:
            yield Problem(f"the network has two sections {section.name!r}", section.position)
        seen.add(section.name)
        if section.name == "auxiliary" and section.of not in marks:
            hangs = "no step" if section.of is None else f"{section.of!r}, and no step has this name"
            hint = nearest(section.of or "", marks) or "write `as NAME` after a step, and auxiliary(NAME)"
            yield Problem(f"auxiliary hangs on {hangs}", section.position, hint)
        yield from problems_of(lambda step: _check_step(step, genotype), section.steps)
        yield from _check_labels(section)
    yield from _check_wires(network, {**genotype.space.params, **genotype.space.genes})
    twice = {name for name, count in Counter(marks).items() if count > 1}
    for step in steps:
        if step.name in twice:
            yield Problem(f"two steps are called {step.name!r}", step.position)
            break
    built = [section for section in network.sections if section.name in _ORDER]
    for above, section in itertools.pairwise(built):
        if _ORDER.index(above.name) > _ORDER.index(section.name):
            yield Problem(f"section {section.name!r} stands after {above.name!r}", section.position,
                          f"a network is built in the order of its text: {', '.join(_ORDER)}")  # fmt: skip
    if not seen.issuperset(("head", "body")):
        missing = "body" if "head" in seen else "head"
        yield Problem(f"the network has no {missing}", network.position, "a network has a body and a head")


def _check_step(step: s.Step, genotype: Genotype) -> None:
    space = genotype.space
    scope = names_at_a_use(space)
    arities = {cell.name: len(cell.inputs) for cell in genotype.cells}
    for op in step.pipe:
        if isinstance(op, s.Op) and op.name == NOTHING:
            raise CellError(_ONLY_IN_A_CELL.format("a step of the network"), op.position)
        check_use(op, space, scope)
        _check_call(op, space, scope, alone=len(step.pipe) == 1)
    alone = step.pipe[0] if len(step.pipe) == 1 else None
    is_cell = isinstance(alone, s.Op) and alone.name not in space.definitions.ops
    wanted = arities.get(alone.name, 0) if is_cell and isinstance(alone, s.Op) else 0
    if step.inputs and len(step.inputs) != wanted:
        message = f"inputs in the step's brackets: {len(step.inputs)}; this step takes {wanted or 'none'}"
        raise CellError(message, step.position)
    for wired in step.inputs:
        if mark_of(wired, {**space.params, **space.genes}) is not None:
            continue
        back = number(wired, space.params)
        if not (isinstance(back, int) and back < 0):
            raise CellError(f"input {back} of a step is not below 0; write -1 for the step before", wired.position)
    if step.times is not None:
        times = number(step.times, space.params)
        if not (isinstance(times, int) and 0 <= times <= MAX_REPEATS):
            allowed = f"a whole number from 0 to {MAX_REPEATS:,}"
            raise CellError(f"a step is repeated {times} times; allowed: {allowed}", step.times.position)
    if step.stride is not None:
        _check_first_stride(step, step.stride, space)


def _check_first_stride(step: s.Step, written: s.Expression, space: Space) -> None:
    """Checks the stride that is written after a step."""
    first = step.pipe[0]
    given = next((each for each in first.arguments if each.name == "stride"), None) if isinstance(first, s.Op) else None
    if given is not None:
        raise CellError("this step has two strides", given.position, "`stride` after the step is that of the first "
                        "repetition, and `stride=` in brackets that of each one; keep one of them")  # fmt: skip
    stride = evaluate(written, space.definitions.scope)
    if not isinstance(stride, Symbol) and not STRIDE.holds(stride):
        raise CellError(f"the stride of a step is {stride}; allowed: {STRIDE.allowed}", written.position)


def _check_labels(section: s.Section) -> Iterator[Problem]:
    if all(step.label is None for step in section.steps):
        return
    labels = [str(step.label) for step in s.labelled(section.steps)]
    for place, (step, label) in enumerate(zip(section.steps, labels, strict=True)):
        if not label.isidentifier() and not label.isdigit():
            yield Problem(f"{label} is not a label; a label is a name or a whole number", step.position)
        if label in labels[:place]:
            hint = f"labels: {', '.join(labels)}; a step without a label has its place, counted from 0"
            yield Problem(f"two steps of section {section.name!r} have the label {label}", step.position, hint)


def _check_wires(network: s.Network, known: Mapping[str, object]) -> Iterator[Problem]:
    """Yields the errors of inputs that name steps. A step may read the named steps above it."""
    all_ = [step.name for section in network.sections for step in section.steps if step.name is not None]
    above: list[str] = []
    # The steps of an auxiliary section are built last.
    for section in sorted(network.sections, key=lambda section: section.of is not None):
        for step in section.steps:
            for wire in step.inputs:
                mark = mark_of(wire, known)
                if mark is None or mark in above:
                    continue
                if mark in all_:
                    hint = f"named above it: {', '.join(above) or 'none'}"
                    yield Problem(f"a step reads steps above it, and {mark!r} is not above it", wire.position, hint)
                else:
                    hint = nearest(mark, above) or f"write `as {mark}` after the step that is to be read"
                    yield Problem(f"no step is called {mark!r}", wire.position, hint)
            if step.name is not None:
                above.append(step.name)


def _check_call(op: s.Op | s.Any, space: Space, scope: Mapping[str, Value], alone: bool = False) -> None:
    """Checks the settings with which an operation calls a cell.

    A cell with several inputs must be the only operation of a step of the network.
    """
    if not isinstance(op, s.Op) or op.name in space.definitions.ops or op.name not in space.definitions.cells:
        return
    cell = space.written[op.name]
    if len(cell.inputs) > 1 and not alone:
        names = ", ".join(item.name for item in cell.inputs)
        raise CellError(f"cell {cell.name} takes {len(cell.inputs)} states ({names}), and an operation gets one state",
                        op.position, "a cell of several inputs stands alone in a step of the network")  # fmt: skip
    for argument in op.arguments:
        name, value = argument.name or "filters", evaluate(argument.value, scope)
        domain = STRIDE if name == "stride" else COUNT
        if not isinstance(value, Symbol) and not domain.holds(value):
            hint = "write F//4 for a whole quotient" if domain is COUNT and isinstance(value, float) else ""
            raise CellError(f"{op.name}: {name} is {value}; allowed: {domain.allowed}", argument.value.position, hint)
