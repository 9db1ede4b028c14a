"""The syntax tree: one frozen dataclass for each construct of the language.

Positions are kept for messages and are not compared, so that `parse(unparse(file)) == file`. A genotype contains cells
of this tree, and a mutation rule takes such cells and returns new ones.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from dsl.primitives import JOINS, PRODUCT, SUM
from dsl.values import Kernel as Kernel
from dsl.values import Symbol as Symbol
from dsl.values import Syntax as Syntax

# --- expressions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Syntax):
    """A number such as `3`, `0.5` or `20K`. A whole number is an int, also if it is written `3.0`."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Path(Syntax):
    """A name, or names with dots between them: `F`, `c.nodes`, `t.kernel.width`."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Binary(Syntax):
    """Two expressions with an operator between them: `left + right`; `depth` is the nesting depth, which is bounded."""

    operator: str
    left: Expression
    right: Expression
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negative(Syntax):
    """The negative of an expression: `-value`."""

    value: Expression
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Function(Syntax):
    """A function of numbers, `max(8, F // 4)`, or a distribution from which a rule draws: `uniform(0.5, 2)`."""

    name: str
    arguments: tuple[Expression, ...]
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Set(Syntax):
    """A set that is written out: `{ 1, 2 }`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any(Syntax):
    """A uniform draw from a set: `any(S)`, `any(other S)`, `any(S except T)`."""

    range: Path | Set
    other: bool = False
    excluded: Path | Set | None = None


@dataclass(frozen=True, slots=True)
class Argument(Syntax):
    """The value of a setting in an operation's brackets: `3x3`, or `stride=2` with the name of the setting."""

    name: str | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Op(Syntax):
    """`sep_conv[3x3]`: the name of a primitive, an `op` or a cell, with settings."""

    name: str
    arguments: tuple[Argument, ...] = ()


# A symbol stands in no text: the checks give it to an operation's setting whose value is not known.
Expression = Number | Kernel | Path | Binary | Negative | Function | Set | Any | Op | Symbol
Pipe = tuple[Op | Any, ...]


# --- declarations ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Include(Syntax):
    """`include "nasnet.cell"`: the declarations of another file are added to those of this file."""

    path: str


