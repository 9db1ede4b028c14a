"""The differences of two genotypes, as added, removed and changed parts of their `.cell` texts."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TypeVar

from dsl.identity.fingerprint import fingerprint
from dsl.report.matching import matched, partner, renamed, with_names
from dsl.space.genes import GeneValue, written
from dsl.space.genotype import Genotype, Space
from dsl.text import unparse
from dsl.tree import syntax as s
from dsl.tree.edit import join_of

_WIDTH = 100  # characters; the two texts of a longer difference are written on lines of their own
_LONG_NUMBER = re.compile(r"\d+\.\d{4,}(?:e[+-]?\d+)?")
Texts = Mapping[str, str]
CompareSteps = Callable[[str, tuple[s.Step, ...], tuple[s.Step, ...]], Iterator["Difference"]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference of two genotypes.

    Attributes:
      where: the declaration, such as `cell normal`.
      before: the text of the part before; None if the part is new.
      after: the text of the part after; None if the part was removed.
      node: the name of a node of the cell, or `return`; for a new step its place; empty for other differences.
      trait: the name of a part of the declaration, such as `weight`, or empty.
      note: a description, for a difference without texts.
    """

    where: str
    before: str | None = None
    after: str | None = None
    node: str = ""
    trait: str = ""
    note: str = ""

    def __str__(self) -> str:
        head = f"{self.where}: {self.node}: " if self.node else f"{self.where}: "
        if self.note:
            return head + self.note
        before, after = _rounded(self.before, self.after)
        trait = f"{self.trait} " if self.trait else ""
        if self.before is None or self.after is None:
            line = f"{head}+ {trait}{after}" if self.before is None else f"{head}- {trait}{before}"
        else:
            line = f"{head}{trait}{before} -> {after}"
        if len(line) <= _WIDTH and "\n" not in line:
            return line
        word = "added" if self.before is None else "removed" if self.after is None else "changed"
        return "\n".join([f"{head}{trait}{word}", *_signed_lines(before.splitlines(), after.splitlines())])


def _signed_lines(before: list[str], after: list[str]) -> Iterator[str]:
    """Yields each removed line with a minus before it, and each new line with a plus before it."""
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            for sign, lines in (("-", before[i:j]), ("+", after[k:m])):
                for line in lines:
                    yield textwrap.fill(line, _WIDTH, initial_indent=f"  {sign} ", subsequent_indent=" " * 8)


def _rounded(before: str | None, after: str | None) -> tuple[str, str]:
    """Returns both texts with numbers rounded to four digits. Texts that would then be equal are not rounded."""
    exact = before or "", after or ""
    short = short_numbers(exact[0]), short_numbers(exact[1])
    return exact if short[0] == short[1] else short


def short_numbers(text: str) -> str:
    """Returns a text with every number rounded to four digits. A number that a rule has drawn may have sixteen."""
    return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", text)


def differences(a: Genotype, b: Genotype) -> tuple[Difference, ...]:
    """Returns the differences from `a` to `b` in cells and genes, and in the declarations of two search spaces."""
    found = [*_genes(a, b), *_cells(a, b)]
    if a.space is not b.space:
        found += _declarations(a.space, b.space)
    evolves = a.space.evolves_network and b.space.evolves_network
    found += _network(a.network, b.network, _labelled_steps if evolves else _steps)
    if a.space is not b.space:
        found += _rules(a.space, b.space)
    return tuple(found)


def same_network(a: Genotype, b: Genotype) -> bool:
    """Returns whether two genotypes are the same network.

    Names and order do not count, and neither do genes that the network does not read.
    """
    return fingerprint(a) == fingerprint(b)


def _pairs(before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[tuple[str, T | None, T | None]]:
    """Returns each name with its value in both mappings. The value is None in a mapping that lacks the name."""
    return ((name, before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after]))


# --- genes and cells -------------------------------------------------------------------------------------------


def _genes(a: Genotype, b: Genotype) -> Iterator[Difference]:
    for name, old, new in _pairs(dict(a.genes), dict(b.genes)):
        if old != new:
            yield Difference(f"gene {name}" if old is None or new is None else name, _written(old), _written(new))


def _written(value: GeneValue | None) -> str | None:
    return None if value is None else unparse.expression(written(value))


def _cells(a: Genotype, b: Genotype) -> Iterator[Difference]:
    before = {cell.name: cell for cell in a.cells}
    after = {cell.name: cell for cell in b.cells}
    for name in [name for name in before if name not in after]:
        new = partner(before[name], before, after)
        if new is None:
            yield Difference(f"cell {name}", before=unparse.cell(before[name]))
        else:
            yield Difference(f"cell {name}", note=f"is now called {new}")
            before[new] = after[new]
    for name, cell in after.items():
        if name not in before:
            yield Difference(f"cell {name}", after=unparse.cell(cell))
        elif before[name] != cell:
            yield from cell_differences(before[name], cell)


