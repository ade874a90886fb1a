"""The emergence map: what each layer became on each task, in how many networks, and how sure that is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from itnas.figures.palette import MUTED
from itnas.figures.text import plain
from itnas.figures.theme import FAMILIES, family_colour, figure, nothing

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST_TASKS = 60
SIDE_BY_SIDE = 3  # families that one layer of one task is shown to have become


class Cell(NamedTuple):
    """One layer of one task, or `layer` None: some layer, whichever. `fidelity`: the median over its networks of what
    the replacement by that family keeps."""

    task: str
    layer: int | None
    family: str
    share: float
    low: float
    high: float
    emerged: float | None  # None: no untrained copies were looked at
    null: float | None
    networks: int
    fidelity: float | None


class Emergence(NamedTuple):
    tasks: list[str]
    layers: list[int | None]
    cells: list[Cell]  # by task and layer, those of most networks first
    remark: str


def prepare(findings: pd.DataFrame, layers: pd.DataFrame) -> Emergence:
    """`findings` and `layers`: the tables of a run. The tasks keep their order; those beyond the first 60 are told of,
    not drawn."""
    if findings.empty or findings["family"].isna().all():
        return Emergence([], [], [], "")
    known = findings[findings["family"].notna()]
    tasks = list(dict.fromkeys(known["task"]))
    remark = f"the first {MOST_TASKS} of {len(tasks)} tasks" if len(tasks) > MOST_TASKS else ""
    cells, medians = list[Cell](), _medians(layers)
    for (task, layer), own in known.groupby(["task", "layer"], sort=False, dropna=False):
        place = _number(layer)
        number = None if place is None else int(place)
        cells += [_cell(str(task), number, row, medians) for row in _foremost(own)]
    shown = tasks[:MOST_TASKS]
    columns = sorted({cell.layer for cell in cells if cell.layer is not None})
    there = [None] if any(cell.layer is None for cell in cells) else []
    return Emergence(shown, [*there, *columns], [cell for cell in cells if cell.task in shown], remark)


def _foremost(rows: pd.DataFrame) -> list[Any]:
    """What most networks became: two layers may each have become something, and both are news."""
    ranked = rows.sort_values(["share", "emerged"], ascending=False, kind="stable").head(SIDE_BY_SIDE)
    return [row for _, row in ranked.iterrows()]


def _cell(task: str, layer: int | None, row: Any, medians: dict[tuple[str, int | None, str], float]) -> Cell:
    return Cell(
        task=task,
        layer=layer,
        family=str(row["family"]),
        share=float(row["share"]),
        low=float(row["low"]),
        high=float(row["high"]),
        emerged=_number(row["emerged"]),
        null=_number(row["null"]),
        networks=int(row["networks"]),
        fidelity=_number(medians.get((task, layer, str(row["family"])))),
    )


def _medians(layers: pd.DataFrame) -> dict[tuple[str, int | None, str], float]:
    """The median fidelity of what verdicts rest on, where layers became a family: by task and layer, and by task."""
    found: dict[tuple[str, int | None, str], float] = {}
    if layers.empty:
        return found
    for family, own in layers.groupby("family"):
        column = f"fidelity_{family}"
        if column not in own:
            continue
        value = own[column].astype(float)
        if "fidelity" in own:  # of what the verdict rests on; runs of earlier versions have the family's alone
            value = own["fidelity"].astype(float).fillna(value)
        values = own.assign(value=value)
        for task, value in values.groupby("task")["value"].median().items():
            found[str(task), None, str(family)] = float(value)
        by_layer = values.groupby(["task", "layer"])["value"].median()
        for (task, layer), value in zip(by_layer.index.tolist(), by_layer.tolist(), strict=True):
            found[str(task), int(layer), str(family)] = float(value)
    return found


def _number(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def draw(info: Emergence) -> go.Figure:
    """A square per layer and task: its colour tells the family, its size the share of networks; filled where it emerged
    in at least half of those that show it."""
    if not info.cells:
        return nothing("no network has been examined yet")
    rows = {task: len(info.tasks) - 1 - place for place, task in enumerate(info.tasks)}
    columns = {layer: place for place, layer in enumerate(info.layers)}
    across, sizes = _places(info.cells, columns)
    families, crowds = _by_family(info.cells), Counter((cell.task, cell.layer) for cell in info.cells)
    traces = [_trace(family, own, across, sizes, rows) for family, own in families.items()]
    legend = [_legend_entry(family) for family in families]
    labels = {
        "type": "scatter",
        "mode": "text",
        "x": [across[cell] for cell in info.cells],
        "y": [rows[cell.task] - 0.33 for cell in info.cells],
        "text": [_counted(cell, alone=crowds[cell.task, cell.layer] == 1) for cell in info.cells],
        "textfont": {"size": 9},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    ticks = ["any layer" if layer is None else f"layer {layer + 1}" for layer in info.layers]
    x = {"tickvals": list(columns.values()), "ticktext": ticks, "side": "top", "showgrid": False, "fixedrange": True}
    y = {"tickvals": list(rows.values()), "ticktext": [plain(task, 28) for task in rows], "showgrid": False}
    return figure(
        [*traces, labels, *legend],
        x=x | {"range": [-0.6, len(columns) - 0.4]},
        y=y | {"fixedrange": True, "range": [-0.65, len(rows) - 0.4]},
        showlegend=True,
        legend={"orientation": "h", "y": -0.02, "yanchor": "top", "x": 0},
        margin={"l": 8, "r": 8, "t": 30, "b": 8},
        height=height(len(rows)),
        dragmode=False,
    )


def height(tasks: int) -> int:
    """Pixels that leave each task room."""
    return 110 + 56 * min(max(tasks, 1), MOST_TASKS)


def _counted(cell: Cell, *, alone: bool) -> str:
    """In how many networks. Side by side there is no room on a phone to say of how many."""
    count = f"{cell.share * cell.networks:.0f}"
    return f"{count}/{cell.networks}" if alone else count


def _places(cells: list[Cell], columns: dict[int | None, int]) -> tuple[dict[Cell, float], dict[Cell, float]]:
    """Where and how large: those of one layer and task share its column."""
    across, sizes = {}, {}
    for cell in cells:
        own = [each for each in cells if (each.task, each.layer) == (cell.task, cell.layer)]
        across[cell] = columns[cell.layer] + 0.34 * (own.index(cell) - (len(own) - 1) / 2)
        sizes[cell] = (9 + 17 * cell.share) * (1 if len(own) == 1 else 0.7)
    return across, sizes


def _by_family(cells: list[Cell]) -> dict[str, list[Cell]]:
    order = [*FAMILIES, *sorted({cell.family for cell in cells} - set(FAMILIES))]
    found = {family: [cell for cell in cells if cell.family == family] for family in order}
    return {family: own for family, own in found.items() if own}


def _trace(
    family: str, cells: list[Cell], across: dict[Cell, float], sizes: dict[Cell, float], rows: dict[str, int]
) -> dict[str, Any]:
    emerged = [cell.emerged is not None and cell.emerged >= 0.5 * cell.share for cell in cells]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(family),
        "legendgroup": plain(family),
        "showlegend": False,
        "x": [across[cell] for cell in cells],
        "y": [rows[cell.task] + 0.06 for cell in cells],
        "marker": {
            "symbol": ["square" if own else "square-open" for own in emerged],
            "size": [sizes[cell] for cell in cells],
            "color": family_colour(family),
            "opacity": 1,  # plotly's for sizes that differ is 0.7, and the legend's is not
            "line": _edge(family),
        },
        "customdata": [[_told(cell)] for cell in cells],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
    }


def _edge(family: str) -> dict[str, Any]:
    return {"color": family_colour(family) if family != "none" else MUTED, "width": 2}


def _legend_entry(family: str) -> dict[str, Any]:
    """Its colour alone: plotly would show the first square, which may be small, or hollow, by chance."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": plain(family),
        "legendgroup": plain(family),
        "x": [None],
        "y": [None],
        "marker": {"symbol": "square", "size": 14, "color": family_colour(family), "line": _edge(family)},
        "hoverinfo": "skip",
    }


def _told(cell: Cell) -> str:
    where = "some layer" if cell.layer is None else f"layer {cell.layer + 1}"
    kept = "" if cell.fidelity is None else f"<br>median fidelity {cell.fidelity:.2f}"
    return (
        f"{plain(cell.task)}, {where}: {plain(cell.family)}<br>in {cell.share * cell.networks:.0f} of {cell.networks} "
        f"networks (95 %: {cell.low:.2f} to {cell.high:.2f}){kept}<br>{_beside_untrained(cell)}"
    )


def _beside_untrained(cell: Cell) -> str:
    if cell.emerged is None:
        return "no untrained copies were looked at"
    null = "" if cell.null is None else f"; untrained copies {cell.null:.2f}"
    return f"emerged in {cell.emerged:.0%}{null}"
