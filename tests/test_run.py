"""`itnas.Run`: a sweep's folder as tables."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import itnas
from itnas.figures.pareto import undominated
from itnas.pareto import pareto_front
from itnas.search.sweep import Means, Sweep
from itnas.store import RunError
from tests.search.toy import toy_settings, toy_space, work


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> itnas.Run:
    folder = tmp_path_factory.mktemp("runs") / "first"
    with Sweep.create(folder, toy_space(), toy_settings(trials=20, confirm=1)) as sweep:
        sweep.run(Means(engine="inline"), work=work)
    return itnas.Run(folder)


CONTRACT = {
    "trials": "number task genome origin state attempt rung score score_low score_high cost parameters flops worker "
    "started finished seconds reason",
    "findings": "task layer family share low high null trials best_trial score test_score specialist specialist_score",
}


@pytest.mark.parametrize("table", list(CONTRACT))
def test_tables_have_the_columns_of_the_contract(run: itnas.Run, table: str) -> None:
    frame = getattr(run, table)()
    assert set(CONTRACT[table].split()) <= set(frame.columns)


def test_the_best_genome_of_a_task(run: itnas.Run) -> None:
    assert isinstance(run.best("delay"), itnas.Genome)
    confirmed = run.confirmations().query("task == 'delay'")
    assert run.best_trial("delay") == confirmed.sort_values("score").iloc[-1]["trial"]
    with pytest.raises(RunError, match="name a task: the run has delay, flip-flop"):
        run.best()
    with pytest.raises(RunError, match="no task 'parity'"):
        run.best("parity")
    with pytest.raises(RunError, match="no task 'parity'"):
        run.trials("parity")


def test_the_pareto_front_holds_what_nothing_beats(run: itnas.Run) -> None:
    front = run.pareto("delay")
    complete = run.trials("delay").query("state == 'complete'")
    for row in complete.itertuples():
        beaten = complete.query(
            "score >= @row.score and cost <= @row.cost and (score > @row.score or cost < @row.cost)"
        )
        assert (row.number in set(front["number"])) == beaten.empty


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_tables_and_figures_have_the_same_front(points: list[tuple[int, int]]) -> None:
    """Ties among them; in the figure a trial is known by its place."""
    rows = [
        {"number": number, "state": "complete", "score": float(score), "cost": float(cost)}
        for number, (score, cost) in enumerate(points)
    ]
    drawn = undominated(np.array([row["cost"] for row in rows]), np.array([row["score"] for row in rows]))
    assert {row["number"] for row in pareto_front(rows)} == set(np.flatnonzero(drawn).tolist())


def test_early_scores_are_compared_with_final_ones(run: itnas.Run) -> None:
    """In the toy a score rises in proportion to the rung: the ranks agree wholly, save for those cut off at 1."""
    found = run.rung_correlations("delay")
    assert list(found["rung"]) == [1, 2, 3, 4]
    assert (found["correlation"] > 0.9).all()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run"):
        itnas.Run(tmp_path / "x")
    with pytest.raises(RunError, match="holds no run"):
        itnas.Run(tmp_path)
