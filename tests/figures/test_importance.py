"""Which genes matter: planted ones are found, noise stays at its chance level, intervals hold."""

import time

import numpy as np
import pandas as pd
import pytest

from itnas.figures import importance as figure_of
from itnas.figures.importance import explained, importance, sample
from tests.figures.test_gene_scores import AWKWARD, AWKWARD_GENES, many, sound, trials


def test_a_planted_gene_explains_what_was_planted() -> None:
    generator = np.random.default_rng(0)
    kind = generator.integers(2, size=4000)
    table = trials(4000, score=2.0 * kind + generator.normal(size=4000))  # variance 1 between, 1 within
    genes = pd.DataFrame({"noise": generator.random(4000), "kind": kind.astype(bool)}, index=range(4000))
    found = importance(table, genes)
    assert found["gene"].tolist() == ["kind", "noise"]
    planted, noise = found.to_dict("records")
    assert planted["importance"] == pytest.approx(0.5, abs=0.03)
    assert planted["low"] < planted["importance"] < planted["high"]
    assert planted["high"] - planted["low"] == pytest.approx(0.044, abs=0.015)
    assert noise["importance"] < 0.005
    assert planted["null"] < 0.005
    assert list(found.columns) == ["gene", "importance", "low", "high", "null", "trials"]


def test_intervals_hold_what_was_planted() -> None:
    generator = np.random.default_rng(1)
    held = []
    for _ in range(100):
        kind = generator.integers(2, size=120)
        score = 2.0 * kind + generator.normal(size=120)
        [row] = importance(trials(120, score=score), pd.DataFrame({"kind": kind == 1})).to_dict("records")
        held.append(row["low"] <= 0.5 <= row["high"])
    assert np.mean(held) >= 0.89


def test_it_equals_the_textbook() -> None:
    score = np.array([1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 4.0])
    genes = pd.DataFrame({"kind": list("aaabbbcc")}, index=range(8))
    between = 3 * (2 - 5) ** 2 + 3 * (7 - 5) ** 2 + 2 * (6.5 - 5) ** 2
    total = ((score - 5) ** 2).sum()
    wanted = (between - 2 * (total - between) / (8 - 3)) / total
    assert importance(trials(8, score=score), genes)["importance"][0] == pytest.approx(wanted)


def test_absence_is_a_value() -> None:
    genes = pd.DataFrame({"inner": [None, 3.0] * 20}, index=range(40))
    found = importance(trials(40, score=[0.0, 1.0] * 20), genes)
    assert found["importance"][0] == pytest.approx(1)
    assert found["trials"][0] == 20


def test_numbers_need_not_rise_evenly() -> None:
    width = np.linspace(0.001, 1, 500)
    score = np.abs(width - 0.5)  # no correlation at all
    found = importance(trials(500, score=score), pd.DataFrame({"width": width}, index=range(500)))
    assert found["importance"][0] > 0.7


def test_each_resample_equals_the_repeated_trials() -> None:
    generator = np.random.default_rng(0)
    score, members = generator.normal(size=30), np.eye(4)[generator.integers(4, size=30)]
    picks = generator.integers(30, size=(5, 30))
    weight = np.stack([np.bincount(own, minlength=30) for own in picks]).astype(float)
    fast = explained(sample(weight, score[None]), members)
    slow = [explained(sample(np.ones((1, 30)), score[own][None]), members[own])[0] for own in picks]
    np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_noise_passes_its_chance_level_one_time_in_twenty() -> None:
    generator = np.random.default_rng(5)
    names = np.array(list("abcde"))
    genes = pd.DataFrame({f"gene {place}": names[generator.integers(5, size=60)] for place in range(300)})
    found = importance(trials(60, score=generator.normal(size=60)), genes)
    assert 0.02 < (found["importance"] > found["null"]).mean() < 0.09
    # Resampling alone would lift all intervals off zero.
    assert (found["low"] == 0).mean() > 0.9


def test_a_name_per_trial_tells_nothing() -> None:
    genes = pd.DataFrame({"genome": [f"g{number}" for number in range(20)]}, index=range(20))
    assert importance(trials(20), genes)["importance"].tolist() == [0]


def test_fewer_than_eight_trials_and_specialists_tell_nothing() -> None:
    genes = pd.DataFrame({"kind": ["a", "b"] * 6}, index=range(12))
    table = trials(12, origin=["specialist"] * 5 + ["sampler"] * 7)
    assert importance(table, genes).empty
    info = figure_of.prepare(table, genes)
    assert info.genes == []
    assert info.remark == "7 complete trials besides the specialists, 8 are needed"
    assert figure_of.draw(info).layout.annotations[0].text == info.remark


def test_ten_thousand_trials_take_little_time() -> None:
    table, genes = many()
    start = time.process_time()
    info = figure_of.prepare(table, genes)
    # Half a second, on a machine that does nothing else and checks no types.
    assert time.process_time() - start < 5
    assert info.genes[:2] == ["kernel/kind", "kernel/width"]
    assert (info.low <= info.importance).all()
    assert (info.importance <= info.high).all()
    sound(figure_of.draw(info))
    again = figure_of.prepare(table, genes, importance(table, genes))
    np.testing.assert_array_equal(again.low, info.low)
    assert again.remark == info.remark


def test_bars_intervals_and_chance_levels() -> None:
    table, genes = many(500)
    figure = figure_of.draw(figure_of.prepare(table, genes))
    assert [trace.type for trace in figure.data] == ["bar", "scatter"]
    assert list(figure.layout.yaxis.ticktext)[:2] == ["kernel/kind", "kernel/width"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_tables(name: str) -> None:
    for genes in (AWKWARD_GENES, AWKWARD_GENES[:0], pd.DataFrame(index=range(12)), pd.DataFrame()):
        info = figure_of.prepare(AWKWARD[name], genes)
        assert np.isfinite(info.importance).all()
        sound(figure_of.draw(info))
