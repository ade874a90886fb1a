"""Learning curves: loss and score of every replica over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from itnas.figures.palette import DASHES, MUTED
from itnas.figures.theme import CLEAR, FONT, LINES

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class Curve(NamedTuple):
    """One replica. `died`: the last step that it lived to see, if it died."""

    seed: int
    learning_rate: float
    steps: list[int]
    losses: list[float]
    score_steps: list[int]
    scores: list[float]
    died: int | None


class LearningCurves(NamedTuple):
    title: str
    curves: list[Curve]
    chance: float | None
    ceiling: float | None


def prepare(curves: pd.DataFrame, *, chance: float | None, ceiling: float | None, title: str) -> LearningCurves:
    """From the table of `curves.parquet`; a dead replica's curves end where it died."""
    found = []
    for _, own in curves.sort_values("step").groupby("replica"):
        living = own[own["alive"]]
        scored = living[living["score"].notna()]
        died = None if own["alive"].all() else int(living["step"].max() if len(living) else 0)
        found.append(
            Curve(
                seed=int(own["seed"].iloc[0]),
                learning_rate=float(own["learning_rate"].iloc[0]),
                steps=living["step"].tolist(),
                losses=living["loss"].tolist(),
                score_steps=scored["step"].tolist(),
                scores=scored["score"].tolist(),
                died=died,
            )
        )
    return LearningCurves(title, found, chance, ceiling)


def draw(info: LearningCurves) -> go.Figure:
    """Score above, loss below; colour tells the learning rate, dashes the seed, a cross where a replica died."""
    from plotly.subplots import make_subplots

    rates = sorted({curve.learning_rate for curve in info.curves})
    seeds = sorted({curve.seed for curve in info.curves})
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for curve in info.curves:
        line = {
            "color": LINES[rates.index(curve.learning_rate) % len(LINES)],
            "dash": DASHES[seeds.index(curve.seed) % len(DASHES)],
            "width": 1.6,
        }
        name = f"rate {curve.learning_rate:g}, seed {curve.seed}"
        group = {"name": name, "legendgroup": name, "line": line, "mode": "lines"}
        figure.add_scatter(x=curve.score_steps, y=curve.scores, **group, row=1, col=1)
        figure.add_scatter(x=curve.steps, y=curve.losses, **group, showlegend=False, row=2, col=1)
        if curve.died is not None and curve.losses:
            cross = {"symbol": "x", "size": 9, "color": line["color"]}
            place = {"x": curve.steps[-1:], "y": curve.losses[-1:], "marker": cross, "mode": "markers"}
            figure.add_scatter(**place, name=f"{name} died", showlegend=False, legendgroup=name, row=2, col=1)
    dotted = {"color": MUTED, "dash": "dot"}
    for level, text, where in ((info.chance, "chance", "bottom right"), (info.ceiling, "ceiling", "top right")):
        if level is not None:
            figure.add_hline(y=level, line=dotted, annotation_text=text, annotation_position=where, row=1, col=1)
    figure.update_yaxes(title_text="score", zeroline=False, row=1, col=1)
    figure.update_yaxes(title_text="loss", type="log", row=2, col=1)
    figure.update_xaxes(title_text="step", row=2, col=1)
    figure.update_layout(
        title=info.title or None,
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 50 if info.title else 10, "b": 50},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        uirevision="kept",
        font={"family": FONT, "size": 12},
    )
    return figure
