"""Explanations as data, as a figure, and as a page."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itnas.figures import explanation, write_figure
from itnas.figures.explanation import Explained

CURVES = [
    ("convolution", True, 1, 0.4, 1),
    ("convolution", True, 2, 0.97, 2),
    ("recurrence", True, 0, 0.0, None),
    ("recurrence", True, 1, 0.3, None),
    ("attention", False, 1, -3.0, None),
    ("dense", False, 1, math.nan, None),
]


def made(
    layers: int = 1, heads: int = 2, *, states: tuple[int | None, ...] = (1, 2, None), **changed: Any
) -> Explained:
    curves = [
        (layer, family, budgeted, budget, value, value - 0.1, value + 0.1, 2 if family == "convolution" else None)
        for layer in range(layers)
        for family, budgeted, budget, value, _ in CURVES
    ]
    names = ["layer", "family", "budgeted", "budget", "value", "low", "high", "needed"]
    needs = [(layer, 16 * 2**place, need) for layer in range(layers) for place, need in enumerate(states)]
    table = {"heading": "Layer 1: <mixer>", "sentence": "became a convolution with 2 taps.", "unit": "head"}
    return explanation.prepare(
        pd.DataFrame([table | changed] * layers),
        pd.DataFrame(curves, columns=names).astype({"needed": "Int64"}),
        pd.DataFrame(needs, columns=["layer", "length", "state"]).astype({"state": "Int64"}),
        [np.linspace(-1, 0.5, heads * 16).reshape(heads, 4, 4)] * layers,
        [np.arange(4.0)] * layers,
        title="recall: replica 0",
        enough=0.95,
    )


def modes(trace: Any) -> str | None:
    return str(trace.mode) if trace.type == "scatter" else None


def test_as_data() -> None:
    panel = made().panels[0]
    assert [title for title, _ in panel.heads] == ["head 1", "head 2"]
    assert (panel.lengths, panel.states) == ([16, 32, 64], [1, 2, None])
    lines = {line.family: line for line in panel.lines}
    assert set(lines) == {"convolution", "recurrence", "attention"}
    assert (lines["convolution"].budgets, lines["convolution"].needed) == ([1, 2], 2)
    assert lines["recurrence"].needed is None
    assert lines["attention"].values == [explanation.LOWEST]
    assert lines["attention"].hover == ["-3.000 (95 %: -3.100 to -2.900)"]


def test_kernels_are_centred_on_zero() -> None:
    maps = [trace for trace in explanation.draw(made()).data if trace.type == "heatmap"]
    assert len(maps) == 2
    assert all(each.zmin == -each.zmax < 0 for each in maps)


def test_the_scale_does_not_follow_a_single_entry() -> None:
    kernel = np.full((64, 64), 0.1, dtype=np.float32)
    kernel[0, 0] = 0.9
    assert explanation._scale(kernel) == pytest.approx(0.1)
    assert explanation._scale(np.zeros((4, 4), dtype=np.float32)) == 1.0


def test_curves_stand_on_a_logarithmic_axis_and_say_what_suffices() -> None:
    figure = explanation.draw(made())
    by_name = {trace.name: trace for trace in figure.data if trace.name}
    assert list(by_name["recurrence"].x) == [0.5, 1.0]
    assert list(by_name["attention"].y) == [explanation.LOWEST] * 2
    assert [trace.text for trace in figure.data if modes(trace) == "markers+text"] == [("w* 2",)]
    levels = [trace for trace in figure.data if trace.type == "scatter" and list(trace.y) == [0.95, 0.95]]
    assert len(levels) == 1


def test_a_state_that_was_not_found_stands_above_the_rest() -> None:
    states = next(trace for trace in explanation.draw(made()).data if modes(trace) == "lines+markers+text")
    assert states.text == ("1", "2", "more")
    assert states.y[2] > states.y[1]
    assert states.marker.symbol == ("circle", "circle", "triangle-up")


def test_a_family_stands_in_the_legend_once_and_keeps_its_colour() -> None:
    figure = explanation.draw(made(layers=6))
    named = [trace for trace in figure.data if trace.name]
    assert sum(bool(trace.showlegend) for trace in named) == 3
    assert len({(trace.name, trace.line.color) for trace in named}) == 3


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (6, 3), (2, 12)])
def test_panels_do_not_overlap(layers: int, heads: int) -> None:
    layout = explanation.draw(made(layers, heads)).to_dict()["layout"]
    axes = [
        (layout[f"xaxis{name.removeprefix('yaxis')}"]["domain"], axis["domain"])
        for name, axis in layout.items()
        if name.startswith("yaxis")
    ]
    # Up to 8 heads of each layer, its curves and its states.
    assert len(axes) == layers * (min(heads, 8) + 2)
    for number, (x, y) in enumerate(axes):
        assert 0 <= x[0] < x[1] <= 1
        assert 0 <= y[0] < y[1] <= 1
        for other_x, other_y in axes[:number]:
            assert x[0] >= other_x[1] or x[1] <= other_x[0] or y[0] >= other_y[1] or y[1] <= other_y[0]


def test_more_heads_than_fit_are_said() -> None:
    assert made(heads=12).panels[0].heads[-1][0] == "head 8 of 12"


def test_without_an_order_there_are_no_states() -> None:
    figure = explanation.draw(made(states=()))
    assert not [trace for trace in figure.data if modes(trace) == "lines+markers+text"]


def test_a_layer_that_does_nothing_has_kernels_alone() -> None:
    info = made()
    silent = info._replace(panels=[info.panels[0]._replace(lines=[], lengths=[], states=[])])
    assert {trace.type for trace in explanation.draw(silent).data} == {"heatmap"}


def test_long_names_are_broken_and_tags_are_text() -> None:
    figure = explanation.draw(made(heading="x" * 300 + "<b>", sentence="word " * 100))
    text = figure.layout.annotations[0].text
    assert "&lt;b&gt;" in text
    assert all(len(line) < 90 for line in text.split("<br>"))


def test_a_page_holds_everything_it_needs(tmp_path: Path) -> None:
    write_figure(explanation.draw(made()), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script src=" not in page
    assert "Plotly.newPlot" in page
