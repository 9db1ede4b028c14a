"""The copy of a search in its storage: it gives the same answers as the store, at every moment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import dsl
from compiler.filesystem import Remote
from evolve import Individual, Standing, Store, UsageError
from evolve.observers.journal import Journal
from evolve.store.location import JOURNAL
from evolve.tab.data import Data
from tests.evolve.tab.made_up import WORKERS, MadeUp
from tests.evolve.tab.moments import merged


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The work directory and the storage of a finished search."""
    MadeUp(individuals=120, population=20, algorithm="pairwise_tournament").write(tmp_path / "work", tmp_path / "away")
    return tmp_path / "work", tmp_path / "away"


def answers(data: Data) -> list[Any]:
    """Returns all answers, without what names the work directory."""
    overview: dict[str, Any] = data.overview()
    overview["search"] = {name: value for name, value in overview["search"].items() if name != "folder"}
    individuals = [{**data.individual(id), "commands": []} for id in (1, 60, 120)]
    return [overview, individuals, data.traits(), data.curve(), data.ancestors(120), data.difference(1, 120),
            data.picture(77), data.genotypes("sep_conv[7x7](a)")]  # fmt: skip


def lines(away: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (away / JOURNAL).read_text().splitlines()]


def test_a_copy_gives_the_same_answers_as_the_store(places: tuple[Path, Path]) -> None:
    work, away = places
    copy: Any = Data(away).overview()["search"]
    assert answers(Data(away)) == answers(Data(work))
    assert (copy["state"], copy["folder"]) == ("ended", "") and Data(away).individual(7)["commands"] == []


@dataclass
class Watcher:
    """Asks the store and its copy after each result, as a page does."""

    work: Data
    away: Data
    pages: list[dict[str, Any]] = field(default_factory=lambda: [{}, {}])
    asked: int = 0

    def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
        for place, data in enumerate((self.work, self.away)):
            self.pages[place] = merged(self.pages[place], data.overview(self.pages[place].get("stamp", "")))
        store, copy = self.pages
        for name in ("columns", "metrics", "population", "rejected", "rules"):
            assert copy[name] == store[name]
        assert store["search"]["state"] == copy["search"]["state"] == "running"
        self.asked += 1


@pytest.mark.parametrize("algorithm", ["regularized_evolution", "non_ageing_evolution"])
def test_a_copy_follows_the_store_result_by_result(tmp_path: Path, algorithm: str) -> None:
    work, away = tmp_path / "work", tmp_path / "away"

    @dataclass
    class Late:
        """Begins to watch at the first result, when both files are there."""

        watcher: Watcher | None = None

        def individual(self, individual: Individual, genotype: dsl.Genotype, standing: Standing) -> None:
            self.watcher = self.watcher or Watcher(Data(work), Data(away))
            self.watcher.individual(individual, genotype, standing)

    late = Late()
    MadeUp(individuals=40, population=10, algorithm=algorithm, pace=1e-9).write(work, away, [late])
    assert late.watcher is not None and late.watcher.asked == 40
    assert late.watcher.away.summary()["state"] == "ended"


def test_nothing_is_copied_twice_but_the_row_of_a_result(places: tuple[Path, Path]) -> None:
    _, away = places
    header, *rest = lines(away)
    assert header["columns"][:3] == ["id", "parent", "rule"]
    assert sum("identity.the space" in line.get("meta", {}) for line in rest) == 1
    rows = [len(line.get("rows", ())) for line in rest]
    assert len(rows) >= 120 and sum(rows) <= 2 * 120 and max(rows) <= WORKERS + 3
    assert max(len(json.dumps(line)) for line in rest[1:]) < 20_000


def test_a_resumed_search_makes_its_copy_whole_again(places: tuple[Path, Path]) -> None:
    work, away = places
    data = Data(away)
    before = answers(data)
    content = (away / JOURNAL).read_bytes()
    (away / JOURNAL).write_bytes(content[: len(content) // 2])
    assert len(Data(away).traits()["id"]) < 120  # type: ignore[arg-type]
    with Store(work) as store, Journal(away, store):
        pass
    assert answers(data) == answers(Data(away)) == before


def test_a_line_without_its_end_is_not_read(places: tuple[Path, Path]) -> None:
    work, away = places
    content = (away / JOURNAL).read_bytes()
    whole = answers(Data(work))
    for cut in (1, 10, len(content.splitlines()[-1]) + 2):
        (away / JOURNAL).write_bytes(content[:-cut])
        data = Data(away)
        data.overview()
        with (away / JOURNAL).open("ab") as file:
            file.write(content[-cut:])
        assert answers(data) == whole


def test_the_state_of_a_copy_follows_from_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, away = tmp_path / "work", tmp_path / "away"
    MadeUp(individuals=40, population=10, finished=20).write(work, away)
    assert Data(away).summary()["state"] == "interrupted"
    *rest, last = (away / JOURNAL).read_text().splitlines(keepends=True)
    assert json.loads(last)["closed"]
    (away / JOURNAL).write_text("".join(rest))
    data = Data(away)
    assert data.summary()["state"] == "running"
    later = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: later)
    assert data.summary()["state"] == "interrupted"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", "has lines that this version cannot read"),
        ("[1, 2]", "has lines that this version cannot read"),
        ("not JSON", "has lines that this version cannot read"),
        ('{"time": 0, "rows": [[[1]]]}', "has lines that this version cannot read"),
        ('{"time": 0, "rows": [[1, 2]]}', "has lines that this version cannot read"),
        ('{"time": 0, "schema": 99, "columns": ["id"]}', "was written by a later version"),
        ('{"time": 0, "schema": 7, "columns": ["id) values (1); --"]}', "was written by a later version"),
    ],
)
def test_lines_that_no_search_writes_are_an_error(places: tuple[Path, Path], line: str, message: str) -> None:
    _, away = places
    with (away / JOURNAL).open("a") as file:
        file.write(f"{line}\n")
    for _ in range(2):
        with pytest.raises(UsageError, match=message):
            Data(away).overview()


def test_a_file_at_an_address_is_not_read_at_every_request(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, away = places
    read, now = [], 0.0

    def content(file: Remote) -> bytes:
        read.append(file.address)
        return (away / JOURNAL).read_bytes()

    monkeypatch.setattr(Remote, "read_bytes", content)
    monkeypatch.setattr("time.monotonic", lambda: now)
    data = Data(Remote("gs://bucket/search"))
    whole = answers(data)
    assert read == [f"gs://bucket/search/{JOURNAL}"] * 2  # the first line, and then the others
    now = 30.0
    assert answers(data) == whole and len(read) == 3


def test_a_file_that_is_gone_is_named(places: tuple[Path, Path]) -> None:
    _, away = places
    data = Data(away)
    data.overview()
    (away / JOURNAL).unlink()
    with pytest.raises(UsageError, match=r"there is no search in .*away: .*search\.jsonl is not there"):
        data.overview()
