"""The progress line, the log, and the end table of a search."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from evolve import Individual, Plan, Standing
from evolve.fitness import running
from evolve.objectives import Objective, Objectives
from evolve.observers import progress
from evolve.observers.constant import ENOUGH, Constant, constant
from evolve.observers.front import Found
from evolve.observers.outcome import ClassAccuracy, Outcome, by_class, warnings
from evolve.observers.progress import Counting, Progress, counted, duration, share, show_end, size, time_left, timed
from evolve.records import Classification, Spent
from evolve.search.plan import Tally

BEST = Individual(
    7, "text", 3, "op", fingerprint="print", fitness=0.98765, params=57_968, mult_adds=588_704, seconds=5.0, finished=9
)
FAILED = replace(BEST, id=8, status="failed", fitness=0.0)
PLAN = Plan(100, 0, Path("log"))


def line(plan: Plan, before: Spent, now: Spent, best: Individual | None = None) -> str:
    return "  ".join([*counted(plan, now, best), *timed(plan, before, now)])


def test_the_line_has_count_time_rate_and_time_left() -> None:
    assert line(PLAN, Spent(), Spent()) == "0/100  0s elapsed"
    now = Spent(25, 3, 90.0)
    assert line(PLAN, Spent(), now, BEST) == (
        "25/100  best 0.9877 (58k params, id 7)  3 failed  1m 30s elapsed  1,000 an hour  4m 30s left"
    )


def test_the_pace_is_that_of_this_run_and_the_time_that_of_all() -> None:
    printed = line(PLAN, Spent(40, 0, 3600.0), Spent(50, 0, 3660.0))
    assert printed == "50/100  1h 01m elapsed  600 an hour  5m 00s left"


def test_a_search_that_is_done_has_no_time_left() -> None:
    assert line(PLAN, Spent(), Spent(100, 0, 60.0)) == "100/100  1m 00s elapsed  6,000 an hour"


BEFORE, NOW = Spent(10, 0, 100.0, 1e9, 50.0), Spent(20, 0, 200.0, 3e9, 150.0)


@pytest.mark.parametrize(
    ("limits", "seconds", "done"),
    [
        ({}, 800.0, 0.2),
        ({"budget": 500.0}, 300.0, 0.4),
        ({"budget": 150.0}, 0.0, 1.0),
        ({"budget_flops": 5e9}, 100.0, 0.6),
        ({"budget_simulated": 200.0}, 50.0, 0.75),
        ({"budget": 500.0, "budget_flops": 5e9, "budget_simulated": 1000.0}, 100.0, 0.6),
        ({"budget": 10_000.0, "budget_flops": 1e12}, 800.0, 0.2),
        ({"target": 0.9}, 800.0, 0.2),
    ],
)
def test_the_time_left_is_that_of_the_first_limit(limits: dict[str, float], seconds: float, done: float) -> None:
    plan = replace(PLAN, **limits)  # type: ignore[arg-type]
    assert time_left(plan, BEFORE, NOW) == pytest.approx(seconds)
    assert share(plan, NOW) == pytest.approx(done)


def test_a_budget_is_known_before_anything_is_finished() -> None:
    assert time_left(PLAN, BEFORE, BEFORE) is None
    assert time_left(replace(PLAN, budget=150.0), BEFORE, BEFORE) == 50.0
    assert line(replace(PLAN, budget=150.0), BEFORE, BEFORE) == "10/100  1m 40s elapsed  50s left"


def test_a_search_with_only_a_target_shows_no_time_left() -> None:
    assert line(replace(PLAN, target=0.9), Spent(), Spent(50, 0, 60.0)).endswith("at most 1m 00s left")


@pytest.mark.parametrize(
    ("number", "words"), [(842, "842"), (57_968, "58k"), (3_218_266, "3.22M"), (23_133_666_547, "23.1B")]
)
def test_sizes_are_shortened(number: int, words: str) -> None:
    assert size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(42.4, "42s"), (190, "3m 10s"), (18_120, "5h 02m"), (532_800, "6d 04h"), (-1, "0s")]
)
def test_durations_are_shortened(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def show(shown: Progress, tally: Tally, individual: Individual) -> None:
    """Hands an individual to the tally and to the progress line, as a search does."""
    tally.store(individual)
    shown.individual(individual, None, Standing((), BEST))


def test_a_log_is_not_flooded() -> None:
    out = io.StringIO()
    tally = Tally(Spent(), None)
    with Progress(Console(file=out), Plan(1000, 0, Path("log")), tally, None) as shown:
        for _ in range(1000):
            show(shown, tally, BEST)
    assert len(out.getvalue().splitlines()) == 1
    assert out.getvalue().startswith("1000/1000  best 0.9877 (58k params, id 7)")


def test_a_log_has_elapsed_time_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    tally = Tally(Spent(10, 1, 60.0), None)
    with Progress(Console(file=out, width=200), PLAN, tally, None) as shown:
        show(shown, tally, BEST)
        show(shown, tally, FAILED)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("11/100  best 0.9877 (58k params, id 7)  1 failed  1m 00s elapsed")
    assert lines[1].startswith("12/100  best 0.9877 (58k params, id 7)  2 failed  1m 00s elapsed")


def terminal(width: int = 120) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, force_terminal=True, color_system=None), out


def shown_lines(shown: Progress, console: Console) -> list[str]:
    return ["".join(part.text for part in row) for row in console.render_lines(shown._lines(), pad=False)]


def test_a_terminal_has_a_bar_and_the_running_trainings(tmp_path: Path) -> None:
    console, out = terminal()
    reports = tmp_path / "running"
    tally = Tally(Spent(49, 1, 60.0), BEST)
    with Progress(console, PLAN, tally, BEST, reports) as shown:
        show(shown, tally, BEST)
        for id, text in ((52, "5/12"), (51, "5/12"), (53, "0/12"), (54, "")):
            (reports / str(id)).write_text(text)
        first, second = shown_lines(shown, console)
        assert re.match(r"━{14,15}[╸━ ]*  50/100  best 0\.9877 \(58k params, id 7\)  1 failed", first)
        assert second.startswith("1m 00s elapsed  ") and second.endswith("now 51, 52: epoch 5/12  53: setting up")
        # The driver removes the report of an individual whose worker was lost.
        show(shown, tally, replace(FAILED, id=52))
        assert shown_lines(shown, console)[1].endswith("now 51: epoch 5/12  53: setting up")
    assert not reports.exists()
    assert "51/100  best 0.9877 (58k params, id 7)  2 failed  1m 00s elapsed" in out.getvalue().splitlines()[-1]


def test_the_report_of_a_failed_promotion_is_gone_and_that_of_one_that_has_begun_stays(tmp_path: Path) -> None:
    reports = tmp_path / "running"
    with Progress(terminal()[0], PLAN, Tally(Spent(), BEST), BEST, reports) as shown:
        for continued, left in (({BEST.id}, {BEST.id: (5, 27)}), (set[int](), {})):
            running.report(reports, BEST.id, 5, 27)
            running.report(reports, 8, 1, 3)
            shown.individual(BEST, None, Standing((), BEST, continued=frozenset(continued)))
            assert running.read(reports) == {8: (1, 3)} | left


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_has_two_lines_however_narrow(width: int, tmp_path: Path) -> None:
    console, _ = terminal(width)
    tally = Tally(Spent(49, 1, 60.0), BEST)
    with Progress(console, PLAN, tally, BEST, tmp_path / "running") as shown:
        for id in range(50, 80):
            (tmp_path / "running" / str(id)).write_text(f"{id}/100")
        lines = shown_lines(shown, console)
    assert len(lines) == 2 and all(len(line) <= width for line in lines)


def test_a_log_shows_how_many_images_have_been_read(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with Counting(Console(file=out), "reading images") as reading:
        reading.show(10, 2000)
        monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
        reading.show(1500, 2000)
    assert out.getvalue() == "reading images: 1,500 of 2,000\n"


def test_reports_of_an_earlier_run_are_gone(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "3").write_text("4/12")
    console, _ = terminal()
    tally = Tally(Spent(), None)
    with Progress(console, PLAN, tally, None, tmp_path / "running") as shown:
        assert shown_lines(shown, console)[1] == "0s elapsed"


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        ({}, ""),
        ({3: (0, 12)}, "3: setting up"),
        ({3: (5, 12), 4: (5, 12)}, "3, 4: epoch 5/12"),
        ({3: (5, 12), 4: (0, 12), 5: (5, 12), 6: (12, 12)}, "3, 5: epoch 5/12  4: setting up  6: epoch 12/12"),
        ({id: (1, 2) for id in range(1, 51)}, "1, 2, 3, 4, 5, 6: epoch 1/2  and 44 more"),
    ],
)
def test_running_trainings_are_shown_with_their_epochs(reports: dict[int, tuple[int, int]], words: str) -> None:
    assert running.shown(reports) == words


def test_files_that_are_not_reports_are_passed_over(tmp_path: Path) -> None:
    for name, text in (("3", "4/12"), ("4", "4/"), ("notes", "1/2"), ("5", "")):
        (tmp_path / name).write_text(text)
    (tmp_path / "6").mkdir()
    assert running.read(tmp_path) == {3: (4, 12)}
    assert running.read(tmp_path / "nowhere") == {}


# --- the end ---


def end(outcome: Outcome, commands: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    show_end(Console(file=out, width=100), outcome, Path("runs/x"), commands)
    return out.getvalue()


def test_an_end_without_a_best_names_no_command() -> None:
    printed = end(Outcome(reason="the budget is spent"), ("cell draw runs/x/best.cell",))
    assert "ended: the budget is spent" in printed and "best.cell" not in printed


def test_the_end_shows_the_share_of_steps_of_the_workers() -> None:
    printed = end(Outcome((BEST,), step_share=0.816, data_share=0.0234))
    assert "workers trained and validated for 82% of their time" in printed
    assert "steps waited for images for 2.3% of the time of training and validation" in printed
    assert "waited for images" not in end(Outcome((BEST,)))


def test_the_end_shows_how_many_failed_and_why() -> None:
    printed = end(Outcome((BEST,), finished=60, failed=3, failure="it ran out of memory [gpu:0]\n  more"))
    assert "3 of 60 individuals failed, the latest because: it ran out of memory [gpu:0]\n" in printed
    assert "more" not in printed and "failed" not in end(Outcome((BEST,), finished=60))


def test_the_end_table_has_the_best_individuals() -> None:
    best = (BEST, replace(BEST, id=8, fitness=0.5, rule="random", parent=None))
    printed = end(Outcome(best, Classification(0.97)), ("cell draw runs/x/best.cell",))
    for words in ("test accuracy of 7: 0.9700", "  cell draw runs/x/best.cell"):
        assert words in printed
    cells = [[cell.strip() for cell in re.split("[│┃]", row)[1:-1]] for row in printed.splitlines() if row[:1] in "│┃"]
    assert cells == [
        ["accuracy", "params", "mult-adds", "id", "rule", "parent"],
        ["0.9877", "57,968", "588,704", "7", "op", "3"],
        ["0.5000", "57,968", "588,704", "8", "random", ""],
    ]
    crossed = end(Outcome((replace(BEST, mate=5), *best[1:])))
    assert re.search(r"rule\s+┃\s+parents ", crossed) and re.search(r"op\s+│\s+3, 5 ", crossed)


CLASSIFICATION = Classification.of(((8, 2, 0), (0, 5, 0), (1, 3, 1)), ("cat", "dog [bold]", "größe\n犬"))


def test_the_accuracy_of_each_class_is_shown() -> None:
    assert CLASSIFICATION.accuracy == 14 / 20
    assert by_class(CLASSIFICATION) == [
        ClassAccuracy("cat", 10, 0.8, "dog [bold] (2)"),
        ClassAccuracy("dog [bold]", 5, 1.0, ""),
        ClassAccuracy("größe\\n犬", 5, 0.2, "dog [bold] (3)"),
    ]
    printed = end(Outcome((BEST,), CLASSIFICATION))
    assert "Test images by class" in printed
    assert re.search(r"│ cat +│ +10 │ +0\.8000 │ dog \[bold\] \(2\) +│", printed)
    assert re.search(r"│ größe\\n犬 +│ +5 │ +0\.2000 │ dog \[bold\] \(3\) +│", printed)


def test_of_many_classes_the_worst_are_shown() -> None:
    """Class k has 100 images: k are recognized, and the others are taken for the next class."""
    rows = [[0] * 50 for _ in range(50)]
    for place in range(50):
        rows[place][place], rows[place][(place + 1) % 50] = place, 100 - place
    printed = end(Outcome((BEST,), Classification.of(tuple(map(tuple, rows)), tuple(f"kind {k}" for k in range(50)))))
    assert "The 10 of 50 classes with the lowest test accuracy" in printed
    assert re.findall(r"^│ kind (\d+)", printed, re.MULTILINE) == [str(k) for k in range(10)]
    assert re.search(r"│ kind 3 +│ +100 │ +0\.0300 │ kind 4 \(97\) +│", printed)


def test_a_class_without_test_images_is_left_out() -> None:
    classification = Classification.of(((4, 0), (0, 0)), ("a", "b"))
    assert by_class(classification) == [ClassAccuracy("a", 4, 1.0, "")]


REMEDIES = ('--gin_param="training.epochs=48"', '--gin_param="dataset.image_size=(64, 64)"')


@pytest.mark.parametrize(
    ("validation", "confusion", "parts"),
    [
        ((50, 50), (), ["validation"]),  # 0.59 is not above 0.5 + 2 x 0.05
        ((500, 500), (), []),
        ((), (), []),
        ((59, 41), ((59, 0), (41, 0)), ["validation", "test"]),
        ((500, 500), ((59, 0), (41, 0)), ["test"]),
        ((500, 500), ((59, 0), (5, 36)), []),
        ((500, 500), ((2, 0), (1, 1)), ["test"]),  # 3 of 4 images are too few for a warning
        ((100, 0), (), ["validation"]),
    ],
)
def test_a_best_that_may_know_only_the_largest_class(
    validation: tuple[int, ...], confusion: tuple[tuple[int, ...], ...], parts: list[str]
) -> None:
    classification = Classification.of(confusion, ("a", "b")) if confusion else None
    outcome = Outcome((replace(BEST, fitness=0.59),), classification, validation=validation, remedies=REMEDIES)
    found = list(warnings(outcome))
    assert [text.split()[1] for text in found[:-1]] == parts
    if parts:
        assert found[-1].endswith(": " + " ".join(REMEDIES))
        assert "warning: the " in end(outcome)
    else:
        assert not found and "warning" not in end(outcome)


def scored(id: int, *scores: float) -> Individual:
    return replace(BEST, id=id, fitness=scores[0], scores=scores)


def test_a_constant_objective_is_named_once_in_the_log_and_at_the_end() -> None:
    objectives = Objectives([Objective("accuracy"), Objective("latency_ms", "min")])
    words = (
        "the objective latency_ms is 3.0000 for all {} individuals, so it does not direct the search. For another "
        "search, leave it out: --gin_param=\"search.objectives={{'accuracy': 'max'}}\""
    )
    said: list[str] = []
    doubts = Constant(objectives, [scored(1, 0.5, -3.0)], said.append)
    doubts.individual(replace(scored(2, 0.0), scores=(), status="failed"), None, Standing((), None))
    individuals = [scored(id, id / 50, -3.0) for id in range(1, 31)]
    for one in individuals[1:]:
        doubts.individual(one, None, Standing((), None))
    assert said == [f"warning: {words.format(20)}"]
    outcome = Outcome((BEST,), front=Found.of("search", objectives, individuals))
    assert [*warnings(outcome)] == [words.format(30)]
    Constant(objectives, individuals, said.append).individual(scored(31, 0.9, -3.0), None, Standing((), None))
    assert len(said) == 1, "a resumed search does not say it again"


def test_an_objective_that_varies_or_has_few_values_is_not_called_constant() -> None:
    objectives = Objectives([Objective("accuracy"), Objective("latency_ms", "min")])
    points = [(id / 50, -3.0) for id in range(ENOUGH)]
    assert [*constant(objectives, points[1:])] == [*constant(objectives, [*points, (0.1, -4.0)])] == []
    assert [*constant(Objectives(objectives[:1]), [(0.5,)] * ENOUGH)] == [], "it is the only objective"


def test_the_warning_has_both_numbers() -> None:
    (first, _) = warnings(Outcome((replace(BEST, fitness=0.59),), validation=(50, 50)))
    assert first == (
        "the validation accuracy of 7 is 0.5900. To name the largest class for each of the 100 images would give "
        "0.5000. The difference is not above two standard errors (0.1000)."
    )
