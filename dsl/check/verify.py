"""The checks of a file and of every genotype. All code that takes a genotype relies on these checks."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dsl.check.mutations import verify_rules
from dsl.check.reach import verify_reach
from dsl.check.requires import verify_requires
from dsl.check.sizes import verify_sizes
from dsl.check.uses import CHANNELS, check_member, check_numbers, check_use, check_value, names_at_a_use
from dsl.errors import CellError, Position, Problem, nearest, problems_of
from dsl.primitives import CONCATENATION, JOINS, NOTHING, PRIMITIVES
from dsl.primitives.records import COUNT, STRIDE
from dsl.space.cache import Cache
from dsl.space.evaluate import Symbol, Value, decide, evaluate, number
from dsl.space.expand import AMBIENT, Formals
from dsl.space.genes import INT, domain_of, value_of, written
from dsl.space.genotype import Genotype, Space
from dsl.space.slots import key
from dsl.space.stack import mark_of, names, repeats, steps_back
from dsl.text.unparse import expression
from dsl.tree import edit
from dsl.tree import syntax as s

MAX_OF_NETWORK, MAX_WRITTEN_OUT = 1_000, 2_000  # steps and repetitions in all of a network that rules change
MAX_NODES = 1_000
MAX_NESTING = 64
MAX_EXPANDED = 10_000
_ONLY_AS_A_TERM = f"`{NOTHING}` is used in {{}}; it is allowed only as the operation of a term or a case of an op"
_WHOLE = "only the operation of a term in a cell, or a whole case of an op, may be it"
_AMBIENT = ("filters", "stride", "channels", "classes")
RESERVED = (*_AMBIENT, NOTHING)
_NOT_SETTINGS = ("filters", "stride", "channels", "classes", "op", "input", "repeat")
_ORDER = ("stem", "body", "head")


def verify(genotype: Genotype) -> list[Problem]:
    """Returns all errors of a space and its seed, in the order of the text."""
    space = genotype.space
    problems = [*_reserved(space), *recursion(genotype), *verify_sizes(space)]
    problems = problems or [*_large_uses(genotype)]
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
    network = _check_network(genotype) if genotype.space.evolves_network else ()
    return [*recursion(genotype)] or [*verify_cells(genotype), *network]


def verify_network_change(before: s.Network, child: Genotype) -> list[Problem]:
    """Returns the errors of a network that a rule has changed in a child. Unchanged steps are not checked again."""
    kept = {id(step) for section in before.sections for step in section.steps}
    return list(_check_network(child, kept))


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
                _check_is_some(part, f"a pipe of op {defined.name}", space)
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


def _check_formals(formals: tuple[s.Formal, ...], scope: dict[str, Value], space: Space) -> None:
    """Checks the defaults of the settings of an op or cell, and adds the settings to the names in its body."""
    for formal in formals:
        if formal.default is not None:
            check_value(formal.default, space, scope)
        scope[formal.name] = Symbol(formal.name)


def _check_is_some(op: s.Op | s.Any, where: str, space: Space) -> None:
    """Checks that an operation is not `none`, and not an `op` that may be `none`, which only a term may have."""
    if isinstance(op, s.Op) and op.name == NOTHING:
        raise CellError(_ONLY_AS_A_TERM.format(where), op.position)
    if isinstance(op, s.Op) and op.name in space.may_be_none:
        raise CellError(f"{op.name} may be `{NOTHING}`, and is used in {where}", op.position, _WHOLE)


def recursion(genotype: Genotype) -> Iterator[Problem]:
    """Yields the errors of operations and cells that contain themselves or nest too deeply."""
    uses = dict(genotype.space.uses)
    places = {
        name: item.position for name, item in (*genotype.space.definitions.ops.items(), *genotype.space.genes.items())
    }
    for cell in genotype.cells:
        uses[cell.name] = _cell_uses(cell, genotype.space)
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


def _cell_uses(cell: s.Cell, space: Space) -> list[tuple[str, ...]]:
    """Returns the operations in a cell as `edit.cell_uses` does. A child shares most cells with its parent."""
    cache = space.once(_cache_of_uses)
    found = cache.get(cell)
    if found is None:
        found = edit.cell_uses(cell)
        cache.put(found, cell)
    return found


def _cache_of_uses(space: Space) -> Cache[list[tuple[str, ...]]]:
    return Cache()


def _large_uses(genotype: Genotype) -> Iterator[Problem]:
    """Yields the errors of operations outside of cells and ops that stand for too many others, by their settings."""
    uses = dict(genotype.space.uses)
    uses.update((cell.name, edit.cell_uses(cell)) for cell in genotype.cells)
    sizes: dict[str, tuple[int, int]] = {}
    for name in uses:
        _loop(name, uses, sizes, ())
    outside = [item for item in genotype.space.items if not isinstance(item, s.OpDef | s.Cell)]
    for part in s.parts_of(outside):
        if isinstance(part, s.Op) and part.arguments:
            size, depth = _size_of(edit.mentioned(part), sizes)
            if size > MAX_EXPANDED or depth > MAX_NESTING:
                yield Problem(f"{part.name} with these settings stands for more than {MAX_EXPANDED:,} operations",
                              part.position, "give it simpler operations")  # fmt: skip
                return


def _size_of(names: tuple[str, ...], sizes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Returns upper bounds of the number of operations and of the nesting depth of an operation.

    `names` has its name and those in its settings. What it does with an operation that is a setting it may do at each
    of its own operations.
    """
    if len(names) == 1:
        return sizes.get(names[0], (1, 1))
    parts = [sizes[name] for name in names if name in sizes]
    return math.prod(size for size, _ in parts), 1 + sum(depth for _, depth in parts)


