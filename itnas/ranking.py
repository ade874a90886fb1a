"""Which of a task's trials is the best one: one answer for tables, pages, exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def best_of(trials: Iterable[Row], confirmed: Mapping[int, float]) -> Row | None:
    return next(iter(ranked(trials, confirmed)), None)


def ranked(trials: Iterable[Row], confirmed: Mapping[int, float]) -> list[Row]:
    """Those that are complete, the best first: confirmed genomes by how they did on fresh seeds, then the others by the
    search's own score. Of equals the smaller, then the earlier. No test score has a part in it."""

    def rank(row: Row) -> tuple[bool, float, float, int]:
        fresh = confirmed.get(row["number"])
        score = row["score"] if fresh is None else fresh
        return fresh is not None, score, -(row["parameters"] or 0), -row["number"]

    complete = [row for row in trials if row["state"] == "complete" and row["score"] is not None]
    return sorted(complete, key=rank, reverse=True)