@dataclass(frozen=True, slots=True)
class Param(Syntax):
    """`param N = 6`: a number that a user may replace when the file is loaded."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Gene(Syntax):
    """`gene learning_rate = 0.1 in 0.01 .. 1`, `gene k = 3x3 in { 3x3, 5x5 }`: a value that rules may change.

    Attributes:
      name: the name of the gene.
      value: the value of the seed.
      low: the least number of its range; None without a range.
      high: the greatest number of its range; None without a range.
      members: the set of its values, or the name of this set; None without a set.
      kind: the kind that is written after a colon, such as `int`; None without one.
    """

    name: str
    value: Expression
    low: Expression | None = None
    high: Expression | None = None
    members: Path | Set | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Values(Syntax):
    """`values ops = { skip, conv[3x3] }`: a set with a name."""

    name: str
    items: Set


@dataclass(frozen=True, slots=True)
class Formal(Syntax):
    """A setting of an operation or cell that the file defines, with its default."""

    name: str
    default: Expression | None = None


@dataclass(frozen=True, slots=True)
class Case(Syntax):
    """A case of an `op`: a pipe, and the condition under which this pipe is used."""

    pipe: Pipe
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class OpDef(Syntax):
    """`op conv_bn[kernel] = conv[kernel] | batch_norm`: an operation that is made of other operations, by cases."""

    name: str
    formals: tuple[Formal, ...]
    cases: tuple[Case, ...]


# --- cells -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wire(Syntax):
    """A term that is a state without an operation. `label` is None if the term has no label other than its place."""

    state: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Call(Syntax):
    """A term that is an operation on one term, or a join such as `concat` on several terms."""

    op: Op | Any
    arguments: tuple[Term, ...]
    label: str | None = None


Term = Wire | Call


@dataclass(frozen=True, slots=True)
class Flow(Syntax):
    """A sum of terms and the operations that follow it.

    Attributes:
      terms: the terms of the sum.
      tail: the operations that follow the sum.
      reads: the states of all edges in order, including edges that are `none`.
      places: the places of the edges. The word `unused` stands for states and is not an edge, so it has no place here.
      size: the number of operations.
    """

    terms: tuple[Term, ...]
    tail: Pipe = ()
    reads: tuple[str, ...] = field(init=False, compare=False, repr=False)
    places: tuple[tuple[int, ...], ...] = field(init=False, compare=False, repr=False)
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A search needs these attributes of every flow of every child. They are computed once for each flow, and a
        # child shares most flows with its parent.
        reads: list[str] = []
        places: list[tuple[int, ...]] = []
        size = len(self.tail)
        for index, term in enumerate(self.terms):
            size += _note_edges(term, (index,), reads, places)
        object.__setattr__(self, "reads", tuple(reads))
        object.__setattr__(self, "places", tuple(places))
        object.__setattr__(self, "size", size)


@dataclass(frozen=True, slots=True)
class Node(Syntax):
    """`a = conv[3x3](x) + skip(b)`: a state of a cell, and the flow that computes it."""

    name: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class Input(Syntax):
    """An input of a cell.

    `here: project` applies the operation once, `x: each conv_bn[1x1]` for each edge that reads it.
    """

    name: str
    kind: Op | None = None
    each: bool = False


@dataclass(frozen=True, slots=True)
class Cell(Syntax):
    """`cell normal(x) { ... return a }`: the inputs and nodes of a cell, and `output`, the flow of its return.

    `settings` has the settings of a cell with brackets, which may be none: `cell block[kernel](x)`, `cell layer[](x)`.
    It is None for a cell without brackets.
    """

    name: str
    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    output: Flow
    stride: Expression | None = None
    fit: Op | None = None
    width: str | None = None
    fixed: bool = False
    settings: tuple[Formal, ...] | None = None


@dataclass(frozen=True, slots=True)
class Like(Syntax):
    """`cell m2(x) like m1`: a copy of a cell under another name."""

    name: str
    inputs: tuple[Input, ...]
    original: str
    fixed: bool = False


# --- network ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step(Syntax):
    """A step of a section: `3: normal[2*F](-1, -3) * N stride 2 as middle`.

    Attributes:
      pipe: the operations, or one cell.
      inputs: what the step reads, each as a number of steps back or as the name of a step.
      times: the number of repetitions.
      name: the name of the last repetition.
      stride: the stride of the first repetition.
      label: the label in keys of weights; None if this is the step's place in its section.
    """

    pipe: Pipe
    inputs: tuple[Expression, ...] = ()
    times: Expression | None = None
    name: str | None = None
    stride: Expression | None = None
    label: str | None = None


Labelled = TypeVar("Labelled", bound=Wire | Call | Step)
SECTIONS = ("stem", "body", "head", "auxiliary")


@dataclass(frozen=True, slots=True)
class Section(Syntax):
    """A section of the network, `body: step, step`. An `auxiliary` section names the step whose output it reads."""

    name: str
    steps: tuple[Step, ...]
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Network(Syntax):
    """`network { stem: ... body: ... }`: the sections in which cells and operations are stacked."""

    sections: tuple[Section, ...]


# --- rules -----------------------------------------------------------------------------------------------------

MATE = "mate"  # the name of the second parent in the paths of a crossover


@dataclass(frozen=True, slots=True)
class Compare(Syntax):
    """`stride > 1`, `c != filters`: two expressions and the operator between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Is(Syntax):
    """A condition on the name of an operation: `t.op is conv`, `t.op is not skip`."""

    path: Path
    op: Op
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Relation(Syntax):
    """A relation of two nodes, terms or states: `a before b`, `a reaches b`, `a feeds b`; or `mate has n`."""

    kind: str
    left: Path
    right: Path


@dataclass(frozen=True, slots=True)
class Not(Syntax):
    """A condition that must not hold; `depth` is the nesting depth of conditions."""

    condition: Condition
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And(Syntax):
    """Conditions that must all hold; none of them is an `And`. `depth` is the nesting depth of conditions."""

    conditions: tuple[Condition, ...]
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or(Syntax):
    """Conditions of which at least one must hold; none of them is an `Or`. `depth` is as that of `And`."""

    conditions: tuple[Condition, ...]
    depth: int = field(default=1, compare=False, repr=False)


Condition = Compare | Is | Relation | Not | And | Or


