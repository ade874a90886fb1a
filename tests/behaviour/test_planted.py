"""Layers with known behaviour get their names, and the kit plants what it says."""

from __future__ import annotations

import pytest
import torch

from benchmarks.behaviour import planted
from benchmarks.planted import KINDS, draw
from benchmarks.planted.outcome import examine

LENGTH = 32  # the shortest at which all plants are what they are
PURE, SUMS = 0.99, 0.9  # shares that must be named rightly

QUICK = [name for name, kind in KINDS.items() if not kind.slow and kind.expected != "mixed"]


@pytest.mark.parametrize("name", list(KINDS))
def test_draws_are_finite_and_repeatable(name: str) -> None:
    first, again, other = draw(name, 0), draw(name, 0), draw(name, 1)
    torch.manual_seed(1)
    u = first.inputs(16)
    assert u.shape[1] == 16
    with torch.no_grad():
        y = first.layer(u)
        assert torch.equal(y, again.layer(u))
    assert y.shape[:2] == u.shape[:2]
    assert torch.isfinite(y).all()
    assert other.lengths[-1] == 4 * other.lengths[0] == 2 * other.lengths[1]


def test_drawing_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    draw("delay", 0)
    assert torch.equal(before, torch.get_rng_state())


def test_unknown_kinds_are_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="did you mean 'delay'"):
        planted(draws=1, kinds=["delya"])


def test_failures_come_with_their_evidence() -> None:
    found = planted(draws=1, kinds=["delay", "zero"], length=LENGTH)
    pure = found["planted"][0]
    assert (pure["layers"], pure["draws"], pure["named rightly"]) == ("pure", 2, 1.0)
    assert found["confusion"] == [
        {"planted": "convolution", "convolution": 1, "none": 0},
        {"planted": "none", "convolution": 0, "none": 1},
    ]
    assert found["failures"] == []


@pytest.mark.parametrize("name", QUICK)
def test_quick_kinds_get_their_names(name: str) -> None:
    outcome = examine(draw(name, 0, LENGTH))
    assert outcome.right, outcome.line()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_kinds_get_their_names() -> None:
    pure, sums = planted()["planted"][:2]
    assert pure["draws"] >= 500
    assert pure["named rightly"] >= PURE
    assert sums["named rightly"] >= SUMS
