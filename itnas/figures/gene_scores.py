"""The score by the values of one gene; and how the figures of a search read trials and genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.palette import MUTED
from itnas.figures.text import plain
from itnas.figures.theme import CLEAR, LINES, figure, nothing
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ABSENT = "absent"  # the value of a gene in a branch that the genome does not have
OTHERS = "others"
LEAST_ROOM = 0.05  # on either side of a score, and of very large ones that share of them
MOST_BINS, MOST_VALUES, MOST_POINTS = 6, 20, 2000
# Figures travel as float32, and squares must not overflow: what is larger is no score and no cost.
LARGEST = 1e37


class Column(NamedTuple):
    """One gene by trial. `code` counts `labels`, -1 where the gene is absent; `value` if all others are numbers."""

    labels: list[str]
    code: NDArray[np.int64]
    value: NDArray[np.float64] | None


class Scored(NamedTuple):
    """Complete trials with a score, and their rows of the table of genes, in the same order."""

    trial: NDArray[np.int64]
    score: NDArray[np.float64]
    genes: pd.DataFrame


class Value(NamedTuple):
    """The scores of the trials with one value of the gene. `low`, `high`: where the whiskers end."""

    label: str
    trials: int
    low: float
    lower: float
    median: float
    upper: float
    high: float


class GeneScores(NamedTuple):
    """`x`: the number of the value that a point belongs to, plus its jitter."""

    gene: str
    values: list[Value]
    x: NDArray[np.float32]
    score: NDArray[np.float32]
    trial: NDArray[np.int64]
    remark: str


def numbers(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column's numbers; NaN for all that is missing, not finite or out of reach."""
    import pandas as pd

    if name not in table.columns:
        return np.full(len(table), np.nan)
    found = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.abs(found) < LARGEST, found, np.nan)


def texts(table: pd.DataFrame, name: str) -> NDArray[np.object_]:
    """A column's names; empty where there is none."""
    found = np.full(len(table), "", dtype=object)
    if name in table.columns:
        there = table[name].notna().to_numpy()
        found[there] = [str(value) for value in table[name][there]]
    return found


def proposed(trials: pd.DataFrame) -> pd.DataFrame:
    """Without the specialists: nobody drew their genes, so they tell nothing about the search space."""
    kept: NDArray[np.bool_] = texts(trials, "origin") != "specialist"
    return trials.loc[kept]


def scored(trials: pd.DataFrame, genes: pd.DataFrame) -> Scored:
    score, number = numbers(trials, "score"), numbers(trials, "number")
    kept = (texts(trials, "state") == "complete") & np.isfinite(score) & np.isfinite(number)
    genes = genes[~genes.index.duplicated()]
    rows = genes.index.get_indexer(number[kept].astype(np.int64))
    known = rows >= 0
    return Scored(number[kept][known].astype(np.int64), score[kept][known], genes.iloc[rows[known]])


def column(values: pd.Series) -> Column:
    """Numbers in their order; booleans, texts and whatever else there is by name."""
    there = values.notna().to_numpy()
    known = values[there].tolist()
    code = np.full(len(values), -1, dtype=np.int64)
    if known and all(map(_is_number, known)):
        value = np.full(len(values), np.nan)
        value[there] = np.array(known, dtype=np.float64)
        distinct, code[there] = np.unique(value[there], return_inverse=True)
        return Column([f"{each:.6g}" for each in distinct], code, value)
    names = [str(each) for each in known]
    labels = sorted(set(names))
    places = {label: place for place, label in enumerate(labels)}
    code[there] = [places[name] for name in names]
    return Column(labels, code, None)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    size: Any = abs(value)  # compared before it becomes a float: whole numbers may be too large for one
    return bool(size < LARGEST)


def binned(own: Column, bins: int, most: int = MOST_VALUES) -> Column:
    """Few enough values to compare: numbers in bins of about as many trials each, the rarest names as one."""
    if own.value is None:
        return _frequent(own, most)
    if len(own.labels) <= bins:
        return own
    there = own.code >= 0
    value = own.value[there]
    edges = np.quantile(value, np.linspace(0, 1, bins + 1)[1:-1])
    used, inner = np.unique(np.searchsorted(edges, value), return_inverse=True)
    code = np.full(len(own.code), -1, dtype=np.int64)
    code[there] = inner
    members = [value[inner == place] for place in range(len(used))]
    return Column([_span(each.min(), each.max()) for each in members], code, own.value)


def _span(low: float, high: float) -> str:
    return f"{low:.3g}" if low == high else f"{low:.3g} – {high:.3g}"


