"""The rules of the language and their parts, one frozen dataclass for each, and the parts within others."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from dsl.tree.expressions import Binary, Expression, Function, Negative, Op, Path, Pipe, Set
from dsl.values import Syntax

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
