"""Shares, intervals, clusters, corrections."""

from __future__ import annotations

import pytest

from itnas.behaviour.agreement import Observed, agreements, design_effect, holm, wilson


def test_wilson_knows_the_textbook_numbers() -> None:
    assert wilson(1.0, 5.0) == pytest.approx((0.5655, 1.0), abs=1e-4)
    assert wilson(14 / 15, 15.0) == pytest.approx((0.7018, 0.9881), abs=1e-4)
    assert wilson(0.0, 0.0) == (0.0, 1.0)


def test_networks_that_copy_each_other_count_once() -> None:
    # Five of a genome, all alike, genomes differ: as good as one network a genome.
    alike = {f"g{number}": [number % 2 == 0] * 5 for number in range(8)}
    assert design_effect(alike) == pytest.approx(5)
    assert design_effect({"a": [True, False], "b": [True, False]}) == 1
    # Where all are alike, nobody knows how much alike a genome's own are: genomes count.
    assert design_effect({"a": [True] * 5, "b": [True] * 5}) == 5
    assert design_effect({"a": [True] * 5}) == 1


def test_holm_corrects_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_an_agreement_is_told_beside_its_null() -> None:
    seen = [
        Observed(f"g{number // 3}", 0, "mixed" if number == 4 else "recurrence", ("mixed", "mixed", "recurrence"))
        for number in range(15)
    ]
    (found,) = agreements(seen)
    assert found.sentence() == "recurrence in 14 of 15 (95 %: 0.70-0.99); null 0.33, p = 0.0017"
    assert found.p is not None
    assert found.p < 0.01
    assert found.genomes == 5