def _frequent(own: Column, most: int) -> Column:
    if len(own.labels) <= most:
        return own
    counts = np.bincount(own.code[own.code >= 0], minlength=len(own.labels))
    kept = np.sort(np.argsort(-counts, kind="stable")[: most - 1])
    places = np.full(len(own.labels) + 1, most - 1)
    places[kept], places[-1] = np.arange(most - 1), -1
    return Column([*(own.labels[place] for place in kept), OTHERS], places[own.code], None)


def prepare(trials: pd.DataFrame, genes: pd.DataFrame, gene: str) -> GeneScores:
    """Of the complete trials of one task; `genes`: a column per gene, indexed by the trial's number."""
    known = scored(proposed(trials), genes)
    few = np.empty(0, dtype=np.float32)
    if gene not in genes.columns or not len(known.trial):
        why = "no complete trial besides the specialists" if gene in genes.columns else "no trial has this gene"
        return GeneScores(gene, [], few, few, np.empty(0, dtype=np.int64), why)
    found = column(known.genes.iloc[:, genes.columns.tolist().index(gene)])
    shown = binned(found, MOST_BINS)
    last = len(shown.labels)
    place = np.where(shown.code < 0, last, shown.code)
    labels = [*shown.labels, ABSENT] if (shown.code < 0).any() else shown.labels
    generator = np.random.default_rng(0)
    x = place + generator.uniform(-0.3, 0.3, len(place))
    drawn = np.sort(generator.permutation(len(place))[:MOST_POINTS])
    said = [f"{counted(len(place), 'complete trial')}, specialists left out"]
    if len(drawn) < len(place):
        said.append(f"boxes are of all, points of {len(drawn)} drawn by lot")
    if found.value is None and len(shown.labels) < len(found.labels):
        said.append(f"the {len(found.labels) - last + 1} rarest values as one")
    return GeneScores(
        gene,
        [_value(label, known.score[place == number]) for number, label in enumerate(labels)],
        x[drawn].astype(np.float32),
        known.score[drawn].astype(np.float32),
        known.trial[drawn],
        "; ".join(said),
    )


def _value(label: str, scores: NDArray[np.float64]) -> Value:
    lower, median, upper = np.quantile(scores, (0.25, 0.5, 0.75)).tolist()
    reach = 1.5 * (upper - lower)
    # Interpolated quartiles may lie beyond every score that is within reach.
    low = min(lower, float(scores[scores >= lower - reach].min()))
    high = max(upper, float(scores[scores <= upper + reach].max()))
    return Value(label, len(scores), low, lower, median, upper, high)


def numbered(trial: Sequence[int] | NDArray[np.int64]) -> list[list[int]]:
    """Trials as customdata. Lists, because Dash does not hand on what travels as a typed array."""
    return [[int(number)] for number in trial]


def draw(info: GeneScores) -> go.Figure:
    """A box per value, every trial as a point."""
    if not info.values:
        return nothing(info.remark)
    points = {
        "type": "scatter",
        "mode": "markers",
        "meta": "trials",
        "x": info.x,
        "y": info.score,
        "customdata": numbered(info.trial),
        "marker": {"color": LINES[0], "size": 5, "opacity": 0.45},
        "hovertemplate": "trial %{customdata[0]}: %{y:.4g}<extra></extra>",
    }
    boxes = {
        "type": "box",
        "x": list(range(len(info.values))),
        "q1": [value.lower for value in info.values],
        "median": [value.median for value in info.values],
        "q3": [value.upper for value in info.values],
        "lowerfence": [value.low for value in info.values],
        "upperfence": [value.high for value in info.values],
        "width": 0.7,
        "fillcolor": CLEAR,
        "line": {"color": MUTED, "width": 1.6},
        # Boxes lie above the points: what hovers would be theirs alone.
        "hoverinfo": "skip",
    }
    x = {
        "title": plain(info.gene),
        "tickvals": list(range(len(info.values))),
        "ticktext": [f"{plain(value.label, 24)}<br>n = {value.trials}" for value in info.values],
        "range": [-0.6, len(info.values) - 0.4],
        "showgrid": False,
    }
    y = {"title": "score"} | _at_least(min(info.score.tolist()), max(info.score.tolist()))
    return figure([points, boxes], x=x, y=y, hovermode="closest", dragmode="lasso")


def _at_least(low: float, high: float) -> dict[str, Any]:
    """Scores that are all the same have room around them: plotly's own would be billionths."""
    room = max(LEAST_ROOM, LEAST_ROOM * abs(low))
    return {} if high - low > 1e-4 * room else {"range": [low - room, high + room]}
