"""The grid of trials: which columns there are, and which rows a filter, an order and a portion leave.

The browser holds only the rows that are seen; sorting and filtering happen here, so that 100,000 trials cost it no more
than 100.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dash_ag_grid as dag

from itnas.cells import as_csv
from itnas.dashboard.choices import Choices
from itnas.dashboard.view import RunView
from itnas.pareto import pareto_front
from itnas.shown import dated

if TYPE_CHECKING:
    import pandas as pd

# What "only" may be, and how it is said.
ONLY = {
    "all": "all trials",
    "best": "the best of each genome",
    "front": "the Pareto front",
    "selected": "what is selected",
    "complete": "complete",
    "pruned": "pruned",
    "failed": "failed",
    "running": "running",
}
STATES = ("complete", "pruned", "failed", "running", "infeasible")
TEXTS = ("whose", "state", "genome", "worker", "reason")
# Name: (header, width, digits; None: a text).
COLUMNS: dict[str, tuple[str, int, int | None]] = {
    "number": ("trial", 110, 0),
    "whose": ("whose", 130, None),
    "state": ("state", 110, None),
    "score": ("score", 100, 4),
    "score_low": ("low", 90, 4),
    "score_high": ("high", 90, 4),
    "parameters": ("parameters", 120, 0),
    "flops": ("flops per point", 130, 0),
    "seconds": ("seconds", 100, 1),
    "rung": ("rung", 100, 0),
    "attempt": ("attempt", 90, 0),
    "learning_rate": ("learning rate", 110, 4),
    "genome": ("genome", 170, None),
    "worker": ("worker", 130, None),
    "reason": ("reason", 300, None),
}
SHOWN = ("number", "whose", "state", "score", "parameters", "seconds", "rung", "genome", "reason")
PORTION = 100
COMPARED: dict[str, Callable[[Any, float], Any]] = {
    "equals": operator.eq, "notEqual": operator.ne, "lessThan": operator.lt, "lessThanOrEqual": operator.le,
    "greaterThan": operator.gt, "greaterThanOrEqual": operator.ge,
}  # fmt: skip


def grid(choices: Choices) -> dag.AgGrid:
    """Columns can be moved, hidden and sorted; the address remembers which are shown."""
    asked = [name for name in choices["columns"].split(",") if name in COLUMNS]
    shown = asked or SHOWN
    columns = [_column(name, name in shown) for name in COLUMNS]
    return dag.AgGrid(
        id="grid",
        columnDefs=columns,
        rowModelType="infinite",
        getRowId="`${params.data.number}`",
        defaultColDef={"resizable": True, "sortable": True, "filter": True, "floatingFilter": True},
        dashGridOptions={
            "rowSelection": {"mode": "multiRow", "enableClickSelection": False, "headerCheckbox": False},
            "cacheBlockSize": PORTION,
            "maxBlocksInCache": 20,
            "rowHeight": 30,
            "headerHeight": 34,
            "floatingFiltersHeight": 34,
            "animateRows": False,
            "suppressFieldDotNotation": True,
            "theme": {"function": "itnasTheme(themeQuartz)"},
        },
        className="grid",
        style={"height": "min(70vh, 720px)", "width": "100%"},
    )


def _column(name: str, shown: bool) -> dict[str, Any]:
    header, width, digits = COLUMNS[name]
    text = digits is None
    found: dict[str, Any] = {
        "field": name,
        "headerName": header,
        "width": width,
        "hide": not shown,
        "filter": "agTextColumnFilter" if text else "agNumberColumnFilter",
        "filterParams": {"maxNumConditions": 1, "buttons": ["reset"], "debounceMs": 150},
    }
    if not text:
        found |= {"type": "rightAligned", "valueFormatter": {"function": f"itnasNumber(params.value, {digits})"}}
    if name == "number":
        found |= {"pinned": "left", "cellClass": ["link", "ag-right-aligned-cell"]}
    return found


def chosen(view: RunView, choices: Choices, selection: Sequence[int]) -> pd.DataFrame:
    """The trials of the task that "only" leaves."""
    own = view.trials(view.task(choices))
    only = choices["only"]
    if only in STATES:
        own = own[own["state"] == only]
    elif only == "selected":
        own = own[own["number"].isin(list(selection))]
    elif only == "front":
        rows: Any = own.to_dict("records")
        front = {row["number"] for row in pareto_front(rows)}
        own = own[own["number"].isin(front)]
    elif only == "best":
        ranked = own[own["score"].notna()].sort_values("score", ascending=False, kind="stable")
        own = ranked.drop_duplicates("genome").sort_values("number")
    return own.assign(whose=own["name"].where(own["name"].notna(), own["origin"]))


def filtered(rows: pd.DataFrame, model: Mapping[str, Any]) -> pd.DataFrame:
    """What the filters of the grid's columns leave. Filters that mean nothing leave all."""
    for name, asked in model.items():
        if name not in COLUMNS or not isinstance(asked, Mapping):
            continue
        rows = rows[_text(rows[name], asked) if name in TEXTS else _number(rows[name], asked)]
    return rows


