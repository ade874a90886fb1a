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
        wrong = _wrong(row)
        if wrong is not None:
            raise RunError(
                f"{place} is damaged (a verdict on trial {row['trial']} has no {wrong}): restore it from a copy"
            )
    return rows


def _wrong(row: Mapping[str, Any]) -> str | None:
    """What a row, or one of its blocks, lacks."""
    for name, kind in KINDS.items():
        if name not in row or not isinstance(row[name], kind):
            return name
    if not all(isinstance(each, str) for each in row["untrained"]):
        return "untrained"
    for name in row:
        if name.startswith("fidelity_") and not isinstance(row[name], NUMBER):
            return name
    blocks = row.get("blocks", [])
    if not isinstance(blocks, list) or not all(isinstance(each, dict) for each in blocks):
        return "blocks"
    for each in blocks:
        if not isinstance(each.get("block"), str):
            return "block"
        wrong = _wrong(each)
        if wrong is not None:
            return wrong
    return None
