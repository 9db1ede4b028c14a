"""Fitness from a table of trained networks. Nothing is trained, and no images are needed.

The key of a row is made from the nodes and terms of a cell, such as `|op~0|+|op~0|op~1|+...`. A key has the operations
of each node, under their names in the table, each with the number of the state that the operation reads. The inputs of
the cell have the first numbers. NAS-Bench-201 (Dong & Yang 2020) writes cells in this form.

Without the setting `table.operations` a key is a genotype, a fingerprint, or several fingerprints with spaces between
them, so that any search space may have a table. Fingerprints in one row are one network for the search. A network that
has several rows has the means of their numbers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import dsl
from compiler.errors import CompileError, did_you_mean, pasted
from compiler.graph.cost import Cost
from compiler.images.inventory import Progress
from dsl.primitives import IDENTITY
from dsl.text.unparse import flow, op, term
from dsl.tree import syntax as s
from dsl.tree.edit import TermRef, states
from evolve.errors import UsageError
from evolve.fitness import table_files
from evolve.fitness.base import Fitness, parsed
from evolve.fitness.facts import Facts
from evolve.fitness.table_files import Row, Table
from evolve.objectives import MEASURES, is_no_share
from evolve.records import Evaluation, Task
from evolve.settings import TableSettings

_OPERATION = re.compile(r"[^|+~]+(?=~)")
_FINGERPRINTS = re.compile("[0-9a-f]{32}( [0-9a-f]{32})*")


class TableFitness(Fitness):
    """A source of fitness that looks up the fitness, the metrics and the training seconds of a network in a table."""

    own: TableSettings
    settings = TableSettings
    not_read = dict.fromkeys(("dataset", "training"), "whose networks are trained already")
    is_simulated = True
    takes_rungs = True
    budget_advice = (
        f"its budget is table.budget_seconds: {Fitness.budget_advice} {pasted('table.budget_seconds', 12000)}"
    )

    @classmethod
    def metrics(cls, own: TableSettings) -> Collection[str]:
        """Returns the names of the metrics: the fitness, the columns `table.metrics`, and the measures of networks."""
        return (cls.metric, *own.metrics, *MEASURES)

    def checked(self, seed: dsl.Genotype, beside: Callable[[str], str]) -> Self:
        """Checks that the table fits the search space. Returns this source with the path that was found."""
        found = replace(self, own=replace(self.own, path=beside(self.own.path)))
        self._check_columns()
        check_space(seed, found.table, found.own)
        for one in self.objectives:
            values = {dict(row.metrics).get(one.name, row.fitness) for row in found.table.rows.values()}
            if len(values) == 1 and one.name not in MEASURES:
                raise UsageError(
                    f"search.objectives has {one.name!r}, which is {values.pop():g} in every row of {found.own.path}: "
                    "an objective must differ between individuals"
                )
            for value in values:
                if is_no_share(one.name, value):
                    raise UsageError(
                        f"{one.name} is {value:g} in a row of {found.own.path}; "
                        f"{self.objectives.share_advice(one.name, value)}, and rename the column in the file and in "
                        "table.metrics"
                    )
        return found

    @property
    def table(self) -> Table:
        """The table. A process reads it once.

        Raises:
          UsageError: the table cannot be used.
        """
        return loaded(self.own, parsed(self.space))

    @property
    def listed(self) -> Mapping[str, str] | None:
        """The fingerprints in the table, each with the one that stands for its row; None if its keys are cells."""
        return self.table.names if self.own.operations is None else None

    @property
    def choices(self) -> Sequence[Sequence[int]]:
        """The choices of the networks in the table; empty without `table.choices`."""
        return self.table.choices

    def identity(self) -> Mapping[str, object]:
        """Returns the settings of the table. The path is replaced by a digest of the contents of the table."""
        settings = {f"table.{field.name}": getattr(self.own, field.name) for field in fields(self.own)}
        del settings["table.budget_seconds"]
        return {**settings, "table.path": f"a table with the digest {self.table.digest}"}

    def changeable(self) -> Mapping[str, object]:
        """Returns the setting `table.budget_seconds`, by name."""
        return {"table.budget_seconds": self.own.budget_seconds}

    def find_facts(self, known: Facts | None = None, progress: Progress | None = None) -> Facts:
        """Returns the facts of the images with which the networks of the table were trained."""
        height, width, channels = self.own.input_shape
        return Facts(description=self.table.describe(), input_shape=(height, width, channels), classes=self.own.classes)

    @property
    def budget_seconds(self) -> float | None:
        """The simulated seconds after which the search ends: the setting `table.budget_seconds`."""
        return self.own.budget_seconds

    def measure(self, genotype: dsl.Genotype, task: Task, cost: Cost) -> Evaluation:
        """Returns the evaluation in the row of the genotype. A genotype without a row fails."""
        row = looked_up(genotype, self.table, self.own.operations)
        if not self.rungs:
            return Evaluation(row.fitness, seconds=row.seconds, metrics=row.metrics)
        epochs = self.rungs[task.rung] - (self.rungs[task.rung - 1] if task.rung else 0)
        epoch, validation = row.parts
        return Evaluation(row.rungs[task.rung], seconds=epochs * epoch + validation, metrics=row.metrics)

    def _check_columns(self) -> None:
        """Checks the names of the metrics, and that the fitness has a column for each rung or one without rungs."""
        known = (self.metric, *MEASURES)
        for name in self.own.metrics:
            if name in known:
                others = tuple(other for other in self.own.metrics if other not in known)
                raise UsageError(
                    f"table.metrics has {name!r}, and every individual has a metric of this name already, as it has "
                    f"{', '.join(other for other in known if other != name)}: rename the column in {self.own.path}, or "
                    f"leave it out: {pasted('table.metrics', others)}"
                )
        columns, rungs = self.own.fitness, self.rungs
        if not rungs and not isinstance(columns, str):
            raise UsageError(
                f"table.fitness is {columns!r} and search.rungs is (); a column for each rung needs rungs: "
                f"{pasted('table.fitness', columns[-1])}, or bind search.rungs to the {len(columns)} numbers of epochs"
            )
        if rungs and (isinstance(columns, str) or len(columns) != len(rungs)):
            raise UsageError(
                f"table.fitness is {columns!r} and search.rungs is {rungs}; a table needs a column for each of the "
                f"{len(rungs)} rungs, such as table.fitness=('val_12', 'val_200') for search.rungs=(12, 200), or "
                f"{pasted('search.rungs', ())}"
            )
        if rungs and self.own.epochs != rungs[-1]:
            raise UsageError(
                f"table.epochs is {self.own.epochs:g} and the last of search.rungs is {rungs[-1]}; the last rung is "
                f"the whole training: {pasted('table.epochs', rungs[-1])}"
            )


@functools.lru_cache(maxsize=1)
def loaded(settings: TableSettings, space: dsl.Space) -> Table:
    """Returns the table of a search space. Its keys are cells, or fingerprints without `table.operations`.

    Raises:
      UsageError: the table cannot be used, or one of its keys is neither a fingerprint nor a genotype of the space.
    """
    table = table_files.load(settings)
    if settings.operations is not None:
        return table
    found: dict[str, _Network] = {}
    for number, (key, row) in enumerate(table.rows.items(), 1):
        own = _fingerprints(key, number, table, space)
        equal = {one.name: one for fingerprint in own if (one := found.get(fingerprint))}.values()
        joined = _Network(
            (*(fingerprint for one in equal for fingerprint in one.fingerprints), *own),
            (*(other for one in equal for other in one.rows), row),
        )
        found.update(dict.fromkeys(joined.fingerprints, joined))
    rows = {one.name: Row.mean(one.rows) for one in found.values()}
    return replace(table, rows=rows, names={fingerprint: one.name for fingerprint, one in found.items()})


@dataclass(frozen=True, slots=True)
class _Network:
    """A network of a table: its fingerprints, which may repeat, and its rows."""

    fingerprints: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return self.fingerprints[0]


def _fingerprints(key: str, number: int, table: Table, space: dsl.Space) -> Sequence[str]:
    if _FINGERPRINTS.fullmatch(key):
        return key.split(" ")
    try:
        return [dsl.fingerprint(space.genotype(key))]
    except dsl.CellError as error:
        raise UsageError(
            f"the key {key.splitlines()[0]!r} in row {number} of {table.source} is neither a fingerprint nor a "
            f"genotype of the search space, and table.operations is None, which is for such keys: {error}"
        ) from None


def looked_up(genotype: dsl.Genotype, table: Table, operations: Mapping[str, str] | None) -> Row:
    """Returns the row of a genotype.

    Raises:
      CompileError: the table has no such cell.
    """
    wanted = genotype_key(genotype, operations)
    row = table.rows.get(table.names.get(wanted, wanted))
    if row is None:
        raise CompileError(f"the table {table.source} has no {'cell' if operations else 'network'} {wanted}")
    return row


def genotype_key(genotype: dsl.Genotype, operations: Mapping[str, str] | None) -> str:
    """Returns the key of the cell of a genotype that the rules change; its fingerprint without `operations`.

    Raises:
      CompileError: the cell has a form or an operation for which the table has no name.
    """
    if operations is None:
        return dsl.fingerprint(genotype)
    return key(genotype.cell(_cell_name(genotype.space)), operations)


def key(cell: s.Cell, operations: Mapping[str, str]) -> str:
    """Returns the key of a cell. `operations` maps operations of the `.cell` file to their names in the table.

    Raises:
      CompileError: the cell has a form or an operation for which the table has no name.
    """
    output = cell.output
    if not cell.nodes or output.tail or [str(term(part)) for part in output.terms] != [cell.nodes[-1].name]:
        returned = f"cell {cell.name} returns {flow(output)}"
        raise CompileError(f"{returned}; a cell of a table returns its last node and nothing else")
    numbers = {state: number for number, state in enumerate(states(cell))}
    return "+".join(_node(cell, node, numbers, operations) for node in cell.nodes)


def _node(cell: s.Cell, node: s.Node, numbers: Mapping[str, int], operations: Mapping[str, str]) -> str:
    edges = []
    for part in node.flow.terms:
        name, state = _edge(part)
        if node.flow.tail or name is None or name not in operations:
            raise CompileError(f"a table has no name for {term(part)} in node {node.name} of cell {cell.name}")
        edges.append((numbers[state], operations[name]))
    # The terms of a sum have no order. A key lists them sorted by the number of the state, then by name.
    return "|" + "".join(f"{name}~{number}|" for number, name in sorted(edges))


def _edge(part: s.Term) -> tuple[str | None, str]:
    """Returns the operation of a term as text, or None if operations are nested, and the state that the term reads."""
    if isinstance(part, s.Wire):
        return IDENTITY, part.state
    simple = len(part.arguments) == 1 and isinstance(part.arguments[0], s.Wire)
    return (op(part.op) if simple else None), s.read_state(part)


def check_space(seed: dsl.Genotype, table: Table, settings: TableSettings) -> None:
    """Checks, before the search begins, that the table has cells of the search space.

    Raises:
      UsageError: the table has the cells of another search space, or an operation has no name in the table.
    """
    if settings.operations is None:
        return
    known = sorted({name for key in table.rows for name in _OPERATION.findall(key)})
    for own, name in settings.operations.items():
        if name not in known:
            raise UsageError(
                f"table.operations has {own!r}: {name!r}, and {table.source} has no operation {name!r}"
                f"{did_you_mean(name, known)}; its operations are {', '.join(known)}"
            )
    for own in dict.fromkeys(_operations(seed)):
        if own not in settings.operations:
            raise UsageError(
                f"table.operations lacks {own!r}, which cell {_cell_name(seed.space)} may contain"
                f"{did_you_mean(own, settings.operations)}; its name in the table is one of {', '.join(known)}"
            )
    try:
        wanted = key(seed.cell(_cell_name(seed.space)), settings.operations)
    except CompileError as error:
        raise UsageError(f"{table.source} is the table of another search space: {error}") from None
    shapes = {_OPERATION.sub("", key) for key in table.rows}
    if _OPERATION.sub("", wanted) not in shapes:
        raise UsageError(
            f"{table.source} is the table of another search space: the seed's cell would be {wanted}, "
            f"and a cell of the table is {next(iter(table.rows))}"
        )


def _cell_name(space: dsl.Space) -> str:
    """Returns the name of the only cell that the mutation rules change.

    Raises:
      UsageError: the rules change several cells, or none.
    """
    if len(space.mutable_cells) != 1:
        raise UsageError(
            f"the mutation rules of search.seed_file change {', '.join(space.mutable_cells) or 'no cell'}; for "
            "a table, which has one cell for each network, they must change one: declare others as `fixed cell`"
        )
    return space.mutable_cells[0]


def _operations(seed: dsl.Genotype) -> Iterator[str]:
    """Yields the operations of the cell in the seed, and the operations that mutation rules can put into the cell."""
    name = _cell_name(seed.space)
    for node in seed.cell(name).nodes:
        for part in node.flow.terms:
            own, _ = _edge(part)
            if own is not None:
                yield own
    for decision in dsl.decisions(seed):
        if isinstance(decision.place, TermRef) and decision.place.cell == name and decision.attribute == ("op",):
            yield from (op(value) for value in decision.values if isinstance(value, s.Op))
