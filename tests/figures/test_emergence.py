"""The emergence map, from planted findings."""

import math
from typing import Any

import pandas as pd
import pytest

from itnas.figures import emergence

NOTHING = pd.DataFrame()


def _row(task: str, layer: int | None, family: str | None, share: float = 1.0, **more: Any) -> dict[str, Any]:
    told = {"task": task, "layer": layer, "family": family, "share": share, "low": 0.4, "high": 1.0}
    return told | {"emerged": 1.0, "null": 0.0, "networks": 3} | more


def test_one_cell_for_each_layer_and_both_families_of_any() -> None:
    rows = [
        _row("recall", None, "convolution"),
        _row("recall", None, "attention", share=2 / 3),
        _row("recall", 0, "convolution"),
        _row("recall", 1, "attention", share=2 / 3),
        _row("flip-flop", 0, "recurrence", emerged=0.0, null=1.0),
    ]
    layers = pd.DataFrame(
        [
            {"task": "recall", "layer": 0, "family": "convolution", "fidelity_convolution": value}
            for value in (0.9, 0.96, 1.0)
        ]
    )
    info = emergence.prepare(pd.DataFrame(rows), layers)
    assert (info.tasks, info.layers) == (["recall", "flip-flop"], [None, 0, 1])
    assert [(cell.layer, cell.family) for cell in info.cells if cell.task == "recall"] == [
        (None, "convolution"),
        (None, "attention"),
        (0, "convolution"),
        (1, "attention"),
    ]
    (first,) = [cell for cell in info.cells if (cell.task, cell.layer) == ("recall", 0)]
    assert first.fidelity == pytest.approx(0.96)


def test_filled_is_what_emerged_in_half_of_those_that_show_it() -> None:
    few = _row("a", 0, "convolution", share=0.4, emerged=0.4)
    rarely = _row("a", 1, "local", share=0.9, emerged=0.3)
    figure = emergence.draw(emergence.prepare(pd.DataFrame([few, rarely]), NOTHING))
    symbols = {trace.name: trace.marker.symbol[0] for trace in figure.data if trace.showlegend is False and trace.name}
    assert symbols == {"convolution": "square", "local": "square-open"}


def test_what_untrained_copies_show_too_is_hollow() -> None:
    rows = [_row("a", 0, "attention"), _row("a", 1, "recurrence", emerged=0.0, null=1.0)]
    figure = emergence.draw(emergence.prepare(pd.DataFrame(rows), NOTHING))
    symbols = {trace.name: trace.marker.symbol[0] for trace in figure.data if trace.showlegend is False and trace.name}
    assert symbols == {"attention": "square", "recurrence": "square-open"}


def test_where_no_untrained_copies_were_looked_at_it_says_so() -> None:
    rows = [_row("a", 0, "attention", emerged=None, null=None), _row("a", 1, "attention", emerged=0.0, null=1.0)]
    (trace,) = [
        each for each in emergence.draw(emergence.prepare(pd.DataFrame(rows), NOTHING)).data
        if each.name == "attention" and each.showlegend is False
    ]  # fmt: skip
    unknown, known = (told for (told,) in trace.customdata)
    assert set(trace.marker.symbol) == {"square-open"}
    assert unknown.endswith("<br>no untrained copies were looked at")
    assert known.endswith("<br>emerged in 0%; untrained copies 1.00")


def test_the_legend_has_each_family_once_and_filled() -> None:
    rows = [_row("a", 0, "attention", emerged=0.0), _row("a", 1, "local", 0.1), _row("b", 1, "attention")]
    figure = emergence.draw(emergence.prepare(pd.DataFrame(rows), NOTHING))
    shown = [(each.name, each.marker.symbol, each.marker.size) for each in figure.data if each.showlegend is not False]
    assert shown == [("attention", "square", 14), ("local", "square", 14)]


def test_side_by_side_families_stand_apart_in_their_column() -> None:
    rows = [_row("a", None, name, share) for name, share in (("attention", 1.0), ("local", 0.5), ("dense", 0.2))]
    figure = emergence.draw(emergence.prepare(pd.DataFrame(rows), NOTHING))
    places = sorted(trace.x[0] for trace in figure.data if trace.showlegend is False and trace.name)
    assert len(set(places)) == 3
    assert -0.5 < places[0] < 0 < places[-1] < 0.5


def test_how_many_networks_of_how_many_where_there_is_room() -> None:
    rows = [_row("a", None, name, share) for name, share in (("attention", 1.0), ("local", 2 / 3), ("dense", 1 / 3))]
    figure = emergence.draw(emergence.prepare(pd.DataFrame([*rows, _row("a", 0, "local", 2 / 3)]), NOTHING))
    (labels,) = [trace.text for trace in figure.data if trace.mode == "text"]
    assert labels == ("3", "2", "1", "2/3")


@pytest.mark.parametrize("rows", [[], [_row("a", None, None, math.nan)]])
def test_nothing_examined_is_said(rows: list[dict[str, Any]]) -> None:
    info = emergence.prepare(pd.DataFrame(rows), NOTHING)
    assert info.cells == []
    assert "no network" in emergence.draw(info).layout.annotations[0].text


def test_many_tasks_are_cut_and_names_stay_text() -> None:
    rows = [_row(f"<img src=x onerror=alert(1)>{number}", 0, "local") for number in range(100)]
    info = emergence.prepare(pd.DataFrame(rows), NOTHING)
    assert len(info.tasks) == emergence.MOST_TASKS
    assert "60 of 100" in info.remark
    text = emergence.draw(info).to_json()
    assert "<img" not in text.replace("&lt;img", "")
    assert emergence.height(100) == emergence.height(60) > emergence.height(3)
