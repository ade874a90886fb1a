"""A verdict as a row that people read: what a terminal shows and what a page shows are the same words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def verdict_row(row: Row, states: Mapping[int, int | None], lengths: Sequence[int]) -> dict[str, str]:
    """`row`: one of `Explanation.rows()`. `states`: the state needed by length, where it was asked; none where more was
    needed than was tried. What does not apply is empty."""
    told = {length: "more" if need is None else str(need) for length, need in states.items()}
    by_length = ", ".join(told.get(length, "-") for length in lengths) if told else None
    low, high = row["fidelity_low"], row["fidelity_high"]
    return {
        "verdict": who(row),
        "family": str(row["family"]),
        "95 %": "" if low is None or high is None else f"{low:.2f} to {high:.2f}",
        "share": "" if row["head"] is None else f"{row['share']:.0%}",
        "support (growth)": _growing(row["support"], row["growth_support"]),
        f"state at {', '.join(map(str, lengths))} (growth)": _growing(by_length, row["growth_state"]),
        "origin": "emerged" if row["emerged"] else "imposed" if row["imposed"] else "",
    }


def fidelity_row(row: Row, families: Sequence[str]) -> dict[str, str]:
    """The best fidelity of each family."""
    return {"fidelity": who(row)} | {name: fidelity_text(row.get(f"fidelity_{name}")) for name in families}


def fidelity_text(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.2f}"


def who(row: Row) -> str:
    """The layer, or below it one of its blocks or heads."""
    if row.get("block") is not None:
        return f"  {row['block']}"
    return "layer" if row["head"] is None else f"  head {row['head'] + 1}"


def _growing(need: object, slope: float | None) -> str:
    """A budget, and the slope of log(1 + budget) on log N."""
    return "" if need is None else f"{need}" + ("" if slope is None else f" ({slope:+.2f})")
