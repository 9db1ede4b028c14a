"""Callbacks, which receive a search that Python runs: one for MLflow, one for Weights & Biases, or your own."""

from __future__ import annotations

import importlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dsl
from compiler.errors import did_you_mean
from evolve.errors import UsageError
from evolve.objectives import column_of
from evolve.records import Individual, Standing
from evolve.store.database import reading


class Callback:
    """Receives the start of a search, every finished individual, and the end. The methods of this class do nothing."""

    def begin(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Receives the work directory and the settings of a search that begins or is resumed."""

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Receives a finished individual, its genotype, and the state of the search after this individual."""

    def end(self, reason: str, best: Individual | None) -> None:
        """Receives why the search has ended, and the best individual."""


class MLflow(Callback):
    """Logs a search as one run of MLflow: settings, the numbers of each individual, and the best network as text.

    A resumed search continues its run, whose id is in the file `mlflow.run` of the work directory.

    Args:
      experiment: the name of the experiment, which is made if it is missing.
      tracking_uri: the address or the folder of MLflow; by default the one that MLflow's environment variables name.
    """

    def __init__(self, experiment: str = "amoeba", tracking_uri: str | None = None) -> None:
        self._experiment, self._uri = experiment, tracking_uri

    def begin(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Begins the run, or finds the run of an earlier start of the search.

        Raises:
          UsageError: MLflow is missing, or cannot use the address.
        """
        mlflow = _imported("mlflow")
        self._metric, self._folder, self._results = mlflow.entities.Metric, folder, results_of(folder)
        try:
            self._begin(mlflow.MlflowClient(self._uri), folder, settings)
        except mlflow.exceptions.MlflowException as error:
            raise UsageError(f"MLflow cannot be used: {error}") from None

    def _begin(self, client: Any, folder: Path, settings: Mapping[str, str]) -> None:
        self._client = client
        path = folder / "mlflow.run"
        if path.is_file():
            self._run = path.read_text(encoding="utf-8")
            client.update_run(self._run, "RUNNING")
            return
        found = client.get_experiment_by_name(self._experiment)
        experiment = client.create_experiment(self._experiment) if found is None else found.experiment_id
        self._run = client.create_run(experiment, run_name=folder.absolute().name).info.run_id
        for name, value in settings.items():
            if name == "the space":
                client.log_text(self._run, value, "space.cell")
            else:
                client.log_param(self._run, name, value)
        path.write_text(self._run, encoding="utf-8")

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Logs the numbers of an individual. The step is the number of results of the search, promotions included."""
        now = int(1000 * time.time())
        self._results += 1
        numbers = numbers_of(individual, standing).items()
        self._client.log_batch(self._run, [self._metric(name, value, now, self._results) for name, value in numbers])

    def end(self, reason: str, best: Individual | None) -> None:
        """Logs the best network, and ends the run."""
        self._client.set_tag(self._run, "end", reason)
        if best is not None:
            self._client.log_artifact(self._run, str(self._folder / "best.cell"))
        self._client.set_terminated(self._run)


class WandB(Callback):
    """Logs a search as one run of Weights & Biases. A resumed search continues its run.

    Args:
      project: the name of the project.
      **options: further arguments of `wandb.init`, such as `entity` or `mode="offline"`.
    """

    def __init__(self, project: str = "amoeba", **options: Any) -> None:
        self._project, self._options = project, options

    def begin(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Begins the run, or continues it. Its id is in the file `wandb.run` of the work directory."""
        wandb = _imported("wandb")
        self._results = results_of(folder)
        path = folder / "wandb.run"
        if not path.is_file():
            path.write_text(uuid.uuid4().hex, encoding="utf-8")
        given = {"project": self._project, "name": folder.absolute().name, "dir": str(folder), "config": dict(settings)}
        kept = {"id": path.read_text(encoding="utf-8"), "resume": "allow"}
        self._run: Any = wandb.init(**{**given, **kept, **self._options})

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        """Logs the numbers of an individual. The step is the number of results of the search, promotions included.

        Weights & Biases ignores steps that are not above the earlier ones.
        """
        self._results += 1
        self._run.log(numbers_of(individual, standing), step=self._results)

    def end(self, reason: str, best: Individual | None) -> None:
        """Writes the end and the best network into the summary of the run, and ends the run."""
        self._run.summary["end"] = reason
        if best is not None:
            self._run.summary["best id"], self._run.summary["best network"] = best.id, best.genotype
        self._run.finish()


def results_of(folder: Path) -> int:
    """Returns the number of results that the search in a work directory has received, those of promotions included.

    Raises:
      UsageError: the folder has no search.
    """
    with reading(folder) as db:
        found = [db.execute(f"select max(finished) from {name}").fetchone()[0] for name in ("individuals", "rungs")]
    return max(0, *(count or 0 for count in found))


def numbers_of(individual: Individual, standing: Standing) -> dict[str, float]:
    """Returns the numbers of an individual for a curve: its id, metrics and costs, and the best fitness so far.

    A failed individual has no fitness and no metrics. If a metric has the name of another number, such as `id`, its own
    name begins with `metrics.`.
    """
    found: dict[str, float] = {"id": individual.id, "failed": float(individual.is_failed)}
    if not individual.is_failed:
        found |= {"fitness": individual.fitness, "params": individual.params, "mult_adds": individual.mult_adds}
        found["seconds"] = individual.seconds
        found |= {column_of(name, (*found, "best")): value for name, value in individual.metrics}
    if standing.best is not None:
        found["best"] = standing.best.fitness
    return found


NAMED: Mapping[str, Callable[[], Callback]] = {"mlflow": MLflow, "wandb": WandB}


def named(names: Sequence[str]) -> list[Callback]:
    """Returns the callbacks that `search.callbacks` names.

    Raises:
      UsageError: a callback cannot be made.
    """
    return [_made(name) for name in names]


def _made(name: str) -> Callback:
    """Returns the callback of one name. A shipped one has its default settings."""
    made: Any = NAMED.get(name)
    if made is None:
        module, colon, function = name.partition(":")
        if not colon:
            raise UsageError(
                f"search.callbacks has {name!r}; it may have {' or '.join(map(repr, NAMED))}, or a class or function "
                f"of yours as 'module:function'{did_you_mean(name, NAMED)}"
            )
        try:
            made = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError) as error:
            raise UsageError(f"search.callbacks has {name!r}, which cannot be imported: {error}") from None
    else:
        _imported(name)
    found = made() if callable(made) else made
    if not isinstance(found, Callback):
        raise UsageError(f"search.callbacks has {name!r}, which gives {found!r}, not an evolve.callbacks.Callback")
    return found


def _imported(package: str) -> Any:
    """Returns a package.

    Raises:
      UsageError: the package is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UsageError(f"the package {package} is missing: pip install 'amoeba-evolve[{package}]'") from None
