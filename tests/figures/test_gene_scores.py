"""The score by the values of one gene, and the tables that all figures of a search are tried on."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from itnas.figures import gene_scores

HOSTILE = ("<img src=x onerror=alert(1)>", "$\\href{javascript:1}{x}$", "a\nb", "%{x}")


def trials(count: int, **columns: Any) -> pd.DataFrame:
    """Complete proposals of the sampler, one after the other on one worker; `columns` replace what they name."""
    steps = np.arange(count, dtype=float)
    usual = {
        "number": range(count),
        "task": "recall",
        "name": None,
        "genome": "g",
        "origin": "sampler",
        "state": "complete",
        "attempt": 1,
        "rung": 0,
        "score": steps / max(count, 1),
        "score_low": steps / max(count, 1) - 0.1,
        "score_high": steps / max(count, 1) + 0.1,
        "cost": 1.0 + steps,
        "parameters": range(1, count + 1),
        "flops": 10.0,
        "learning_rate": 0.01,
        "worker": "worker-0",
        "started": 1.7e9 + steps,
        "finished": 1.7e9 + 1 + steps,
        "seconds": 1.0,
        "reason": None,
        "repeat": 0,
    }
    return pd.DataFrame(usual | columns, index=range(count))


def many(count: int = 10_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As a large sweep has them, with 20 genes of which the first two matter."""
    generator = np.random.default_rng(3)
    kind = generator.choice(["conv", "attention", "scan"], count)
    width = np.exp(generator.uniform(0, 5, count))
    score = (kind == "scan") * 2.0 + np.log(width) / 5 + generator.normal(size=count)
    table = trials(
        count,
        origin=generator.choice(["sampler", "random"], count),
        state=generator.choice(["complete", "pruned", "failed"], count, p=[0.9, 0.08, 0.02]),
        score=score,
        parameters=np.exp(generator.normal(9, 2, count)),
        worker=[f"worker-{number % 12}" for number in range(count)],
    )
    others = {f"other/{place}": generator.choice(np.array(["a", "b", None]), count) for place in range(18)}
    return table, pd.DataFrame({"kernel/kind": kind, "kernel/width": width} | others, index=range(count))


AWKWARD = {
    "no columns": pd.DataFrame(),
    "no rows": trials(0),
    "one row": trials(1),
    "all failed": trials(5, state="failed", score=None),
    "all infeasible": trials(3, state="infeasible", score=None, started=None, finished=None, worker=None),
    "all running": trials(3, state="running", score=None, finished=None),
    "nothing is known": trials(4, score=None, started=None, finished=None, worker=None, name=None, parameters=None),
    "no numbers": trials(
        6,
        score=[math.nan, math.inf, -math.inf, 1.0, 1e300, -1e300],
        parameters=[1.0, math.nan, math.inf, -math.inf, 0.0, -1.0],
        score_low=math.nan,
        score_high=math.inf,
    ),
    "equal scores": trials(12, score=0.5, parameters=7),
    "hostile": trials(
        12,
        name=HOSTILE * 3,
        worker=HOSTILE * 3,
        origin=["specialist", "random", "sampler", "<b>"] * 3,
        state=["complete", "pruned", "failed", "<b>"] * 3,
    ),
}
AWKWARD_GENES = pd.DataFrame(
    {
        HOSTILE[0]: [*HOSTILE, None, True, 1, 2.5, math.nan, ["list"], {"a": 1}, math.inf],
        HOSTILE[1]: [None] * 12,
        "same": [1] * 12,
        "switch": [True, False] * 6,
        "rarely": [math.nan] * 11 + [math.inf],
        "vast": [10**400, *[1] * 11],
    },
    index=range(12),
)


def sound(figure: Figure) -> str:
    """Its JSON, small enough, without WebGL and with nothing that a browser would take for an element."""
    text = figure.to_json()
    assert isinstance(text, str)
    assert len(text) < 2_000_000
    assert {trace["type"] for trace in json.loads(text)["data"]} <= {"scatter", "bar", "box"}
    assert len(figure.data) <= 24
    assert "<img" not in text
    assert "\\u003cimg" not in text
    return text


def test_boxes_have_the_quartiles_of_their_value_and_the_absent_come_last() -> None:
    scores = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 7.0]
    genes = pd.DataFrame({"kind": ["b"] * 5 + ["a", "a", None]}, index=range(8))
    info = gene_scores.prepare(trials(8, score=scores), genes, "kind")
    assert [(value.label, value.trials) for value in info.values] == [("a", 2), ("b", 5), ("absent", 1)]
    assert info.values[0][2:] == (10, 12.5, 15, 17.5, 20)
    assert info.values[1][2:] == (1, 2, 3, 4, 5)
    assert np.rint(info.x).tolist() == [1] * 5 + [0, 0, 2]
    assert info.trial.tolist() == list(range(8))