def cell_differences(before: s.Cell, after: s.Cell) -> Iterator[Difference]:
    """Yields the differences of two versions of a cell. Nodes are matched by name, and terms by label."""
    where = f"cell {after.name}"
    names = renamed(before, after)
    for old, new in names.items():
        yield Difference(where, note=f"{old} is now called {new}")
    before = with_names(before, names)
    yield from _signature(where, before, after)
    old_flows = {node.name: node.flow for node in before.nodes}
    new_flows = {node.name: node.flow for node in after.nodes}
    gone = (node for node in before.nodes if node.name not in new_flows)
    fresh = (node for node in after.nodes if node.name not in old_flows)
    yield from (Difference(where, before=f"{node.name} = {unparse.flow(node.flow)}") for node in gone)
    yield from (Difference(where, after=f"{node.name} = {unparse.flow(node.flow)}") for node in fresh)
    for name, flow in new_flows.items():
        yield from _flow(where, name, old_flows.get(name, flow), flow)
    yield from _flow(where, "return", before.output, after.output)
    kept = [name for name in new_flows if name in old_flows]
    if kept != [name for name in old_flows if name in new_flows]:
        yield Difference(where, note=f"the nodes stand in another order: {', '.join(new_flows)}")


def _signature(where: str, before: s.Cell, after: s.Cell) -> Iterator[Difference]:
    """Yields the differences of two cells in their settings, inputs, `stride`, `fit`, `width` and `fixed`."""
    old, new = (None if cell.settings is None else f"[{unparse.formals(cell.settings)}]" for cell in (before, after))
    if old != new:
        yield Difference(where, old, new, trait="settings")
    inputs = ({item.name: unparse.cell_input(item) for item in cell.inputs} for cell in (before, after))
    yield from (Difference(where, old, new) for _, old, new in _pairs(*inputs) if old != new)
    if before.fixed != after.fixed:
        yield Difference(where, note="is fixed" if after.fixed else "is no longer fixed")
    for trait, old, new in _pairs(unparse.traits(before), unparse.traits(after)):
        if old != new:
            yield Difference(where, old, new, trait=trait)


# --- nodes and terms -------------------------------------------------------------------------------------------


def _flow(where: str, node: str, before: s.Flow, after: s.Flow) -> Iterator[Difference]:
    if before == after:
        return
    if join_of(before) != join_of(after):
        yield Difference(where, unparse.flow(before), unparse.flow(after), node)
        return
    found = [*_terms(where, node, before.terms, after.terms)]
    if before.tail != after.tail:
        old, new = (f"| {unparse.pipe(flow.tail)}" if flow.tail else None for flow in (before, after))
        found.append(Difference(where, old, new, node))
    if found:
        yield from found
    else:
        yield Difference(where, node=node, note="the terms have other labels, by which weights are inherited")


def _terms(where: str, node: str, before: tuple[s.Term, ...], after: tuple[s.Term, ...]) -> Iterator[Difference]:
    """Yields the differences of a sum's terms. Terms are matched first by label, and then by equal text."""
    old, new = ([replace(term, label=None) for term in terms] for terms in (before, after))
    if Counter(old) == Counter(new):
        if old != new:
            text = unparse.flow(s.Flow(after))
            yield Difference(where, node=node, note=f"the same terms in another order: {text}")
        return
    for i, j in matched(before, after):
        if i is None or j is None:
            gone, fresh = (None if k is None else unparse.term(terms[k]) for k, terms in ((i, old), (j, new)))
            yield Difference(where, gone, fresh, node)
        elif old[i] != new[j]:
            yield from _term(where, node, old[i], new[j])


def _term(where: str, node: str, before: s.Term, after: s.Term) -> Iterator[Difference]:
    if isinstance(before, s.Call) and isinstance(after, s.Call) and s.is_join(before) and before.op == after.op:
        parts = (*before.arguments, *after.arguments)
        if not all(isinstance(part, s.Wire) for part in parts):
            yield from _terms(where, node, before.arguments, after.arguments)
            return
    yield Difference(where, unparse.term(before), unparse.term(after), node)


# --- declarations that a search shares -------------------------------------------------------------------------


def _declarations(a: Space, b: Space) -> Iterator[Difference]:
    for name in (name for name in a.genes if name in b.genes):
        first, second = a.genes[name], b.genes[name]
        if first.kind != second.kind:
            yield Difference(f"gene {name}", first.kind, second.kind, trait="kind")
        old, new = unparse.domain(first), unparse.domain(second)
        if old != new:
            yield Difference(f"gene {name}", old, new, trait="in")
    yield from _declared("param", _all_params(a), _all_params(b))
    yield from _declared("op", _all_ops(a), _all_ops(b))
    yield from _values(a, b)


