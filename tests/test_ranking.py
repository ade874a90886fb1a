"""The best trial is one and the same wherever it is asked for."""

from pathlib import Path
from typing import Any

import pytest

from itnas.dashboard.view import RunView
from itnas.ranking import best_of, best_searched, best_specialist, confirmed_scores, ranked
from itnas.run import Run
from itnas.search.sweep import Means, Sweep
from itnas.store import RunReader
from itnas.store.summary import summarise
from tests.search.toy import toy_settings, toy_space, work


def trial(number: int, score: float | None, **changes: Any) -> dict[str, Any]:
    about = {"number": number, "score": score, "parameters": 100, "state": "complete", "origin": "sampler"}
    return about | changes


def test_the_highest_score_then_the_fewest_parameters_then_the_first() -> None:
    rows = [trial(0, 0.5), trial(1, 0.9, parameters=200), trial(2, 0.9), trial(3, 0.9)]
    assert best_of(rows, {}) == rows[2]


def test_fresh_seeds_decide_among_those_that_were_tried_on_them() -> None:
    rows = [trial(0, 0.9), trial(1, 0.8), trial(2, 0.7)]
    assert best_of(rows, {1: 0.3, 2: 0.6}) == rows[2]


@pytest.mark.parametrize("state", ["running", "pruned", "failed", "infeasible"])
def test_only_what_is_complete_counts(state: str) -> None:
    rows = [trial(0, 0.9, state=state), trial(1, None), trial(2, 0.1, parameters=None)]
    assert best_of(rows, {0: 0.9}) == rows[2]
    assert best_of(rows[:2], {0: 0.9}) is None


def test_specialists_are_a_class_of_their_own() -> None:
    rows = [trial(0, 0.9, origin="specialist"), trial(1, 0.5, origin="random")]
    assert best_searched(rows, {}) == rows[1]
    assert best_specialist(rows, {}) == rows[0]


def test_all_that_are_complete_in_their_order() -> None:
    rows = [trial(0, 0.9), trial(1, 0.8), trial(2, None), trial(3, 0.95, state="pruned"), trial(4, 0.1), trial(5, 0.8)]
    assert [row["number"] for row in ranked(rows, {1: 0.3, 4: 0.6})] == [4, 1, 0, 5]


def test_confirmations_that_failed_say_nothing() -> None:
    rows = [{"trial": 3, "state": "failed", "score": None}, {"trial": 4, "state": "complete", "score": 0.5}]
    assert confirmed_scores(rows) == {4: 0.5}


@pytest.mark.parametrize("confirm", [0, 1, 3])
@pytest.mark.parametrize("trials", [2, 14])  # two: specialists alone
def test_tables_pages_and_exports_name_the_same_trial(tmp_path: Path, confirm: int, trials: int) -> None:
    folder = tmp_path / "run"
    with Sweep.create(folder, toy_space(), toy_settings(trials=trials, confirm=confirm)) as sweep:
        sweep.run(Means(engine="inline"), work=work)
    run, view = Run(folder), RunView("run", folder)
    told = {row["task"]: row["best_trial"] for row in summarise(RunReader(folder))["tasks"]}
    found = {row["task"]: row["best_trial"] for row in run.finding_rows()}
    for task in run.tasks:
        assert run.best_trial(task) == view.best_trial(task)
        assert told[task] == found[task] == (None if trials == 2 else run.best_trial(task))
