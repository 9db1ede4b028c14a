"""A search as Python sees it: its individuals, the best of them, the front, a table, pictures and Keras models."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dsl
from compiler.errors import CompileError
from evolve.errors import UsageError
from evolve.found import Found, best_of
from evolve.objectives import Objective, Objectives, column_of
from evolve.records import Individual
from evolve.search.front import Front
from evolve.store import export_table
from evolve.store.database import FILE, LARGEST_ID, RANK, RANKED, explained_errors, reading
from evolve.store.retraining import retrained_in
from evolve.store.rows import INDIVIDUAL

if TYPE_CHECKING:
    from compiler.pictures.canvas import Drawing
    from evolve.callbacks import Callback

_ALL = ", ".join(INDIVIDUAL.names)


class MissingIndividual(UsageError, LookupError):
    """A search has no individual with this id."""


@dataclass(frozen=True, eq=False, slots=True)
class StudyIndividual:
    """An individual of a search.

    Attributes:
      row: the row of the individual in the store. Its `genotype` is a text.
      space: the search space.
      found: the individual in its work directory, for its weights.
    """

    row: Individual
    space: dsl.Space
    found: Found

    @property
    def id(self) -> int:
        """The id."""
        return self.row.id

    @property
    def status(self) -> str:
        """The status: 'done', 'failed', or 'running' if there is no result."""
        return self.row.status

    @property
    def fitness(self) -> float | None:
        """The fitness; None if there is no result. Of a metric that is minimized, it is the negative value."""
        return self.row.fitness

    @property
    def retrained_fitness(self) -> float | None:
        """The mean fitness of the retrainings (`search.finalists`); None if there are none."""
        again = retrained_in(self.found.meta, self.id)
        return None if again is None or again.error else again.fitness

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics by name."""
        return dict(self.row.metrics)

    @property
    def params(self) -> int:
        """The number of trainable parameters."""
        return self.row.params

    @property
    def mult_adds(self) -> int:
        """The number of mult-adds for one image."""
        return self.row.mult_adds

    @property
    def parent(self) -> int | None:
        """The id of the parent; None if the individual was sampled."""
        return self.row.parent

    @property
    def rule(self) -> str:
        """The rule that made the individual."""
        return self.row.rule

    @property
    def error(self) -> str:
        """Why the individual failed; empty if it did not fail."""
        return self.row.error

    @property
    def genotype(self) -> dsl.Genotype:
        """The genotype."""
        return self.space.genotype(self.row.genotype)

    @property
    def text(self) -> str:
        """The `.cell` text of the network, which includes no other file."""
        return self.genotype.standalone()

    @property
    def picture(self) -> Drawing:
        """The picture of the cells, which a notebook shows. Its methods `svg` and `png` return files."""
        from compiler.pictures.picture import marked

        return marked(None, self.genotype, f"individual {self.id} of {self.found.folder.absolute().name}")

    def model(self) -> Any:
        """Returns the network as a model of tf_keras with the weights of its training.

        The model takes images with the pixel values of the data set, and returns probabilities.

        Raises:
          UsageError: the search has not kept the weights of this individual.
        """
        try:
            saved = self.found.trained()
        except CompileError as error:
            raise UsageError(str(error)) from None
        from compiler.networks.formats import exported_model

        return exported_model(saved, preparation=saved.preparation)

    def __repr__(self) -> str:
        about = {
            "fitness": self.fitness,
            "retrained_fitness": self.retrained_fitness,
            **self.metrics,
            "params": self.params,
            "mult_adds": self.mult_adds,
        }
        values = ", ".join(f"{name}={value:.6g}" for name, value in about.items() if value is not None)
        return f"<individual {self.id} of {self.found.folder}: {self.status}, {values}, {self.rule}>"