def _rules(a: Space, b: Space) -> Iterator[Difference]:
    yield from _mutations(a, b)
    before, after = ([unparse.condition(item.condition) for item in space.requires] for space in (a, b))
    yield from _listed("require", before, after)


def _all_params(space: Space) -> Texts:
    return {name: unparse.expression(s.Number(value)) for name, value in space.params.items()}


def _all_ops(space: Space) -> Texts:
    return {
        name: unparse.declaration(op).removeprefix(f"op {name}").removeprefix(" = ")
        for name, op in space.definitions.ops.items()
    }


def _declared(kind: str, before: Texts, after: Texts) -> Iterator[Difference]:
    yield from (Difference(f"{kind} {name}", old, new) for name, old, new in _pairs(before, after) if old != new)


def _values(a: Space, b: Space) -> Iterator[Difference]:
    for name, *sets in _pairs(a.values, b.values):
        before, after = ([unparse.expression(item) for item in values.items] if values else [] for values in sets)
        yield from _listed(f"values {name}", before, after)
        if before != after and Counter(before) == Counter(after):
            yield Difference(f"values {name}", note=f"the members stand in another order: {', '.join(after)}")


def _listed(where: str, before: Iterable[str], after: Iterable[str]) -> Iterator[Difference]:
    """Yields a difference for each removed text, and then for each new text."""
    old, new = Counter(before), Counter(after)
    yield from (Difference(where, before=text) for text in (old - new).elements())
    yield from (Difference(where, after=text) for text in (new - old).elements())


def _network(a: s.Network, b: s.Network, compare: CompareSteps) -> Iterator[Difference]:
    if a is b:
        return
    sections = ({section.name: section for section in network.sections} for network in (a, b))
    for name, old, new in _pairs(*sections):
        if old is not None and new is not None and old.of != new.of:
            yield Difference(f"network {name}", old.of, new.of, trait="of")
        steps = (section.steps if section else () for section in (old, new))
        yield from compare(f"network {name}", *steps)


def _steps(where: str, before: tuple[s.Step, ...], after: tuple[s.Step, ...]) -> Iterator[Difference]:
    """Yields the differences of a section's steps, which are matched by their texts."""
    old, new = ([*map(unparse.step, steps)] for steps in (before, after))
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if j - i == m - k:
            yield from (Difference(where, *pair) for pair in zip(old[i:j], new[k:m], strict=True))
        else:
            yield from (Difference(where, before=text) for text in old[i:j])
            yield from (Difference(where, after=new[at], node=_place(new, at)) for at in range(k, m))


def _labelled_steps(where: str, before: tuple[s.Step, ...], after: tuple[s.Step, ...]) -> Iterator[Difference]:
    """Yields the differences of a section's steps, which are matched by label and then by text."""
    if before == after:
        return
    pairs = matched(before, after)
    found: list[Difference] = []
    old, new = ([*map(_unlabelled, steps)] for steps in (before, after))
    for i, j in pairs:
        if i is None and j is not None:
            found.append(Difference(where, after=new[j], node=_place(new, j)))
        elif i is not None and (j is None or old[i] != new[j]):
            found.append(Difference(where, old[i], None if j is None else new[j]))
    yield from found
    places = [j for _, j in sorted((i, j) for i, j in pairs if i is not None and j is not None)]
    if places != sorted(places):
        yield Difference(where, note=f"the steps stand in another order: {', '.join(new)}")
    elif not found:
        yield Difference(where, note="the steps have other labels, by which weights are inherited")


def _place(steps: Sequence[str], at: int) -> str:
    """Returns the place of a step in its section, by the text of the step before."""
    return f"after {steps[at - 1]}" if at else "at the start"


def _unlabelled(step: s.Step) -> str:
    return unparse.step(replace(step, label=None))


def _mutations(a: Space, b: Space) -> Iterator[Difference]:
    rules = ({rule.title: rule for rule in space.mutations} for space in (a, b))
    for where, old, new in _pairs(*rules):
        if old is not None and new is not None:
            if _weight(old) != _weight(new):
                yield Difference(where, _weight(old), _weight(new), trait="weight")
            if old.block != new.block:
                yield Difference(where, unparse.block(old.block, ""), unparse.block(new.block, ""))
        else:
            yield Difference(where, _rule(old), _rule(new))


def _rule(rule: s.Mutation | None) -> str | None:
    return None if rule is None else unparse.declaration(rule).removeprefix(f"{rule.title} ")


def _weight(rule: s.Mutation) -> str:
    return "1" if rule.weight is None else unparse.expression(rule.weight)
