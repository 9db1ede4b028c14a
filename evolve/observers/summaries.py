"""The summaries of a search for TensorBoard. No other module of a search writes summaries.

The whole search is one run of TensorBoard, `search`. Its horizontal axis is the number of results, which without rungs
is that of finished individuals. Each of the latest new best individuals has a run of its own, `best/<id>`, with the
curves of its training and its graph.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from math import isfinite

from tensorboard.plugins.custom_scalar import layout_pb2

from compiler.filesystem import Place, remove_folder
from evolve.objectives import Objective
from evolve.observers import events
from evolve.records import WORST, Individual, Standing

BEST_RUNS = 30  # TensorBoard shows no run at first if there are more than 40, so that fewer are kept.
ACCURACY = Objective("accuracy")  # the objective of a search that chooses no other


class Summaries:
    """Writes the summaries of one search to one folder.

    The run `search` is computed from the store. Therefore a search that is resumed writes it again from the beginning.

    Args:
      folder: the folder of the summaries. Earlier event files of its run `search` are deleted.
      space_rules: the names of the mutation rules that the space declares. The curves of rules count only individuals
        that these rules have made, and so no sampled ones.
    """

    def __init__(self, folder: Place, space_rules: Sequence[str], objective: Objective = ACCURACY) -> None:
        self._folder = folder
        self._rules = tuple(space_rules)
        self._objective = objective
        self._tried: Counter[str] = Counter()
        self._improved: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._failed = 0
        self._latest = 0  # the number of individuals with a result
        self._promotions = 0  # the number of results of promotions
        self._best_runs: deque[Place] = deque()
        events.remove_event_files(folder / "search")
        self._search = events.EventFile(folder / "search")

    def close(self) -> None:
        """Closes the files."""
        self._search.close()

    def start(self, config_text: str, space_text: str) -> None:
        """Adds the text of all settings, the `.cell` text of the search space, and the layout of the charts."""
        config = events.code("config/gin", config_text, "All settings of the search, those of its workers included.")
        space = events.code("space", space_text, "The search space: seed cells, network and mutation rules.")
        self._search.write(0, [config, space, events.charts(_layout(self._objective))])

    def individual(self, individual: Individual, standing: Standing, parent_fitness: float | None) -> None:
        """Adds one finished individual, and the state of the search after this individual, to the curves.

        After a promotion an individual is added again. Each result has a step of its own.

        Args:
          individual: the individual with its latest result.
          standing: the state of the search after this result.
          parent_fitness: the fitness of the parent, on the rung of this result; None if there is none.
        """
        if individual.finished > self._latest:
            self._latest = individual.finished
            self._count(individual, parent_fitness)
        else:
            self._promotions += 1
        values = [*self._search_curves(individual, standing), *self._rule_curves()]
        self._search.write(self._step, values)

    @property
    def _step(self) -> int:
        return self._latest + self._promotions

    def new_best(self, best: Individual, cell_text: str, picture: events.Picture) -> None:
        """Adds a new best individual.

        Its picture and text are added to the run `search`, and its training and graph to a run `best/<id>`. A resumed
        search has no graph of the individual, so it keeps an existing run `best/<id>`. After a promotion, the run is
        written again with the whole training. Only the latest `BEST_RUNS` of these runs are kept. The pictures and
        texts of all best individuals stay.
        """
        cells = events.image("best/cells", picture, f"{_CELLS} The step is its place in the order of results.")
        genotype = events.code("best/genotype", f"# individual {best.id}\n{cell_text}", f"{_CELLS} As `.cell` text.")
        self._search.write(self._step, [cells, genotype])
        run = self._folder / "best" / f"{best.id:06d}"
        if best.graph or not events.event_files(run):
            events.remove_event_files(run)
            _write_training(run, best)
        if run in self._best_runs:
            self._best_runs.remove(run)
        self._best_runs.append(run)
        if len(self._best_runs) > BEST_RUNS:
            remove_folder(self._best_runs.popleft())

    def _count(self, individual: Individual, parent_fitness: float | None) -> None:
        self._failed += individual.is_failed
        for rule in individual.rule.split(", "):  # a child may have a second mutation
            self._tried[rule] += 1
            if not individual.is_failed and parent_fitness is not None:
                self._improved[rule] += individual.fitness > parent_fitness
        self._rejected.update(rule for rule, _ in individual.rejected)

    def _search_curves(self, individual: Individual, standing: Standing) -> Iterator[events.Value]:
        if standing.best is not None:
            yield self._fitness("best/accuracy", standing.best.fitness)
        elif self._objective.name == ACCURACY.name:
            yield _curve("best/accuracy", WORST)
        yield _curve("individual/failed", self._failed)
        if members := standing.measured:
            yield self._fitness("population/mean", sum(members) / len(members))
            yield self._fitness("population/min", min(members))
            yield self._fitness("population/max", max(members))
        if standing.species:
            yield _curve("population/species", standing.species)
        if standing.correlation is not None:
            yield _curve("model/rank_correlation", standing.correlation)
        if not individual.is_failed:  # zeros of failed individuals would hide the curve
            yield self._fitness("individual/accuracy", individual.fitness)
            for name, value in individual.metrics:
                if name != self._objective.name:
                    yield events.scalar(f"metrics/{name}", value, name, f"The metric {name} of each individual.")
            yield _curve("individual/params", individual.params)
            yield _curve("individual/mult_adds", individual.mult_adds)
            if individual.inherited is not None:
                yield _curve("individual/inherited", individual.inherited)
        yield _curve("individual/seconds", individual.seconds)

    def _fitness(self, tag: str, fitness: float) -> events.Value:
        """Returns a point of a curve of the fitness: the value of the metric, under the name of the metric."""
        title, description = _CURVES[tag]
        if self._objective.title != "accuracy":
            tag = tag.replace("accuracy", self._objective.name)
            title = self._objective.title.capitalize() if title == "Accuracy" else title
            description = description.replace("validation accuracy", self._objective.title).replace("highest", "best")
            description = description.replace("lowest", "worst")
        return events.scalar(tag, self._objective.score(fitness), title, description)

    def _rule_curves(self) -> Iterator[events.Value]:
        for rule in self._rules:
            for verb, counts in (("tried", self._tried), ("improved", self._improved), ("rejected", self._rejected)):
                title, description = _RULE_CURVES[verb]
                yield events.scalar(f"rules/{rule}/{verb}", counts[rule], f"{rule}: {title}", description)


def show_confusion(folder: Place, done: int, picture: events.Picture, names: Sequence[str]) -> None:
    """Adds a picture of a confusion matrix to the run `search`. The picture is in an event file of its own."""
    # In a code block, names of classes are not read as Markdown.
    listed = "".join(f"\n    {number}: {name}" for number, name in enumerate(names))
    description = f"Test images by their class (rows) and by the class that the best network predicts.\n{listed}\n"
    file = events.EventFile(folder / "search", begins=False)
    file.write(done, [events.image("best/confusion", picture, description)])
    file.close()


def _curve(tag: str, value: float) -> events.Value:
    title, description = _CURVES[tag]
    return events.scalar(tag, value, title, description)


def _write_training(run: Place, best: Individual) -> None:
    file = events.EventFile(run)
    if best.graph:
        file.write_model(best.graph)
    for epoch in best.history:
        curves = {
            "training/loss": epoch.loss,
            "training/accuracy": epoch.accuracy,
            "validation/loss": epoch.validation_loss,
            "validation/accuracy": epoch.validation_accuracy,
        }
        file.write(
            epoch.epoch, [_curve(tag, value) for tag, value in curves.items() if value is not None and isfinite(value)]
        )
    file.close()


def _layout(objective: Objective) -> layout_pb2.Layout:
    """Returns the charts of TensorBoard's tab "Custom scalars". Each chart has several curves."""
    name, tag = objective.title, objective.title.replace(" ", "_")
    population = layout_pb2.MarginChartContent.Series(
        value="population/mean", lower="population/min", upper="population/max"
    )
    search = [
        layout_pb2.Chart(
            title="Population: mean, between worst and best", margin=layout_pb2.MarginChartContent(series=[population])
        ),
        _overlay(f"Best {name} so far, and {name} of each individual", f"^(best/{tag}|individual/{tag})$"),
    ]
    rules = [_overlay(f"Children {verb}", f"^rules/.*/{verb}$") for verb in _RULE_CURVES]
    training = [
        _overlay("Accuracy by epoch", "^(training|validation)/accuracy$"),
        _overlay("Loss by epoch", "^(training|validation)/loss$"),
    ]
    return layout_pb2.Layout(
        category=[
            layout_pb2.Category(title="Search", chart=search),
            layout_pb2.Category(title="Mutation rules", chart=rules),
            layout_pb2.Category(title="Training of new best individuals", chart=training),
        ]
    )


