"""A report on a file's mutation rules and on the size of its search space in random search."""

from __future__ import annotations

import itertools
import math
import random
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from dsl.errors import CellError
from dsl.report.diff import Difference, differences
from dsl.rules.changes import CHANGES, followed
from dsl.rules.crossing import taken, takes_part
from dsl.rules.draw import candidates, in_brackets, insertable
from dsl.rules.interpreter import Check, applying, mutate
from dsl.rules.joint import Joint, variables
from dsl.rules.paths import current
from dsl.rules.sample import RELATIVE_STEPS, decisions, relative
from dsl.rules.scene import Attempt, Scene, Unfit
from dsl.rules.work import Work
from dsl.space import steps
from dsl.space.evaluate import DISTRIBUTIONS
from dsl.space.genes import written
from dsl.space.genotype import STEPS, Genotype
from dsl.space.slots import has_setting
from dsl.space.stack import names, repeats
from dsl.text.unparse import condition, declaration, expression
from dsl.tree import edit, network
from dsl.tree import syntax as s
from dsl.tree.edit import StepRef, TermRef
from dsl.wording import plural

MAX_PLACES = 10_000  # the greatest number of bindings of a rule that are counted
_MOST = 10**300  # the greatest number of children of one place that is counted
_EXAMPLES = 10  # At most this number of children is made to find one that differs from its parent.


@dataclass(frozen=True, slots=True)
class CellFact:
    """The size of one cell. `note` says why rules do not change the cell; it is empty if rules may change the cell."""

    name: str
    inputs: int
    nodes: int
    dead: int
    edges: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class RuleFact:
    """The possible effects of one mutation rule on a genotype.

    Attributes:
      name: the name of the rule.
      share: the probability with which a search draws this rule.
      places: the number of bindings of the rule's `choose` for which the rule applies.
      children: an upper bound on the number of different children. It is None if the rule draws a number from an
        interval, or if counting stopped.
      example: the differences of one child from its parent.
      note: a remark, such as the reason why the rule does not apply, or the second parent of a crossover.
    """

    name: str
    share: float
    places: int
    children: int | None
    example: tuple[Difference, ...] = ()
    note: str = ""

    @property
    def applies(self) -> bool:
        """Whether the rule applies for at least one binding of its `choose`."""
        return self.places > 0


