"""Scores of all trials, of which those are drawn that can be told apart."""

import numpy as np
import pandas as pd
import pytest

from itnas.figures import scores


def _trials(values: list[float], origin: str = "sampler") -> pd.DataFrame:
    return pd.DataFrame({"number": range(len(values)), "score": values, "origin": origin, "state": "complete"}).astype(
        {"score": "float64"}
    )


def test_the_best_so_far_rises_where_it_rises() -> None:
    info = scores.prepare(_trials([0.2, 0.1, 0.5, 0.5, 0.7]))
    assert info.best_trials.tolist() == [0, 2, 4]
    assert info.best_scores.tolist() == pytest.approx([0.2, 0.5, 0.7])
    assert info.remark == ""


def test_few_are_all_drawn_by_origin() -> None:
    both = pd.concat([_trials([0.1, 0.2]), _trials([0.3], "random").assign(number=2)])
    info = scores.prepare(both)
    assert {each.origin: each.trials.tolist() for each in info.points} == {"sampler": [0, 1], "random": [2]}


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_of_many_those_are_left_out_that_others_cover(count: int) -> None:
    chance = np.random.default_rng(0)
    info = scores.prepare(_trials(list(chance.normal(size=count))))
    drawn = sum(len(each.trials) for each in info.points)
    assert drawn <= scores.MOST_POINTS + len(info.best_trials)
    assert f"of {count:,} trials" in info.remark
    # Each point that is left out has one that is drawn near by.
    assert drawn > scores.MOST_POINTS / 4
    figure = scores.draw(info)
    assert len(figure.to_json()) < 200_000
    assert {trace.meta for trace in figure.data if trace.mode == "markers"} == {"trials"}


def test_extremes_are_always_drawn() -> None:
    values = [0.5] * 50_000
    values[12_345], values[40_000] = 0.9, 0.1
    info = scores.prepare(_trials(values))
    shown = {int(trial) for each in info.points for trial in each.trials}
    assert {12_345, 40_000} <= shown


def test_scores_that_are_no_numbers_are_counted() -> None:
    info = scores.prepare(_trials([0.5, float("inf"), float("nan"), float("-inf")]))
    assert sum(len(each.trials) for each in info.points) == 1
    assert "3 scores are no numbers" in info.remark


def test_nothing_complete_is_said() -> None:
    empty = _trials([])
    assert "no trial" in scores.draw(scores.prepare(empty)).layout.annotations[0].text


def test_customdata_are_lists_so_that_clicks_tell_the_trial() -> None:
    figure = scores.draw(scores.prepare(_trials([0.1, 0.2])))
    assert [list(each) for each in figure.data[1].customdata] == [[0], [1]]
