"""The smallest budget that suffices, against trying all; and how budgets grow with the length."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itnas.behaviour.budget import Curve, smallest
from itnas.behaviour.fidelity import Fidelity
from itnas.behaviour.growth import growth
from itnas.behaviour.thresholds import Thresholds

ENOUGH = 0.95
LENGTHS = (16, 32, 64, 128)


def fidelity(value: float) -> Fidelity:
    return Fidelity(value, value - 0.01, value + 0.01)


@st.composite
def rising(draw: st.DrawFn) -> list[float]:
    """Fidelities of the budgets 0, 1, 2, ...; more never hurts."""
    return sorted(draw(st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=200)))


@given(rising(), st.floats(-1.0, 1.0), st.integers(0, 1))
def test_bisection_finds_what_trying_all_finds(values: list[float], enough: float, least: int) -> None:
    most, asked = len(values) - 1, list[int]()

    def measure(budget: int) -> Fidelity:
        asked.append(budget)
        return fidelity(values[budget])

    curve = smallest(measure, most, enough, least)
    expected = next((budget for budget in range(least, most + 1) if values[budget] >= enough), None)
    assert curve.needed == expected
    assert all(least <= budget <= most for budget in asked)
    assert len(asked) == len(set(asked))
    assert len(asked) <= 2 * math.log2(most + 1) + 3
    assert [budget for budget, _ in curve.points] == sorted(asked)
    assert curve.best.value == (values[most] if expected is None else values[expected])


@given(rising())
def test_a_curve_only_rises(values: list[float]) -> None:
    curve = smallest(lambda budget: fidelity(values[budget]), len(values) - 1, ENOUGH)
    seen = [curve.at(budget) for budget in range(len(values) + 2)]
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert all(curve.at(budget) >= each.value for budget, each in curve.points)


def test_the_first_budget_may_suffice_and_the_last_may_not() -> None:
    assert smallest(lambda _: fidelity(1.0), 8, ENOUGH) == Curve(((1, fidelity(1.0)),), 1)
    assert smallest(lambda _: fidelity(0.5), 8, ENOUGH).needed is None
    assert smallest(lambda _: fidelity(0.5), 1, ENOUGH).points == ((1, fidelity(0.5)),)


def test_a_curve_that_was_never_measured() -> None:
    assert Curve().best.value == 0
    assert Curve().at(8) == 0
    assert Curve().needed is None


@pytest.mark.parametrize("value", [float("nan"), -math.inf])
def test_what_is_no_number_suffices_nowhere(value: float) -> None:
    assert smallest(lambda _: Fidelity(value, value, value), 8, ENOUGH).needed is None


PLANTED: dict[str, tuple[Callable[[int], int], float, Literal["bounded", "undecided", "grows"]]] = {
    "nothing": (lambda n: 0, 0.0, "bounded"),
    "one": (lambda n: 1, 0.0, "bounded"),
    "constant": (lambda n: 7, 0.0, "bounded"),
    "logarithm": (lambda n: 2 * round(math.log2(n)), 0.24, "bounded"),
    "root": (lambda n: round(math.sqrt(n)), 0.44, "undecided"),
    "quarter": (lambda n: n // 4, 0.91, "grows"),
    "all": (lambda n: n, 0.98, "grows"),
    "square": (lambda n: n * n, 2.0, "grows"),
    "falling": (lambda n: 256 // n, -0.83, "bounded"),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[::-1], LENGTHS[::3]])
def test_slopes_of_planted_budgets(name: str, lengths: tuple[int, ...]) -> None:
    budget, slope, trend = PLANTED[name]
    budgets = {length: budget(length) for length in lengths}
    found = growth(budgets)
    assert list(found.budgets) == sorted(lengths)
    assert found.slope is not None
    expected = np.polyfit(np.log(list(budgets)), np.log1p(list(budgets.values())), 1)[0]
    assert found.slope == pytest.approx(expected, abs=1e-9)
    assert found.slope == pytest.approx(slope, abs=0.05)
    assert found.trend(Thresholds()) == trend


@given(st.dictionaries(st.integers(4, 512), st.integers(0, 512), min_size=2, max_size=5))
def test_the_order_of_lengths_does_not_matter(budgets: dict[int, int]) -> None:
    slope, reversed_slope = growth(budgets).slope, growth(dict(reversed(budgets.items()))).slope
    assert slope is not None
    assert reversed_slope == pytest.approx(slope)


def test_one_length_decides_nothing() -> None:
    assert growth({64: 3}).slope is None
    assert growth({64: 3}).trend(Thresholds()) == "undecided"
    assert growth({64: None}).trend(Thresholds()) == "grows"


def test_missing_budgets_are_more_than_were_tried() -> None:
    assert growth({16: 2, 32: 2, 64: None}).trend(Thresholds()) == "grows"
    assert growth({16: None, 32: None, 64: None}).trend(Thresholds()) == "grows"
    late = growth({16: 4, 32: 8, 64: None})
    told = growth({16: 4, 32: 8, 64: 32})
    assert late.slope == told.slope
    assert late.slope is not None
    # Found at the longest, it is not said to grow for having been missed before.
    assert growth({16: None, 32: 2, 64: 2}).trend(Thresholds()) != "grows"


def test_the_largest_state_that_is_bounded() -> None:
    limits = Thresholds(largest_share=1 / 16, smallest_bound=2)
    assert [limits.state_bound(length) for length in (8, 16, 32, 64, 128)] == [2, 2, 2, 4, 8]