class Study:
    """A search in its work directory, which is only read. It may be read while the search runs.

    `study[33]` is individual 33, `len(study)` is the number of individuals, and a loop over the study gives all
    individuals by id. Every access reads the store again.

    Args:
      folder: the work directory.

    Raises:
      UsageError: there is no search in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with reading(folder):
            pass  # the error of a missing search is raised here, and not at the first access

    @functools.cached_property
    def space(self) -> dsl.Space:
        """The search space."""
        meta, _ = self._facts()
        return dsl.loads(meta["identity.the space"]).space

    @property
    def objectives(self) -> Objectives:
        """The objectives, of which the first one gives the fitness."""
        meta, _ = self._facts()
        found = Objectives.read(meta.get("identity.search.objectives", ""))
        return found or Objectives([Objective("fitness")])

    @property
    def best(self) -> StudyIndividual | None:
        """The best individual; None if no individual has a result yet. Of equally fit individuals it is the smaller.

        If the search has retrainings, it is the individual that they have chosen.
        """
        _, best = self._facts()
        return None if best is None else self[best]

    @property
    def front(self) -> list[StudyIndividual]:
        """The individuals of the highest rung that no other one beats in all objectives, the fittest first.

        Of individuals with equal values in all objectives, only the smallest is in the list. A search with one
        objective has one individual in its front. Retrainings do not change the front.
        """
        front = Front(self._rows(f"where {RANKED} and scores != '[]' order by finished"))
        return self._made([*front] or self._rows(f"where {RANKED} order by {RANK} limit 1"))

    def frame(self) -> Any:
        """Returns all individuals as a pandas DataFrame; without pandas, as a list of dictionaries.

        The columns are those of `evolve export`, and one more for each metric. If a metric has the name of a column,
        the name of its own column begins with `metrics.`.
        """
        with reading(self.folder) as db:
            table = [export_table.named(row) for row in export_table.rows(db, self.folder)]
        names = dict.fromkeys(name for row in table for name in row["metrics"])  # type: ignore[attr-defined]
        for row in table:
            metrics: Any = row["metrics"]
            row |= {column_of(name, row): metrics.get(name) for name in names}
        try:
            import pandas
        except ImportError:
            return table
        return pandas.DataFrame(table)

    def __len__(self) -> int:
        with reading(self.folder) as db:
            (count,) = db.execute("select count(*) from individuals").fetchone()
        return int(count)

    def __iter__(self) -> Iterator[StudyIndividual]:
        return iter(self._made(self._rows("order by id")))

    def __getitem__(self, id: int) -> StudyIndividual:
        """Returns an individual by its id.

        Raises:
          MissingIndividual: the search has no individual with this id.
        """
        number = operator.index(id)
        found = self._rows("where id = ?", number) if abs(number) <= LARGEST_ID else []
        if not found:
            count = len(self)
            listed = f"it has {count}, from 1 to {count}" if count else "it has none yet"
            raise MissingIndividual(f"the search in {self.folder} has no individual {id}; {listed}")
        return self._made(found)[0]

    def __repr__(self) -> str:
        with reading(self.folder) as db:
            counts = dict(db.execute("select status, count(*) from individuals group by status").fetchall())
        best = self.best
        parts = [f"{(count := sum(counts.values()))} individual{'s' * (count != 1)}"]
        for status, words in (("failed", "of them failed"), ("running", "without a result")):
            if status in counts:
                parts.append(f"{counts[status]} {words}")
        if best is None:
            parts.append("no best individual yet")
        else:
            first, again = self.objectives.first, best.retrained_fitness
            parts.append(f"best {best.id} with {first.title} {first.shown(best.row.fitness)}")
            if again is not None:
                parts.append(f"mean of its retrainings {first.shown(again)}")
        return f"<study of {self.folder}: {', '.join(parts)}>"

    def _facts(self) -> tuple[Mapping[str, str], int | None]:
        """Returns the settings and notes of the search, and the id of its best individual."""
        with reading(self.folder) as db:
            meta = dict(db.execute("select key, value from meta").fetchall())
            return meta, best_of(db, meta, self.folder)

    def _rows(self, condition: str, *values: object) -> list[Individual]:
        with reading(self.folder) as db, explained_errors(self.folder / FILE):
            rows = db.execute(f"select {_ALL} from individuals {condition}", values).fetchall()
        return [INDIVIDUAL.read(row) for row in rows]

    def _made(self, rows: Sequence[Individual]) -> list[StudyIndividual]:
        meta, best = self._facts()
        made = ((row, Found(self.folder, row.id, row.id == best, row.genotype, row.fitness, meta)) for row in rows)
        return [StudyIndividual(row, self.space, found) for row, found in made]


def open(workdir: str | PathLike[str]) -> Study:
    """Returns the search in a work directory. The search is only read, and it may be running.

    Raises:
      UsageError: there is no search in the folder.
    """
    return Study(Path(workdir).expanduser())


def run(
    gin_file: str | PathLike[str] | Sequence[str | PathLike[str]],
    params: Sequence[str] = (),
    workdir: str | PathLike[str] | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    changed: bool = False,
    quiet: bool = False,
) -> Study:
    """Begins or resumes a search, runs it to its end, and returns it. The command `evolve` does the same.

    A script needs a main guard around the call, since every worker process imports the script.

    Args:
      gin_file: a gin file with the settings of the search, or several: paths, or names of shipped files.
      params: settings that replace those of the gin files, such as `"search.individuals=200"`.
      workdir: the folder of the search; by default `runs/` and the name of the gin file.
      callbacks: receive the search while it runs, such as `evolve.callbacks.MLflow()`.
      changed: whether limits and workers may differ from those of the last run, as with `--resume=changed`.
      quiet: prints nothing. By default, what the command prints is printed.

    Raises:
      UsageError: a setting or a file is wrong.
      SearchError: the search cannot continue.
      KeyboardInterrupt: the user stopped the search; all finished individuals are kept.
    """
    from evolve import config, whole
    from evolve.alone import alone
    from evolve.callbacks import Callback
    from evolve.observers.progress import console

    if isinstance(params, str):
        raise UsageError(f"params is {params!r}; write it as a list: params=[{params!r}]")
    for one in callbacks:
        if not isinstance(one, Callback):
            raise UsageError(f"callbacks has {one!r}; it must have callbacks, such as evolve.callbacks.MLflow()")
    files = [gin_file] if isinstance(gin_file, str | PathLike) else [*gin_file]
    paths = [str(Path(file).expanduser()) for file in files]
    if not paths:
        raise UsageError('name a gin file, which has the settings of the search: evolve.run("amoeba.gin")')
    folder = Path("runs") / Path(paths[-1]).stem if workdir is None else Path(workdir).expanduser()
    try:
        with alone():  # Gin keeps one set of settings for a whole process, so the settings are read inside too.
            whole.run(config.read(paths, list(params)), folder, console(quiet), changed, callbacks)
    except dsl.CellError as error:
        raise UsageError(str(error)) from None
    return Study(folder)