@dataclass(frozen=True, slots=True)
class ChoiceFact:
    """A number of free choices (`count`) of one attribute, each among a number of values (`options`)."""

    count: int
    attribute: str
    options: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A report on a genotype and its space before a search.

    `steps` and `repetitions` count the steps that rules may change, and all their repetitions.
    """

    cells: tuple[CellFact, ...]
    rules: tuple[RuleFact, ...]
    choices: tuple[ChoiceFact, ...]
    genes: tuple[str, ...]
    requires: tuple[str, ...]
    steps: int = 0
    repetitions: int = 0

    @property
    def size(self) -> int:
        """The number of genotypes among which random search draws; 1 if there is no free choice."""
        return math.prod(choice.options**choice.count for choice in self.choices)


def explain(genotype: Genotype, rng: random.Random, check: Check | None = None) -> Explanation:
    """Returns the report on a genotype and all rules of its space; examples are drawn from `rng` and pass `check`."""
    space = genotype.space
    mate = relative(genotype, rng, check) if space.has_crossover else None
    total = sum(space.weights)
    rules = tuple(
        _rule(rule, weight / total, Scene.of(genotype, Attempt(Work(), mate)), rng, check)
        for rule, weight in zip(space.mutations, space.weights, strict=True)
    )
    options = Counter((".".join(d.attribute), _count_ops(d.values, Scene.of(genotype))) for d in decisions(genotype))
    choices = tuple(ChoiceFact(count, attribute, many) for (attribute, many), count in options.items())
    values = dict(genotype.genes)
    mine = (replace(gene, value=written(values[name])) for name, gene in space.genes.items())
    genes = tuple(declaration(gene).removeprefix("gene ") for gene in mine)
    requires = tuple(condition(item.condition) for item in space.requires)
    cells = tuple(_cell(cell, genotype) for cell in genotype.cells)
    evolving = network.steps(genotype.network) if space.evolves_network else ()
    repetitions = sum(repeats(network.step_at(genotype.network, ref), names(genotype)) for ref in evolving)
    return Explanation(cells, rules, choices, genes, requires, len(evolving), repetitions)


def _cell(cell: s.Cell, genotype: Genotype) -> CellFact:
    terms = sum(1 for node in cell.nodes for _, edge in s.flow_edges(node.flow) if not edit.is_none(edge))
    note = "fixed" if cell.fixed else "" if cell.name in genotype.space.reached else "not used by the network"
    dead = len(cell.nodes) - len(edit.live_nodes(cell))
    return CellFact(cell.name, len(cell.inputs), len(cell.nodes), dead, terms, note)


# --- rules -----------------------------------------------------------------------------------------------------


def _rule(rule: s.Mutation, share: float, scene: Scene, rng: random.Random, check: Check | None) -> RuleFact:
    places, children = _count(rule.block, scene)
    if not places:
        return RuleFact(rule.name, share, 0, 0, note=obstacle(rule.block, scene))
    counted = None if children == math.inf else int(children)
    try:
        example, note = _example(scene, rule, rng, check)
    except CellError as error:
        reasons = "; ".join(error.problems[0].hint.splitlines())
        return RuleFact(rule.name, share, places, counted, note=f"every child is rejected: {reasons}")
    return RuleFact(rule.name, share, places, counted, example, note)


def _example(
    scene: Scene, rule: s.Mutation, rng: random.Random, check: Check | None
) -> tuple[tuple[Difference, ...], str]:
    """Returns the differences of one child from its parent, and a remark about this child."""
    parent = scene.genotype
    for _ in range(_EXAMPLES):
        child = mutate(parent, rng, check, (rule,), mate=scene.attempt.mate)
        found = differences(parent, child.genotype)
        if found:
            break
    noise = None if child.noise is None else f"the weights get the noise {child.noise}"
    fresh = "the child starts from fresh weights" if child.forget else None
    notes = [
        fresh or ("" if found or noise else "the child equals its parent"),
        noise,
        f"the other parent is this one after {RELATIVE_STEPS} mutations" if child.crossed else "",
    ]
    return found, "; ".join(filter(None, notes))


def _count(block: s.Block, scene: Scene) -> tuple[int, float]:
    """Returns the number of bindings for which a block of a rule applies, and an upper bound on different children."""
    places, children = 0, 0.0
    joint = Joint(block.chosen, scene)
    if joint.count > MAX_PLACES:
        joint = Joint(block.chosen, scene, applying(block))
    if joint.count > MAX_PLACES:
        return MAX_PLACES + 1, math.inf
    most = MAX_PLACES // max(joint.count, 1)
    for _, bound in joint.combinations():
        many, keeps = _in_turn(block.rest, bound, most)
        if many:
            places += 1
            # One combination of values may give every target the value that it has already. This child is not counted.
            children += many - keeps
    return places, children


def _in_turn(statements: Sequence[s.Statement], scene: Scene, most: int) -> tuple[float, bool]:
    """Returns an upper bound on the ways to carry out statements in turn, and whether one of them changes nothing.

    Each statement is counted in the genotypes that the statements before it make. The bound is infinite if these may be
    more than `most`.
    """
    changing = [one for one in statements if not isinstance(one, s.Forget | s.Perturb)]
    if not changing:
        return 1, True
    first, *others = changing
    if not others:
        return _ways(first, scene)
    drawn = _draws(first, scene, most)
    if drawn is None:
        ways = _ways(first, scene)[0], _in_turn(others, scene, most)[0]
        return math.inf if all(ways) else 0, False
    found: list[tuple[float, bool]] = []
    for numbers in drawn:
        try:
            after = CHANGES[type(first)](first, scene, _Drawn(numbers))
        except Unfit:
            continue
        if after is not None:
            many, keeps = _in_turn(others, followed(scene, after), most // len(drawn))
            found.append((many, keeps and after.genotype == scene.genotype))
    return sum(many for many, _ in found), any(keeps for _, keeps in found)


class _Drawn(random.Random):
    """A source of numbers that were chosen before, from 0 to 1, with which a statement makes one of its draws."""

    def __init__(self, numbers: tuple[float, ...]) -> None:
        super().__init__(0)
        self._numbers = iter(numbers)

    def random(self) -> float:
        """Returns the next number."""
        return next(self._numbers, 0.0)


def _draws(statement: s.Statement, scene: Scene, most: int) -> list[tuple[float, ...]] | None:
    """Returns the numbers that make each draw of a statement; None if they may be more than `most`."""
    parts: tuple[Iterable[tuple[float, ...]], ...]
    match statement:
        case s.Either() | s.For() | s.Mutate():
            return None
        case s.Assign(_, _, s.Function(name)) if name in DISTRIBUTIONS:
            return None
        case s.Assign(target, _, s.Any() as value):
            parts = (_draws_of(candidates(value, target, scene), scene),)
        case s.Assign(_, _, value):
            parts = (_draws_in_brackets(value, scene),)
        case s.Insert(pipe) | s.Connect(_, _, pipe):
            parts = tuple(
                _draws_of(insertable(part, scene), scene)
                if isinstance(part, s.Any)
                else _draws_in_brackets(part, scene)
                for part in pipe
            )
        case _:
            parts = ()
    found = [*itertools.islice((tuple(itertools.chain(*each)) for each in itertools.product(*parts)), most + 1)]
    return found if len(found) <= most else None


def _draws_of(found: Sequence[object], scene: Scene) -> Iterator[tuple[float, ...]]:
    """Yields the numbers with which each member of a set is drawn, and then the values in its brackets."""
    for number, member in zip(_numbers(len(found)), found, strict=True):
        yield from ((number, *inner) for inner in _draws_in_brackets(member, scene))


def _draws_in_brackets(op: object, scene: Scene) -> Iterator[tuple[float, ...]]:
    drawn = [part.value for part in op.arguments if isinstance(part.value, s.Any)] if isinstance(op, s.Op) else []
    yield from itertools.product(*[_numbers(len(in_brackets(value, scene))) for value in drawn])


def _numbers(count: int) -> list[float]:
    """Returns the numbers that draw each member of a set of this size."""
    return [(index + 0.5) / count for index in range(count)]


def _product(factors: Iterable[float]) -> float:
    """Returns a product, at most `_MOST` unless it is infinite. Larger whole numbers are no numbers of a float."""
    found = [*factors]
    return math.inf if math.inf in found else min(math.prod(found), _MOST)


def _ways(statement: s.Statement, scene: Scene) -> tuple[float, bool]:
    """Returns the number of ways to carry out a statement, and whether one of them changes nothing."""
    match statement:
        case s.Assign():
            return _values(statement, scene)
        case s.Either(blocks):
            counted = [_count(block, scene) for block in blocks]
            found = [children for places, children in counted if places]
            # A branch that changes nothing is one way, if no other branch applies.
            return (sum(found), False) if any(found) or not found else (1, True)
        case s.For(_, block):
            turns = [_count(block, inner) for _, inner in Joint((statement,), scene).combinations()]
            ways = [children + 1 for places, children in turns if places]
            if len(ways) > 1 and _grows(block):
                return math.inf, True  # A turn may choose among what the turns before it have inserted.
            return _product(ways) if ways else 0, True
        case s.Insert(pipe) | s.Connect(_, _, pipe):
            return math.prod(_pipe_ways(part, scene) for part in pipe), False
        case s.Forget() | s.Perturb():
            return 1, True
        case s.Remove(name) if isinstance(ref := scene.bound.get(name), StepRef):
            return int(network.without_step(scene.genotype.network, ref) is not None), False
        case s.Mutate():
            return math.inf, False
        case _:
            return 1, False


def _grows(block: s.Block) -> bool:
    """Returns whether a block inserts or connects parts, and draws variables."""
    return block.drawn > 0 and any(isinstance(part, s.Insert | s.Connect) for part in s.parts_of(block))


def _values(statement: s.Assign, scene: Scene) -> tuple[float, bool]:
    target, value = statement.target, statement.value
    if takes_part(statement, scene):
        try:
            after = taken(target.names[0], scene)
        except Unfit:
            after = None
        return int(after is not None), after is not None and after.genotype == scene.genotype
    if not _has(target, scene):
        return 0, False
    if isinstance(value, s.Function) and value.name in DISTRIBUTIONS:
        return math.inf, False
    if not isinstance(value, s.Any):
        return 1, False
    found = candidates(value, target, scene)
    return _count_ops(found, scene), statement.operator == "=" and current(target, scene) in found


def _has(target: s.Path, scene: Scene) -> bool:
    """Returns whether the term or step to which a variable is bound has the attribute that a rule assigns."""
    ref = scene.bound.get(target.names[0])
    if len(target.names) > 2 and not isinstance(current(s.Path(target.names[:2]), scene), s.Kernel):
        return False
    if isinstance(ref, TermRef) and target.names[1] not in ("op", "input"):
        return has_setting(edit.term_at(scene.genotype.cell(ref.cell), ref), target.names[1], scene.genotype.space)
    if isinstance(ref, StepRef):
        return steps.has(network.step_at(scene.genotype.network, ref), target.names[1], scene.genotype.space)
    return True


def _pipe_ways(part: s.Op | s.Any, scene: Scene) -> int:
    return _count_ops(insertable(part, scene) if isinstance(part, s.Any) else (part,), scene)


def _count_ops(found: Iterable[object], scene: Scene) -> int:
    """Returns the number of operations in a set. A member `sep_conv[any({ 3x3, 5x5 })]` counts as two operations."""
    return sum(
        math.prod(
            len(in_brackets(argument.value, scene))
            for argument in (member.arguments if isinstance(member, s.Op) else ())
            if isinstance(argument.value, s.Any)
        )
        for member in found
    )


# --- why a rule does not apply ---------------------------------------------------------------------------------


def obstacle(block: s.Block, scene: Scene) -> str:
    """Returns the first reason why a block of a rule applies for no binding."""
    for index, choose in enumerate(block.chosen):
        before = block.chosen[:index]
        for count, binding in enumerate(choose.bindings):
            bound = choose.bindings[:count]
            if not _exists((*before, replace(choose, bindings=(*bound, replace(binding, where=None)))), scene):
                return f"{expression(binding.range)} has no members"
            for part in s.conjuncts(binding.where):
                if not _exists((*before, replace(choose, bindings=(*bound, replace(binding, where=part)))), scene):
                    return _unmet(part, "step" if _is_of_step(part, block.chosen) else "term")
            if binding.where is not None and not _exists((*before, replace(choose, bindings=(*bound, binding))), scene):
                return f"no choice satisfies all of `{condition(binding.where)}`"
    for statement in block.rest:
        if isinstance(statement, s.For):  # A `for` does not apply where a `choose` of one member would not.
            inner = (*block.chosen, s.Choose(statement.bindings), *statement.block.statements)
            return obstacle(s.Block(inner), scene)
    removed = {statement.name for statement in block.rest if isinstance(statement, s.Remove)}
    if removed & _steps(block.chosen):
        return "a step that `as` names, or the only one of its section, is not removed"
    assigned = [statement.target for statement in block.rest if isinstance(statement, s.Assign)]
    for target in assigned:
        found = itertools.islice(_joint(block.chosen, scene).combinations(), MAX_PLACES)
        if len(target.names) > 1 and not any(_has(target, bound) for _, bound in found):
            what = "step" if target.names[0] in _steps(block.chosen) else "term"
            wanted = f"a setting {target.names[1]!r}" + " that is a kernel" * (len(target.names) > 2)
            return f"no {what} that the rule draws has {wanted}"
    targets = [*map(str, assigned)]
    return f"there is no other value for {' and '.join(targets)}" if targets else "no branch of the rule applies"


def _exists(chosen: tuple[s.Choose, ...], scene: Scene) -> bool:
    return _joint(chosen, scene).count > 0


def _joint(chosen: tuple[s.Choose, ...], scene: Scene) -> Joint:
    """Returns a joint draw with a count of steps of its own, since each question about a rule is another draw."""
    return Joint(chosen, scene._replace(attempt=scene.attempt._replace(work=Work())))


def _is_of_step(part: s.Condition, chosen: Iterable[s.Choose]) -> bool:
    return isinstance(part, s.Is) and not variables((part.path,)).isdisjoint(_steps(chosen))


def _steps(chosen: Iterable[s.Choose]) -> set[str]:
    """Returns the variables that stand for steps."""
    bindings = [binding for choose in chosen for binding in choose.bindings]
    return {binding.name for binding in bindings if binding.range == s.Path((STEPS,))}


def _unmet(part: s.Condition, what: str) -> str:
    if isinstance(part, s.Is) and part.path.names[-1] == "op":
        named = expression(part.op)
        return f"every {what} has op {named}" if part.negated else f"no {what} has op {named}"
    return f"no choice satisfies `{condition(part)}`"


# --- as text ---------------------------------------------------------------------------------------------------


def as_text(explanation: Explanation, width: int = 100) -> str:
    """Returns the text of an explanation, as lines for a terminal."""
    parts = [["cells", *_cell_lines(explanation.cells)]] if explanation.cells else []
    if explanation.steps:
        counts = plural(explanation.steps, "step"), plural(explanation.repetitions, "repetition")
        parts.append(["network", f"  {counts[0]} that rules may change, {counts[1]} in all"])
    if explanation.rules:
        parts.append([*_rule_lines(explanation.rules, width)])
    parts.append([*_size_lines(explanation, width)])
    parts += [["genes", *(f"  {gene}" for gene in explanation.genes)]] if explanation.genes else []
    parts += [["required", *(f"  {text}" for text in explanation.requires)]] if explanation.requires else []
    return "\n\n".join("\n".join(lines) for lines in parts)


def _cell_lines(cells: tuple[CellFact, ...]) -> Iterator[str]:
    longest = max(len(cell.name) for cell in cells)
    for cell in cells:
        counts = (plural(cell.inputs, "input"), plural(cell.nodes, "node"), plural(cell.edges, "edge"))
        dead = f" ({cell.dead} dead)" if cell.dead else ""
        note = f"; {cell.note}" if cell.note else ""
        yield f"  {cell.name:<{longest}}  {counts[0]}, {counts[1]}{dead}, {counts[2]}{note}"


def _rule_lines(rules: tuple[RuleFact, ...], width: int) -> Iterator[str]:
    longest = max(len("rules"), *(len(rule.name) + 2 for rule in rules))
    yield f"{'rules':<{longest}}  {'share':>7}  {'places':>8}  {'children':>12}"
    for rule in rules:
        places = f"{rule.places:,}" if rule.places <= MAX_PLACES else f">{MAX_PLACES:,}"
        children = "unlimited" if rule.children is None else f"up to {rule.children:,}" if rule.children else "0"
        counts = f"{places:>8}  {children:>12}" if rule.applies else f"{'-':>8}  {'-':>12}"
        yield f"{'  ' + rule.name:<{longest}}  {rule.share:>7.1%}  {counts}"
        for line in _rule_notes(rule):
            yield textwrap.fill(line, width, initial_indent=" " * 6, subsequent_indent=" " * 8)


def _rule_notes(rule: RuleFact) -> Iterator[str]:
    if not rule.applies:
        yield f"does not apply: {rule.note}"
    elif rule.note:
        yield rule.note
    for difference in rule.example:
        yield from str(difference).splitlines()


def _size_lines(explanation: Explanation, width: int) -> Iterator[str]:
    count = sum(choice.count for choice in explanation.choices)
    if not count:
        yield "space: no free choice; random search takes the seed after some mutations"
        return
    size = f"{Decimal(explanation.size):.1e}".replace("e+", "e")
    yield f"space: {plural(count, 'free choice')}, {size} texts, of which several may be one network"
    kinds = ", ".join(f"{c.count} {c.attribute} of {c.options}" for c in explanation.choices)
    yield textwrap.fill(kinds, width, initial_indent="  ", subsequent_indent="  ")
