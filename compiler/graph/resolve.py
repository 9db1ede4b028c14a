"""Resolves a genotype to its graph for one image shape. Operations are expanded, and dead nodes are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from compiler.errors import CompileError, ShapeError
from compiler.graph.block import MAX_OPERATIONS, Block, called_by, located, not_here
from compiler.graph.cache import Call, Expansion, Read, ResolveCache
from compiler.graph.cell_builder import IN_A_PIPE, CellBuilder
from compiler.graph.structure import Graph, Step
from compiler.primitives.base import Shape
from dsl.errors import CellError
from dsl.primitives import IDENTITY, NOTHING
from dsl.primitives.records import STRIDE
from dsl.space.evaluate import Symbol, Value, number
from dsl.space.expand import AMBIENT, Applied, Definitions, Place, called, walk
from dsl.space.genotype import Genotype
from dsl.space.stack import IMAGE, Repetition, branch, cell_of, names, repeats, stacked
from dsl.tree import edit
from dsl.tree import syntax as s
from dsl.wording import by_x, plural


def resolve(
    genotype: Genotype,
    input_shape: Sequence[int],
    classes: int,
    auxiliary: bool = False,
    cache: ResolveCache | None = None,
) -> Graph:
    """Returns the graph of a genotype for images of `[height, width, channels]`.

    Args:
      genotype: the network.
      input_shape: `[height, width, channels]` of the images.
      classes: the number of classes.
      auxiliary: whether the graph has the auxiliary head.
      cache: resolved cells and operations of earlier genotypes of the same space. A step from the cache keeps the
        repetition and the keys of its first use. A graph with such steps has the right cost, and wrong keys of weights.

    Raises:
      CompileError: shapes do not fit, an output is dead, or the network is too large. The message names the part of the
        network and the place in the `.cell` file.
    """
    if len(input_shape) != 3 or min(input_shape) < 1 or classes < 1:
        counts = f"{by_x(input_shape)} and {plural(classes, 'class', 'classes')}"
        raise CompileError(f"images of {counts}: all must be at least 1")
    try:
        known = ResolveCache() if cache is None else cache
        known.limit()
        return _Network(genotype, tuple(input_shape), classes, auxiliary, known, cache is not None).graph()
    except CellError as error:
        raise CompileError(str(error), error.problems[0].message, error.problems[0]) from error


@dataclass(frozen=True)
class _Network:
    genotype: Genotype
    input_shape: Shape
    classes: int
    auxiliary: bool
    cache: ResolveCache
    shares_steps: bool  # whether a step may be that of an earlier genotype, with the keys of its first use
    inside: dict[tuple[str, tuple[s.Op, ...]], tuple[s.Cell, ...]] = field(default_factory=dict)
    total: list[int] = field(default_factory=lambda: [0])  # a list with one number: the steps and operations so far

    @cached_property
    def scope(self) -> dict[str, Value]:
        return {**names(self.genotype), "classes": self.classes}

    @cached_property
    def definitions(self) -> Definitions:
        return replace(self.genotype.space.definitions, scope=self.scope)

    @cached_property
    def identities(self) -> frozenset[str]:
        """The names of the ops with a case that is the identity, such as NASNet's skip."""
        ops = self.genotype.space.definitions.ops

        def is_identity(name: str) -> bool:
            return any(all(hands_on(part, name) for part in case.pipe) for case in ops[name].cases)

        def hands_on(part: s.Op | s.Any, within: str) -> bool:
            assert isinstance(part, s.Op)
            # If an op has the name of a primitive, this name means the primitive inside the op.
            return is_identity(part.name) if part.name in ops and part.name != within else part.name == IDENTITY

        return frozenset(name for name in ops if is_identity(name))

    def graph(self) -> Graph:
        sections = self.genotype.network.sections
        made: list[Step] = []
        for one in stacked(self.genotype, self.auxiliary):
            self._add(one, made)
        count = len(made)
        last = [section for section in sections if section.of is None][-1]
        self._end(made, last)
        for section in sections:
            if section.of is not None and self.auxiliary:
                for one in branch(section, self.genotype):
                    self._add(one, made)
                self._end(made, section)
        return Graph(self.input_shape, self.classes, tuple(made[:count]), tuple(made[count:]))

    def _end(self, made: list[Step], last: s.Section) -> None:
        """Checks that a section ends in one value for each class. A map of one pixel becomes its channels."""
        shape, wanted = made[-1].shape if made else self.input_shape, (self.classes,)
        if made and shape == (1, 1, *wanted):
            made[-1] = replace(made[-1], shape=wanted)
        elif shape != wanted:
            message = f"the {last.name} ends in {by_x(shape)}, not in one value for each of {self.classes} classes"
            hint = "put global_avg_pool before it: global_avg_pool | dense[classes]" if len(shape) == 3 else ""
            raise located(last.steps[-1].position, last.name, message, ShapeError, hint)

    def _add(self, one: Repetition, made: list[Step]) -> None:
        """Appends one repetition of a step to the steps that are made."""
        step = self._step(one, made)
        made.append(step)
        self.total[0] += 1 + len(step.operations)
        if self.total[0] > MAX_OPERATIONS:
            times = repeats(one.step, names(self.genotype))
            message = f"the network has more than {MAX_OPERATIONS:,} operations; {times:,} times this step"
            raise located(one.step.position, one.key, message)

    def _step(self, one: Repetition, made: list[Step]) -> Step:
        def shape(index: int) -> Shape:
            return self.input_shape if index == IMAGE else made[index].shape

        pipe, inputs = one.step.pipe, one.inputs
        first = pipe[0]
        assert isinstance(first, s.Op)
        shapes = tuple([shape(index) for index in inputs])
        stride = None if one.stride is None else self.whole(one.stride, first)
        cell = cell_of(one.step, self.genotype)
        space = self.genotype.space
        if not (self.shares_steps and (space.evolves_network or space.read)):
            return self._new_step(one, cell, shapes, stride)
        # A child with another network or other genes has most steps, and often all cells, of its parent.
        pipe = self.cache.pipes.first(pipe)
        cells = self.cache.cells.get(pipe, self.genotype.cells)
        if cells is None:
            cells = self.genotype.cells_of(pipe)
            self.cache.cells.put(cells, pipe, self.genotype.cells)
        facts = (shapes, one.raw, stride), self._read(pipe, *cells)
        known = self.cache.step(facts, pipe, *cells)
        if known is not None:
            return known.reading(inputs)
        new = self._new_step(one, cell, shapes, stride)
        self.cache.keep(new, facts, pipe, *cells)
        return new

    def _read(self, *parts: s.Syntax | s.Pipe) -> Read:
        """Returns the number of classes, and the genes with their values that parts of the genotype read."""
        return (self.classes, *self.genotype.read_by(*parts))

    def _new_step(self, one: Repetition, cell: s.Cell | None, shapes: tuple[Shape, ...], stride: int | None) -> Step:
        pipe, inputs, first = one.step.pipe, one.inputs, one.step.pipe[0]
        assert isinstance(first, s.Op)
        if cell is not None:
            call = (shapes, one.raw, *self._called(first, stride, shapes[0][-1]))
            if not self.shares_steps:
                return self._cell_step(cell, call, one)
            given = tuple([value for _, value in call[-1] if isinstance(value, s.Op)])
            cells = (cell, *self._within(cell, given))
            facts = call, self._read(*cells, *map(self.cache.ops.first, given))
            known = self.cache.step(facts, *cells)
            if known is not None:
                return known.reading(inputs)
            new = self._cell_step(cell, call, one)
            self.cache.keep(new, facts, *cells)
            return new
        block = Block([*shapes])
        output = self.pipe(block, pipe, 0, Place(None, stride or 1), one.key)
        return self._made(one.key, " | ".join(edit.op_names(pipe)), inputs, block, output, one.number, is_cell=False)

    def _cell_step(self, cell: s.Cell, call: Call, one: Repetition) -> Step:
        shapes, raw, filters, stride, settings = call
        block = Block(list(shapes))
        places = tuple(range(len(shapes)))
        build = CellBuilder(self, block, cell, places, raw, filters, stride, dict(settings), f"{one.key}/{cell.name}")
        op = one.step.pipe[0]
        assert isinstance(op, s.Op)
        output = self._run(build, op)
        return self._made(one.key, cell.name, one.inputs, block, output, one.number, is_cell=True)

    @staticmethod
    def _run(build: CellBuilder, op: s.Op) -> int:
        """Adds the operations of a cell that `op` calls, and returns the index of the cell's output."""
        try:
            return build.run()
        except CompileError as error:
            raise (called_by(error, op) if build.cell.settings else error) from None

    @staticmethod
    def _made(
        key: str, name: str, inputs: tuple[int, ...], block: Block, output: int, repetition: int, is_cell: bool
    ) -> Step:
        output = block.without_dead(output) if block.has_dead else output
        shapes = tuple(block.shapes[: len(inputs)])
        operations = tuple(block.operations)
        return Step(key, name, inputs, shapes, operations, output, block.shapes[output], repetition, is_cell)

    def _within(self, cell: s.Cell, given: tuple[s.Op, ...]) -> tuple[s.Cell, ...]:
        """Returns the cells within a cell whose settings have the operations `given`."""
        known = self.inside.get((cell.name, given))
        if known is None:
            known = self.inside[cell.name, given] = self.genotype.cells_within(cell, given)
        return known

    def _called(
        self, op: s.Op, first: int | None, channels: int
    ) -> tuple[int | None, int, tuple[tuple[str, Value | None], ...]]:
        """Returns the filters, the stride and the settings with which a step calls a cell.

        `first` is the stride that is written after the step, for its first repetition. `channels` is the number of
        channels of the cell's first input.
        """
        cell = self.genotype.cell(op.name)
        values = called(op, Place(None, first or self._stride(cell)), channels, self.scope, self.definitions)
        filters, stride = self.whole(values.pop("filters"), op), self.whole(values.pop("stride"), op) or 1
        return filters, stride, tuple(values.items())

    def _stride(self, cell: s.Cell) -> int:
        """Returns the stride that a cell declares, which may depend on genes."""
        stride = 1 if cell.stride is None else number(cell.stride, self.scope)
        if not isinstance(stride, int) or not STRIDE.holds(stride):
            raise CellError(f"stride of cell {cell.name} is {stride}; allowed: {STRIDE.allowed}", cell.position)
        return stride

    @staticmethod
    def whole(value: Value | None, op: s.Op) -> int | None:
        """Returns a value that must be a whole number of at least 1."""
        if value is None:
            return None
        if not isinstance(value, int) or value < 1:
            raise CellError(f"{op.name} is asked for {value}, not for a whole number of at least 1", op.position,
                            "write F//4 for a whole quotient")  # fmt: skip
        return value

    def pipe(self, block: Block, pipe: s.Pipe, value: int, place: Place, key: str) -> int:
        """Applies a pipe of operations to a value; returns the index of the result. Only the first has the stride."""
        for index, part in enumerate(pipe):
            assert isinstance(part, s.Op)
            value = self.apply(block, part, value, place if not index else Place(place.filters, 1), f"{key}/{index}")
        return value

    def apply(self, block: Block, op: s.Op, value: int, place: Place, key: str) -> int:
        """Applies one operation, which is not `none`, to the value with an index; returns the index of the result."""
        result = self.edge(block, op, value, place, key)
        if result is None:
            raise located(op.position, key, IN_A_PIPE)
        return result

    def edge(self, block: Block, op: s.Op, value: int, place: Place, key: str) -> int | None:
        """Applies the operation of a term to the value with an index.

        Returns the index of the result; None if the operation is `none` at this place.
        """
        read = self._read(self.cache.ops.first(op)) if self.genotype.space.read else (self.classes,)
        use = (op, place, block.shapes[value], read)
        known = self.cache.expansions.get(use)
        if known is not None:
            return None if known.is_none else block.add_again(known, value, key, op.position)
        first, current, cells, none = len(block.operations), [value], [], []

        def follow(applied: Applied) -> Value:
            path = f"{key}/{'/'.join(applied.path)}"
            if applied.is_cell:
                cells.append(applied.name)
                current[0] = self._cell_as_op(block, applied, current[0], path, op)
            elif applied.name == NOTHING:
                none.append(path)
            elif applied.name != IDENTITY:
                settings = {name: v for name, v in applied.settings.items() if not isinstance(v, Symbol | s.Op)}
                current[0] = block.add(applied.name, settings, (current[0],), path, op.position)
            return block.shapes[current[0]][-1]

        try:
            walk(op, place, block.shapes[value][-1], self.scope, self.definitions, follow)
        except CellError as error:
            raise not_here(error, op, place, block.shapes[value], key) from None
        if not cells:
            self.cache.expansions[use] = Expansion(len(key), tuple(block.operations[first:]), bool(none))
        return None if none else current[0]

    def _cell_as_op(self, block: Block, applied: Applied, value: int, key: str, op: s.Op) -> int:
        cell = self.genotype.cell(applied.name)
        if len(cell.inputs) != 1:
            raise CellError(
                f"cell {cell.name} has {len(cell.inputs)} inputs; as an operation it takes one", op.position
            )
        filters = self.whole(applied.settings["filters"], op)
        asked = self.whole(applied.settings["stride"], op) or 1
        stride = asked if asked > 1 else self._stride(cell)
        settings = {name: value for name, value in applied.settings.items() if name not in AMBIENT}
        return self._run(CellBuilder(self, block, cell, (value,), (False,), filters, stride, settings, key), op)
