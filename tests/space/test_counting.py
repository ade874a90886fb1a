"""Sizes and numbers of genomes, against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings

from itnas.space import Count, Space
from itnas.space.count import figure
from itnas.space.domains import Choice
from itnas.space.estimate import Class, draw, estimate
from itnas.space.space import genome_of
from tests.space.spaces import small


def hashes(space: Space) -> list[str]:
    return [space.genome(parameters).hash for parameters in space.enumerate()]


def estimated(space: Space, samples: int = 200) -> Count:
    number, low, high = estimate(
        space.root, space.names, lambda document: genome_of(document).hash, space.size() or 0, samples
    )
    return Count(number, False, low, high)


@given(small(500))
def test_size_and_count_are_those_of_brute_force(space: Space) -> None:
    found = list(space.enumerate())
    assert len(found) == space.size()
    assert len({tuple(each.items()) for each in found}) == len(found)
    number = len({space.genome(each).hash for each in found})
    assert space.genomes() == Count(number, True, number, number)


@given(small(400))
@settings(max_examples=15)
def test_the_estimate_agrees_with_brute_force(space: Space) -> None:
    count = estimated(space)
    number = len(set(hashes(space)))
    # Three half-widths: with 95 % intervals one in twenty spaces would fail otherwise.
    assert abs(count.number - number) <= 1.5 * (count.high - count.low) + 1


@given(small(400))
@settings(max_examples=15)
def test_what_hangs_on_a_choice_is_what_comes_and_goes_with_it(space: Space) -> None:
    """The choices that hold others are found in the tree; the slow way moves each one and looks."""
    member = draw(space.root, space.names, np.random.default_rng(0))
    found = Class(space.root, space.names, str, member)
    met = found._met(member).domains
    for name, domain in met.items():
        if isinstance(domain, Choice):
            moved = [found._moved(name, label).domains.keys() for label in domain.labels]
            assert found._hangs_on(name, domain, met) == any(keys != met.keys() for keys in moved)


@pytest.mark.parametrize("name", ["emergence", "rank", "geometry", "specialists"])
def test_the_estimate_agrees_on_shipped_spaces(name: str) -> None:
    space = Space.load(name)
    count, exact = estimated(space), space.genomes()
    assert exact.exact
    assert exact.number <= space.size()
    assert count.low <= exact.number <= count.high
    assert str(count).startswith("about ")


def test_planted_numbers() -> None:
    """Hidden width, activation and damping have no effect where nothing reads them."""
    text = """
    layers:
      kernel:
        kind: mlp
        layers: {choice: [0, 1]}
        hidden: {choice: [4, 8, 16]}
        features: {choice: [[content], [fourier]]}
        damped: {choice: [false, true]}
    """
    space = Space.parse(text)
    assert space.size() == 2 * 3 * 2 * 2
    assert space.genomes() == Count((1 + 3) * (1 + 2), True, 12, 12)


def test_branches_that_mean_the_same_are_one_genome() -> None:
    """`full` is what a quadrature is by default, and two options can say it."""
    text = "layers: {choice: [{heads: {choice: [1, 2]}}, {heads: {choice: [1, 2]}, quadrature: full}]}"
    space = Space.parse(text)
    assert (space.size(), space.genomes().number) == (4, 2)
    assert estimated(space).number == 2


def test_continuous_spaces_have_no_number() -> None:
    space = Space.parse("training: {weight_decay: {float: [0.0, 0.1]}}")
    assert space.size() is None
    assert space.genomes() == Count(None, False, None, None)
    assert str(space.genomes()) == "unbounded (continuous)"
    with pytest.raises(ValueError, match="continuous parameters: its assignments have no end"):
        space.enumerate()
    assert Space.parse("training: {weight_decay: {float: [0.1, 0.1]}}").size() == 1


def test_estimates_are_the_same_every_time() -> None:
    space = Space.load("kernels")
    assert space.genomes() == space.genomes()
    assert not space.genomes().exact


def test_wide_ranges_are_not_written_out() -> None:
    text = "layers: {kernel: {layers: {choice: [0, 1]}, hidden: {int: [1, 1000000000000]}}}"
    count = Space.parse(text).genomes()
    assert count.low <= 10**12 + 1 <= count.high


def test_a_space_of_one_point_stays_there() -> None:
    space = Space.parse("width: 32")
    assert (space.size(), list(space.enumerate()), space.mutate({}, np.random.default_rng(0))) == (1, [{}], {})


@pytest.mark.parametrize(
    ("number", "text"), [(7, "7"), (999, "999"), (12345, "12,000"), (999_999, "1,000,000"), (10**12, "1.0e12")]
)
def test_figures(number: int, text: str) -> None:
    assert figure(number) == text
