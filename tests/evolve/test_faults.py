"""Faults of workers, the driver, the disk and the database. None of them loses a finished individual."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from evolve import Algorithm, Evaluation, Processes, Proposal, Serial, Store, UsageError, config
from evolve.executors.base import Site
from evolve.executors.serial import SerialSettings
from evolve.objectives import Objective, Objectives
from evolve.records import LOWEST, WORST
from evolve.store.database import FILE
from evolve.whole import run
from tests.evolve import faults, toy
from tests.evolve.replay import replay
from tests.evolve.test_main import SLOW, environment, evolve, finish
from tests.evolve.test_search import ROOT, rows, search, wait_for


def evaluated(folder: Path) -> Counter[int]:
    """Counts the evaluations of each individual."""
    return Counter({int(path.stem): path.stat().st_size for path in folder.glob("*.tries")})


# Workers.


def test_an_individual_whose_worker_is_lost_is_evaluated_again(tmp_path: Path) -> None:
    executor = Processes(2, 50, tmp_path / "log")
    try:
        with Store(tmp_path) as store:
            search(store, 9, partial(faults.loses_its_worker_once, tmp_path), executor, retries=1)
            found = {row.id: row for row in store.finished()}
    finally:
        executor.close()
    assert {row.status for row in found.values()} == {"done"}
    assert {id: row.tries for id, row in found.items() if row.tries > 1} == {3: 2, 6: 2, 9: 2}
    assert evaluated(tmp_path) == Counter({id: row.tries for id, row in found.items()})


@pytest.mark.parametrize(("metric", "worst"), [("accuracy", WORST), ("fitness", LOWEST)])
def test_an_individual_that_loses_its_worker_every_time_fails_alone(tmp_path: Path, metric: str, worst: float) -> None:
    """No accuracy is below 0. Any other fitness may be, so the fitness of a failed individual is lower."""
    executor = Processes(2, 50, tmp_path / "log")
    try:
        with Store(tmp_path) as store:
            search(store, 8, partial(faults.loses_its_worker, tmp_path), executor, retries=2,
                   objectives=Objectives([Objective(metric)]))  # fmt: skip
            found = {row.id: row for row in store.finished()}
    finally:
        executor.close()
    assert [id for id, row in found.items() if row.status == "failed"] == [3]
    assert (found[3].fitness, found[3].tries) == (worst, 3)
    assert "signal 9, perhaps out of memory" in found[3].error
    assert evaluated(tmp_path)[3] == 3


def test_an_individual_that_hangs_is_ended(tmp_path: Path) -> None:
    executor = Processes(1, 50, tmp_path / "log")
    try:
        with Store(tmp_path) as store:
            search(store, 4, partial(faults.hangs, tmp_path), executor, timeout=1.0, retries=1)
            found = {row.id: row for row in store.finished()}
    finally:
        executor.close()
    assert [id for id, row in found.items() if row.status == "failed"] == [2]
    assert (found[2].error, found[2].tries) == ("the evaluation took longer than search.timeout, 1 seconds", 2)


def test_an_individual_without_memory_is_retried_and_one_that_cannot_be_built_is_not(tmp_path: Path) -> None:
    for name in ("memory", "built"):
        (tmp_path / name).mkdir()
    with Store(tmp_path / "memory") as store:
        search(store, 4, partial(faults.has_no_memory, tmp_path / "memory"), retries=1)
        assert [(row.id, row.status, row.tries) for row in sorted(store.finished(), key=lambda row: row.id)] == [
            (1, "done", 2),
            (2, "failed", 2),
            (3, "done", 1),
            (4, "done", 1),
        ]
    with Store(tmp_path / "built") as store:
        search(store, 4, partial(faults.cannot_be_built, tmp_path / "built"), retries=1)
        assert [row.id for row in store.finished() if row.status == "failed"] == [2]
    assert evaluated(tmp_path / "built") == Counter([1, 2, 3, 4])


def test_tries_are_counted_over_the_runs_of_a_search(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.propose(Proposal(1, toy.ToySpace().text(toy.target(1))), "f")
        assert store.try_again(1, 2)
    with Store(tmp_path) as store:
        assert store.try_again(1, 2)
        assert not store.try_again(1, 2)
        assert store.finish(1, Evaluation(0.5)).tries == 3


def test_a_recorded_order_replays_to_the_same_population(tmp_path: Path) -> None:
    for make in (toy.evolution, toy.crossing, toy.tournament, toy.non_ageing, toy.reinforcement):
        executor, ran = Processes(4, 50, tmp_path / "log"), make()
        try:
            with Store(tmp_path / make.__name__) as store:
                search(store, 80, faults.takes_its_time, executor, make=[ran].pop)
                order = [row.id for row in store.finished()]
                again = make()
                replay(store, again, toy.ToySpace())
        finally:
            executor.close()
        assert order != sorted(order)
        assert (again.population, again.members) == (ran.population, ran.members)


# The driver.


def killed_over_and_over(
    folder: Path, make: Callable[[], Algorithm[toy.Genotype]], workers: int, kills: int, order: str = "finished"
) -> None:
    """Kills a search at random times, and checks that no finished individual is lost or evaluated again."""
    rng = random.Random(kills)
    individuals = 15 * kills
    command = [sys.executable, "-m", "tests.evolve.toy_driver", str(folder), str(individuals), make.__name__]
    log = folder / "evaluated"
    finished: dict[object, tuple[object, ...]] = {}
    for _ in range(kills):
        before = log.read_text().splitlines() if log.exists() else []
        driver = subprocess.Popen([*command, str(workers), order], cwd=ROOT, stderr=subprocess.DEVNULL)
        wait_for(folder, min(len(finished) + rng.randrange(1, 12), individuals))
        time.sleep(rng.random() * 0.03)
        driver.kill()
        driver.wait()
        again = {int(line) for line in log.read_text().splitlines()[len(before) :]}
        assert again.isdisjoint(finished), "a finished individual was evaluated again"
        # with order 'born' a held result is stored before its place among the finished individuals is known
        now = {row[0]: (*row[:12], row[12] if order == "finished" else None, *row[13:])
               for row in rows(folder) if row[12] is not None}  # fmt: skip
        assert finished.items() <= now.items(), "a finished individual is gone, or another"
        finished = now
    subprocess.run([*command, str(workers), order], cwd=ROOT, check=True)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.full)])
@pytest.mark.parametrize(
    "make",
    [
        toy.crossing,
        toy.tournament,
        *(
            pytest.param(make, marks=pytest.mark.full)
            for make in (toy.evolution, toy.neat, toy.non_ageing, toy.reinforcement)
        ),
    ],
)
def test_the_driver_is_killed_at_random(
    tmp_path: Path, make: Callable[[], Algorithm[toy.Genotype]], kills: int
) -> None:
    killed_over_and_over(tmp_path / "killed", make, 0, kills)
    with Store(tmp_path / "whole") as store:
        search(store, 15 * kills, make=make)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.full)])
@pytest.mark.parametrize("order", ["finished", "born"])
def test_the_driver_of_workers_is_killed_at_random(tmp_path: Path, kills: int, order: str) -> None:
    killed_over_and_over(tmp_path, toy.evolution, 2, kills, order)
    with Store(tmp_path) as store:
        assert store.counts() == (15 * kills, 0, 15 * kills)
        if order == "born":
            assert [row.id for row in store.finished()] == list(range(1, 15 * kills + 1))
        replay(store, toy.evolution(), toy.ToySpace())


# The disk.


def limited() -> None:
    """Limits files to 100 kB, which has the effect of a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_loses_nothing(small_gin: Path, tmp_path: Path) -> None:
    arguments = [f"--gin_file={small_gin}", f"--workdir={tmp_path / 'work'}"]
    ended = subprocess.run(
        evolve(*arguments), env=environment(), capture_output=True, text=True, timeout=120, preexec_fn=limited
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("evolve: ") and "the same command resumes the search" in ended.stderr
    assert "Traceback" not in ended.stderr
    kept = [row for row in rows(tmp_path / "work") if row[12] is not None]
    assert 0 < len(kept) < 30
    assert finish(*arguments).returncode == 0
    assert len(rows(tmp_path / "work")) == 30 and set(kept) <= set(rows(tmp_path / "work"))


def test_a_moved_work_directory_loses_nothing(small_gin: Path, tmp_path: Path) -> None:
    arguments = [f"--gin_file={small_gin}", SLOW, f"--workdir={tmp_path / 'work'}"]
    driver = subprocess.Popen(
        evolve(*arguments), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(tmp_path / "work", 5)
    (tmp_path / "work").rename(tmp_path / "away")
    _, printed = driver.communicate(timeout=60)
    assert driver.returncode == 2
    assert "was moved or removed" in printed and "Traceback" not in printed
    kept = [row for row in rows(tmp_path / "away") if row[12] is not None]
    (tmp_path / "away").rename(tmp_path / "work")
    assert finish(*arguments).returncode == 0
    assert len(kept) >= 5 and set(kept) <= set(rows(tmp_path / "work"))


@dataclass(frozen=True)
class Moving(SerialSettings):
    """Executors that cannot open their log, because the work directory was moved a moment before."""

    def start(self, site: Site) -> Serial:
        site.folder.rename(site.folder.with_name("away"))
        self.log(site.folder).touch()
        return super().start(site)


def test_a_file_that_cannot_be_written_in_a_moved_work_directory_is_reported_as_the_move(
    small_gin: Path, tmp_path: Path
) -> None:
    moving = replace(config.read([str(small_gin)], []), executor=Moving())
    with pytest.raises(UsageError, match=r"work directory \S+/work was moved or removed while the search ran"):
        run(moving, tmp_path / "work", Console())


# The database.


def test_a_locked_database_is_reported(tmp_path: Path) -> None:
    with Store(tmp_path, patience=0.1) as store:
        search(store, 5)
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(UsageError, match="database is locked; another program has locked the file"):
            search(store, 10)
        other.execute("rollback")
        search(store, 10)
        assert store.counts() == (10, 0, 10)


def test_a_damaged_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        search(store, 100)
    whole = (tmp_path / FILE).read_bytes()
    spoilt = whole[:5000] + bytes(len(whole) - 5000)
    (tmp_path / FILE).write_bytes(spoilt)
    refused = pytest.raises(UsageError, match=r"cannot be used: database disk image is malformed; move the work dir")
    with refused, Store(tmp_path) as store:
        search(store, 120)
    assert (tmp_path / FILE).read_bytes() == spoilt


READER = """
import sqlite3, sys
counts = []
while not counts or counts[-1] < 300:
    reader = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=0)
    counts.append(len(reader.execute("select * from individuals where finished > 0").fetchall()))
    reader.close()
assert counts == sorted(counts)
print(len(counts))
"""


def test_readers_do_not_hold_up_the_search(tmp_path: Path) -> None:
    with Store(tmp_path, patience=0) as store:
        search(store, 1)
        reader = subprocess.Popen([sys.executable, "-c", READER, store.path], stdout=subprocess.PIPE, text=True)
        slow = sqlite3.connect(f"file:{store.path}?mode=ro", uri=True, isolation_level=None)
        slow.execute("begin")
        assert slow.execute("select count(finished) from individuals").fetchone() == (1,)
        search(store, 300)
        # a reader sees the rows from the time of its first read
        assert slow.execute("select count(finished) from individuals").fetchone() == (1,)
        printed, _ = reader.communicate(timeout=60)
        slow.close()
    assert reader.returncode == 0 and int(printed) > 0


def test_a_row_that_was_written_before_an_exception_is_kept(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(KeyError), store.event():
        store.propose(Proposal(1, "g"), "f")
        raise KeyError
    assert len(rows(tmp_path)) == 1


@pytest.mark.full
def test_workers_are_killed_during_a_real_search(tmp_path: Path) -> None:
    """A random worker is killed at a random time, after every second network that is trained on the digits."""
    arguments = [
        "--gin_file=digits.gin",
        f"--workdir={tmp_path / 'work'}",
        "--gin_param=search.individuals=30",
        "--gin_param=processes.workers=2",
        "--gin_param=search.retries=20",
        "--gin_param=training.epochs=1",
        "--gin_param=search.params={'N': 1, 'F': 4}",
    ]
    driver = subprocess.Popen(evolve(*arguments), env=environment(), stdout=subprocess.DEVNULL)
    rng, killed = random.Random(0), 0
    wait_for(tmp_path / "work", 1, 300)
    while driver.poll() is None:
        # Some individuals must be finished between two kills, also on a slow machine.
        if finished(tmp_path / "work") >= 2 * killed + 1:
            time.sleep(rng.uniform(0, 3))
            workers = children(driver.pid)
            if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
        time.sleep(0.1)
    assert driver.returncode == 0 and killed > 10
    with Store(tmp_path / "work") as store:
        assert store.counts() == (30, 0, 30)


def finished(folder: Path) -> int:
    """Counts the finished individuals of a search."""
    return sum(row[12] is not None for row in rows(folder))


def children(pid: int) -> list[int]:
    """Returns the worker processes of a driver. Its other children count its semaphores."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    ids = {int(id) for file in (found, *threads) if file.exists() for id in file.read_text().split()}
    return sorted(id for id in ids if b"spawn_main" in Path(f"/proc/{id}/cmdline").read_bytes())
