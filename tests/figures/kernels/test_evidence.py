"""Fidelities by budget, and budgets by length."""

import math
from typing import Any

import pytest

from itnas.figures.kernels import fidelity, growth
from tests.figures.kernels.planted import UGLY


def row(family: str, budget: object, value: object, needed: object = None, **more: Any) -> dict[str, Any]:
    return {"family": family, "budgeted": True, "budget": budget, "value": value, "low": None, "high": None,
            "needed": needed} | more  # fmt: skip


CURVES = [
    row("convolution", 2, 0.97, 2, low=0.9, high=1.0),
    row("convolution", 1, 0.4, 2),
    row("recurrence", 1, 0.96, 1),
    row("attention", 1, -3.0, budgeted=False),
]


def test_curves_rise_by_budget_and_mark_what_suffices() -> None:
    info = fidelity.prepare(CURVES)
    lines = {line.family: line for line in info.lines}
    assert (lines["convolution"].budgets, lines["convolution"].needed) == ([1, 2], 2)
    assert lines["convolution"].told[1] == "0.97 (0.90 to 1.00), budget 2"
    assert lines["attention"].values == [-0.2]
    assert info.remark == "fidelities beyond -0.2 and 2 are drawn there"
    figure = fidelity.draw(info)
    assert [note.text for note in figure.layout.annotations] == ["w* 2", "r* 1"]
    assert figure.layout.annotations[0].x == pytest.approx(math.log10(2))
    assert len({trace.line.dash for trace in figure.data if trace.name}) == 3


def test_names_are_text() -> None:
    figure = fidelity.draw(fidelity.prepare([row(UGLY, 1, 0.5)]))
    assert "<img" not in figure.to_json().replace("\\u003c", "<")
    figure = growth.draw(growth.prepare([{"family": UGLY, "length": 8, "needed": 1}]))
    assert "<img" not in figure.to_json().replace("\\u003c", "<")


@pytest.mark.parametrize(
    "rows",
    [[], [row("dense", 1, None)], [row("dense", 1, math.nan)], [row("dense", None, 0.5)], [row("x", 1, math.inf)]],
)
def test_no_fidelities(rows: list[dict[str, Any]]) -> None:
    assert fidelity.draw(fidelity.prepare(rows)).layout.annotations[0].text == "no fidelities are kept of this layer"


def test_a_budget_that_was_not_tried_has_no_mark() -> None:
    assert not fidelity.draw(fidelity.prepare([row("recurrence", 1, 0.5, 7)])).layout.annotations


def test_budgets_that_suffice_at_one_place_are_named_side_by_side() -> None:
    rows = [
        row("convolution", 1, 1.0, 1),
        row("local", 1, 1.0, 1),
        row("recurrence", 1, 0.98, 1),
        row("attention", 8, 0.97, 8),
    ]
    marks = fidelity.draw(fidelity.prepare(rows)).layout.annotations
    assert [mark.text for mark in marks] == ["w* 1, r* 1", "needs 8"]


def test_many_families_and_budgets() -> None:
    info = fidelity.prepare([row(f"f{number % 50}", number, 0.5) for number in range(20_000)])
    assert (len(info.lines), info.remark) == (12, "12 of 50 families")
    assert len(fidelity.draw(info).to_json()) < 2**20


def test_state_that_grows_with_the_length_and_support_that_does_not() -> None:
    rows = [{"family": "recurrence", "length": n, "needed": n // 4 - 1} for n in (64, 16, 32)]
    rows += [{"family": "convolution", "length": n, "needed": 2} for n in (16, 32, 64)]
    state, support = growth.prepare(rows).lines
    assert (state.lengths, state.needs) == ([16, 32, 64], [3, 7, 15])
    assert state.slope == pytest.approx(1)
    assert support.slope == pytest.approx(0)
    figure = growth.draw(growth.prepare(rows))
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    found, through = figure.data[:2]
    assert list(found.y) == [4, 8, 16]
    assert list(through.y) == pytest.approx([4, 16])
    assert found.name == "state (recurrence), slope 1.00"
    assert len({trace.marker.symbol for trace in figure.data if trace.mode == "markers"}) == 2


def test_more_than_tried_is_an_arrow_at_half_the_length() -> None:
    rows = [{"family": "recurrence", "length": n, "needed": need} for n, need in ((16, 2), (32, 4), (64, None))]
    info = growth.prepare(rows)
    assert info.lines[0].counted == [2, 4, 32]
    assert info.remark.startswith("arrows")
    found = growth.draw(info).data[0]
    assert list(found.marker.symbol) == ["circle", "circle", "arrow-up"]
    assert found.text[2] == "more than tried"


def test_awkward_growth() -> None:
    assert growth.draw(growth.prepare([])).layout.annotations
    assert growth.draw(growth.prepare([{"family": None, "length": None, "needed": 1}])).layout.annotations
    one = growth.prepare([{"family": "recurrence", "length": 16, "needed": 0}])
    assert one.lines[0].slope is None
    assert len(growth.draw(one).data) == 1
    none = growth.prepare([{"family": "recurrence", "length": n, "needed": math.nan} for n in (16, 32)])
    assert none.lines[0].slope is None
    growth.draw(none).to_json()


def test_slopes_are_those_of_the_verdict() -> None:
    from itnas.behaviour.growth import growth as of_verdict

    needs = {16: 2, 32: 3, 64: None}
    info = growth.prepare([{"family": "recurrence", "length": n, "needed": need} for n, need in needs.items()])
    assert info.lines[0].slope == pytest.approx(of_verdict(needs).slope)
