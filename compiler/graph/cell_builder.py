"""The builder of one use of a cell: its nodes, sums and joins, in shapes that fit together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from compiler.graph.block import Block, located, not_here
from compiler.primitives.base import Shape
from dsl.errors import CellError, Position
from dsl.primitives import CONCATENATION, FIT_BY_FIRST, NOTHING, PRIMITIVES, PRODUCT, SUM
from dsl.space.evaluate import Value
from dsl.space.expand import Definitions, Place, valued
from dsl.text import unparse
from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.wording import plural

IN_A_PIPE = f"`{NOTHING}` stands in a pipe; it may only be a whole case of an `op`, or the operation of a term"


class Applying(Protocol):
    """What a cell's builder needs of the network: the values of names, the operations, and how one is applied."""

    @property
    def scope(self) -> dict[str, Value]:
        """The values of params and genes, and the number of classes."""
        ...

    @property
    def definitions(self) -> Definitions:
        """The declarations of the file."""
        ...

    @property
    def identities(self) -> frozenset[str]:
        """The names of the ops with a case that is the identity."""
        ...

    def apply(self, block: Block, op: s.Op, value: int, place: Place, key: str) -> int:
        """Applies one operation, which is not `none`, to the value with an index; returns the index of the result."""
        ...

    def edge(self, block: Block, op: s.Op, value: int, place: Place, key: str) -> int | None:
        """Applies the operation of a term to a value; returns the index of the result, or None for `none`."""
        ...