def _overlay(title: str, tags: str) -> layout_pb2.Chart:
    return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[tags]))


_CELLS = "The cells of an individual that was better than all individuals before it."

# The title and the description of each curve, by its tag. The horizontal axis is the number of finished individuals in
# the run `search`, and the number of the epoch in the runs `best/<id>`.
_CURVES = {
    "best/accuracy": ("Best so far", "The highest validation accuracy of all individuals so far."),
    "individual/failed": ("Failed", "The number of individuals so far that could not be built or trained."),
    "population/mean": ("Population mean", "The mean validation accuracy of the members that did not fail."),
    "population/min": ("Population worst", "The lowest validation accuracy of the members that did not fail."),
    "population/max": ("Population best", "The highest validation accuracy in the population."),
    "population/species": ("Species", "The number of species in the population, for the algorithm NEAT."),
    "model/rank_correlation": (
        "Rank correlation of the model",
        "The rank correlation of predicted and measured fitness of the latest individuals that the model chose. "
        "With rungs, it is the fitness on the first rung.",
    ),
    "individual/accuracy": ("Accuracy", "The validation accuracy of each individual, after its training."),
    "individual/params": ("Parameters", "The number of trainable parameters of each individual."),
    "individual/mult_adds": (
        "Mult-adds",
        "The number of multiplications, each followed by an addition, that a network needs for one image.",
    ),
    "individual/inherited": (
        "Inherited",
        "The share of its weights that each individual inherited from its parents or took of search.initial_weights.",
    ),
    "individual/seconds": ("Seconds", "The seconds that each individual took to build, train and measure."),
    "training/loss": ("Training loss", "The loss on the training images, mean of the epoch."),
    "training/accuracy": ("Training accuracy", "The accuracy on the training images, mean of the epoch."),
    "validation/loss": ("Validation loss", "The loss on the validation images after the epoch."),
    "validation/accuracy": ("Validation accuracy", "The accuracy on the validation images after the epoch."),
}
_RULE_CURVES = {
    "tried": ("children tried", "The number of individuals so far that this rule has made."),
    "improved": (
        "better than their parent",
        "The number of individuals of this rule that are fitter than their parent. "
        "With rungs, both are compared on the first rung.",
    ),
    "rejected": ("children rejected", "The number of children of this rule that were rejected before training."),
}
