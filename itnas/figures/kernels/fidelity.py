"""What each family's replacement keeps, by budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from itnas.figures.explanation.info import LOWEST, Line
from itnas.figures.explanation.plots import fidelity_plot, looks_of
from itnas.figures.kernels.entries import some
from itnas.figures.text import plain
from itnas.figures.theme import nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_FAMILIES, MOST_BUDGETS = 12, 200
HIGHEST = 2.0  # fidelities above are drawn here, as those below LOWEST are there
# How the smallest budget that suffices is called.
SYMBOLS = {"convolution": "w*", "local": "w*", "recurrence": "r*"}

NEAR = 0.15, 0.1  # closer than that, in orders of magnitude and fidelity, names would be printed over each other


class Fidelities(NamedTuple):
    lines: list[Line]
    enough: float
    remark: str


def prepare(curves: Sequence[Mapping[str, Any]], *, enough: float = 0.95) -> Fidelities:
    """From rows with `family, budgeted, budget, value, low, high, needed`; `enough`: the fidelity that is asked for."""
    families: dict[str, list[Mapping[str, Any]]] = {}
    for row in curves:
        if _number(row.get("value")) is not None and _number(row.get("budget")) is not None:
            families.setdefault(str(row["family"]), []).append(row)
    lines = [_line(family, rows) for family, rows in list(families.items())[:MOST_FAMILIES]]
    outside = any(not LOWEST <= row["value"] <= HIGHEST for rows in families.values() for row in rows)
    said = (
        some(len(lines), len(families), "families"),
        f"fidelities beyond {LOWEST:g} and {HIGHEST:g} are drawn there" if outside else "",
    )
    return Fidelities(lines, enough, "; ".join(filter(None, said)))


def _line(family: str, rows: Sequence[Mapping[str, Any]]) -> Line:
    """Rising budgets."""
    ordered = sorted(rows, key=lambda row: int(row["budget"]))[:MOST_BUDGETS]
    needed = _number(ordered[0].get("needed"))
    return Line(
        family=family,
        budgeted=bool(ordered[0].get("budgeted")),
        budgets=[int(row["budget"]) for row in ordered],
        values=[min(max(float(row["value"]), LOWEST), HIGHEST) for row in ordered],
        told=[_told(row) for row in ordered],
        needed=None if needed is None else int(needed),
    )


def _told(row: Mapping[str, Any]) -> str:
    low, high = _number(row.get("low")), _number(row.get("high"))
    between = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    budget = f", budget {int(row['budget'])}" if row.get("budgeted") else ""
    return f"{float(row['value']):.2f}{between}{budget}"


def _number(value: object) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]


def draw(info: Fidelities) -> go.Figure:
    """Families with a budget as curves, others as levels; w* and r* stand at the smallest budgets that suffice."""
    if not info.lines:
        return nothing("no fidelities are kept of this layer")
    # A budget that suffices and was not tried has no place on its curve.
    lines = [line if line.needed in line.budgets else line._replace(needed=None) for line in info.lines]
    found = fidelity_plot(lines, looks_of(line.family for line in lines), info.enough)
    for trace in found.data:
        if trace.name is None:
            trace.showlegend = False
        else:
            trace.name = plain(trace.name)
            trace.hovertemplate = f"{plain(trace.name)}: %{{customdata}}<extra></extra>"
    found.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        annotations=_marks([line for line in lines if line.budgeted and line.needed is not None]),
    )
    return found


def _marks(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The names of budgets beside their diamonds, in one text where they would be printed over each other. Places of
    annotations on a logarithmic axis are logarithms."""
    found: list[dict[str, Any]] = []
    for line in lines:
        assert line.needed is not None
        x, y = math.log10(max(line.needed, 0.5)), line.values[line.budgets.index(line.needed)]
        text = f"{SYMBOLS.get(line.family, 'needs')} {line.needed}"
        near = next((each for each in found if abs(each["x"] - x) < NEAR[0] and abs(each["y"] - y) < NEAR[1]), None)
        if near is None:
            found.append({"text": text, "x": x, "y": y, "ax": 0, "ay": -18, "arrowwidth": 1, "showarrow": True,
                          "arrowhead": 0, "font": {"size": 11}})  # fmt: skip
        elif text not in near["text"].split(", "):
            near["text"] += f", {text}"
    return found
