"""The commands `evolve ask` and `evolve tell`, with which a program in any language evaluates individuals."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from compiler.graph.cost import cost
from evolve import config
from evolve.asking import AskStudy, Trial
from evolve.creation import begin, resume
from evolve.errors import UsageError
from evolve.fitness.asked import ASK


def ask(
    files: Sequence[str], bindings: Sequence[str], folder: Path, id: str | None, changed: bool, as_json: bool
) -> str:
    """Returns a trial as text: as JSON, or as a `.cell` file whose first line has the id and the seed.

    Args:
      files: the gin files of the search; without them the settings in the work directory are taken.
      bindings: bindings that replace those of the files.
      folder: the work directory.
      id: the id of a trial that was asked for before; None asks for another one.
      changed: whether limits may differ from those of the last time.
      as_json: whether the text is JSON.

    Raises:
      UsageError: a setting or a file is wrong, or the search has no trial with this id.
      SearchEnded: a limit of the search is reached.
    """
    wanted = None if id is None else _whole(id)
    if files:
        study = begin(config.read(files, [*bindings, f"search.fitness={ASK!r}"]), folder, changed)
    elif bindings:
        raise UsageError("--gin_param goes with --gin_file, which has the settings of the search")
    else:
        study = resume(folder)
    trial = study.ask(claims=False) if wanted is None else study.trial(wanted)
    return _json(trial) if as_json else _cell(trial)


def _json(trial: Trial) -> str:
    size = cost(trial.genotype, trial.input_shape, trial.classes)
    shown = {
        "id": trial.id,
        "seed": trial.seed,
        "parent": trial.parent,
        "rule": trial.rule,
        "params": size.params,
        "mult_adds": size.mult_adds,
        "input_shape": trial.input_shape,
        "classes": trial.classes,
        "directory": str(trial.directory),
        "genotype": trial.genotype.text(),
        "text": trial.text,
    }
    return json.dumps(shown, ensure_ascii=False)


def _cell(trial: Trial) -> str:
    return f"# individual {trial.id}, seed {trial.seed}, folder {trial.directory}\n{trial.text}".rstrip("\n")


def tell(folder: Path, id: str | None, fitness: str | None, metrics: Sequence[str], error: str | None) -> str:
    """Stores the result of a trial. Returns one line about the individual.

    Args:
      folder: the work directory.
      id: the id of the trial.
      fitness: the value of the first objective; None if it is among the metrics, or if the individual failed.
      metrics: metrics as `name=number`.
      error: why the individual failed; None if it did not fail.

    Raises:
      UsageError: there is no such trial, or a value is wrong.
    """
    where = f"--workdir={shlex.quote(str(folder))}"
    if id is None:
        raise UsageError(f"name the individual: evolve tell {where} --id=7 --fitness=0.9")
    values = {} if fitness is None else {"fitness": _number("--fitness", fitness)}
    for name, value in map(_metric, metrics):
        if name in values:
            raise UsageError(f"the metric {name!r} is given twice: {values[name]:g} and {value:g}")
        values[name] = value
    if error is not None and not error.strip():
        raise UsageError("--error is empty; it has the reason of the failure: --error='out of memory'")
    if error is None and not values:
        raise UsageError(f"give the result: evolve tell {where} --id={id} --fitness=0.9, or --error='...'")
    study = resume(folder)
    study.tell_named(_whole(id), values, error or "")
    return _about(study, int(id))


def _about(study: AskStudy, id: int) -> str:
    """Returns one line about an individual that has just got its result."""
    one, best = study[id], study.best
    if one.error:
        return f"individual {id} has failed: {one.error}"
    first = study.objectives.first
    # A measure such as the seconds is not stored among the metrics. It may be the only value that was told.
    values = one.metrics or {first.name: first.score(one.row.fitness)}
    told = ", ".join(f"{name} {value:g}" for name, value in values.items())
    if best is None or best.id == id:
        return f"individual {id} is the best so far: {told}"
    return f"individual {id}: {told}; the best is {best.id}"


def _metric(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    if not (name and value):
        raise UsageError(f"--metric is {text!r}; write it as a name and a number: --metric=latency_ms=4.1")
    return name, _number(name, value)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{name} is {text!r}; it must be a number, such as 0.9") from None


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"--id is {text!r}; it must be the id of an individual, such as --id=7")
    return int(text)
