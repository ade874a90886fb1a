"""Which of a task's trials is the best one: one answer for tables, pages, exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def confirmed_scores(confirmations: Iterable[Row]) -> dict[int, float]:
    """The scores on fresh seeds, by trial."""
    return {
        row["trial"]: row["score"] for row in confirmations if row["state"] == "complete" and row["score"] is not None
    }


def best_searched(trials: Iterable[Row], confirmed: Mapping[int, float]) -> Row | None:
    """The best trial that is no specialist."""
    return best_of([row for row in trials if row["origin"] != "specialist"], confirmed)


def best_specialist(trials: Iterable[Row], confirmed: Mapping[int, float]) -> Row | None:
    return best_of([row for row in trials if row["origin"] == "specialist"], confirmed)


def best_of(trials: Sequence[Row], confirmed: Mapping[int, float]) -> Row | None:
    """Of confirmed genomes the one that did best on fresh seeds; before there are any, by the search's own score. Of
    equals the smaller, then the earlier. No test score has a part in it."""
    complete = [row for row in trials if row["state"] == "complete" and row["score"] is not None]
    fresh = [row for row in complete if row["number"] in confirmed]

    def rank(row: Row) -> tuple[float, float, int]:
        return confirmed.get(row["number"], row["score"]), -(row["parameters"] or 0), -row["number"]

    return max(fresh or complete, key=rank, default=None)
