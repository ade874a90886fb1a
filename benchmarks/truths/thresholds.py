"""How verdicts on planted layers move with the thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from itnas.behaviour import LayerVerdict, Thresholds
from itnas.behaviour.verdict import decide

from ..planted import KINDS, draw
from ..planted.base import Planted
from ..planted.outcome import Outcome, outcome_of, share_right, verdict_on

DEFAULT = Thresholds()
# What is measured depends on these, so everything is asked anew.
MEASURED = {"fidelity": (0.9, 0.98), "floor": (0.02, 0.1), "part": (0.05, 0.2)}
# And on these only how it is read.
READ = {
    "context": (0.01, 0.05),
    "bounded": (0.15, 0.35),
    "grows": (0.4, 0.7),
    "largest_share": (1 / 32, 1 / 8),
    "smallest_bound": (1, 4),
    "points_per_state": (3.0, 8.0),
    "tie": (0.0, 0.1),
}


def thresholds(draws: int, kinds: Sequence[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The same layers at every setting, one threshold moved at a time: accuracy, and how many change their names."""
    planted = [draw(kind, number) for kind in list(KINDS) if kinds is None or kind in kinds for number in range(draws)]
    verdicts = [verdict_on(each) for each in planted]
    usual = _outcomes(planted, verdicts)
    rows = [_row("defaults", "", usual, usual)]
    for name, limits, change in _changes(MEASURED):
        rows.append(_row(name, change, _outcomes(planted, [verdict_on(each, limits) for each in planted]), usual))
    for name, limits, change in _changes(READ):
        rows.append(_row(name, change, _outcomes(planted, [_read(each, limits) for each in verdicts]), usual))
    return {"thresholds": rows}


def _changes(variants: Mapping[str, tuple[float, ...]]) -> Iterator[tuple[str, Thresholds, str]]:
    for name, values in variants.items():
        for value in values:
            yield name, replace(DEFAULT, **{name: value}), f"{getattr(DEFAULT, name):.3g} -> {value:.3g}"


def _read(verdict: LayerVerdict, limits: Thresholds) -> LayerVerdict:
    """The same evidence, read by other thresholds; what heads were combined to stays."""
    return verdict if verdict.by_heads else replace(verdict, reading=decide(verdict.by_length, limits))


def _outcomes(planted: Sequence[Planted], verdicts: Sequence[LayerVerdict]) -> list[Outcome]:
    return [outcome_of(one, verdict, 0.0) for one, verdict in zip(planted, verdicts, strict=True)]


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
