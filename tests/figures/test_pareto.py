"""Score against cost: the front against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from itnas.figures import pareto
from tests.figures.test_gene_scores import AWKWARD, many, sound, trials


def test_the_front_as_data() -> None:
    table = trials(
        6,
        parameters=[10, 20, 20, 30, 30, 5],
        score=[0.5, 0.7, 0.6, 0.7, 0.9, 0.99],
        origin=["random", "sampler", "sampler", "specialist", "sampler", "sampler"],
        state=["complete"] * 5 + ["pruned"],
    )
    info = pareto.prepare(table, "parameters")
    assert info.front.trial.tolist() == [0, 1, 4]
    assert info.front.cost.tolist() == [10, 20, 30]
    assert {points.origin: points.trial.tolist() for points in info.points} == {
        "specialist": [3],
        "random": [0],
        "sampler": [1, 2, 4],
    }
    assert info.remark == "5 complete trials, 3 of them on the front"


@given(some.lists(some.tuples(some.integers(0, 4), some.integers(0, 4)), max_size=12))
def test_nothing_beats_the_front(pairs: list[tuple[int, int]]) -> None:
    cost, score = np.array(pairs, dtype=float).reshape(-1, 2).T
    beaten = [any(c <= own and s >= best and (c, s) != (own, best) for c, s in pairs) for own, best in pairs]
    assert pareto.undominated(cost, score).tolist() == [not each for each in beaten]


def test_wide_positive_costs_have_a_logarithmic_axis() -> None:
    assert pareto.prepare(trials(3, flops=[1.0, 2.0, 21.0]), "flops").log
    assert not pareto.prepare(trials(3, flops=[1.0, 2.0, 19.0]), "flops").log
    assert not pareto.prepare(trials(3, flops=[0.0, 2.0, 21.0]), "flops").log
    assert pareto.draw(pareto.prepare(trials(2, seconds=[1.0, 99.0]), "seconds")).layout.xaxis.type == "log"


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown cost 'flop'.*did you mean 'flops'"):
        pareto.prepare(trials(2), "flop")


def test_what_has_no_cost_is_counted() -> None:
    info = pareto.prepare(trials(3, parameters=[None, 2, float("inf")]))
    assert "2 without a score or parameters left out" in info.remark


def test_beyond_some_points_the_front_is_kept_whole() -> None:
    table = many()[0]
    info = pareto.prepare(table)
    shown = {trial for points in info.points for trial in points.trial.tolist()}
    assert len(shown) == pareto.MOST_POINTS
    assert set(info.front.trial.tolist()) <= shown
    assert f"{pareto.MOST_POINTS} points drawn" in info.remark
    shuffled = pareto.prepare(table.sample(frac=1, random_state=0))
    assert shown == {trial for points in shuffled.points for trial in points.trial.tolist()}


def test_ten_thousand_trials_even_if_all_are_on_the_front() -> None:
    sound(pareto.draw(pareto.prepare(many()[0])))
    info = pareto.prepare(trials(10_000))
    assert len(info.front.trial) == 10_000
    sound(pareto.draw(info))


def test_origins_differ_in_symbol_and_link_to_trials() -> None:
    table = trials(4, origin=["random", "sampler", "specialist", "unheard-of"])
    figure = pareto.draw(pareto.prepare(table))
    assert [trace.name for trace in figure.data] == ["other", "sampler", "random", "specialist", "front"]
    assert len({trace.marker.symbol for trace in figure.data}) == 5
    assert {trace.meta for trace in figure.data} == {"trials"}
    assert list(figure.data[3].customdata) == [[2]]
    assert figure.data[-1].line.shape == "hv"


@pytest.mark.parametrize("cost", pareto.COSTS)
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_tables(name: str, cost: str) -> None:
    sound(pareto.draw(pareto.prepare(AWKWARD[name], cost)))
