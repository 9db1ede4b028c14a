"""The kinds of parts that the paths and sets of a rule name, and the checks of conditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from dsl.errors import CellError, nearest
from dsl.primitives import PRIMITIVES
from dsl.space import steps
from dsl.space.evaluate import WORDS
from dsl.space.genes import OP
from dsl.space.genotype import STEPS, Space
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
CROSSOVER = "write `crossover NAME` in place of `mutation NAME`"
Kinds = dict[str, str]


def range_kind(values: s.Path | s.Set, kinds: Kinds, space: Space) -> str:
    """Returns the kind of a set's members: cell, node, term, state, gene, op, number, or value (of any gene).

    Raises:
      CellError: the file declares no set of this name.
    """
    if isinstance(values, s.Set):
        return _set_kind(values, space)
    root, *rest = values.names
    if root == s.MATE and crosses(kinds):
        raise CellError("a variable stands for a part of the child, not of the mate", values.position,
                        "choose a part of the child, such as n in c.nodes where mate has n")  # fmt: skip
    if not rest:
        if root in space.values:
            names = {str(item) for item in space.values[root].items}
            return "cell" if names <= set(space.cell_names) else _set_kind(space.values[root], space)
        parts = {"cells": "cell", "genes": "gene", STEPS: "step"}
        if root in parts:
            return parts[root]
        allowed = ["cells", "genes", STEPS, *space.values, *kinds]
        raise CellError(f"unknown set {root!r}", values.position, nearest(root, allowed), root)
    if root not in kinds and root in space.cell_names and space.is_fixed(root):
        raise CellError(f"cell {root} is fixed; no rule changes it", values.position)
    kind = _kind(root, kinds, space)
    if not kind:
        raise _unknown(values, kinds, space)
    if len(rest) > 1 or rest[0] not in PARTS.get(kind, {}):
        raise CellError(f"a {kind} has no {'.'.join(rest)!r}", values.position, nearest(rest[0], PARTS.get(kind, {})))
    return gene_kind(root, space) if root in space.genes else PARTS[kind][rest[0]]


def _unknown(path: s.Path, kinds: Kinds, space: Space) -> CellError:
    """Returns the error for a path that begins with an unknown name."""
    root, *rest = path.names
    is_known = rest[0] in (*space.cell_names, *space.genes, *space.params)
    hint = f"write {'.'.join(rest)}" if is_known else nearest(root, [*kinds, *space.cell_names, *space.genes])
    return CellError(f"unknown name {root!r}", path.position, hint, root)


def _kind(root: str, kinds: Kinds, space: Space) -> str:
    """Returns the kind of what a name stands for; an empty text if it stands for nothing that has parts."""
    return kinds.get(root) or ("cell" if root in space.cell_names else "gene" if root in space.genes else "")


def gene_kind(name: str, space: Space) -> str:
    """Returns the kind of the values of a gene: op or number. Kernels count as numbers."""
    return "op" if space.domains[name].kind == OP else "number"


def _set_kind(values: s.Set, space: Space) -> str:
    """Returns the kind of the members of a set: op or number. Kernels and words count as numbers."""
    return "op" if any(isinstance(space.member(item), s.Op) for item in values.items) else "number"


def check_where(condition: s.Condition, kinds: Kinds, space: Space) -> None:
    """Checks the names and the kinds of parts in a condition of a rule."""
    for part in s.simple(condition):
        if isinstance(part, s.Compare):
            _check_compared(part, kinds, space)
        for path in s.paths(part):
            check_path(path, kinds, space)
        if isinstance(part, s.Is):
            check_op_name(part.op, space, (*space.once(operation_settings), *space.genes))
        elif isinstance(part, s.Relation):
            _check_relation(part, kinds)


def _check_compared(part: s.Compare, kinds: Kinds, space: Space) -> None:
    """Checks that no operation is compared with the name of another one as if it were a number."""
    settings = space.once(operation_settings)
    for path, op in ((part.left, part.right), (part.right, part.left)):
        if not isinstance(path, s.Path) or path.names[-1] not in ("op", "tail", "join", *settings):
            continue
        is_named = isinstance(op, s.Path) and (space.definitions.has(str(op)) or str(op) in settings)
        if isinstance(op, s.Op) or (is_named and str(op) not in (*kinds, *space.genes, *space.params)):
            name, negated = expression(op), " not" if part.operator == "!=" else ""
            raise CellError(f"`{part.operator}` compares numbers, kernels and words, and {name} is an operation",
                            op.position, f"write {path} is{negated} {name}")  # fmt: skip


def _check_relation(relation: s.Relation, kinds: Kinds) -> None:
    if relation.kind == "has":
        check_mate(relation.left, kinds)
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


def crosses(kinds: Kinds) -> bool:
    """Returns whether a rule is a crossover, in which `mate` is the second parent."""
    return kinds.get(s.MATE) == s.MATE


def check_mate(path: s.Path, kinds: Kinds) -> None:
    """Checks that a path which begins with `mate` stands in a crossover."""
    if path.names[0] == s.MATE and not crosses(kinds):
        raise CellError("only a crossover has a mate", path.position, CROSSOVER)


def check_path(path: s.Path, kinds: Kinds, space: Space) -> None:
    """Checks that a path of a rule names a value."""
    root, *rest = path.names
    if root == s.MATE and crosses(kinds):
        if not rest or (len(rest) == 1 and kinds.get(rest[0], "gene") != "gene"):
            raise CellError(f"{path} is not a value", path.position,
                            "allowed: mate.GENE, mate.t.op, mate.c.nodes.count; a whole part: t = mate.t")  # fmt: skip
        root, *rest = rest
    elif root not in (*kinds, *space.genes, *space.params, *space.cell_names):
        check_mate(path, kinds)
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
        raise _unknown(s.Path((root, *rest), position=path.position), kinds, space)
    allowed = [*PARTS.get(kind, {}), *(_settings(space) if kind in ("term", "step") else ())]
    parts = ("height", "width") if rest[0] == "kernel" else ()
    if rest[0] not in allowed or (len(rest) > 1 and (len(rest) > 2 or rest[1] not in parts)):
        raise CellError(f"a {kind} has no {'.'.join(rest)!r}", path.position, nearest(rest[0], allowed))


def _settings(space: Space) -> set[str]:
    own = {formal.name for op in space.definitions.ops.values() for formal in op.formals}
    own |= {formal.name for formals in space.definitions.cells.values() for formal in formals or ()}
    return own | {setting.name for primitive in PRIMITIVES.values() for setting in primitive.settings}


def operation_settings(space: Space) -> frozenset[str]:
    """Returns the names of the settings of ops and cells that may be operations."""
    found: set[str] = set()
    for item in space.items:
        formals = item.formals if isinstance(item, s.OpDef) else item.settings or () if isinstance(item, s.Cell) else ()
        applied = {part.name for part in s.parts_of(item) if isinstance(part, s.Op)} if formals else set()
        found |= {formal.name for formal in formals if formal.name in applied
                  or any(space.definitions.has(name) for name in edit.mentioned_in(formal.default))}  # fmt: skip
    return frozenset(found)


def check_op_name(op: s.Op | s.Any, space: Space, others: Collection[str] = ()) -> None:
    """Checks that an operation is declared, or is one of the `others`."""
    names = space.definitions.names()
    if isinstance(op, s.Op) and op.name not in (*names, *others):
        raise CellError(f"unknown operation {op.name!r}", op.position, nearest(op.name, names), op.name)
