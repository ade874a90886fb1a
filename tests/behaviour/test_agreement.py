"""Shares, intervals, clusters, corrections."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from itnas.behaviour.agreement import Observed, agreements, design_effect, holm, wilson


def test_wilson_knows_the_textbook_numbers() -> None:
    assert wilson(1.0, 5.0) == pytest.approx((0.5655, 1.0), abs=1e-4)
    assert wilson(14 / 15, 15.0) == pytest.approx((0.7018, 0.9881), abs=1e-4)
    assert wilson(0.0, 0.0) == (0.0, 1.0)


def test_networks_that_copy_each_other_count_once() -> None:
    # Five of a genome, all alike, genomes differ: as good as one network a genome.
    alike = {f"g{number}": [number % 2 == 0] * 5 for number in range(8)}
    assert design_effect(alike) == pytest.approx(5, abs=0.3)
    # Of many genomes whose own differ as much as strangers it is seen that they are none.
    strangers = {f"g{number}": [True, False, True, False] for number in range(40)}
    assert design_effect(strangers) == pytest.approx(1, abs=0.2)
    assert design_effect({"a": [True] * 5}) == 1
    assert design_effect({"a": [True], "b": [False]}) == 1


def shown(*counts: int) -> list[Observed]:
    """Of four networks a genome so many are local, and none of four untrained copies is."""
    return [
        Observed(f"g{genome}", 0, "local" if number < count else "mixed", ("mixed",) * 4)
        for genome, count in enumerate(counts)
        for number in range(4)
    ]


def test_more_networks_that_agree_never_say_less() -> None:
    found = [agreements(shown(4, 4, 4, count))[0] for count in (4, 3, 2, 1, 0)]
    assert [each.count for each in found] == [16, 15, 14, 13, 12]
    for more, fewer in pairwise(found):
        assert more.low > fewer.low
        assert more.p is not None
        assert fewer.p is not None
        assert more.p < fewer.p


@pytest.mark.parametrize("correlation", [0.05, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_intervals_hold_the_truth(share: float, correlation: float) -> None:
    """Four genomes that differ by as much as is said, four networks each, many times.

    Wilson's own interval holds a share of one half among four strangers in 14 cases of 16.
    """
    rng = np.random.default_rng(0)
    strength = 1 / correlation - 1
    held = 0
    for _ in range(400):
        counts = rng.binomial(4, rng.beta(share * strength, (1 - share) * strength, 4))
        hits = {str(genome): [number < count for number in range(4)] for genome, count in enumerate(counts)}
        low, high = wilson(counts.sum() / 16, 16 / design_effect(hits))
        held += low <= share <= high
    assert held / 400 > 0.86


def test_p_compares_within_genomes() -> None:
    """By hand: each of two genomes has all of four trained and none of four untrained, one of 70 ways; two names."""
    (found,) = agreements(shown(4, 4))
    assert found.p == pytest.approx(2 / 70**2)
    # What differs between genomes and not between trained and untrained is nothing that training did.
    alike = [
        Observed(genome, 0, family, (family,) * 4)
        for genome, family in zip("aabb", ["local"] * 2 + ["mixed"] * 2, strict=True)
    ]
    assert agreements(alike)[0].p == 1


def test_holm_corrects_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_an_agreement_is_told_beside_its_null() -> None:
    seen = [
        Observed(f"g{number // 3}", 0, "mixed" if number == 4 else "recurrence", ("mixed", "mixed", "recurrence"))
        for number in range(15)
    ]
    (found,) = agreements(seen)
    assert found.sentence() == "recurrence in 14 of 15 (95 %: 0.55-0.99); null 0.33, p = 0.0035"
    assert found.p is not None
    assert found.p < 0.01
    assert found.genomes == 5
