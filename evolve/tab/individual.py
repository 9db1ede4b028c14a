"""The answers about single individuals: their text, result, training, ancestors and children, and their differences."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path

from compiler.epochs import Epoch
from dsl.wording import plural
from evolve.tab.about import About
from evolve.tab.errors import Missing
from evolve.tab.genotypes import Genotypes
from evolve.tab.individuals import Individuals, Row
from evolve.tab.numbers import Number, number
from evolve.tab.traits import genes

Answer = dict[str, object]
_STATES = ("pending", "done", "failed")
_NUMBERS = ("fitness", "params", "mult_adds", "depth", "seconds", "step_seconds", "flops", "tries", "inherited")
_TEXTS = ("genotype", "note", "error", "history", "rejected", "metrics", "from_mate")
_SELECT = f"select {', '.join((*_NUMBERS, *_TEXTS))}, noise from individuals where id = ?"
_EPOCH = tuple(field.name for field in fields(Epoch))
_CHUNK = 500  # the number of ids in one query


def row_of(id: int, of: Individuals) -> Row:
    """Returns the numbers of an individual.

    Raises:
      Missing: there is no such individual.
    """
    if id not in of.place:
        raise Missing(f"the search has no individual {id}; it has {plural(len(of.rows), 'individual')}")
    return of.rows[of.place[id]]


def texts(ids: Sequence[int], db: sqlite3.Connection) -> dict[int, str]:
    """Returns the texts of the genotypes of individuals, by id."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), _CHUNK):
        some = ids[start : start + _CHUNK]
        marks = ", ".join("?" * len(some))
        found |= db.execute(f"select id, genotype from individuals where id in ({marks})", some).fetchall()
    return {id: str(text) for id, text in found.items()}


def described(row: Row, of: Individuals, rungs: Sequence[int], db: sqlite3.Connection) -> Answer:
    """Returns all stored values of an individual, its children, its duplicates and the number of its descendants.

    Args:
      row: the individual.
      of: the individuals of the search.
      rungs: the epochs of each rung; empty in a search without rungs.
      db: a connection for reading.
    """
    *values, noise = db.execute(_SELECT, (row.id,)).fetchone()
    numbers = {name: number(value) for name, value in zip(_NUMBERS, values, strict=False)}
    stored = dict(zip(_TEXTS, map(str, values[len(_NUMBERS) :]), strict=True))
    return {
        "id": row.id,
        "name": f"individual {row.id}",
        "text": stored["genotype"],
        "rule": of.rules[row.rule],
        "parent": row.parent or None,
        "mate": row.mate or None,
        "status": _STATES[row.status],
        "error": stored["error"],
        "note": stored["note"],
        **numbers,
        "fitness": row.fitness,
        "flops": row.flops,
        "finished": row.finished,
        "metrics": {str(name): number(value) for name, value in dict(json.loads(stored["metrics"])).items()},
        "genes": genes(stored["genotype"]),
        "rungs": list(_rungs(row.id, rungs, db)),
        "epochs": [_epoch(values) for values in json.loads(stored["history"])],
        "rejected": [[str(rule), str(reason)] for rule, reason in json.loads(stored["rejected"])],
        "weights": list(_starting_weights(len(json.loads(stored["from_mate"])), noise)),
        "gain": gain(row, of),
        "duplicates": [id for id in of.duplicates[row.original] if id != row.id],
        "children": list(of.children.get(row.id, ())),
        "descendants": of.descendants(row.id),
        "mated": list(of.mated.get(row.id, ())),
    }


def _starting_weights(parts: int, noise: str | None) -> Iterator[str]:
    """Yields sentences about the weights with which an individual starts, if they are not those of its parent alone."""
    if parts:
        yield f"{plural(parts, 'part')} of the network may start from the weights of the mate."
    if noise is not None:
        kind, first, second = json.loads(noise)
        yield f"Noise was added to the weights: {kind}({first}, {second})."


def _rungs(id: int, rungs: Sequence[int], db: sqlite3.Connection) -> Iterator[Answer]:
    """Yields the results of an individual on the rungs. Seconds are those of the whole training up to a rung."""
    if rungs:
        names = "rung, status, fitness, seconds, history"
        for rung, status, fitness, seconds, history in db.execute(
            f"select {names} from rungs where id = ? and finished > 0 order by finished", (id,)
        ):
            # A table has no history. A training that was stopped has less epochs than its rung.
            epochs = len(json.loads(history)) or (rungs[rung] if rung < len(rungs) else None)
            measured = number(fitness) if status == "done" else None
            yield {"rung": rung, "epochs": epochs, "fitness": measured, "seconds": number(seconds)}


def _epoch(values: Sequence[object]) -> dict[str, Number]:
    """Returns the numbers of an epoch by name. Numbers that an earlier version did not store are None."""
    return {name: number(value) for name, value in zip_longest(_EPOCH, values[: len(_EPOCH)])}


def gain(row: Row, of: Individuals) -> Number:
    """Returns the fitness of an individual minus that of its parent.

    The gain is None if one of the two has no fitness, or if they are on different rungs.
    """
    parent = of.rows[of.place[row.parent]] if row.parent in of.place else None
    if parent is None or parent.fitness is None or row.fitness is None or parent.rung != row.rung:
        return None
    return row.fitness - parent.fitness


def line(row: Row, of: Individuals) -> list[Row]:
    """Returns an individual and its ancestors, the oldest first."""
    found = [row]
    while found[-1].parent in of.place:
        found.append(of.rows[of.place[found[-1].parent]])
    return found[::-1]


def matching(text: str, db: sqlite3.Connection) -> list[int]:
    """Returns the ids of the individuals whose genotype, note or error contains `text`. Case does not matter."""
    # SQLite changes the case of both sides, because it changes only ASCII letters.
    asked = " or ".join(f"instr(lower({name}), lower(:text))" for name in ("genotype", "note", "error"))
    rows = db.execute(f"select id from individuals where {asked} order by id", {"text": text}).fetchall()
    return [id for (id,) in rows]


def commands(row: Row, folder: Path, about: About, is_best: bool) -> list[str]:
    """Returns commands about an individual, for a terminal in the folder in which TensorBoard was started."""
    name = shlex.quote(f"{folder}:{row.id}")
    own = "" if about.is_trained else " --gin_file=train_final.gin"  # A search without trainings has no settings.
    found = [f"cell draw {name}", f"cell train {name}{own}"]
    if about.has_weights(row.id, folder, is_best):
        found.append(f"cell export {name} --out {shlex.quote(f'{folder.absolute().name}-{row.id}.keras')}")
    return found


class Lines:
    """A cache of the differences between individuals and their parents. Differences never change."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], list[str]] = {}

    def of(self, pairs: Sequence[tuple[int, int]], genotypes: Genotypes, db: sqlite3.Connection) -> Sequence[list[str]]:
        """Returns the differences of each pair: a parent or mate, or 0 if there is none, and an individual."""
        new = [pair for pair in pairs if pair[0] and pair not in self._known]
        found = texts([*dict.fromkeys(id for pair in new for id in pair)], db)
        for before, after in new:
            self._known[before, after] = genotypes.differences(found.get(before, ""), found[after])
        return [self._known.get(pair, []) for pair in pairs]
