"""The facts about a search that do not depend on individuals. They are read from settings and notes in the store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.filesystem import Remote, place
from evolve.objectives import Direction, Objectives
from evolve.records import RANDOM
from evolve.settings import seconds_of
from evolve.store.differences import ADDED
from evolve.store.location import BEST, WEIGHTS
from evolve.store.retraining import choice_in, retrained_in
from evolve.store.store import ENDED, TESTED
from evolve.tab.living import is_of_algorithm, value_of
from evolve.tab.numbers import read

ACCURACY, FITNESS = "validation accuracy", "fitness"
_RULE = re.compile(r"^mutation (\w+)", re.MULTILINE)
_SPACE = "the space"


@dataclass(frozen=True, slots=True)
class About:
    """The settings and notes of a search, by their keys in the table `meta` of the store."""

    meta: Mapping[str, str]

    @property
    def identity(self) -> dict[str, str]:
        """The settings that identify the search, by name. A setting that the store lacks has its value in `ADDED`."""
        stored = {
            key.removeprefix("identity."): value for key, value in self.meta.items() if key.startswith("identity.")
        }
        return {one.name: one.value for one in ADDED if one.name not in stored} | stored if stored else {}

    def setting(self, name: str) -> object:
        """Returns the value of a setting that may change when a search is resumed; None if the store has no value."""
        return value_of(self.meta.get(f"setting.{name}", "None"))

    def note(self, key: str) -> str:
        """Returns the note with a key, or "" if the store has no such note."""
        return self.meta.get(f"note.{key}", "")

    @property
    def algorithm(self) -> str:
        """The gin name of the algorithm."""
        return self.identity.get("search.algorithm", "")

    @property
    def seed(self) -> int:
        """The random seed of the search."""
        text = self.identity.get("search.seed", "")
        return int(text) if text.isdecimal() else 0

    @property
    def space(self) -> str:
        """The `.cell` text of the search space."""
        return self.identity.get(_SPACE, "")

    @property
    def reason(self) -> str:
        """Why the search has ended; "" if the search has not ended."""
        return self.note(ENDED)

    @property
    def seconds(self) -> float:
        """The seconds of all runs together."""
        return read(self.note("seconds")) or 0.0

    @property
    def individuals(self) -> int | None:
        """The number of individuals at which the search ends."""
        found = self.setting("search.individuals")
        return found if isinstance(found, int) else None

    @property
    def rules(self) -> tuple[str, ...]:
        """The rule name of sampled individuals, and then the names of the mutation rules in the search space."""
        return (RANDOM, *_RULE.findall(self.space))

    @property
    def metric(self) -> str:
        """The name of the metric that is the fitness, such as "loss"; "fitness" if no setting chose it."""
        name = self.objectives.first.name if self.objectives else "accuracy" if self.is_trained else FITNESS
        return ACCURACY if self.is_trained and name == "accuracy" else name

    @property
    def direction(self) -> Direction:
        """Whether more or less of the metric is better. The fitness of a metric of which less is better is negated."""
        return self.objectives.first.direction if self.objectives else "max"

    @property
    def is_trained(self) -> bool:
        """Whether the networks are trained."""
        return self.identity.get("search.fitness") == "training"

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs of each rung; empty in a search without rungs."""
        return tuple(map(int, re.findall(r"\d+", self.identity.get("search.rungs", ""))))

    @property
    def objectives(self) -> Objectives:
        """The objectives; empty if the fitness is the only one, and no setting chose it."""
        return Objectives.read(self.identity.get("search.objectives", ""))

    @property
    def source(self) -> str:
        """The description of the images."""
        try:
            noted = json.loads(self.note("data") or '[""]')
            return str(noted["description"] if isinstance(noted, dict) else noted[0])  # a list until version 0.5.0
        except (LookupError, TypeError, ValueError):
            return ""

    @property
    def budget(self) -> dict[str, float | None]:
        """The limits at which the search ends, without the number of individuals."""
        return {
            "seconds": seconds_of(self.setting("search.budget")) or None,
            "flops": read(self.setting("search.budget_flops")),
            "target": read(self.setting("search.target")),
            "simulated": read(self.setting("table.budget_seconds")),
        }

    @property
    def workers(self) -> int | None:
        """The number of workers; None if the settings leave the number open."""
        executor = str(self.setting("search.executor"))
        found = self.setting(f"{executor}.workers")
        return 1 if executor == "serial" else found if isinstance(found, int) else None

    @property
    def chosen(self) -> int | None:
        """The individual that retrainings have chosen; None if there are none."""
        choice = choice_in(self.meta)
        return None if choice is None else choice.id

    def retrained(self, id: int | None) -> float | None:
        """Returns the mean fitness of the retrainings of an individual; None if there are none, or they failed."""
        found = None if id is None else retrained_in(self.meta, id)
        return None if found is None or found.error else found.fitness

    def has_weights(self, id: int, folder: Path, is_best: bool) -> bool:
        """Returns whether a file with the weights of an individual is on this machine."""
        where = place(self.note("kept in")) if self.setting("search.storage") else folder
        if isinstance(where, Remote):
            return False
        return (where / WEIGHTS / f"{id}.npz").is_file() or (is_best and (where / BEST).is_dir())

    def test(self, best: int | None) -> dict[str, object] | None:
        """Returns the id and the test accuracy of the individual `best`; None if it was not tested."""
        accuracy = None if best is None else read(_json(self.note(TESTED.format(best))).get("accuracy"))
        return None if accuracy is None else {"id": best, "accuracy": accuracy}

    @property
    def digests(self) -> dict[str, str]:
        """Two digests of the settings that identify the search.

        `space` is equal for searches that can be compared: they differ only in the algorithm and the random seed.
        `group` is equal for searches that differ only in the random seed.
        """
        every = self.identity.items()
        group = [(name, value) for name, value in every if name != "search.seed"]
        space = [(name, value) for name, value in group if name != "search.algorithm" and not is_of_algorithm(name)]
        return {"space": _digest(space), "group": _digest(group)}


def _digest(pairs: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(pairs)).encode()).hexdigest()[:16]


def _json(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
