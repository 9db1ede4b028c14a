"""The records of a search space and of a genotype in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeVar

from dsl.errors import CellError, Problem
from dsl.primitives import NOTHING
from dsl.space.cache import Cache
from dsl.space.evaluate import WORDS, Value, number
from dsl.space.expand import Definitions
from dsl.space.genes import Domain, GeneValue, domain_of, member_of, value_of, written
from dsl.space.individuals import Reader
from dsl.text.unparse import domain, expression, unparse
from dsl.tree import edit
from dsl.tree import syntax as s

STEPS = "steps"  # the path of the steps that rules may change
GENES = "genes"  # the path of all genes
Genes = tuple[tuple[str, GeneValue], ...]  # the names of genes with their values
T = TypeVar("T")


@dataclass(frozen=True, eq=False, kw_only=True)
class Space:
    """A search space: everything that all its genotypes have in common.

    Attributes:
      params: the params with their values.
      genes: the declarations of genes by their names.
      values: the `values` sets by their names.
      definitions: the operations.
      cell_names: the names of the cells in the order of the file.
      network: the network of the seed.
      mutations: the mutation rules.
      requires: the requirements.
      items: all declarations of the file, with the cells of the seed.
      check: returns the mistakes in a genotype. The function is an attribute, since its module imports this module.
    """

    params: Mapping[str, int | float]
    genes: Mapping[str, s.Gene]
    values: Mapping[str, s.Set]
    definitions: Definitions
    cell_names: tuple[str, ...]
    network: s.Network
    mutations: tuple[s.Mutation, ...]
    requires: tuple[s.Require, ...]
    items: tuple[s.Declaration, ...]
    check: Callable[[Genotype], list[Problem]]
    _made: dict[Callable[[Space], Any], Any] = field(default_factory=dict, init=False, repr=False)

    def __getstate__(self) -> dict[str, object]:
        """Returns the fields for a pickle or a copy, without caches: their keys are ids of objects of this process."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"_made": {}}

    @cached_property
    def seed(self) -> Genotype:
        """The genotype that the file itself contains."""
        genes = tuple((name, value_of(gene, self.constants)) for name, gene in self.genes.items())
        return Genotype(tuple(self.written.values()), genes, self.network, self)

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights of the mutation rules, in the order of `mutations`. Only their ratios count."""
        return tuple(1.0 if rule.weight is None else number(rule.weight, self.params) for rule in self.mutations)

    @cached_property
    def has_crossover(self) -> bool:
        """Whether a rule makes children of two parents."""
        return any(rule.crossover for rule in self.mutations)

    @cached_property
    def constants(self) -> Mapping[str, Value]:
        """The values of the names that are no operations: of params, and of those words that no operation is called."""
        return {**{word: word for word in WORDS if not self.definitions.has(word)}, **self.params}

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """The domains of the genes by the genes' names."""
        return {name: domain_of(gene, self.constants, self.values) for name, gene in self.genes.items()}

    @cached_property
    def read(self) -> tuple[str, ...]:
        """The names of the genes that an operation may read in a cell or in the network, now or after a mutation.

        They do not include genes that only the repetitions and inputs of steps read.
        """
        if not self.genes:
            return ()
        cells = [item for item in self.items if isinstance(item, s.Cell | s.Values)]
        steps = [step.pipe for section in self.network.sections for step in section.steps]
        drawn = [part for part in s.parts_of(self.mutations) if isinstance(part, s.Op | s.Set)]
        found = self.genes_in([*cells, *steps, *drawn])
        return tuple(name for name in self.genes if name in found)

    @cached_property
    def network_genes(self) -> frozenset[str]:
        """The names of the genes that a cell or the network may read, now or after a mutation."""
        return frozenset(self.read) | self.genes_in(self.network)

    def genes_in(self, part: object) -> frozenset[str]:
        """Returns the names of the genes that a part of the tree reads, directly or through ops and other genes.

        The genes that the cells within the part read are left out.
        """
        seen: set[str] = set()
        waiting = edit.free_names(part) if self.genes else set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                gene, defined = self.genes.get(name), self.definitions.ops.get(name)
                members = None if gene is None else gene.members
                named = self.values.get(str(members)) if isinstance(members, s.Path) else members
                waiting |= edit.free_names(defined or named)
        return frozenset(seen & self.genes.keys())

    @cached_property
    def genes_of(self) -> Cache[frozenset[str]]:
        """The cache of the names of the genes that parts of the tree read."""
        return Cache(4096)

    def defined(self, read: Genes) -> Definitions:
        """Returns the operations, with the values of the genes that they read."""
        return replace(self.definitions, scope={**self.definitions.scope, **dict(read)}) if read else self.definitions

    @cached_property
    def members(self) -> Mapping[str, tuple[GeneValue, ...]]:
        """The members of each `values` set, in the form in which a rule assigns them."""
        return {name: tuple(self.member(item) for item in items.items) for name, items in self.values.items()}

    def member(self, item: s.Expression) -> GeneValue:
        """Returns a member of a set in the form in which a rule assigns it: an operation, number, kernel or word."""
        return member_of(item, self.constants)

    @cached_property
    def texts(self) -> Cache[str]:
        """The cache of the `.cell` texts of cells and networks."""
        return Cache()

    @cached_property
    def operations(self) -> Cache[tuple[object, ...]]:
        """The cache of what rules compare of operations: the name, and the values of settings."""
        return Cache(4096)

    def once(self, make: Callable[[Space], T]) -> T:
        """Returns the result of `make(space)`. The function is called once, and the space keeps the result."""
        try:
            found: T = self._made[make]
        except KeyError:
            found = self._made[make] = make(self)
        return found

    def text(self) -> str:
        """Returns the text of one `.cell` file with all declarations of the space, which needs no other file."""
        return unparse(s.File(self.items))

    def genotype(self, text: str) -> Genotype:
        """Reads the text of an individual, as `Genotype.text` returns it, and returns the genotype.

        Raises:
          CellError: the text is wrong, has other cells or genes than the space, or lacks the network.
        """
        items = self.reader.declarations(text)
        cells = {item.name: item for item in items if isinstance(item, s.Cell)}
        declared = {item.name: item for item in items if isinstance(item, s.Gene)}
        genes = {name: value_of(replace(self.genes.get(name, item), value=item.value), self.constants)
                 for name, item in declared.items()}  # fmt: skip
        if set(cells) != set(self.cell_names) or set(genes) != set(self.genes):
            raise CellError("the individual has other cells or genes than its space",
                            hint=f"the space has {', '.join([*self.cell_names, *self.genes])}")  # fmt: skip
        for name, value in genes.items():
            members = self.domains[name].members
            if members and value not in members:
                raise CellError(f"gene {name} of the individual is {expression(written(value))}, which is not in the "
                                f"domain {domain(self.genes[name])} of its space")  # fmt: skip
        ordered = tuple(cells[name] for name in self.cell_names)
        network = self.network
        if self.evolves_network:
            networks = [item for item in items if isinstance(item, s.Network)]
            if len(networks) != 1:
                raise CellError(f"the individual has {len(networks)} networks, not one",
                                hint="rules of its space change steps, so each individual has a network")  # fmt: skip
            network = networks[0]
        genotype = Genotype(ordered, tuple((name, genes[name]) for name in self.genes), network, self)
        problems = self.check(genotype)
        if problems:
            raise CellError.of(problems)
        return genotype

    @cached_property
    def reader(self) -> Reader:
        """Parses the texts of individuals, and keeps the parts that they share."""
        return Reader()

    @cached_property
    def evolves_network(self) -> bool:
        """Whether rules change steps of the network. Then the network is a part of each individual."""
        if STEPS in self.values:
            return False
        parts = s.parts_of(self.mutations)
        return any(isinstance(part, s.Binding) and part.range == s.Path((STEPS,)) for part in parts)

    @cached_property
    def mutable_cells(self) -> tuple[str, ...]:
        """The names of the cells that rules may change: those that the network uses and that are not `fixed`."""
        return tuple(name for name in self.cell_names if name in self.reached and not self.is_fixed(name))

    @cached_property
    def uses(self) -> Mapping[str, list[tuple[str, ...]]]:
        """For each op and gene, the operations in it: the name of each, and the names in its settings."""
        members = {name: [value for value in domain.members if isinstance(value, s.Op)]
                   for name, domain in self.domains.items()}  # fmt: skip
        return {
            **{name: [edit.mentioned(value) for value in found] for name, found in members.items() if found},
            **{name: edit.op_uses(defined) for name, defined in self.definitions.ops.items()},
        }

    @cached_property
    def nesting(self) -> frozenset[str]:
        """The names of all cells, and of all ops that contain a cell directly or through other ops."""
        parts = {name: set(edit.all_names(uses)) for name, uses in self.uses.items()}
        found = set(self.definitions.cells) - parts.keys()
        while more := {name for name, used in parts.items() if name not in found and used & found}:
            found |= more
        return frozenset(found)

    @cached_property
    def may_be_none(self) -> frozenset[str]:
        """The names of the ops of which a case, and of the genes of which a value, is `none` or may be it."""
        cases = {name: {names[0] for names in uses if names} for name, uses in self.uses.items()}
        for name, defined in self.definitions.ops.items():
            whole = [case.pipe[0] for case in defined.cases if len(case.pipe) == 1]
            cases[name] = {part.name for part in whole if isinstance(part, s.Op) and part.name != name}
        found = {NOTHING}
        while more := {name for name, whole in cases.items() if name not in found and whole & found}:
            found |= more
        return frozenset(found - {NOTHING})

    @cached_property
    def nests(self) -> bool:
        """Whether a cell may contain another cell, by the declarations of the file or by a mutation rule."""
        # A step of the network uses a cell, and gives a cell to another one only as the value of a setting.
        steps = [step for section in self.network.sections for step in section.steps]
        given = [op.arguments for step in steps for op in step.pipe if isinstance(op, s.Op)]
        parts = s.parts_of([*[item for item in self.items if not isinstance(item, s.Network)], given])
        return any(_may_be_a_cell(part, self.nesting) for part in parts)

    def cells_in(self, names: Iterable[str]) -> frozenset[str]:
        """Returns the names of the cells among operations, and among the operations that ops of these names contain."""
        found: set[str] = set()
        waiting = [name for name in names if name in self.nesting]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += edit.all_names(self.uses.get(name, ()))
        return frozenset([name for name in found if name in self.written])

    @cached_property
    def within(self) -> Cache[frozenset[str]]:
        """The cache of the names of the cells that a cell uses directly or through ops."""
        return Cache()

    @cached_property
    def written(self) -> Mapping[str, s.Cell]:
        """The seed cells by their names."""
        return {item.name: item for item in self.items if isinstance(item, s.Cell)}

    def is_fixed(self, name: str) -> bool:
        """Returns whether a cell is declared `fixed`, so that no rule changes it."""
        return self.written[name].fixed

    @cached_property
    def reached(self) -> frozenset[str]:
        """The cells that the network uses, directly or through operations and other cells."""
        found: set[str] = set()
        passed: set[str] = set()
        steps = [step for section in self.network.sections for step in section.steps]
        waiting = [name for step in steps for part in step.pipe for name in edit.mentioned(part)]
        # A rule may put any member of a set into a cell that the network uses.
        members = [item for values in self.values.values() for item in values.items]
        waiting += [name for item in members for name in edit.mentioned_in(item)]
        waiting += self._brought()
        while waiting:
            name = waiting.pop()
            if name in self.written and name not in found:
                found.add(name)
                waiting += edit.all_names(edit.cell_uses(self.written[name]))
            elif name in self.uses and name not in passed:
                passed.add(name)
                waiting += edit.all_names(self.uses[name])
        return frozenset(found)

    def _brought(self) -> Iterator[str]:
        """Yields the names of operations, and of genes, that the statements of rules give to edges and steps."""
        given: list[s.Expression] = []
        for part in s.parts_of(self.mutations):
            if isinstance(part, s.Assign) and len(part.target.names) > 1:
                given.append(part.value)
            elif isinstance(part, s.Insert | s.Connect):
                given += part.pipe
        drawn = [value.range if isinstance(value, s.Any) else value for value in given]
        bindings = [part for part in s.parts_of(self.mutations) if isinstance(part, s.Binding)]
        any_gene = {binding.name for binding in bindings if binding.range == s.Path((GENES,))}
        for part in s.parts_of(drawn):
            if isinstance(part, s.Path) and part.names[1:] in ((), ("domain",)):
                yield from self.genes if part.names[0] in any_gene else part.names[:1]
            elif isinstance(part, s.Op):
                yield part.name


