"""How verdicts on planted layers move with the thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from itnas.behaviour import Thresholds

from ..planted.outcome import Outcome, outcomes, share_right

# One threshold at a time; fidelities change what is measured, the others how it is read.
DEFAULT = Thresholds()
VARIANTS = {
    "fidelity": (0.9, 0.98),
    "floor": (0.02, 0.1),
    "context": (0.01, 0.05),
    "bounded": (0.15, 0.35),
    "grows": (0.4, 0.7),
    "largest_share": (1 / 32, 1 / 8),
    "smallest_bound": (1, 4),
    "points_per_state": (3.0, 8.0),
    "tie": (0.0, 0.1),
    "part": (0.05, 0.2),
    "head": (0.02, 0.1),
}


def thresholds(draws: int, kinds: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The same layers at every setting: accuracy, and how many are named otherwise than by default."""
    usual = list(outcomes(draws, kinds, 0, None))
    rows = [_row("defaults", "", usual, usual)]
    for name, values in VARIANTS.items():
        for value in values:
            found = list(outcomes(draws, kinds, 0, None, replace(DEFAULT, **{name: value})))
            rows.append(_row(name, f"{getattr(DEFAULT, name):.3g} -> {value:.3g}", found, usual))
    return {"thresholds": rows}


def _row(name: str, change: str, found: Sequence[Outcome], usual: Sequence[Outcome]) -> dict[str, Any]:
    pure = [each for each in found if not each.is_sum]
    sums = [each for each in found if each.is_sum]
    moved = sum((one.named, one.parts) != (other.named, other.parts) for one, other in zip(found, usual, strict=True))
    return {
        "threshold": name,
        "changed": change,
        "pure": share_right(pure),
        "sums": share_right(sums),
        "named otherwise": f"{moved} of {len(found)}",
    }
