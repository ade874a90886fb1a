"""How far the scores of early rungs can be trusted: their rank correlation with the final ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
UNSTOPPED = ("random", "specialist")  # origins of trials that nothing stops early


def rung_correlations(
    task: str, trials: Sequence[Row], replicas: Sequence[Row], history: Sequence[Row]
) -> list[dict[str, Any]]:
    """A row per rung, over the trials that nothing could stop early: specialists and the random arm.

    A trial's score at a rung is that of the learning rate which won in the end.
    """
    rates = {row["number"]: row["learning_rate"] for row in trials}
    won = {
        (row["trial"], row["replica"])
        for row in replicas
        if row["phase"] == "search" and row["learning_rate"] == rates.get(row["trial"])
    }
    final = {
        row["number"]: row["score"]
        for row in trials
        if (row["task"], row["state"]) == (task, "complete") and row["origin"] in UNSTOPPED
    }
    scores: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in history:
        if row["phase"] == "search" and row["trial"] in final and (row["trial"], row["replica"]) in won:
            scores[row["rung"]][row["trial"]].append(row["score"])
    return [_at_rung(task, rung, own, final) for rung, own in sorted(scores.items())]


def _at_rung(task: str, rung: int, scores: Mapping[int, list[float]], final: Mapping[int, float]) -> dict[str, Any]:
    early = [sum(each) / len(each) for each in scores.values()]
    late = [final[trial] for trial in scores]
    return {"task": task, "rung": rung, "trials": len(scores), "correlation": rank_correlation(early, late)}


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Spearman's rho; None for fewer than three pairs, and where one side is all ties."""
    if len(left) < 3 or len(set(left)) == 1 or len(set(right)) == 1:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(left, right).statistic)