def _loop(
    name: str, uses: Mapping[str, list[tuple[str, ...]]], sizes: dict[str, tuple[int, int]], trail: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the names in a loop of operations or in a nest that is too deep; an empty tuple if there is none.

    Args:
      name: the operation or cell that is checked.
      uses: for each operation and cell, the operations in it: the name of each, and the names in its settings.
      sizes: receives the number of operations and the nesting depth of each operation that is in order.
      trail: the operations that contain this one, the outermost first.
    """
    if name in trail:
        return (*trail[trail.index(name) :], name)
    if name in sizes or name not in uses:
        return ()
    if len(trail) >= MAX_NESTING:
        return trail
    for used in dict.fromkeys(edit.all_names(uses[name])):
        loop = _loop(used, uses, sizes, (*trail, name))
        if loop:
            return loop
    parts = [_size_of(names, sizes) for names in uses[name]]
    sizes[name] = (1 + sum(size for size, _ in parts), 1 + max((depth for _, depth in parts), default=0))
    return ()


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
            problems += problems_of(lambda op: _check_is_some(op, f"cell {after.name}", child.space), tails)
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
    for name in space.uses:
        _loop(name, space.uses, sizes, ())
    if max((depth for _, depth in sizes.values()), default=1) >= MAX_NESTING:
        return 0
    return (MAX_EXPANDED - 1) // max((size for size, _ in sizes.values()), default=1)


def _verify_cell(cell: s.Cell, space: Space, ops: Iterable[s.Op | s.Any]) -> list[Problem]:
    """Returns the errors of one cell: of its names, of the order of its nodes, and of the operations `ops` in it."""
    if len(cell.nodes) > MAX_NODES:
        return [Problem(f"cell {cell.name} has {len(cell.nodes):,} nodes; at most {MAX_NODES:,}", cell.position)]
    problems = [*problems_of(lambda item: _check_brackets(item, space), [cell])]
    if problems:
        return problems
    problems += problems_of(space.once(_checkers)(cell.settings), ops)
    problems += problems_of(lambda op: _check_is_some(op, f"cell {cell.name}", space), _whole_ops(cell))
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
            _check_call(op, space, known)

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
    if any([term.label is not None for term in flow.terms]):
        labels = [term.label or str(place) for place, term in enumerate(flow.terms)]
        if len(set(labels)) < len(labels):
            hint = "labels: " + ", ".join(labels)
            problems.append(Problem("two terms of a node have the same label", flow.position, hint))
    return problems


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


# --- network ---------------------------------------------------------------------------------------------------


def _check_network(genotype: Genotype, kept: Collection[int] = ()) -> Iterator[Problem]:
    """Yields the errors of the network. `kept` has the ids of steps that are known to be right."""
    network = genotype.network
    steps = [step for section in network.sections for step in section.steps]
    if genotype.space.evolves_network:
        large = _large(network, steps, genotype)
        if large is not None:
            yield large
            return
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
        new = [step for step in section.steps if id(step) not in kept]
        yield from problems_of(lambda step: _check_step(step, genotype), new)
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
    space, known = genotype.space, names(genotype)
    scope = names_at_a_use(space)
    arities = {cell.name: len(cell.inputs) for cell in genotype.cells}
    for op in step.pipe:
        _check_is_some(op, "a step of the network", space)
        check_use(op, space, scope)
        _check_call(op, space, scope, alone=len(step.pipe) == 1)
    alone = step.pipe[0] if len(step.pipe) == 1 else None
    is_cell = isinstance(alone, s.Op) and alone.name not in space.definitions.ops
    wanted = arities.get(alone.name, 0) if is_cell and isinstance(alone, s.Op) else 0
    if step.inputs and len(step.inputs) != wanted:
        message = f"inputs in the step's brackets: {len(step.inputs)}; this step takes {wanted or 'none'}"
        raise CellError(message, step.position)
    for wired in step.inputs:
        if mark_of(wired, known) is None:
            check_numbers(wired, space, "an input of a step")
            steps_back(wired, known)
    if step.times is not None:
        check_numbers(step.times, space, "the number of repetitions of a step")
        _check_times(step, genotype)
    if step.stride is not None:
        _check_first_stride(step, step.stride, space)


def _large(network: s.Network, steps: Sequence[s.Step], genotype: Genotype) -> Problem | None:
    """Returns the error of a network that rules change, if it has too many steps or repetitions."""
    if len(steps) > MAX_OF_NETWORK:
        message = f"the network has {len(steps):,} steps; at most {MAX_OF_NETWORK:,} where rules change steps"
        return Problem(message, network.position, "use `* N` for equal steps in a row")
    known = names(genotype)
    try:
        count = sum(repeats(step, known) for step in steps if step.times is not None)
    except CellError:  # The check of the step has this error.
        return None
    if count <= MAX_WRITTEN_OUT:
        return None
    message = f"the network has {count:,} repetitions of steps; at most {MAX_WRITTEN_OUT:,} where rules change steps"
    return Problem(message, network.position, "repeat the steps of it less often")


def _check_times(step: s.Step, genotype: Genotype) -> None:
    try:
        repeats(step, names(genotype))
    except CellError as error:
        problem = error.problems[0]
        if isinstance(step.times, s.Path) and str(step.times) in genotype.space.genes:
            problem = replace(problem, hint=f"declare whole numbers, such as: gene {step.times}: int = 2 in 1 .. 4")
        raise CellError.of([problem]) from None


def _check_first_stride(step: s.Step, written: s.Expression, space: Space) -> None:
    """Checks the stride that is written after a step."""
    first = step.pipe[0]
    given = next((each for each in first.arguments if each.name == "stride"), None) if isinstance(first, s.Op) else None
    if given is not None:
        raise CellError("this step has two strides", given.position, "`stride` after the step is that of the first "
                        "repetition, and `stride=` in brackets that of each one; keep one of them")  # fmt: skip
    stride = evaluate(written, space.definitions.scope)
    if isinstance(stride, s.Op) or not (isinstance(stride, Symbol) or STRIDE.holds(stride)):
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
    formals = space.definitions.cells[op.name]
    for argument in op.arguments:
        name = argument.name or (AMBIENT[0] if formals is None else "")
        if name not in AMBIENT:
            continue  # The values of the cell's own settings have no domain.
        value = evaluate(argument.value, {"channels": CHANNELS, **scope})
        domain = STRIDE if name == "stride" else COUNT
        if isinstance(value, s.Op) or not (isinstance(value, Symbol) or domain.holds(value)):
            hint = "write F//4 for a whole quotient" if domain is COUNT and isinstance(value, float) else ""
            raise CellError(f"{op.name}: {name} is {value}; allowed: {domain.allowed}", argument.value.position, hint)