@dataclass
class CellBuilder:
    """Adds the operations of one use of a cell to a block."""

    network: Applying
    block: Block
    cell: s.Cell
    inputs: tuple[int, ...]
    raw: tuple[bool, ...]
    filters: int | None
    stride: int
    settings: dict[str, Value | None]
    key: str
    states: dict[str, int] = field(default_factory=dict)
    each: dict[str, s.Op] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)  # channels of each node, in a cell with `width split`
    scope: dict[str, Value] = field(default_factory=dict)  # values of names; empty in a cell without brackets

    def run(self) -> int:
        """Adds the operations and returns the index of the cell's output."""
        live = edit.live_nodes(self.cell)
        if self.cell.settings is not None:
            self._open()
            live = self._with_measured(live)
        if self.cell.width == "split":
            self.widths = _split_widths(self.cell, live, self.filters, self.key)
        self._fit_inputs()
        for node in self.cell.nodes:
            if node.name in live:
                width = self.widths.get(node.name, self.filters)
                value = self._flow(node.flow.terms, node.flow.tail, node.name, width)
                if value is not None:
                    self._note(node.name, value)
        terms = edit.keyed_return(self.cell)
        value = self._flow(terms, self.cell.output.tail, "return", self.filters)
        if value is None:
            message = f"the return has no live edge: every edge is `{NOTHING}` or reads a dead node"
            raise located(_written(terms, self.cell), f"{self.key}/return", message)
        return value

    def _open(self) -> None:
        """Gives the names in a cell with brackets their values. Such a cell has the filters of its first input."""
        if self.filters is None:
            self.filters = self.block.shapes[self.inputs[0]][-1]
        settings = {name: value for name, value in self.settings.items() if value is not None}
        self.scope = {**self.network.scope, **settings, "filters": self.filters, "stride": self.stride}
        self.stride = 1  # An operation strides only where the cell's text says so.

    def _with_measured(self, live: frozenset[str]) -> frozenset[str]:
        """Returns the live nodes, and those that are built to count their channels, and what these read."""
        flows = {node.name: node.flow for node in self.cell.nodes}
        waiting = edit.measured(edit.flow_ops([self.cell.output, *(flows[name] for name in live)]))
        wanted = set(live)
        while waiting:
            state = waiting.pop()
            if state in flows and state not in wanted:
                wanted.add(state)
                self.block.has_dead = True
                waiting += [*flows[state].reads, *edit.measured(edit.flow_ops([flows[state]]))]
        return frozenset(wanted)

    def _note(self, state: str, value: int) -> None:
        self.states[state] = value
        if self.scope:
            self.scope[f"{state}.channels"] = self.block.shapes[value][-1]

    def _edge(self, op: s.Op, value: int, place: Place, key: str) -> int | None:
        """Applies an operation in the text of the cell, and returns the index of the result; None for `none`."""
        if self.scope:
            channels = self.block.shapes[value][-1]
            try:
                op = valued(op, self.scope, channels, self.network.definitions)
            except CellError as error:
                raise not_here(error, op, place, self.block.shapes[value], key) from None
        return self.network.edge(self.block, op, value, place, key)

    def _apply(self, op: s.Op, value: int, place: Place, key: str) -> int:
        result = self._edge(op, value, place, key)
        if result is None:
            raise located(op.position, key, IN_A_PIPE)
        return result

    def _fit_inputs(self) -> None:
        first = self.block.shapes[self.inputs[0]]
        for item, value, raw in zip(self.cell.inputs, self.inputs, self.raw, strict=True):
            if item.kind is not None and item.each:
                self.each[item.name] = item.kind
            elif item.kind is not None and not (raw and self.cell.fit is not None):
                # A cell with `fit` reads the raw stem unchanged. Networks get their published sizes in this way.
                place = Place(self.filters, _ratio(self.block.shapes[value], first))
                value = self._apply(item.kind, value, place, f"{self.key}/{item.name}")
            self._note(item.name, value)

    @property
    def target(self) -> Shape | None:
        """The output shape of the cell; None if the first term of each sum decides the shape."""
        first = self.block.shapes[self.inputs[0]]
        by_first = self.cell.fit is not None and self.cell.fit.name == FIT_BY_FIRST
        if self.filters is None or by_first or self.cell.fit is None or len(first) != 3:
            return None
        return (-(-first[0] // self.stride), -(-first[1] // self.stride), self.filters)

    def _flow(self, terms: tuple[s.Term, ...], tail: s.Pipe, name: str, width: int | None) -> int | None:
        """Adds a node or the return, and returns the index of its value; None if no edge is live here.

        The operations have `width` filters.
        """
        key = f"{self.key}/{name}"
        only = terms[0] if len(terms) == 1 else None
        if isinstance(only, s.Call) and s.is_join(only):
            # A concat has the key of its node, so that weights keep their keys when a mutation makes a concat of a sum.
            total = self._joined(only, key, width)
        else:
            total = self._sum(terms, key, width)
        for index, part in enumerate(tail if total is not None else ()):
            assert isinstance(part, s.Op) and total is not None
            total = self._apply(part, total, Place(width, 1), f"{key}/tail/{index}")
        return total

    def _sum(self, terms: tuple[s.Term, ...], key: str, width: int | None) -> int | None:
        values = self._fitted_terms(terms, key, width)
        if len(values) < 2:
            return values[0] if values else None
        differ = any(self.block.shapes[value] != self.block.shapes[values[0]] for value in values)
        advice = f"; {self._fitting(terms)}" if differ else ""
        return self.block.add(SUM, {}, tuple(values), key, _written(terms, self.cell), advice)

    def _fitting(self, terms: tuple[s.Term, ...]) -> str:
        """Returns the advice for a sum of several shapes."""
        if not self.scope:  # Only a cell without brackets may have a `fit`.
            return "give the cell a `fit`"
        inputs = [item.name for item in self.cell.inputs]
        for term in terms if self.scope["stride"] != 1 else ():
            if not isinstance(term, s.Call) or s.is_join(term) or not isinstance(term.op, s.Op):
                continue
            if s.read_state(term) in inputs and self._may_stride(term.op):
                strided = s.Argument("stride", s.Path(("stride",)))
                written = replace(term, op=replace(term.op, arguments=(*term.op.arguments, strided)), label=None)
                return f"an operation strides only where it is written: {unparse.term(written)}"
        return "write an operation that fits one to the others, such as conv[1x1, stride=stride](x)"

    def _may_stride(self, op: s.Op) -> bool:
        """Returns whether an operation has no stride here, and would do something else with one."""
        if any(argument.name == "stride" for argument in op.arguments):
            return False
        if op.name in self.network.definitions.ops:
            parts = s.parts_of(self.network.definitions.ops[op.name])
            return any(isinstance(part, s.Path) and part.names == ("stride",) for part in parts)
        return op.name in PRIMITIVES and any(one.name == "stride" for one in PRIMITIVES[op.name].settings)

    def _joined(self, join: s.Call, key: str, width: int | None) -> int | None:
        assert isinstance(join.op, s.Op)
        if join.op.name == SUM:
            return self._sum(join.arguments, key, width)
        parts = self._fitted_terms(join.arguments, key, width, join.op.name)
        if len(parts) < 2:
            return parts[0] if parts else None
        return self.block.add(join.op.name, {}, tuple(parts), f"{key}/{join.op.name}", join.op.position)

    def _fitted_terms(self, terms: tuple[s.Term, ...], key: str, width: int | None, join: str = SUM) -> list[int]:
        """Returns the indices of the values of a join's terms, in shapes that fit together."""
        values: list[int] = []
        joined = join == CONCATENATION
        for place, term in enumerate(terms):
            inner = f"{key}/{term.label or place}"
            value = self._term(term, inner, self._part_width(term, width) if joined else width, join)
            if value is not None:
                value = value if joined else self._cut(value, width, inner)
                values.append(self._fitted(value, values, inner, join))
        return values

    def _part_width(self, term: s.Term, width: int | None) -> int | None:
        """Returns the filters of an argument of a concat: with `width split`, those of the state that it reads."""
        return self.widths.get(s.read_state(next(edge for _, edge in s.edges(term))), width)

    def _term(self, term: s.Term, key: str, width: int | None, join: str = SUM) -> int | None:
        """Returns the index of the value of a term, which is a part of a join; None if the term is dead."""
        if isinstance(term, s.Wire):
            return self._read(term.state, key, width)
        assert isinstance(term.op, s.Op)
        if edit.is_none(term):
            return None
        if s.is_join(term):
            return self._joined(term, key, width)
        argument = term.arguments[0]
        is_edge = isinstance(argument, s.Wire)
        value = self._term(argument, key if is_edge else f"{key}/{argument.label or 0}", width)
        if value is None:
            return None
        reads_input = isinstance(argument, s.Wire) and any(argument.state == item.name for item in self.cell.inputs)
        before = len(self.block.operations)
        place = Place(width, self.stride if reads_input else 1)
        result = self._edge(term.op, value, place, key)
        # Without one of its factors, a product would be zero. A cell with brackets writes where drop path is.
        may_drop = join != PRODUCT and not self.scope and term.op.name not in self.network.identities
        if result is None:
            self.block.has_dead = True
        elif may_drop and len(self.block.operations) > before:
            self.block.drop_path(result)
        return result

    def _read(self, state: str, key: str, width: int | None) -> int | None:
        value = self.states.get(state)
        if value is not None and state in self.each:
            return self.network.apply(self.block, self.each[state], value, Place(width, 1), f"{key}/{state}")
        return value

    def _cut(self, value: int, width: int | None, key: str) -> int:
        """Returns a value, cut to the channels of its node if the cell has `width split` (NAS-Bench-101)."""
        shape = self.block.shapes[value]
        if not self.widths or width is None or shape[-1] <= width:
            return value
        settings = dict(zip(("height", "width", "channels"), (*shape[:2], width), strict=True))
        return self.block.add(FIT_BY_FIRST, settings, (value,), f"{key}/cut", self.cell.position)

    def _fitted(self, value: int, earlier: list[int], key: str, join: str) -> int:
        """Returns a value in the shape of its join.

        A value of another shape is changed by the operation after `fit` in the declaration of the cell.
        """
        shape = self.block.shapes[value]
        fit = self.cell.fit
        if fit is None:
            return value
        before = [self.block.shapes[index] for index in earlier]
        # A factor of one value a channel does not decide the shape of a product.
        target = self.target or next((each for each in before if join != PRODUCT or _is_wide(each)), shape)
        if join == CONCATENATION and self.target is None:
            target = (*target[:-1], shape[-1])
        is_gate = join == PRODUCT and not _is_wide(shape) and shape[-1] == target[-1]
        if shape == target or is_gate:
            return value
        if fit.name == FIT_BY_FIRST and fit.name not in self.network.definitions.ops:
            settings = dict(zip(("height", "width", "channels"), target, strict=True))
            return self.block.add(FIT_BY_FIRST, settings, (value,), f"{key}/fit/{fit.name}", fit.position)
        return self.network.apply(self.block, fit, value, Place(target[-1], _ratio(shape, target)), f"{key}/fit")


def _is_wide(shape: Shape) -> bool:
    """Returns whether a value is a map of more than one pixel."""
    return len(shape) == 3 and shape[:2] != (1, 1)


def _ratio(shape: Shape, other: Shape) -> int:
    """Returns the stride by which one map gets the size of another one, at least 1.

    The ratio of the sizes is rounded half up. So a map of 3 pixels gets 2 pixels by a stride of 2, as a stride rounds
    sizes up.
    """
    if len(shape) != 3 or len(other) != 3:
        return 1
    return max(1, *(int(size / wanted + 0.5) for size, wanted in zip(shape[:2], other[:2], strict=True)))


def _split_widths(cell: s.Cell, live: frozenset[str], filters: int | None, key: str) -> dict[str, int]:
    """Returns the channels of each live node of a cell with `width split` (NAS-Bench-101).

    The filters are divided equally among the nodes that the return concatenates. The first nodes get one channel more
    until no remainder is left. Any other node has the channels of the widest node that reads it.
    """
    if filters is None:
        message = "a cell with `width split` needs filters, such as normal[F]; this use has none"
        raise located(cell.position, key, message)
    joined = [s.read_state(edge) for term in edit.returned_terms(cell) if isinstance(term, s.Call) and s.is_join(term)
              for _, edge in s.edges(term) if not edit.is_none(edge)]  # fmt: skip
    parts = [state for state in dict.fromkeys(joined) if state in live]
    if len(parts) > filters:
        message = f"{plural(filters, 'filter')} cannot be split among {len(parts)} states"
        raise located(cell.output.position, key, message)
    widths = {state: filters // len(parts) + (index < filters % len(parts)) for index, state in enumerate(parts)}
    for node in reversed(cell.nodes):
        if node.name in live and node.name not in widths:
            readers = [widths[other.name] for other in cell.nodes if other.name in live and _reads(other, node.name)]
            widths[node.name] = max(readers, default=filters)
    return widths


def _reads(node: s.Node, state: str) -> bool:
    return any(s.read_state(edge) == state for _, edge in s.flow_edges(node.flow) if not edit.is_none(edge))


def _written(terms: tuple[s.Term, ...], cell: s.Cell) -> Position | None:
    """Returns the place of a sum in the file, or of its cell if a mutation rule has inserted all terms of the sum."""
    return next((term.position for term in terms if term.position is not None), cell.position)
