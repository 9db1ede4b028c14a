"""Pure edits of networks: steps are replaced, inserted and removed. Labels of steps stay, since weights have them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from dsl.tree import syntax as s
from dsl.tree.edit import StepRef
from dsl.tree.grow import mark

_FIXED = frozenset({"stem", "head", "auxiliary"})  # sections whose steps no rule changes


def steps(network: s.Network) -> tuple[StepRef, ...]:
    """Returns the steps that rules may change: those of all sections but stem, head and auxiliary."""
    sections = [section for section in network.sections if section.name not in _FIXED]
    return tuple([StepRef(section.name, index) for section in sections for index in range(len(section.steps))])


def count(network: s.Network) -> int:
    """Returns the number of steps in all sections."""
    return sum([len(section.steps) for section in network.sections])


def step_at(network: s.Network, ref: StepRef) -> s.Step:
    """Returns the step to which a reference leads."""
    return _section(network, ref.section).steps[ref.step]


def label_at(network: s.Network, ref: StepRef) -> str:
    """Returns the label of a step, which is its place if it has no other one."""
    return step_at(network, ref).label or str(ref.step)


def with_label(network: s.Network, section: str, label: str) -> StepRef | None:
    """Returns the step of a section with this label; None if there is none."""
    found = (one for one in network.sections if one.name == section)
    places = (i for one in found for i, step in enumerate(one.steps) if (step.label or str(i)) == label)
    index = next(places, None)
    return None if index is None else StepRef(section, index)


def moved(ref: StepRef, before: s.Network, after: s.Network) -> StepRef | None:
    """Returns the reference to the same step after an edit of the network; None if the edit removed the step."""
    return with_label(after, ref.section, label_at(before, ref))


def with_step(network: s.Network, ref: StepRef, step: s.Step) -> s.Network:
    """Returns the network with one step replaced."""
    old = _section(network, ref.section).steps
    return _with_steps(network, ref.section, (*old[: ref.step], step, *old[ref.step + 1 :]))


def inserted(network: s.Network, ref: StepRef, pipe: s.Pipe, born: int | None = None) -> s.Network:
    """Returns the network with a new step of these operations after a step.

    The label of the new step is the mark of the individual `born`. Without an individual it is the number after the
    greatest one in the section.
    """
    old = s.labelled(_section(network, ref.section).steps)
    labels = [str(step.label) for step in old]
    new = s.Step(pipe, label=_fresh(labels) if born is None else mark(born, labels))
    place = ref.step + 1
    return _with_steps(network, ref.section, s.canonical_labels((*old[:place], new, *old[place:])))


def _fresh(labels: Collection[str]) -> str:
    return str(1 + max((int(label) for label in labels if label.isdigit()), default=-1))


def without_step(network: s.Network, ref: StepRef) -> s.Network | None:
    """Returns the network without a step; None for a step with a name, or for the only step of its section."""
    old = s.labelled(_section(network, ref.section).steps)
    if len(old) == 1 or old[ref.step].name is not None:
        return None
    return _with_steps(network, ref.section, s.canonical_labels(old[: ref.step] + old[ref.step + 1 :]))


def _section(network: s.Network, name: str) -> s.Section:
    return next(section for section in network.sections if section.name == name)


def _with_steps(network: s.Network, name: str, steps: tuple[s.Step, ...]) -> s.Network:
    sections = [replace(one, steps=steps) if one.name == name else one for one in network.sections]
    return replace(network, sections=tuple(sections))
