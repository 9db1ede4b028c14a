"""The settings of a search, as frozen records. The module `config` fills the records from gin."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Annotated, Any, Literal

from compiler import filesystem
from compiler.domains import ABOVE_0, FLAG, Domain, check, is_number, is_whole, names, numbers_by_name, optional, whole
from compiler.errors import CompileError, pasted
from compiler.filesystem import Place
from evolve.errors import UsageError
from evolve.objectives import Direction, direction_of

Order = Literal["finished", "born"]
IDENTITY = "identity"  # marks a setting that identifies a search: with another value it is another search
CHANGEABLE = "changeable"  # marks a setting that may change when a search is resumed
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(budget: object) -> float:
    """Returns the seconds of a budget, which is a number of hours or a text such as '90m'; 0 for any other value."""
    text, hours = str(budget).strip(), budget
    unit = _UNITS.get(text[-1:])
    if isinstance(budget, str) and unit is not None:
        hours = float(text[:-1]) * unit / 3600 if re.fullmatch(r"\d+(\.\d*)?", text[:-1]) else 0.0
    return hours * 3600 if isinstance(hours, int | float) and is_number(hours) and hours > 0 else 0.0


def _text(allowed: str, example: str | None = None, verb: str = "it must be") -> Domain:
    return Domain(allowed, lambda value: isinstance(value, str) and bool(value), verb=verb, example=example)


_LIMIT = optional(ABOVE_0, " for no limit")


def _rises(value: Sequence[object]) -> bool:
    """Whether a value is two or more whole numbers from 1, each larger than the one before."""
    numbers = [number for number in value if isinstance(number, int) and is_whole(number)]
    return len(numbers) == len(value) > 1 and all(one < other for one, other in pairwise(numbers))


def _is_name(value: object) -> bool:
    """Whether a value is a name or a callable. Gin makes a callable of a reference such as @my_executor."""
    return isinstance(value, str) or callable(value)


_ALGORITHM = Domain("the name of an algorithm, such as 'random_search'", _is_name)
_EXECUTOR = Domain("the name of an executor, or a gin configurable such as @my_executor", _is_name)
# The sources are listed in `evolve.fitness.sources`, which refuses other names.
_FITNESS = Domain("a source such as 'training' or 'table', or 'module:function'", lambda value: True)
_ORDER = Domain(
    "'finished' (each result at once) or 'born' (each result after those of all older individuals)",
    lambda value: value in ("finished", "born"),
    verb="it may be",
)
_BUDGET = Domain(
    "a number of hours, or '90m', '12h', '2d'", lambda value: value is None or seconds_of(value) > 0, example="12h"
)
_RUNGS = Domain(
    "two or more whole numbers of epochs that rise, or () for trainings that are not interrupted",
    lambda value: isinstance(value, list | tuple) and (not value or _rises(value)),
    example=(3, 9, 27),
    normal=tuple,
)
_TARGET = Domain(
    "a number, such as an accuracy of 0.95, or None", lambda value: value is None or is_number(value), example=0.95
)
_METRIC = optional(_text("the name of a metric, such as 'loss'", "loss"))
_OBJECTIVES = Domain(
    "{'accuracy': 'max', 'mult_adds': 'min'}, the first of which is the fitness",
    lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(name, str) and name and way in ("max", "min") for name, way in value.items())
    ),
    verb="write it as",
    example={"accuracy": "max", "mult_adds": "min"},
)
MODEL = "{model}"  # stands for the path of the exported model in the command `search.measure`
LATENCY, MEASURED = "latency_ms", "measured"  # metrics of an exported model


def _is_command(value: object) -> bool:
    """Whether a value is a command with the path of a model, or an empty text."""
    try:
        return isinstance(value, str) and (not value or (MODEL in value and bool(shlex.split(value))))
    except ValueError:  # a quotation mark is not closed
        return False


_MEASURE = Domain(
    "a command with {model}, which stands for the exported .tflite file", _is_command, example="benchmark.sh {model}"
)
_CALLBACKS = replace(names(["mlflow"]), normal=tuple)
_WORKDIR = Domain("a work directory, such as 'runs/other'", lambda value: isinstance(value, str))
_WEIGHTS = Domain(
    "a file that `cell weights` has written, such as 'mobilenet.npz'", lambda value: isinstance(value, str)
)
_STORAGE = Domain("a folder or an address: 'gs://bucket/run'", lambda value: isinstance(value, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Settings of the search itself."""

    seed_file: Annotated[
        str,
        _text("a .cell file, such as 'nasnet.cell'", "nasnet.cell"),
        ".cell file with the seed cells, the network and the mutation rules",
    ]
    params: Annotated[
        Mapping[str, int | float], numbers_by_name({"N": 3, "F": 24}), "values of params of the .cell file"
    ] = field(default_factory=dict)
    overlays: Annotated[
        tuple[str, ...],
        names(["imagenet.cell"]),
        "overlays: .cell files whose declarations replace those of `search.seed_file`",
    ] = ()
    algorithm: Annotated[str | Callable[..., Any], _ALGORITHM, "the algorithm that proposes individuals", IDENTITY] = (
        "regularized_evolution"
    )
    individuals: Annotated[int, whole(1), "number of individuals, initial population included", CHANGEABLE] = 20_000
    seed: Annotated[int, whole(0), "random seed of the search", IDENTITY] = 0
    order: Annotated[Order, _ORDER, "the order in which results reach the algorithm", IDENTITY] = "finished"
    executor: Annotated[str | Callable[..., Any], _EXECUTOR, "where workers run: 'processes', 'serial' or 'ray'"] = (
        "processes"
    )
    timeout: Annotated[float | None, _LIMIT, "seconds after which the worker of a task is ended", CHANGEABLE] = None
    retries: Annotated[
        int,
        whole(0),
        "number of retries of an individual whose worker was lost, hung or ran out of memory",
        CHANGEABLE,
    ] = 1
    budget: Annotated[
        float | str | None,
        _BUDGET,
        "time of all runs together after which the search ends, in hours or with a unit",
        CHANGEABLE,
    ] = None
    budget_flops: Annotated[
        float | None,
        _LIMIT,
        "FLOPs of training after which the search ends: 3 x mult-adds x images x epochs of each individual",
        CHANGEABLE,
    ] = None
    target: Annotated[float | None, _TARGET, "fitness at which the search ends", CHANGEABLE] = None
    keep_best: Annotated[int, whole(1), "number of best individuals whose weights are kept", CHANGEABLE] = 1
    storage: Annotated[
        str, _STORAGE, "where weights and TensorBoard's files are kept; '' keeps them in the work directory", CHANGEABLE
    ] = ""
    reuse: Annotated[
        bool, FLAG, "whether a duplicate takes the evaluation of the earlier individual and is not trained", IDENTITY
    ] = False
    fitness: Annotated[
        str, _FITNESS, "the source of fitness; a function is called with a genotype and a random seed", IDENTITY
    ] = "training"
    # The objectives that these two settings give identify a search.
    metric: Annotated[
        str | None,
        _METRIC,
        "the metric that is the fitness; None takes the accuracy, or the number of a table or function",
    ] = None
    objectives: Annotated[
        Mapping[str, Direction],
        _OBJECTIVES,
        "the metrics by which individuals are compared, each with 'max' or 'min'; the first is the fitness",
    ] = field(default_factory=dict)
    repeats: Annotated[
        int,
        whole(1),
        "trainings of each individual, each with another random seed or fold; the fitness is their mean",
        IDENTITY,
    ] = 1
    finalists: Annotated[
        int | None,
        optional(whole(1), " for no retrainings"),
        "number of best individuals that are trained again at the end; the best of them is chosen by these trainings",
        CHANGEABLE,
    ] = None
    finalist_repeats: Annotated[
        int, whole(1), "retrainings of each finalist, each with another random seed or fold", CHANGEABLE
    ] = 3
    measure: Annotated[
        str,
        _MEASURE,
        "a command whose last printed number is the metric `measured`; {model} stands for the exported .tflite file",
        IDENTITY,
    ] = ""
    measure_seconds: Annotated[
        float, ABOVE_0, "seconds after which the command of `search.measure` is ended", CHANGEABLE
    ] = 60.0
    inherit_weights: Annotated[
        bool,
        FLAG,
        "whether a child starts from those weights of its parents that have the same key and shape",
        IDENTITY,
    ] = False
    # The contents of the file identify a search.
    initial_weights: Annotated[
        str,
        _WEIGHTS,
        "weights from which individuals begin wherever key and shape agree, and by which images are then normalized; "
        "'' for random weights",
    ] = ""
    rungs: Annotated[
        tuple[int, ...],
        _RUNGS,
        "the epochs after which trainings are compared; only the best are trained on to the next number of epochs",
        IDENTITY,
    ] = ()
    reduction: Annotated[
        int, whole(2), "of this number of results of a rung, one is trained on to the next rung", IDENTITY
    ] = 3
    stop: Annotated[
        bool,
        FLAG,
        "whether a training is stopped as soon as its training accuracy is below those of all that were promoted from "
        "its rung, at the same epoch",
        IDENTITY,
    ] = False
    sample_mutations: Annotated[
        int,
        whole(0),
        "number of mutations by which the seed becomes a random genotype, if the rules have no values to draw from",
        IDENTITY,
    ] = 10

    callbacks: Annotated[
        tuple[str, ...],
        _CALLBACKS,
        "what receives the search while it runs: 'mlflow', 'wandb', or 'module:function', which makes a callback",
    ] = ()
    repeat_networks: Annotated[
        bool, FLAG, "whether a network may be proposed that was proposed before; if not, it is drawn again", IDENTITY
    ] = True
    candidates: Annotated[
        int | None,
        optional(whole(2), " for no model"),
        "number of children of which a model of the fitness chooses one",
        IDENTITY,
    ] = None
    warm_start: Annotated[
        str,
        _WORKDIR,
        "work directory of a search of the same space, whose best individuals are the first ones here; '' for none",
        IDENTITY,
    ] = ""

    def __post_init__(self) -> None:
        rules = (_reuses_what_is_trained_alike, _repeats_what_is_trained_alike, _stops_on_a_rung, _has_one_fitness)
        check("search", self, UsageError, rules)
        _ = self.place

    @property
    def place(self) -> Place | None:
        """The storage; None if it is the work directory.

        Raises:
          UsageError: `search.storage` cannot be used as a folder or address.
        """
        try:
            return filesystem.place(self.storage) if self.storage else None
        except CompileError as error:
            raise UsageError(f"search.storage: {error}") from None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that `metric` and `objectives` name."""
        return tuple(dict.fromkeys([*self.objectives, *filter(None, [self.metric])]))

    @property
    def first_metric(self) -> str | None:
        """The metric that is the fitness; None if no setting chooses one."""
        return next(iter(self.objectives), self.metric)

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds."""
        return None if self.budget is None else seconds_of(self.budget)


