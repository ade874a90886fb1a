"""A verdict's evidence as plain tables: what figures and dashboards are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.replacements import FAMILIES

if TYPE_CHECKING:
    import pandas as pd

CURVE_COLUMNS = ("layer", "family", "budgeted", "budget", "value", "low", "high", "needed")
STATE_COLUMNS = ("layer", "length", "state")


def curve_table(layers: Sequence[LayerVerdict]) -> pd.DataFrame:
    """One row per layer, family and budget that was tried; `needed` is the smallest that suffices, if any does.

    `layer` counts the verdicts given, so that several replicas' do not mix.
    """
    import pandas as pd

    rows = [
        (number, family, FAMILIES[family].budgeted, budget, each.value, each.low, each.high, curve.needed)
        for number, layer in enumerate(layers)
        for family, curve in layer.main.curves.items()
        if family != "none"
        for budget, each in curve.points
    ]
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS)).astype({"needed": "Int64"})


def state_table(layers: Sequence[LayerVerdict]) -> pd.DataFrame:
    """The state needed by length; none, where more was needed than was tried."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = [
        (number, length, need)
        for number, layer in enumerate(layers)
        for length, need in layer.states.items()
        if "recurrence" in layer.by_length[length].curves
    ]
    return pd.DataFrame(rows, columns=list(STATE_COLUMNS)).astype({"state": "Int64"})