@dataclass(frozen=True, slots=True)
class Require(Syntax):
    """`require count(c.nodes) < 8`: a condition that every individual of the space meets."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Binding(Syntax):
    """`n in c.nodes where n.terms.count > 1`: a name, the set of its members, and the condition for a member."""

    name: str
    range: Path | Set
    where: Condition | None = None


@dataclass(frozen=True, slots=True)
class Choose(Syntax):
    """`choose c in cells, n in c.nodes where ...`: the draws that a rule makes before its changes."""

    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Assign(Syntax):
    """`t.op = any(ops)`, `learning_rate *= 2`: a rule gives a part of the genotype a new value."""

    target: Path
    operator: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Insert(Syntax):
    """`insert relu | conv[3x3] on t`, `insert block[3x3] after s`: a rule adds a new node or step of these operations.

    `on` is the edge on which the node is put, or, with `after`, the step after which the step is put.
    """

    pipe: Pipe
    on: str
    after: bool = False


@dataclass(frozen=True, slots=True)
class Connect(Syntax):
    """`connect a to b by skip`: a rule adds an edge between two states."""

    source: str
    target: str
    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Remove(Syntax):
    """`remove n`: a rule removes a node or an edge."""

    name: str


@dataclass(frozen=True, slots=True)
class Forget(Syntax):
    """`forget weights`: the child starts from fresh weights."""


@dataclass(frozen=True, slots=True)
class Perturb(Syntax):
    """`perturb weights by normal(0, 0.02)`: noise is added to the weights with which the child starts."""

    noise: Expression


@dataclass(frozen=True, slots=True)
class Mutate(Syntax):
    """`mutate`: a crossover applies one mutation rule, which is drawn by weight."""


@dataclass(frozen=True, slots=True)
class Block(Syntax):
    """The statements of a rule or of a part of it.

    Attributes:
      statements: all statements, in the order of the text.
      depth: the nesting depth of blocks.
      chosen: the statements that draw variables.
      rest: the other statements.
      drawn: the number of variables that the block and the blocks within it draw.
    """

    statements: tuple[Statement, ...]
    depth: int = field(default=1, compare=False, repr=False)
    chosen: tuple[Choose, ...] = field(init=False, compare=False, repr=False)
    rest: tuple[Statement, ...] = field(init=False, compare=False, repr=False)
    drawn: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        chosen = tuple([statement for statement in self.statements if isinstance(statement, Choose)])
        rest = tuple([statement for statement in self.statements if not isinstance(statement, Choose)])
        object.__setattr__(self, "chosen", chosen)
        object.__setattr__(self, "rest", rest)
        inner = sum(block.drawn for statement in rest for block in blocks(statement))
        drawn = [len(each.bindings) for each in self.statements if isinstance(each, Choose | For)]
        object.__setattr__(self, "drawn", sum(drawn) + inner)


@dataclass(frozen=True, slots=True)
class For(Syntax):
    """`for t in c.terms where ... { ... }`: a block that a rule applies to all combinations of members, in order."""

    bindings: tuple[Binding, ...]
    block: Block


@dataclass(frozen=True, slots=True)
class Either(Syntax):
    """`either { ... } or { ... }`: blocks of which a rule draws one."""

    blocks: tuple[Block, ...]


Statement = Choose | For | Assign | Insert | Connect | Remove | Forget | Perturb | Mutate | Either


@dataclass(frozen=True, slots=True)
class Mutation(Syntax):
    """`mutation op weight 2 { ... }`: a mutation rule, and the weight with which the rule is drawn.

    `crossover op { ... }` is the same for a rule that makes a child of two parents.
    """

    name: str
    block: Block
    weight: Expression | None = None
    crossover: bool = False

    @property
    def title(self) -> str:
        """The keyword and the name of the rule."""
        return f"{'crossover' if self.crossover else 'mutation'} {self.name}"


Declaration = Include | Param | Gene | Values | OpDef | Cell | Like | Network | Require | Mutation


@dataclass(frozen=True, slots=True)
class File(Syntax):
    """The declarations of one text, in the order of the text."""

    items: tuple[Declaration, ...]


# --- walking the tree ------------------------------------------------------------------------------------------


def parts_of(part: object) -> Iterator[Syntax]:
    """Yields a part of the tree and all parts within it. Each part comes before the parts that it contains."""
    inner: Iterable[object] = part if isinstance(part, tuple | list) else ()
    if isinstance(part, Syntax):
        yield part
        # Fields that are computed from other fields would repeat their content.
        inner = [getattr(part, each.name) for each in fields(part) if each.init]
    for each in inner:
        yield from parts_of(each)


def blocks(statement: Statement) -> tuple[Block, ...]:
    """Returns the blocks within a statement."""
    match statement:
        case Either(inner):
            return inner
        case For(_, block):
            return (block,)
        case _:
            return ()


def simple(condition: Condition) -> Iterator[Compare | Is | Relation]:
    """Yields the simple conditions in a condition: those that `and`, `or` and `not` join. The text gives the order."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from simple(part)
        case Not(inner):
            yield from simple(inner)
        case _:
            yield condition


def conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    """Returns the conditions that must all hold for a condition to hold."""
    if condition is None:
        return ()
    return condition.conditions if isinstance(condition, And) else (condition,)


def paths(part: Expression | Compare | Is | Relation) -> Iterator[Path]:
    """Yields the paths whose values are needed to evaluate an expression or a simple condition."""
    match part:
        case (Path() as path) | Is(path) | Relation("has", _, path):
            yield path
        case Binary(_, left, right) | Compare(_, left, right) | Relation(_, left, right):
            yield from paths(left)
            yield from paths(right)
        case Negative(value):
            yield from paths(value)
        case Function(_, arguments):
            for argument in arguments:
                yield from paths(argument)


def reads_attribute(value: Expression, variables: Container[str]) -> bool:
    """Returns whether an expression reads an attribute of a variable, as `2 * s.filters` does."""
    return any(len(path.names) > 1 and path.names[0] in variables for path in paths(value))


def edges(term: Term, place: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Term]]:
    """Yields the edges in a term with their places. An edge is a state, or an operation that reads a state directly."""
    if isinstance(term, Wire) or (not is_join(term) and isinstance(term.arguments[0], Wire)):
        yield place, term
    else:
        for index, argument in enumerate(term.arguments):
            yield from edges(argument, (*place, index))


def _note_edges(term: Term, place: tuple[int, ...], reads: list[str], places: list[tuple[int, ...]]) -> int:
    """Appends the states and places of the edges in a term to two lists; returns the term's number of operations."""
    if isinstance(term, Wire) or (not is_join(term) and isinstance(term.arguments[0], Wire)):
        state = read_state(term)
        reads.append(state)
        if state != "unused":
            places.append(place)
        return int(isinstance(term, Call))
    inner = [_note_edges(part, (*place, index), reads, places) for index, part in enumerate(term.arguments)]
    return 1 + sum(inner)


def flow_edges(flow: Flow) -> Iterator[tuple[tuple[int, ...], Term]]:
    """Yields all edges of a sum, each with the path of indices that leads to it."""
    for index, term in enumerate(flow.terms):
        yield from edges(term, (index,))


def is_join(call: Call) -> bool:
    """Returns whether the call joins several states."""
    return isinstance(call.op, Op) and call.op.name in JOINS


def is_sum(call: Call) -> bool:
    """Returns whether the call is `add(a, b)`. As the whole right side of a node this is written `a + b`."""
    return is_join(call) and isinstance(call.op, Op) and call.op.name == SUM and not call.op.arguments


def is_product(call: Call) -> bool:
    """Returns whether the call is `multiply` of several terms, which a node writes `a * b`."""
    is_plain = is_join(call) and call.op == Op(PRODUCT) and call.label is None
    return is_plain and len(call.arguments) > 1


def read_state(edge: Term) -> str:
    """Returns the state that an edge reads."""
    while isinstance(edge, Call):
        edge = edge.arguments[0]
    return edge.state


def labelled(parts: tuple[Labelled, ...]) -> tuple[Labelled, ...]:
    """Returns terms or steps with explicit labels. A part without a label gets its place as its label."""
    return tuple(part if part.label else replace(part, label=str(place)) for place, part in enumerate(parts))


def canonical_labels(parts: Iterable[Labelled]) -> tuple[Labelled, ...]:
    """Returns terms or steps without those labels that are equal to the place of their part."""
    return tuple(part if part.label != str(place) else replace(part, label=None) for place, part in enumerate(parts))