def test_whiskers_stop_at_the_last_score_within_reach() -> None:
    genes = pd.DataFrame({"kind": ["a"] * 6}, index=range(6))
    value = gene_scores.prepare(trials(6, score=[1.0, 2.0, 3.0, 4.0, 5.0, 100.0]), genes, "kind").values[0]
    assert (value.low, value.high) == (1.0, 5.0)


def test_numbers_come_in_bins_of_as_many_trials() -> None:
    genes = pd.DataFrame({"width": np.arange(60) ** 2}, index=range(60))
    info = gene_scores.prepare(trials(60), genes, "width")
    assert [value.trials for value in info.values] == [10] * 6
    assert info.values[0].label == "0 – 81"
    few = gene_scores.prepare(trials(60), pd.DataFrame({"width": [4.0, 16.0, 8.0] * 20}, index=range(60)), "width")
    assert [value.label for value in few.values] == ["4", "8", "16"]


def test_specialists_and_unfinished_trials_are_left_out() -> None:
    table = trials(4, origin=["specialist", "random", "sampler", "sampler"], state=["complete"] * 3 + ["pruned"])
    info = gene_scores.prepare(table, pd.DataFrame({"kind": list("abcd")}, index=range(4)), "kind")
    assert [value.label for value in info.values] == ["b", "c"]


def test_rare_names_are_one_value() -> None:
    genes = pd.DataFrame({"kind": ["often"] * 50 + [f"rare-{place}" for place in range(50)]}, index=range(100))
    info = gene_scores.prepare(trials(100), genes, "kind")
    assert len(info.values) == gene_scores.MOST_VALUES
    assert (info.values[-1].label, info.values[-1].trials) == ("others", 32)
    assert "the 32 rarest values as one" in info.remark


def test_numbers_survive_every_type() -> None:
    mixed = pd.DataFrame({"own": [1, "2", None, math.inf, 1e300, "x", True, pd.NA]}, dtype=object)
    np.testing.assert_array_equal(gene_scores.numbers(mixed, "own"), [1, 2, *[math.nan] * 4, 1, math.nan])
    assert np.isnan(gene_scores.numbers(mixed, "missing")).all()
    nullable = pd.DataFrame({"own": pd.array([1, None], dtype="Int64")})
    np.testing.assert_array_equal(gene_scores.numbers(nullable, "own"), [1, math.nan])


def test_genes_are_told_by_the_trials_number() -> None:
    table = trials(3, number=[7, 5, 6], score=[0.7, 0.5, 0.6])
    genes = pd.DataFrame({"kind": ["five", "seven", "nobody's", "twice"]}, index=[5, 7, 99, 5])
    info = gene_scores.prepare(table, genes, "kind")
    assert [(value.label, value.median) for value in info.values] == [("five", 0.5), ("seven", 0.7)]


def test_points_are_linked_by_the_trials_number() -> None:
    info = gene_scores.prepare(trials(3), pd.DataFrame({"kind": list("abc")}, index=range(3)), "kind")
    points = gene_scores.draw(info).data[0]
    assert points.meta == "trials"
    assert list(points.customdata) == [[0], [1], [2]]


@pytest.mark.parametrize("score", [0.6192135, 0.0, -3.0, 1e6])
def test_scores_that_are_all_the_same_stand_amid_round_ticks(score: float) -> None:
    genes = pd.DataFrame({"heads": [2, 4]}, index=pd.Index([0, 1], name="number"))
    low, high = gene_scores.draw(gene_scores.prepare(trials(2, score=score), genes, "heads")).layout.yaxis.range
    assert low < score < high
    assert high - low >= 0.1 * max(abs(score), 1) - 1e-9
    others = gene_scores.draw(gene_scores.prepare(trials(2, score=[0.1, 0.2]), genes, "heads"))
    assert others.layout.yaxis.range is None


def test_ten_thousand_trials() -> None:
    table, genes = many()
    info = gene_scores.prepare(table, genes, "other/0")
    assert len(info.x) == gene_scores.MOST_POINTS
    assert sum(value.trials for value in info.values) == (table["state"] == "complete").sum()
    assert "points of 2000 drawn by lot" in info.remark
    sound(gene_scores.draw(info))
    np.testing.assert_array_equal(info.x, gene_scores.prepare(table, genes, "other/0").x)


@pytest.mark.parametrize("gene", [*AWKWARD_GENES.columns, "unknown"])
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_tables(name: str, gene: str) -> None:
    for genes in (AWKWARD_GENES, AWKWARD_GENES[:0], pd.DataFrame()):
        sound(gene_scores.draw(gene_scores.prepare(AWKWARD[name], genes, gene)))
