"""Which genes matter: the share of the score's variance that each gene explains alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itnas.figures.gene_scores import Column, binned, column, proposed, scored
from itnas.figures.palette import MUTED
from itnas.figures.text import plain
from itnas.figures.theme import LINES, figure, nothing
from itnas.shown import counted

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

FEWEST, MOST_TRIALS = 8, 10_000
BINS, MOST_VALUES = 5, 50
RESAMPLES = 200
MOST_BARS = 25
COLUMNS = ("gene", "importance", "low", "high", "null", "trials")


class Importance(NamedTuple):
    """The most important gene first. `null`: what 95 % of shuffled scores stay below."""

    genes: list[str]
    importance: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    null: NDArray[np.float64]
    remark: str


class Sample(NamedTuple):
    """Several samples of the same trials: how often each holds each trial, and the same times the scores
    [samples or 1, n]; the sum of squares of each."""

    weight: NDArray[np.float64]
    weighted: NDArray[np.float64]
    squares: NDArray[np.float64]


def importance(trials: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """One row per gene, the most important first, of one task's complete trials without the specialists; none for fewer
    than 8 trials. `low`, `high`: a 95 % interval. `null`: the 95th percentile over shuffled scores. `trials`: how
    many have the gene. Beyond 10,000 trials so many are drawn by lot."""
    import pandas as pd

    known = scored(proposed(trials), genes)
    if len(known.trial) < FEWEST:
        return pd.DataFrame({name: pd.Series(dtype=object if name == "gene" else float) for name in COLUMNS})
    generator = np.random.default_rng(0)
    drawn = np.sort(generator.permutation(len(known.trial))[:MOST_TRIALS])
    score, own = known.score[drawn], known.genes.iloc[drawn]
    score = score - score.mean()
    size = len(score)
    # How often each resample holds each trial.
    picks = generator.integers(size, size=(RESAMPLES, size)) + size * np.arange(RESAMPLES)[:, None]
    weight = np.bincount(picks.ravel(), minlength=RESAMPLES * size).reshape(RESAMPLES, size).astype(np.float64)
    once = np.ones((1, size))
    as_it_is, resampled = sample(once, score[None]), sample(weight, score[None])
    shuffled = sample(once, generator.permuted(np.tile(score, (RESAMPLES, 1)), axis=1))

    rows = []
    for place, gene in enumerate(own.columns):
        found = column(own.iloc[:, place])
        members = _members(binned(found, BINS, MOST_VALUES))
        one, spread = explained(as_it_is, members)[0], explained(resampled, members)
        # Resampling adds variance between bins of its own: the same again as the sample had. That is taken off.
        low, high = np.quantile(spread, (0.025, 0.975)) - (spread.mean() - one)
        null = np.quantile(explained(shuffled, members), 0.95)
        shares = np.clip([one, min(low, one), max(high, one), null], 0, 1)
        rows.append((str(gene), *shares.tolist(), int((found.code >= 0).sum())))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _members(own: Column) -> NDArray[np.float64]:
    """Which trial is in which bin [n, bins]; absence is a bin of its own."""
    return np.asarray(np.eye(len(own.labels) + 1)[own.code])


def sample(weight: NDArray[np.float64], score: NDArray[np.float64]) -> Sample:
    """Of scores [samples or 1, n] that are held so often."""
    weighted = weight * score
    return Sample(weight, weighted, (weighted * score).sum(axis=1))


def explained(own: Sample, members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Epsilon squared of each sample, (between - (bins - 1) within / (n - bins)) / total: the share of variance between
    bins, less what bins of noise would share. `members` [n, bins]."""
    size = members.shape[0]
    counts = own.weight @ members  # [samples or 1, bins]
    sums = own.weighted @ members
    middle = sums.sum(axis=1) ** 2 / size
    between = (sums**2 / np.maximum(counts, 1)).sum(axis=1) - middle
    total = own.squares - middle
    bins = (counts > 0).sum(axis=1)
    noise = (bins - 1) * (total - between) / np.maximum(size - bins, 1)
    # With a bin per trial, or without any variance, nothing can be told. Scores are centred, so that a total which is
    # small beside their squares is rounding.
    told = (size > bins) & (total > 1e-12 * np.maximum(own.squares, np.finfo(float).tiny))
    return np.where(told, (between - noise) / np.where(told, total, 1.0), 0.0)


def prepare(trials: pd.DataFrame, genes: pd.DataFrame, table: pd.DataFrame | None = None) -> Importance:
    """The 25 most important genes. `table`: what `importance` says of these trials, if it was asked already."""
    table = importance(trials, genes) if table is None else table
    count = len(scored(proposed(trials), genes).trial)
    complete = counted(count, "complete trial")
    if not len(table):
        why = "no genes" if count >= FEWEST else f"{complete} besides the specialists, {FEWEST} are needed"
    else:
        why = f"{complete}, specialists left out"
        if count > MOST_TRIALS:
            why += f", of which {MOST_TRIALS} drawn by lot"
        if len(table) > MOST_BARS:
            why += f"; the {MOST_BARS} most important of {len(table)} genes"
        why += "; each gene alone, with a 95 % interval; one gene in twenty passes its chance level by chance"
    table = table[:MOST_BARS]
    one, low, high, null = (table[name].to_numpy(dtype=np.float64) for name in COLUMNS[1:5])
    return Importance(table["gene"].tolist(), one, low, high, null, why)


def draw(info: Importance) -> go.Figure:
    """Bars with their intervals; a stroke where chance alone would get."""
    if not info.genes:
        return nothing(info.remark)
    places = list(range(len(info.genes)))
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "share of the variance",
        "x": info.importance,
        "y": places,
        "marker": {"color": LINES[0], "opacity": 0.8},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": info.high - info.importance,
            "arrayminus": info.importance - info.low,
            "color": MUTED,
            "thickness": 1.5,
        },
        "hovertext": [plain(gene) for gene in info.genes],
        "hovertemplate": "%{hovertext}: %{x:.3f}<extra></extra>",
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": "chance level",
        "x": info.null,
        "y": places,
        "marker": {"symbol": "line-ns-open", "size": 16, "color": LINES[1], "line": {"width": 2.5}},
        "hovertemplate": "chance level: %{x:.3f}<extra></extra>",
    }
    y = {
        "tickvals": places,
        "ticktext": [plain(gene) for gene in info.genes],
        "range": [len(places) - 0.5, -0.5],
        "showgrid": False,
    }
    x = {"title": "share of the score's variance, explained alone", "rangemode": "tozero"}
    return figure([bars, marks], x=x, y=y, showlegend=True, hovermode="closest")
