"""The rows of the header of a search, and the commands that are printed at the end of a search."""

from __future__ import annotations

import shlex

import dsl
from compiler.errors import CompileError
from compiler.graph.resolve import resolve
from compiler.settings import GENES
from dsl.wording import by_x, plural
from evolve.fitness.kept_weights import best_folder
from evolve.prepared import Run

PAGE = "http://localhost:6006/#amoeba"  # TensorBoard with the tab Evolution open


def header(prepared: Run, finished: int) -> list[tuple[str, str]]:
    """Returns the rows of the header that a search prints before it begins. Each row has a title and a text."""
    settings = prepared.config.search
    params = ", ".join(f"{name}={value}" for name, value in prepared.seed.space.params.items())
    genes = ", ".join(f"{name}, {value:g} in the seed" for name, value in prepared.seed.genes if name in GENES)
    has_finalists = settings.finalists is not None
    goal = f"{plural(settings.individuals, 'individual')} by {prepared.config.algorithm_name()}"
    if prepared.fitness.budget_seconds is not None:
        goal = f"at most {goal}, in {prepared.fitness.budget_seconds:,} simulated seconds"
    return [
        ("data", prepared.fitness.known.description),
        *prepared.fitness.rows(),
        ("space", f"{settings.seed_file} with {params}" if params else settings.seed_file),
        *([("genes", f"{genes} (used in the place of these settings)")] if genes else []),
        ("search", f"{goal}, {finished} of them finished" if finished else goal),
        *([("rungs", _rungs(settings.rungs, settings.reduction))] if settings.rungs else []),
        *([("at the end", _finalists(settings.finalists, settings.finalist_repeats))] * has_finalists),
        ("workers", prepared.workers),
        *prepared.found,
        *([("not read", ", ".join(prepared.config.not_read))] if prepared.config.not_read else []),
        ("work directory", str(prepared.folder)),
        *([("storage", settings.storage)] if settings.storage else []),
        *zip(("watch", "", ""), watch(prepared), strict=True),
    ]


def _finalists(count: int | None, repeats: int) -> str:
    """Returns the row of the header about retrainings."""
    return f"the best of {plural(count or 0, 'finalist')} is chosen by {plural(repeats, 'retraining')} of each"


def _rungs(epochs: tuple[int, ...], reduction: int) -> str:
    """Returns the row of the header about rungs."""
    return f"{', '.join(map(str, epochs))} epochs; the best of {reduction} results of a rung is trained on"


def commands(prepared: Run) -> list[str]:
    """Returns the next commands for the user, which are printed at the end of a search."""
    facts = prepared.fitness.known
    folder, best = shlex.quote(str(prepared.folder)), shlex.quote(str(prepared.folder / "best.cell"))
    shape = by_x(facts.input_shape)
    network = best_folder(prepared.storage)
    out = shlex.quote(f"{prepared.folder.name}.keras")
    return [
        f"cell draw {best}",
        f"cell cost {best} --input {shape} --classes {facts.classes}",
        *(
            [f"cell train {folder} --gin_file=train_final.gin{_larger(prepared)}{_begun(prepared)}"]
            * prepared.fitness.has_images
        ),
        *([f"cell export {shlex.quote(str(network))} --out {out}"] if network.is_dir() else []),
        *watch(prepared),
    ]


def _larger(prepared: Run) -> str:
    """Returns the flag that doubles the number of cells in each stack; empty if the space has no param for that."""
    cells, facts = prepared.seed.space.params.get("N"), prepared.fitness.known
    if not isinstance(cells, int):
        return ""
    try:
        resolve(dsl.loads(prepared.seed.standalone(), {"N": 2 * cells}), facts.input_shape, facts.classes)
    except (dsl.CellError, CompileError):
        return ""
    return f" --param N={2 * cells}"


def _begun(prepared: Run) -> str:
    """Returns the flag with which a training begins from the same weights as the individuals; empty for random ones."""
    initial = prepared.fitness.initial
    return "" if initial is None else f" --weights {shlex.quote(str(initial.path))}"


def watch(prepared: Run) -> list[str]:
    """Returns two commands that show a search: `evolve board`, and `tensorboard` with the address of the tab Evolution.

    The flag `--samples_per_plugin` lets TensorBoard keep more than ten pictures and texts.

    """
    board = shlex.quote(str(prepared.storage / "tensorboard"))
    return [
        f"evolve board --workdir={shlex.quote(str(prepared.folder))}",
        f"tensorboard --samples_per_plugin=images=200,text=200 --logdir={board}",
        PAGE,
    ]
