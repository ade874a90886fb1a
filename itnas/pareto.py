"""The front of trials that no other beats in score and in cost at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Row = TypeVar("Row", bound=Mapping[str, Any])


def pareto_front(trials: Iterable[Row]) -> list[Row]:
    """Of the complete trials of one task, those on the front, the best and dearest first. Equals stay together."""
    complete = [row for row in trials if row["state"] == "complete" and _known(row["score"]) and _known(row["cost"])]
    front: list[Row] = []
    for row in sorted(complete, key=lambda row: (-row["score"], row["cost"], row["number"])):
        last = front[-1] if front else None
        if last is None or row["cost"] < last["cost"] or _point(row) == _point(last):
            front.append(row)
    return front


def _point(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row["score"], row["cost"]


def _known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
