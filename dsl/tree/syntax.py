"""The syntax tree: one frozen dataclass for each construct of the language.

Positions are kept for messages and are not compared, so that `parse(unparse(file)) == file`. A genotype contains cells
of this tree, and a mutation rule takes such cells and returns new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from dsl.tree.cells import (
    Call,
    Cell,
    Flow,
    Input,
    Like,
    Node,
    Term,
    Wire,
    edges,
    flow_edges,
    is_join,
    is_product,
    is_sum,
    read_state,
)
from dsl.tree.expressions import (
    Any,
    Argument,
    Binary,
    Expression,
    Formal,
    Function,
    Negative,
    Number,
    Op,
    Path,
    Pipe,
    Set,
)
from dsl.tree.statements import (
    MATE,
    And,
    Assign,
    Binding,
    Block,
    Choose,
    Compare,
    Condition,
    Connect,
    Either,
    For,
    Forget,
    Insert,
    Is,
    Mutate,
    Mutation,
    Not,
    Or,
    Perturb,
    Relation,
    Remove,
    Require,
    Statement,
    blocks,
    conjuncts,
    paths,
    reads_attribute,
    simple,
)
from dsl.values import Kernel, Symbol, Syntax

__all__ = [
    "MATE", "SECTIONS", "And", "Any", "Argument", "Assign", "Binary", "Binding", "Block", "Call", "Case",
    "Cell", "Choose", "Compare", "Condition", "Connect", "Declaration", "Either", "Expression", "File", "Flow",
    "For", "Forget", "Formal", "Function", "Gene", "Include", "Input", "Insert", "Is", "Kernel", "Labelled",
    "Like", "Mutate", "Mutation", "Negative", "Network", "Node", "Not", "Number", "Op", "OpDef", "Or", "Param",
    "Path", "Perturb", "Pipe", "Relation", "Remove", "Require", "Section", "Set", "Statement", "Step", "Symbol",
    "Syntax", "Term", "Values", "Wire", "blocks", "canonical_labels", "conjuncts", "edges", "flow_edges",
    "is_join", "is_product", "is_sum", "labelled", "parts_of", "paths", "read_state", "reads_attribute",
    "simple",
]  # fmt: skip


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


Declaration = Include | Param | Gene | Values | OpDef | Cell | Like | Network | Require | Mutation


@dataclass(frozen=True, slots=True)
class File(Syntax):
    """The declarations of one text, in the order of the text."""

    items: tuple[Declaration, ...]


def parts_of(part: object) -> Iterator[Syntax]:
    """Yields a part of the tree and all parts within it. Each part comes before the parts that it contains."""
    waiting = [part]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Syntax):
            yield each
            # These are the fields that are not computed from other fields, whose content they would repeat.
            names: tuple[str, ...] = each.__match_args__
            waiting += [getattr(each, name) for name in reversed(names)]
        elif isinstance(each, tuple | list):
            waiting += reversed(each)


def labelled(parts: tuple[Labelled, ...]) -> tuple[Labelled, ...]:
    """Returns terms or steps with explicit labels. A part without a label gets its place as its label."""
    return tuple(part if part.label else replace(part, label=str(place)) for place, part in enumerate(parts))


def canonical_labels(parts: Iterable[Labelled]) -> tuple[Labelled, ...]:
    """Returns terms or steps without those labels that are equal to the place of their part."""
    return tuple(part if part.label != str(place) else replace(part, label=None) for place, part in enumerate(parts))
