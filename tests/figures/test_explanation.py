"""Explanations as data, and their plots."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from itnas.figures.explanation import Kernels, info, plots, prepare, verdict_row
from tests.figures.explained import explained, kernels, row


def panel(**changed: Any) -> info.Panel:
    return explained(**changed).networks[0].panels[0]


def test_curves_as_data() -> None:
    lines = {line.family: line for line in panel().lines}
    assert set(lines) == {"convolution", "recurrence", "attention"}
    assert (lines["convolution"].budgets, lines["convolution"].needed) == ([1, 2], 2)
    assert lines["convolution"].best == "0.97 (0.87 to 1.07)"
    assert lines["recurrence"].needed is None
    assert lines["attention"].values == [info.LOWEST]
    assert lines["attention"].told == ["-3.00 (-3.10 to -2.90)"]


def test_budgets_have_units() -> None:
    def line(family: str, needed: int | None, *, budgeted: bool = True) -> str:
        return info.Line(family, budgeted, [1], [1.0], [""], needed).needed_text

    assert line("convolution", 1) == "1 offset"
    assert line("local", 5) == "5 nearest points"
    assert line("recurrence", 1) == "1 number per head"
    assert line("attention + recurrence", 3) == "3 numbers per head"
    assert line("recurrence", None) == "more than tried"
    assert line("attention", 1, budgeted=False) == ""


def test_an_interval_that_is_none_is_left_out() -> None:
    table = pd.DataFrame(
        {"layer": [0], "family": "dense", "budgeted": False, "budget": 1, "value": 0.5, "low": -np.inf, "high": np.inf}
    ).assign(needed=pd.array([None], dtype="Int64"), summary="")
    states = pd.DataFrame({"layer": [], "family": [], "length": [], "needed": []})
    made = prepare([row(None)], table, states, [kernels()], title="", enough=0.95)
    assert made.networks[0].panels[0].lines[0].told == ["0.50"]


def test_verdicts_of_layer_and_heads_are_rows_of_one_table() -> None:
    layer, first, second = panel().verdicts
    assert layer == {
        "verdict": "layer",
        "family": "convolution",
        "95 %": "0.96 to 0.98",
        "share": "",
        "support (growth)": "2 (+0.00)",
        "state at 16, 32, 64 (growth)": "1, 2, more (+0.41)",
        "origin": "emerged",
    }
    assert (first["verdict"], second["verdict"]) == ("  head 1", "  head 2")
    assert (first["share"], first["origin"]) == ("25%", "")
    assert first["state at 16, 32, 64 (growth)"] == ""


def test_what_does_not_apply_is_empty() -> None:
    silent = row(None, fidelity_low=None, fidelity_high=None, support=None, growth_state=None, emerged=None)
    cells = verdict_row(silent, {32: 2}, [16, 32])
    assert (cells["95 %"], cells["support (growth)"], cells["origin"]) == ("", "", "")
    assert cells["state at 16, 32 (growth)"] == "-, 2"
    assert verdict_row(row(None, imposed=True, emerged=False), {}, [])["origin"] == "imposed"


def test_every_head_has_its_mean_and_some_samples() -> None:
    heads = panel().heads
    assert [head.title for head in heads] == [f"head {number}: convolution, 25% of the output" for number in (1, 2)]
    assert [each.title for each in heads[0].pictures] == ["mean of 32 samples", "sample 1", "sample 2", "sample 3"]
    assert heads[1].pictures[2].kernel == pytest.approx(2 * heads[1].pictures[0].kernel)


@pytest.mark.parametrize(
    ("given", "drawn", "titles", "pictures"),
    [
        (kernels(1), "1 head", ["head 1"], ["mean of 32 samples", "sample 1", "sample 2", "sample 3"]),
        (kernels(shared=False), "2 heads", ["head 1", "head 2"], ["sample 1", "sample 2", "sample 3"]),
        (
            kernels(8, channels=True),
            "the first 4 channels",
            [f"channel {number}" for number in (1, 2, 3, 4)],
            ["size, mean of 32 samples", "sample 1", "sample 2", "sample 3"],
        ),
        (
            kernels(12),
            "the first 8 of 12 heads",
            [f"head {number + 1}" for number in range(8)],
            ["mean of 32 samples", "sample 1", "sample 2", "sample 3"],
        ),
    ],
)
def test_whose_kernels_are_drawn_is_said(given: Kernels, drawn: str, titles: list[str], pictures: list[str]) -> None:
    empty = pd.DataFrame({"layer": [], "value": [], "family": [], "length": [], "needed": []})
    found = prepare([row(None)], empty, empty, [given], title="", enough=0.95).networks[0].panels[0]
    assert found.drawn == drawn
    assert [head.title for head in found.heads] == titles
    assert [picture.title for picture in found.heads[0].pictures] == pictures


def test_replicas_are_networks_of_their_own() -> None:
    found = explained(layers=2, replicas=3)
    assert [(each.replica, each.said, len(each.panels)) for each in found.networks] == [
        (replica, [f"The score of {replica}."], 2) for replica in range(3)
    ]


def test_the_scale_does_not_follow_a_single_entry() -> None:
    kernel = np.full((64, 64), 0.1, dtype=np.float32)
    kernel[0, 0] = 0.9
    assert info._limit(kernel) == pytest.approx(0.1)
    assert info._limit(np.zeros((4, 4), dtype=np.float32)) == 1.0


def test_kernels_are_centred_on_zero_which_has_no_colour() -> None:
    trace = plots.kernel_plot(panel().heads[0].pictures[0], [0, 1, 2, 3]).data[0]
    assert trace.zmin == -trace.zmax < 0
    assert [colour for place, colour in trace.colorscale if place == 0.5] == [
        "rgba(0, 114, 178, 0)",
        "rgba(213, 94, 0, 0)",
    ]


def test_curves_stand_on_a_logarithmic_axis() -> None:
    made = explained()
    looks = plots.styles(made)
    figure = plots.fidelity_plot(made.networks[0].panels[0].lines, looks, 0.95)
    by_name = {trace.name: trace for trace in figure.data if trace.name}
    assert list(by_name["recurrence"].x) == [0.5, 1.0]
    assert list(by_name["attention"].y) == [info.LOWEST] * 2
    assert by_name["attention"].line.color == looks["attention"].colour
    diamonds = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(list(trace.x), list(trace.y)) for trace in diamonds] == [([2.0], [0.97])]
    assert [trace for trace in figure.data if list(trace.y) == [0.95, 0.95]]


def test_every_family_looks_different_and_none_is_black() -> None:
    made = explained()
    sums = ("attention + convolution", "attention + recurrence", "another")
    lines = [info.Line(family, False, [1], [1.0], [""], None) for family in sums]
    network = made.networks[0]
    more = network.panels[0]._replace(lines=[*network.panels[0].lines, *lines])
    looks = plots.styles(made._replace(networks=[network._replace(panels=[more])]))
    assert set(looks) == {*plots.KNOWN, *sums}
    assert len(set(looks.values())) == len(looks)
    assert "#000000" not in {look.colour for look in looks.values()}
    assert {name: look for name, look in looks.items() if name in plots.KNOWN} == plots.styles(made)


def test_a_state_that_was_not_found_stands_above_the_rest() -> None:
    trace = plots.state_plot(panel()).data[0]
    assert trace.text == ("1", "2", "more")
    assert trace.y[2] > trace.y[1]
    assert trace.marker.symbol == ("circle", "circle", "triangle-up")


def test_states_none_of_which_was_found() -> None:
    trace = plots.state_plot(panel(states=(None, None))).data[0]
    assert trace.text == ("more", "more")
