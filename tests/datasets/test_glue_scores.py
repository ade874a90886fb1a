"""GLUE's metrics by hand, against scikit-learn and scipy, and where they degenerate; the leaderboard's averages."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from itnas.datasets.glue_scores import METRICS, Given, glue_average, scores
from itnas.datasets.glue_sets import GLUE


def test_by_hand() -> None:
    # TP 2, FN 1, FP 1, TN 1: F1 = 4/6, Matthews = (2 - 1) / sqrt(3 * 3 * 2 * 2) = 1/6.
    said, true = [1, 1, 0, 1, 0], [1, 1, 1, 0, 0]
    assert scores("mrpc", said, true) == {"accuracy": 0.6, "f1": pytest.approx(2 / 3)}
    assert scores("cola", said, true) == {"matthews": pytest.approx(1 / 6)}
    # Deviations (-1, 0, 1) and (-1, -1, 2): 3 / sqrt(2 * 6). Ranks (1, 2, 3) and (1.5, 1.5, 3): 1.5 / sqrt(2 * 1.5).
    assert scores("sts-b", [1, 2, 3], [0, 0, 3]) == {
        "pearson": pytest.approx(3 / 12**0.5),
        "spearman": pytest.approx(1.5 / 3**0.5),
    }
    assert scores("mnli", [0, 1, 2, 2], [0, 1, 2, 0]) == {"accuracy": 0.75}


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_classes_against_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    said, true = np.array(pairs).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = accuracy_score(true, said), f1_score(true, said, zero_division=0), matthews_corrcoef(true, said)
    found = scores("mrpc", said, true) | scores("cola", said, true)
    assert (found["accuracy"], found["f1"], found["matthews"]) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(0, 25)), min_size=2, max_size=30))
def test_numbers_against_scipy(pairs: list[tuple[int, int]]) -> None:
    said, true = np.array(pairs).T / 5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = np.nan_to_num([stats.pearsonr(said, true).statistic, stats.spearmanr(said, true).statistic])
    assert list(scores("sts-b", said, true).values()) == pytest.approx(list(expected), abs=1e-9)


def test_degenerate_cases_are_zero() -> None:
    assert scores("qqp", [0, 0], [0, 0]) == {"accuracy": 1.0, "f1": 0.0}
    assert scores("cola", [1, 1, 1], [1, 0, 1]) == {"matthews": 0.0}
    assert scores("cola", [1, 0], [1, 1]) == {"matthews": 0.0}
    assert scores("sts-b", [0.1] * 7, [0, 1, 2, 3, 4, 5, 1]) == {
        "pearson": 0.0,
        "spearman": 0.0,
    }
    assert scores("sts-b", [2.5], [3.0]) == {"pearson": 0.0, "spearman": 0.0}


def test_large_numbers_and_large_sets_do_not_overflow() -> None:
    assert scores("sts-b", [1e308, -1e308, 0], [5, 0, 2.5])["pearson"] == pytest.approx(1)
    labels = np.arange(400_000) % 2
    assert scores("cola", labels, labels) == {"matthews": 1.0}


@pytest.mark.parametrize(
    ("name", "said", "true", "message"),
    [
        ("rte", [0, 1], [0], "as many predictions as labels are needed, got 2 and 1"),
        ("rte", [], [], "at least one number"),
        ("rte", np.zeros((1, 1)), [0], r"got shape \(1, 1\)"),
        ("rte", [2], [0], "the predictions must be classes 0 to 1, got 2"),
        ("mnli", [0.5], [0], "the predictions must be classes 0 to 2, got 0.5"),
        ("rte", [0], [None], "GLUE keeps the labels of its test sets to itself"),
        ("sts-b", [float("nan")], [1.0], "the predictions must be finite, got nan"),
        ("sts", [1], [1], "did you mean 'sts-b'"),
    ],
)
def test_what_cannot_be_scored(name: str, said: Given, true: Given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scores(name, said, true)


def leaderboard(row: str) -> dict[str, dict[str, float]]:
    """Scores of a row of GLUE's leaderboard, in the order of `GLUE`, metrics of a set divided by '/'."""
    cells = [[float(each) for each in cell.split("/")] for cell in row.split()]
    names = [*GLUE, "mnli-mismatched"]
    return {
        name: dict(zip(GLUE[name.removesuffix("-mismatched")].metrics, cell, strict=True))
        for name, cell in zip(names, cells, strict=True)
    }


# In the order accuracy/F1, Pearson/Spearman; the last cell is MNLI mismatched.
BERT_LARGE = "60.5 94.9 85.4/89.3 89.3/72.1 87.6/86.5 86.7 92.7 70.1 65.1 85.9"
HUMANS = "66.4 97.8 80.8/86.3 80.4/59.5 92.7/92.6 92.0 91.2 93.6 95.9 92.8"


@pytest.mark.parametrize(("row", "score"), [(BERT_LARGE, 80.5), (HUMANS, 87.1)])
def test_the_average_is_the_leaderboards(row: str, score: float) -> None:
    assert glue_average(leaderboard(row)) == pytest.approx(score, abs=0.051)


def test_mnli_is_one_task_and_sets_can_be_left_out() -> None:
    results = {name: dict.fromkeys(glue.metrics, 0.0) for name, glue in GLUE.items()}
    results["mnli-mismatched"] = {"accuracy": 0.9}
    assert glue_average(results) == pytest.approx(0.45 / 9)
    reported = {name: float(np.mean(list(each.values()))) for name, each in results.items() if name in GLUE}
    both = float(np.mean([*results["mnli"].values(), *results["mnli-mismatched"].values()]))
    assert glue_average(reported | {"mnli": both}) == pytest.approx(0.45 / 9)
    assert glue_average(dict.fromkeys(GLUE, 1)) == 1
    assert glue_average(results, without=["wnli"]) == pytest.approx(0.45 / 8)
    assert glue_average(results, without=["mnli"]) == 0
    del results["wnli"]
    assert glue_average(results, without=["wnli"]) == pytest.approx(0.45 / 8)
    with pytest.raises(ValueError, match="the GLUE average needs all sets: wnli lacks accuracy"):
        glue_average(results)
    with pytest.raises(ValueError, match="unknown GLUE set 'wnly'"):
        glue_average(results, without=["wnly"])
    with pytest.raises(ValueError, match="all are left out"):
        glue_average({}, without=list(GLUE))


def test_every_metric_is_some_sets_and_every_sets_metric_exists() -> None:
    assert {metric for _, glue in GLUE.items() for metric in glue.metrics} == set(METRICS)
