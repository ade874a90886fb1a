"""Rows of verdicts as pages read them: those that something else was written over end in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from itnas.store import RunError

NUMBER = (int, float, type(None))
KINDS: Mapping[str, type | tuple[type, ...]] = {
    "replica": int, "layer": int, "head": (int, type(None)), "family": str, "sentence": str, "reason": str,
    "untrained": list, "support": NUMBER, "state_size": NUMBER, "fidelity_low": NUMBER, "fidelity_high": NUMBER,
}  # fmt: skip


def checked(rows: list[dict[str, Any]], place: Path) -> list[dict[str, Any]]:
    """The rows, if each holds what pages and findings read of it."""
    for row in rows:
        wrong = next((name for name, kind in KINDS.items() if name not in row or not isinstance(row[name], kind)), None)
        if wrong is None and not all(isinstance(each, str) for each in row["untrained"]):
            wrong = "untrained"
        if wrong is None:
            wrong = next(
                (name for name in row if name.startswith("fidelity_") and not isinstance(row[name], NUMBER)), None
            )
        if wrong is not None:
            raise RunError(
                f"{place} is damaged (a verdict on trial {row['trial']} has no {wrong}): restore it from a copy"
            )
    return rows
