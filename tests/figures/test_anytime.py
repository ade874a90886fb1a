"""The best score so far: known answers, and the random arm against every order of its trials."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from itnas.figures import anytime
from tests.figures.test_gene_scores import AWKWARD, many, sound, trials


def test_the_sampler_as_it_happened() -> None:
    table = trials(
        6,
        state=["complete", "pruned", "complete", "running", "complete", "failed"],
        score=[0.5, 0.99, 0.4, None, 0.8, None],
        score_low=[0.4, None, 0.3, None, math.nan, None],
        finished=[3.0, 1.0, 2.0, None, 4.0, 5.0],
    )
    info = anytime.prepare(table, 0.1, 1.0)
    # The pruned trial ended first and counts, but not its score; the failed one was the last.
    assert info.sampler.ended.tolist() == [2, 3, 4, 5]
    assert info.sampler.best.tolist() == [0.4, 0.5, 0.8, 0.8]
    assert info.sampler.low.tolist() == [0.3, 0.4, 0.8, 0.8]
    assert info.sampler.trial.tolist() == [2, 0, 4, 4]
    assert (info.chance, info.ceiling) == (0.1, 1.0)
    assert "sampler: 5 ended trials, 2 of them without a score; random: 0 ended trials" in info.remark
    assert "what has no score counts as 0.1" in info.remark


@pytest.mark.parametrize("scores", [[0.3], [0.2, 0.9, 0.5, 0.5, math.nan, 0.7], [math.nan, 0.4, math.nan]])
def test_the_random_arm_equals_all_its_subsets(scores: list[float]) -> None:
    found = anytime.best_by_size(np.array(scores), floor=0.1)
    known = [0.1 if math.isnan(score) else score for score in scores]
    assert found.ended.tolist() == list(range(1, len(scores) + 1))
    for place, size in enumerate(found.ended.tolist()):
        best = [max(own) for own in itertools.combinations(known, size)]
        assert found.best[place] == pytest.approx(np.mean(best), abs=1e-12)
        assert found.low[place] == np.quantile(best, 0.025, method="inverted_cdf")
        assert found.high[place] == np.quantile(best, 0.975, method="inverted_cdf")


def test_many_random_trials_agree_with_draws() -> None:
    scores = np.random.default_rng(0).normal(size=3000)
    found = anytime.best_by_size(scores, floor=-9.0)
    assert len(found.ended) <= anytime.MOST_SIZES
    assert (found.ended[0], found.ended[-1]) == (1, 3000)
    assert found.best[0] == pytest.approx(scores.mean())
    assert found.best[-1] == found.low[-1] == found.high[-1] == scores.max()
    place = int(np.searchsorted(found.ended, 50))
    generator = np.random.default_rng(1)
    drawn = [generator.choice(scores, found.ended[place], replace=False).max() for _ in range(2000)]
    assert found.best[place] == pytest.approx(np.mean(drawn), abs=0.05)
    assert found.low[place] == pytest.approx(np.quantile(drawn, 0.025), abs=0.1)
    assert (np.diff(found.best) > -1e-9).all()


def test_pruned_random_trials_count_as_the_worst() -> None:
    table = trials(4, origin="random", state=["complete", "pruned", "complete", "failed"], score=[0.4, 0.9, 0.8, None])
    assert anytime.prepare(table).random.best[0] == pytest.approx((0.4 + 0.8 + 2 * 0.4) / 4)
    assert anytime.prepare(table, chance=0.2).random.best[0] == pytest.approx((0.4 + 0.8 + 2 * 0.2) / 4)


@pytest.mark.parametrize(("count", "step"), [(1, 1), (9, 1), (500, None)])
def test_few_trials_are_counted_in_whole_ones(count: int, step: int | None) -> None:
    assert anytime.draw(anytime.prepare(trials(count))).layout.xaxis.dtick == step


def test_a_level_per_specialist() -> None:
    table = trials(
        5,
        origin="specialist",
        name=["gru", "convnet", "gru", None, "lstm"],
        score=[0.5, 0.9, 0.6, 0.1, None],
        state=["complete"] * 4 + ["failed"],
    )
    info = anytime.prepare(table)
    assert info.specialists == [("convnet", 0.9, 1), ("gru", 0.6, 2), ("unnamed", 0.1, 3)]
    figure = anytime.draw(info)
    assert [note.text for note in figure.layout.annotations] == ["unnamed", "gru", "convnet"]


def test_names_of_equal_specialists_do_not_lie_on_one_another() -> None:
    table = trials(3, origin="specialist", name=["gru", "lstm", "convnet"], score=[0.8, 0.8, 0.2])
    heights = [note.y for note in anytime.draw(anytime.prepare(table)).layout.annotations]
    assert np.diff(heights).min() >= 0.029


def test_levels_that_are_no_numbers_are_not_drawn() -> None:
    info = anytime.prepare(trials(2), chance=math.nan, ceiling=math.inf)
    assert (info.chance, info.ceiling) == (None, None)
    assert not anytime.draw(info).layout.shapes


def test_the_lines_differ_in_more_than_colour_and_link_to_trials() -> None:
    table = trials(8, origin=["random", "sampler"] * 4)
    lines = [trace for trace in anytime.draw(anytime.prepare(table)).data if trace.showlegend is not False]
    assert [line.name for line in lines] == ["random arm, expected", "sampler"]
    assert lines[0].line.dash != lines[1].line.dash
    assert (lines[1].meta, lines[1].customdata[-1]) == ("trials", [7])


def test_ten_thousand_trials() -> None:
    sound(anytime.draw(anytime.prepare(many()[0], 0.0, 4.0)))


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_tables(name: str) -> None:
    for origin in ("specialist", "random", "sampler"):
        table: pd.DataFrame = AWKWARD[name]
        sound(anytime.draw(anytime.prepare(table.assign(origin=origin), 0.1, None)))
    sound(anytime.draw(anytime.prepare(AWKWARD[name], None, math.nan)))
