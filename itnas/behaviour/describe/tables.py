"""A verdict's evidence as plain rows and tables: what figures and dashboards are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.replacements import FAMILIES
from itnas.plain import finite

if TYPE_CHECKING:
    import pandas as pd

FOLLOWED = ("recurrence", "convolution", "local")  # families whose budgets are looked at by length
CURVE_COLUMNS = ("family", "budgeted", "budget", "value", "low", "high", "needed")
STATE_COLUMNS = ("family", "length", "needed")


def curve_rows(layer: LayerVerdict) -> list[dict[str, Any]]:
    """One row per family and budget that was tried; `needed` is the smallest that suffices, if any does."""
    return [
        {
            "family": family,
            "budgeted": FAMILIES[family].budgeted,
            "budget": budget,
            "value": finite(each.value),
            "low": finite(each.low),
            "high": finite(each.high),
            "needed": curve.needed,
        }
        for family, curve in layer.main.curves.items()
        if family != "none"
        for budget, each in curve.points
    ]


def state_rows(layer: LayerVerdict) -> list[dict[str, Any]]:
    """One row per family and length at which its budget was looked for; none, where more was needed than was tried."""
    return [
        {"family": family, "length": length, "needed": evidence.needed(family)}
        for family in FOLLOWED
        for length, evidence in sorted(layer.by_length.items())
        if family in evidence.curves
    ]


def curve_table(layers: Sequence[LayerVerdict]) -> pd.DataFrame:
    """All `curve_rows`, and what each family leaves of a kernel, its `summary`.

    `layer` counts the verdicts given, so that several replicas' do not mix.
    """
    import pandas as pd

    rows = [
        {"layer": number, **row, "summary": FAMILIES[row["family"]].summary}
        for number, layer in enumerate(layers)
        for row in curve_rows(layer)
    ]
    table = pd.DataFrame(rows, columns=["layer", *CURVE_COLUMNS, "summary"])
    return table.astype({"value": float, "low": float, "high": float, "needed": "Int64"})


def state_table(layers: Sequence[LayerVerdict]) -> pd.DataFrame:
    """All `state_rows`, with `layer` as in `curve_table`."""
    import pandas as pd

    rows = [{"layer": number, **row} for number, layer in enumerate(layers) for row in state_rows(layer)]
    return pd.DataFrame(rows, columns=["layer", *STATE_COLUMNS]).astype({"needed": "Int64"})