@dataclass(frozen=True)
class Genotype:
    """The cells, genes and network of one individual. A genotype is immutable: a mutation makes another genotype.

    The network is the object `space.network`, unless rules of the space change steps.
    """

    cells: tuple[s.Cell, ...]
    genes: Genes
    network: s.Network
    space: Space = field(compare=False, repr=False)

    @property
    def read(self) -> Genes:
        """The genes that operations may read."""
        return self._among(self.space.read)

    def read_by(self, *parts: s.Syntax | s.Pipe) -> Genes:
        """Returns the genes that parts of the tree read, directly or through ops and other genes.

        The genes that the cells within the parts read are left out.
        """
        return self._among(frozenset[str]().union(*map(self._genes_of, parts))) if self.space.read else ()

    def _among(self, names: Collection[str]) -> Genes:
        return tuple([gene for gene in self.genes if gene[0] in names]) if names else ()

    def _genes_of(self, part: s.Syntax | tuple[s.Syntax, ...]) -> frozenset[str]:
        known = self.space.genes_of.get(part)
        if known is None:
            if isinstance(part, s.Cell):  # A child shares most nodes of a cell with its parent.
                inner = (part.inputs, part.settings, part.stride, part.fit, *part.nodes, part.output)
                known = frozenset[str]().union(*[self._genes_of(each) for each in inner if each])
            else:
                known = self.space.genes_in(part)
            self.space.genes_of.put(known, part)
        return known

    @property
    def network_read(self) -> tuple[GeneValue, ...]:
        """The values of the genes that the network may read. Equal networks with equal values are built alike."""
        names = self.space.network_genes
        return tuple([value for name, value in self.genes if name in names]) if names else ()

    @cached_property
    def definitions(self) -> Definitions:
        """The operations, with the values of the genes that they may read."""
        return self.space.defined(self.read)

    def cell(self, name: str) -> s.Cell:
        """Returns the cell of this name."""
        return self.cells[self.space.cell_names.index(name)]

    def cells_within(self, cell: s.Cell, given: Iterable[s.Op] = ()) -> tuple[s.Cell, ...]:
        """Returns the cells that a cell uses, directly or not, if its settings have the operations `given`."""
        if not self.space.nests:
            return ()
        direct = self._direct(cell) | self._cells_in(given) if given else self._direct(cell)
        return self._with_inner([*direct]) if direct else ()

    def cells_of(self, pipe: s.Pipe) -> tuple[s.Cell, ...]:
        """Returns the cells that operations of the network use, directly or not."""
        return self._with_inner([*self._cells_in(pipe)])

    def _cells_in(self, ops: Iterable[s.Op | s.Any]) -> frozenset[str]:
        return self.space.cells_in(name for op in ops for name in edit.mentioned(op))

    def _with_inner(self, waiting: list[str]) -> tuple[s.Cell, ...]:
        """Returns cells of these names, and the cells within them."""
        found: dict[str, s.Cell] = {}
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self.cell(name)
                waiting += self._direct(found[name])
        return tuple(found[name] for name in sorted(found))

    def _direct(self, cell: s.Cell) -> frozenset[str]:
        known = self.space.within.get(cell)
        if known is None:
            known = self.space.cells_in(edit.all_names(edit.cell_uses(cell)))
            self.space.within.put(known, cell)
        return known

    def with_cell(self, cell: s.Cell) -> Genotype:
        """Returns the genotype with the cell of the same name replaced."""
        cells = tuple([cell if old.name == cell.name else old for old in self.cells])
        return Genotype(cells, self.genes, self.network, self.space)

    def text(self) -> str:
        """Returns what belongs to the individual as text: its genes, its cells, and its network if rules change steps.

        The store keeps this text of each individual.
        """
        genes = [unparse(s.File(self._genes()))] if self.genes else []
        network = [self._text(self.network)] if self.space.evolves_network else []
        return "\n".join([*genes, *map(self._text, self.cells), *network])

    def _text(self, item: s.Cell | s.Network) -> str:
        texts = self.space.texts
        text = texts.get(item)
        if text is None:
            text = unparse(s.File((item,)))
            texts.put(text, item)
        return text

    def standalone(self) -> str:
        """Returns the text of a whole file that has this genotype as its seed."""
        changed: tuple[s.Gene | s.Cell, ...] = (*self._genes(), *self.cells)
        own = {item.name: item for item in changed}

        def mine(item: s.Declaration) -> s.Declaration:
            if isinstance(item, s.Network):
                return self.network
            return own[item.name] if isinstance(item, s.Cell | s.Gene) else item

        return unparse(s.File(tuple(map(mine, self.space.items))))

    def _genes(self) -> tuple[s.Gene, ...]:
        declared = self.space.genes
        return tuple(replace(declared[name], value=written(value)) for name, value in self.genes)


def _may_be_a_cell(part: s.Syntax, nesting: Set[str]) -> bool:
    """Returns whether a part of the tree is one of the operations `nesting`, or a draw from all cells."""
    match part:
        case s.Op(name) | s.Path((name,)):
            return name in nesting
        case s.Any(s.Path(names)):
            return names == ("cells",)
    return False
