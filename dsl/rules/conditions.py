"""The meaning of a rule's conditions in a genotype."""

from __future__ import annotations

from dsl.errors import CellError
from dsl.rules.paths import current, reaches, sources, value_of
from dsl.rules.scene import Scene
from dsl.space.evaluate import COMPARISONS
from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.tree.edit import NodeRef, Ref, StateRef, TermRef


def holds(condition: s.Condition, scene: Scene) -> bool:
    """Returns whether a condition holds in a scene. A comparison with a setting that an operation lacks is false."""
    match condition:
        case s.And(parts):
            return all(holds(part, scene) for part in parts)
        case s.Or(parts):
            return any(holds(part, scene) for part in parts)
        case s.Not(inner):
            return not holds(inner, scene)
        case s.Is(path, op, negated):
            value = current(path, scene)
            same = isinstance(value, s.Op) and value.name == op.name
            same = same and (not op.arguments or value == op)
            return same != negated
        case s.Relation("has", _, right):
            part = current(right, scene)
            return isinstance(part, Ref) and scene.mates(part) is not None
        case s.Relation(kind, left, right):
            return _related(kind, _related_part(kind, left, scene), _related_part(kind, right, scene), scene)
        case s.Compare(symbol, left, right):
            first, second = value_of(left, scene), value_of(right, scene)
            if symbol in ("==", "!="):
                return (first == second) == (symbol == "==")
            if not isinstance(first, int | float) or not isinstance(second, int | float):
                return False
            return COMPARISONS[symbol](first, second)


def _related_part(kind: str, path: s.Path, scene: Scene) -> NodeRef | StateRef | TermRef:
    """Returns the node, term or state that one side of a relation names.

    Raises:
      CellError: the side names something else, such as a cell, an operation or a number.
    """
    part = current(path, scene)
    if isinstance(part, NodeRef | StateRef | TermRef):
        return part
    raise CellError(f"`{kind}` relates nodes, terms and states, and {path} is not one of these", path.position)


def _related(kind: str, left: NodeRef | StateRef | TermRef, right: NodeRef | StateRef | TermRef, scene: Scene) -> bool:
    if left.cell != right.cell:
        return False
    cell = scene.genotype.cell(left.cell)
    first, second = _state(left, cell), _state(right, cell)
    if kind == "reaches":
        return reaches(cell, first, second)
    if kind == "feeds":
        return first in sources(cell).get(second, ())
    order = [*edit.states(cell), "return"]
    places = [ref.place if isinstance(ref, TermRef) else () for ref in (left, right)]
    return (order.index(first), places[0]) < (order.index(second), places[1])


def _state(ref: NodeRef | StateRef | TermRef, cell: s.Cell) -> str:
    if isinstance(ref, StateRef):
        return ref.state
    return "return" if ref.node == edit.OUTPUT else cell.nodes[ref.node].name