def _text(values: pd.Series, asked: Mapping[str, Any]) -> Any:
    """Capitals make no difference, and nothing in what is looked for is a pattern."""
    kind, given = asked.get("type"), asked.get("filter")
    texts = values.fillna("").astype(str).str.lower()
    if kind == "blank":
        return texts == ""
    if kind == "notBlank":
        return texts != ""
    if not isinstance(given, str):
        return texts.notna()
    wanted = given.lower()
    if kind == "equals":
        return texts == wanted
    if kind == "notEqual":
        return texts != wanted
    if kind == "startsWith":
        return texts.str.startswith(wanted)
    if kind == "endsWith":
        return texts.str.endswith(wanted)
    found = texts.str.contains(wanted, regex=False)  # also where the kind is unknown
    return ~found if kind == "notContains" else found


def _number(values: pd.Series, asked: Mapping[str, Any]) -> Any:
    kind = asked.get("type")
    numbers = values.astype("float64")
    if kind in ("blank", "notBlank"):
        return numbers.isna() if kind == "blank" else numbers.notna()
    low, high = _finite(asked.get("filter")), _finite(asked.get("filterTo"))
    if kind == "inRange" and low is not None and high is not None:
        return numbers.between(low, high)
    compare = COMPARED.get(str(kind))
    return numbers.notna() | numbers.isna() if low is None or compare is None else compare(numbers, low)


def _finite(value: Any) -> float | None:
    """Numbers in texts of JSON may be larger than any number that is compared with."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and abs(value) <= sys.float_info.max else None


def ordered(rows: pd.DataFrame, model: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """In the order that the grid's headers say; what is missing comes last."""
    keys = [each for each in model if isinstance(each, Mapping) and str(each.get("colId")) in COLUMNS]
    if not keys:
        return rows
    names = [each["colId"] for each in keys]
    return rows.sort_values(names, ascending=[each.get("sort") != "desc" for each in keys], kind="stable")


def sorting(columns: Any) -> list[Mapping[str, Any]]:
    """The order that the state of the grid's columns tells of: those that sort, the first key first."""
    told = columns if isinstance(columns, list) else []
    keys = [each for each in told if isinstance(each, Mapping) and each.get("sort")]
    return sorted(keys, key=lambda each: _whole(each.get("sortIndex")))


def portion(view: RunView, choices: Choices, selection: Sequence[int], request: Mapping[str, Any]) -> dict[str, Any]:
    """The rows that the grid asks for, and how many there are."""
    found = asked_for(view, choices, selection, request)
    start = max(_whole(request.get("startRow")), 0)
    part = found.iloc[start : min(max(_whole(request.get("endRow")), start), start + 10 * PORTION)]
    return {"rowData": _records(part), "rowCount": len(found)}


def asked_for(view: RunView, choices: Choices, selection: Sequence[int], request: Mapping[str, Any]) -> pd.DataFrame:
    model, order = request.get("filterModel"), request.get("sortModel")
    rows = filtered(chosen(view, choices, selection), model if isinstance(model, Mapping) else {})
    return ordered(rows, order if isinstance(order, Sequence) else ())


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Plain values that JSON has; infinities as texts."""
    own = rows[list(COLUMNS)]
    return [
        {name: _plain(cell) for name, cell in zip(COLUMNS, row, strict=True)}
        for row in own.itertuples(index=False, name=None)
    ]


def _plain(cell: Any) -> Any:
    if isinstance(cell, float):
        if cell != cell:
            return None
        if cell in (float("inf"), float("-inf")):
            return "∞" if cell > 0 else "−∞"
    return cell


def trials_csv(view: RunView, choices: Choices, selection: Sequence[int], request: Mapping[str, Any]) -> str:
    """What is selected; where nothing is, what the grid shows."""
    rows = asked_for(view, choices, selection, request)
    if selection:
        rows = rows[rows["number"].isin(list(selection))]
    names = [name for name in view.trials().columns if name in rows]
    told = (
        dated(dict(zip(names, row, strict=True))).values() for row in rows[names].itertuples(index=False, name=None)
    )
    return as_csv(names, (["" if _plain(cell) is None else cell for cell in row] for row in told))