def _reuses_what_is_trained_alike(search: SearchSettings) -> str:
    if not (search.reuse and search.inherit_weights):
        return ""
    return (
        "search.reuse is True and search.inherit_weights is True, but with inherited weights equal networks are "
        f"trained from different weights: {pasted('search.reuse', False)}, or {pasted('search.inherit_weights', False)}"
    )


def _repeats_what_is_trained_alike(search: SearchSettings) -> str:
    if search.repeat_networks or not search.inherit_weights:
        return ""
    return (
        "search.repeat_networks is False and search.inherit_weights is True, but with inherited weights a network may "
        f"be trained further: {pasted('search.repeat_networks', True)}, or {pasted('search.inherit_weights', False)}"
    )


def _stops_on_a_rung(search: SearchSettings) -> str:
    if not search.stop or search.rungs:
        return ""
    return (
        "search.stop is True and search.rungs is (); trainings are stopped by comparison with those that are promoted: "
        f"{pasted('search.rungs', (3, 9, 27))}, or {pasted('search.stop', False)}"
    )


def _has_one_fitness(search: SearchSettings) -> str:
    if search.metric is None or not search.objectives:
        return ""
    first = next(iter(search.objectives.items()))
    if first == (search.metric, direction_of(search.metric) or first[1]):
        return ""
    others = {name: way for name, way in search.objectives.items() if name != search.metric}
    wanted = {search.metric: direction_of(search.metric) or "max", **others}
    return (
        f"search.metric is {search.metric!r}, and the first of search.objectives, which is the fitness, is "
        f"{first[0]!r}: {first[1]!r}: {pasted('search.metric', None)}, or {pasted('search.objectives', wanted)}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySettings:
    """Settings of the metric `latency_ms`, which is the time of an exported network for one image on this machine."""

    threads: Annotated[int, whole(1), "threads of the CPU"] = 1
    warm_up: Annotated[int, whole(0), "runs before the measurement"] = 10
    runs: Annotated[int, whole(1), "measured runs, of which the median is taken"] = 100

    def __post_init__(self) -> None:
        check("latency", self, UsageError)


def _is_shape(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 3 and all(map(is_whole, value))


def _is_dictionary(value: object) -> bool:
    words = (*value, *value.values()) if isinstance(value, Mapping) else ()
    return bool(words) and all(isinstance(word, str) for word in words)


_COLUMN = Domain("the name of a column, or None", lambda value: isinstance(value, str | None))
_OPERATIONS = optional(Domain("{'skip': 'skip_connect'}", _is_dictionary, verb="write it as"))
_SHAPE = Domain("(32, 32, 3): height, width, channels", _is_shape, verb="write it as")
_METRICS = replace(names(["c10_test_acc_200"]), example=None)
_FITNESS_COLUMNS = Domain(
    "a column of the table, or a tuple with a column for each rung",
    lambda value: bool(value) and (isinstance(value, str) or names([]).holds(value)) and all(value),
    verb="bind it to",
    normal=lambda value: value if isinstance(value, str) else tuple(value),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """Settings of the table from which fitnesses come if `search.fitness` is 'table'.

    The simulated seconds of an evaluation are `epochs` times `train_seconds`, plus `validation_seconds`. With rungs, an
    evaluation has the epochs from the rung below.
    """

    path: Annotated[
        str, _text("the table's file", verb="bind it to"), "a .npz, .csv or .json file, or a folder of official files"
    ] = ""
    keys: Annotated[
        str, _text("the column of the keys, such as 'arch'", verb="bind it to"), "the column with the key of each cell"
    ] = "arch"
    fitness: Annotated[
        str | tuple[str, ...],
        _FITNESS_COLUMNS,
        "the column of the fitness; with `search.rungs`, a column for each rung",
    ] = ""
    # The value may be a dict, and dicts cannot be hashed.
    operations: Annotated[
        Mapping[str, str] | None,
        _OPERATIONS,
        "the operations of the .cell file, each with its name in the table; None for fingerprints or texts as keys",
    ] = field(default=None, hash=False)
    choices: Annotated[
        str | None,
        _COLUMN,
        "the column of a .npz file with the indices of the choices of each network, by which random networks are drawn",
    ] = None
    scale: Annotated[float, ABOVE_0, "factor between the column of the fitness and the fitness: 0.01 for percent"] = 1.0
    metrics: Annotated[
        tuple[str, ...], _METRICS, "columns whose values are stored with each individual, and printed for the best"
    ] = field(default=(), hash=False)
    epochs: Annotated[float, ABOVE_0, "number of epochs of each training"] = 1
    train_seconds: Annotated[str | None, _COLUMN, "the column of the seconds of one epoch"] = None
    validation_seconds: Annotated[str | None, _COLUMN, "the column of the seconds of one validation"] = None
    input_shape: Annotated[
        tuple[int, int, int], _SHAPE, "the shape of the images for which parameters and mult-adds are computed"
    ] = field(default=(32, 32, 3), hash=False)
    classes: Annotated[int, whole(1), "the number of classes of the images"] = 10
    budget_seconds: Annotated[
        float | None, optional(ABOVE_0), "simulated seconds of all individuals together after which the search ends"
    ] = None

    def __post_init__(self) -> None:
        check("table", self, UsageError)
        if self.choices is not None and self.operations is not None:
            raise UsageError(
                f"table.choices is {self.choices!r} and table.operations is bound, with which the keys are cells and a "
                f"search is not limited to those of the table: {pasted('table.choices', None)}, or "
                f"{pasted('table.operations', None)} for keys that are fingerprints"
            )

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yields every column of numbers, as the setting that names the column and the column's name."""
        yield from (("fitness", name) for name in self.rungs)
        yield from (("metrics", name) for name in self.metrics)
        for setting, name in (("train_seconds", self.train_seconds), ("validation_seconds", self.validation_seconds)):
            if name is not None:
                yield setting, name

    @property
    def rungs(self) -> tuple[str, ...]:
        """The columns of the fitness, one for each rung. Without rungs there is one."""
        return (self.fitness,) if isinstance(self.fitness, str) else self.fitness

    def column_names(self) -> tuple[str, ...]:
        """Returns the names of the columns of numbers, each once."""
        return tuple(dict.fromkeys(name for _, name in self.columns()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSettings:
    """Settings of the images if `search.fitness` is 'ask', so that a program of the user evaluates the individuals."""

    input_shape: Annotated[
        tuple[int, int, int] | None,
        optional(_SHAPE, " for the images of dataset.source"),
        "the shape of the images; None takes shape and classes of the images of `dataset`",
    ] = None
    classes: Annotated[int, whole(1), "the number of classes, if `ask.input_shape` is given"] = 10

    def __post_init__(self) -> None:
        check("ask", self, UsageError)
