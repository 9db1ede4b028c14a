"""What a worker does: an individual's text in, its evaluation out. It imports TensorFlow, and late."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import dsl
from compiler.errors import CompileError, DataError, Diverged, did_you_mean, pasted, raised
from compiler.filesystem import Place
from compiler.graph.cost import cost as cost_of
from compiler.graph.resolve import resolve
from compiler.images.inventory import Progress
from compiler.images.kept import Kept
from compiler.settings import DatasetSettings, Training
from evolve import loaded
from evolve.errors import NotInTable, SearchError, UsageError
from evolve.fitness import lookup, tables
from evolve.fitness.facts import Facts, find
from evolve.fitness.tables import Table
from evolve.observers import running
from evolve.search.records import Evaluation, Examined, Task, failed, rank
from evolve.settings import TableColumns, TableSettings


@functools.cache
def version() -> str:
    """What is installed here; a search needs the same everywhere."""
    try:
        return importlib.metadata.version("amoeba-evolve")
    except importlib.metadata.PackageNotFoundError:
        return "of the sources"


@dataclass(frozen=True, slots=True)
class Spec:
    """All that the workers of one search share; small, and sent along with every task."""

    space: str  # the .cell text
    dataset: DatasetSettings
    training: Training
    fitness: str
    weights: Place  # the folder for the weights of a new best, and of those that may have heirs
    inherit: bool = False  # whether children start from the weights of their parents
    table: TableSettings | None = None  # where the fitness comes from, if it is 'table'
    facts: Facts | None = None  # of the images, once they are known
    images: Kept | None = None  # where the images are kept for all workers of a machine
    version: str = field(default_factory=version)  # of the driver
    running: Path | None = None  # the folder for what is trained now, for the driver's line of progress


def facts(spec: Spec, folder: Path, known: Facts | None = None, progress: Progress | None = None) -> Facts:
    """Reads the images and keeps them in the work directory; where the fitness comes from a table, reads that.

    Raises:
      UsageError: they are not there, or cannot be learnt from.
    """
    _check_version(spec)
    if spec.table is not None:
        height, width, channels = spec.table.input_shape
        described = load_table(spec.table.path, spec.table.columns).describe()
        return Facts(described, (height, width, channels), spec.table.classes)
    try:
        return find(spec.dataset, folder, known, progress)
    except DataError as error:
        raise UsageError(str(error)) from None


def _known(spec: Spec) -> Facts:
    if spec.facts is None:
        raise SearchError("an individual was sent before the images were read")
    return spec.facts


def evaluate(spec: Spec, task: Task) -> Evaluation:
    """The fitness of one individual; what is raised is no fault of its own.

    Raises:
      UsageError: this worker is of another version, or cannot write to the work directory.
    """
    _check_version(spec)
    if spec.fitness == "training" and spec.table is None:
        running.report(spec.running, task.id, 0, spec.training.epochs)
        _warm()  # once a worker, and so no part of what an individual takes
    start = time.perf_counter()
    genotype = _space(spec.space).genotype(task.genotype)
    if spec.table is not None:
        evaluation = _looked_up(spec.table, genotype)
        seconds = evaluation.seconds
    else:
        measure = _trained if spec.fitness == "training" else _made_up
        evaluation = measure(spec, genotype, task)
        seconds = time.perf_counter() - start
    if not math.isfinite(evaluation.fitness):
        reason = f"its fitness is {evaluation.fitness}"
        return failed(reason, params=evaluation.params, mult_adds=evaluation.mult_adds, seconds=seconds)
    if evaluation.status == "failed" or spec.table is not None:
        return replace(evaluation, seconds=seconds)
    cost = flops(evaluation.mult_adds, _known(spec).images, spec.training.epochs)
    return replace(evaluation, seconds=seconds, flops=cost)


@functools.cache
def _warm() -> None:
    """Imports what trains, and keeps it out of garbage collections: one before each training took 0.4 s of it."""
    import compiler.training.candidate  # noqa: F401

    loaded.settle()


def flops(mult_adds: int, images: int, epochs: int) -> float:
    """What a training costs: a pass forward, and one backward that is twice as long, for each image of each epoch.

    A multiplication with an addition counts as one.
    """
    return 3.0 * mult_adds * images * epochs


def _check_version(spec: Spec) -> None:
    # What another version has pickled may lack it.
    found = getattr(spec, "version", "another")
    if found != version():
        raise UsageError(
            f"a worker on {socket.gethostname()} has amoeba-evolve {version()}, the driver has {found}: "
            "install the same version on every machine"
        )


def _check_folder(spec: Spec) -> None:
    """Before the training: weights that only this machine sees would be lost."""
    folder = spec.weights.parent
    try:
        seen = folder.is_dir()
    except OSError as error:
        raise UsageError(
            f"a worker on {socket.gethostname()} cannot use {folder}, where weights are kept: {error.strerror or error}"
        ) from None
    if not seen:
        raise UsageError(
            f"a worker on {socket.gethostname()} does not see the folder {folder}, where weights are kept: "
            "choose a --workdir on storage that all machines share, or keep weights at an address: "
            f"{pasted('search.storage', 'gs://bucket/run')}"
        )


def test(spec: Spec, task: Task) -> Examined:
    """How an individual whose weights were kept does on the test set.

    Raises:
      UsageError: they are not its weights.
    """
    from compiler.layers.model import lower, step_layers
    from compiler.networks import weights
    from compiler.training.confusion import confusion

    genotype = _space(spec.space).genotype(task.genotype)
    dataset = _feed(spec)
    model = lower(resolve(genotype, dataset.input_shape, dataset.classes))
    path = weights_file(spec.weights, task.id)
    try:
        values = weights.read(path)
        weights.restore(step_layers(model), values)
    except (CompileError, OSError) as error:
        raise UsageError(f"{path} cannot be measured: {error}; without that file, the test is left out") from None
    try:
        return Examined.of(confusion(model, dataset, "test"), dataset.class_names)
    except DataError as error:
        raise UsageError(_unrecorded(error)) from None


def best_folder(storage: Place) -> Place:
    """Where the best network of a search lies, with its weights: what `cell export` takes."""
    return storage / "best"


def weights_file(folder: Place, id: int) -> Place:
    """Where the weights of an individual are kept."""
    return folder / f"{id}.npz"


def fitness_function(name: str) -> Callable[[dsl.Genotype, int], float]:
    """The function that `module:function` names.

    Raises:
      UsageError: there is none.
    """
    module, _, function = name.partition(":")
    try:
        loaded = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise UsageError(
            f"search.fitness is {name!r}, which cannot be imported:\n{_unimported(module, error)}"
        ) from None
    found = getattr(loaded, function, None)
    if not callable(found):
        near = did_you_mean(function, (known for known in vars(loaded) if callable(vars(loaded)[known])))
        raise UsageError(f"search.fitness is {name!r}, and {module} has no function {function!r}{near}")
    made: Callable[[dsl.Genotype, int], float] = found
    return made


def _unimported(module: str, error: BaseException) -> str:
    """Why a module cannot be imported, and where it lies if Python does not look there."""
    there = Path(*module.split(".")).with_suffix(".py")
    if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0] and there.is_file():
        return f"{error}; {there} is in the current folder. To let Python search that folder: export PYTHONPATH=."
    return raised(error)


def _called(name: str, genotype: dsl.Genotype, seed: int) -> float:
    """What the user's function makes of a genotype.

    Raises:
      UsageError: the function raises an exception other than CompileError and MemoryError, or returns no number.
      CompileError, MemoryError: this individual fails.
    """
    function = fitness_function(name)
    try:
        value = function(genotype, seed)
    except (CompileError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        raise UsageError(
            f"search.fitness, {name!r}, raised an exception:\n{raised(error)}\n"
            "put that right: all finished work is kept, and the same command goes on"
        ) from None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UsageError(f"search.fitness, {name!r}, returned {value!r}; it must return a number") from None


@functools.lru_cache(maxsize=1)
def _space(text: str) -> dsl.Space:
    """Parsed once a worker."""
    return dsl.loads(text).space


def _feed(spec: Spec) -> Any:
    """The images of a search as training takes them.

    Raises:
      UsageError: they are gone, or others than those of the search.
    """
    try:
        return _made_feed(spec.dataset, spec.images, _known(spec).digest)
    except DataError as error:
        raise UsageError(_unrecorded(error)) from None


@functools.lru_cache(maxsize=1)
def _made_feed(settings: DatasetSettings, images: Kept | None, digest: str) -> Any:
    """Made once a worker, so that all its trainings share what they can."""
    from compiler.batches.pipeline import feed
    from compiler.images import data, kept

    found = None if images is None else kept.read(images)
    if found is None:
        found = data.load(**asdict(settings))
        if found.digest != digest:
            raise DataError(
                f"a worker on {socket.gethostname()} finds other images at {settings.source!r} than the search has"
            )
    return feed(found)


def _unrecorded(reason: object) -> str:
    """A message on a fault of the data or the machine, for which no individual is to blame."""
    return f"{reason}\nno individual was recorded as failed for this: put it right, and the same command goes on"


@functools.lru_cache(maxsize=1)
def load_table(path: str, columns: TableColumns) -> Table:
    """A table, read once a worker.

    Raises:
      UsageError: it cannot be used.
    """
    return tables.load(path, columns)


def _trained(spec: Spec, genotype: dsl.Genotype, task: Task) -> Evaluation:
    import tensorflow as tf

    from compiler.networks import weights
    from compiler.training import candidate

    _check_folder(spec)
    images, known = _feed(spec), _known(spec)
    # Known before training, so that a failed individual has its size too.
    params, mult_adds = 0, 0
    try:
        cost = cost_of(genotype, known.input_shape, known.classes)
        params, mult_adds = cost.params, cost.mult_adds
        initial, note = _initial(spec, task)
        with running.reporting(spec.running, task.id, spec.training.epochs) as report:
            trained = candidate.train(genotype, images, spec.training, task.seed, initial, on_epoch=report)
    except DataError as error:
        raise UsageError(_unrecorded(error)) from None
    except Diverged as error:
        return replace(failed(str(error), params=params, mult_adds=mult_adds), history=error.history)
    except (CompileError, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        return failed(str(error), params=params, mult_adds=mult_adds)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        return _out_of_memory(error, params, mult_adds)
    except tf.errors.OpError as error:
        where = f"TensorFlow failed on {socket.gethostname()} while it trained individual {task.id}"
        raise UsageError(_unrecorded(f"{where}: {error.message}")) from None
    found = rank(float(trained.accuracy), (params, mult_adds))
    is_best = found < rank(task.best, task.best_size)
    least = rank(task.best, task.best_size) if task.worth is None else rank(task.worth, task.worth_size)
    if spec.inherit or found < least:
        _save(weights_file(spec.weights, task.id), weights.weights_of(trained.layers))
    return Evaluation(
        float(trained.accuracy),
        params=params,
        mult_adds=mult_adds,
        history=trained.history,
        step_seconds=trained.train_seconds,
        graph=trained.model.to_json() if is_best else "",
        inherited=None if initial is None else trained.inherited / trained.weights,
        note=note,
    )


def _out_of_memory(error: Exception, params: int, mult_adds: int) -> Evaluation:
    """It may fit when others leave it more."""
    reason = str(error) or "it ran out of memory"
    return replace(failed(reason, params=params, mult_adds=mult_adds), again=True)


def _save(path: Place, kept: Any) -> None:
    from compiler.networks import weights

    try:
        weights.save(path, kept)
    except OSError as error:
        raise UsageError(
            f"the weights {path} cannot be written: {error.strerror or error}; put that right: "
            "all finished work is kept, and the same command goes on"
        ) from None


def _initial(spec: Spec, task: Task) -> tuple[Any, str]:
    """The weights to start from, None for fresh ones, and a note where it should have had its parent's."""
    from compiler.networks import weights

    if not spec.inherit or task.heir_of is None:
        return None, ""
    path = weights_file(spec.weights, task.heir_of)
    try:
        return weights.read(path), ""
    except CompileError as error:
        return {}, f"started anew: {error}"
    except OSError as error:
        raise UsageError(
            f"the weights {path} cannot be read: {error.strerror or error}; put that right: "
            "all finished work is kept, and the same command goes on"
        ) from None


def _looked_up(settings: TableSettings, genotype: dsl.Genotype) -> Evaluation:
    """What a table says, in no time: the seconds are those of the training that it saves."""
    cost = cost_of(genotype, settings.input_shape, settings.classes)
    try:
        row = lookup.looked_up(genotype, load_table(settings.path, settings.columns), settings.operations)
    except NotInTable as error:
        return failed(str(error), params=cost.params, mult_adds=cost.mult_adds)
    return Evaluation(
        row.fitness, params=cost.params, mult_adds=cost.mult_adds, seconds=row.seconds, metrics=row.metrics
    )


def _made_up(spec: Spec, genotype: dsl.Genotype, task: Task) -> Evaluation:
    """A fitness that trains nothing, for tests and benchmarks of the search itself."""
    params, mult_adds = 0, 0
    try:
        cost = cost_of(genotype, _known(spec).input_shape, _known(spec).classes)
        params, mult_adds = cost.params, cost.mult_adds
        fitness = _called(spec.fitness, genotype, task.seed)
    except CompileError as error:
        return failed(str(error), params=params, mult_adds=mult_adds)
    except MemoryError as error:
        return _out_of_memory(error, params, mult_adds)
    return Evaluation(fitness, params=params, mult_adds=mult_adds)
