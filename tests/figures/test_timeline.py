"""What each worker did when, as data and as bars."""

import numpy as np
import pytest

from itnas.figures import timeline
from tests.figures.test_gene_scores import AWKWARD, many, sound, trials


def test_one_segment_per_trial() -> None:
    table = trials(
        4,
        worker=["w10", "w2", "w2", None],
        state=["complete", "pruned", "running", "failed"],
        started=[1000.0, 1000.0, 1060.0, 1120.0],
        finished=[1120.0, 1030.0, None, 1120.0],
    )
    info = timeline.prepare(table, now=1120.0)
    assert info.workers == ["unknown", "w2", "w10"]
    assert (info.unit, info.span) == ("minutes", 2.0)
    found = {own.state: (own.lane.tolist(), own.start.tolist(), own.length.tolist()) for own in info.segments}
    assert found == {
        "complete": ([2], [0.0], [2.0]),
        "pruned": ([1], [0.0], [0.5]),
        "failed": ([0], [2.0], [0.0]),
        "running": ([1], [1.0], [1.0]),
    }
    assert info.busy == pytest.approx((2 + 1.5 + 0) / 6)
    assert "4 trials on 3 workers, which had work 58 % of the time" in info.remark


def test_long_sweeps_are_told_in_hours() -> None:
    info = timeline.prepare(trials(1, started=[0.0], finished=[4 * 3600.0]))
    assert (info.unit, info.span, info.busy) == ("hours", 4.0, 1.0)


def test_without_now_what_runs_runs_to_the_last_known_time() -> None:
    table = trials(2, state=["running", "complete"], started=[0.0, 0.0], finished=[None, 60.0])
    assert timeline.prepare(table).segments[1].length.tolist() == [1.0]


def test_trials_that_overlap_on_a_worker_keep_it_busy_once() -> None:
    table = trials(3, started=[0.0, 10.0, 50.0], finished=[40.0, 20.0, 100.0])
    assert timeline.prepare(table).busy == pytest.approx(0.9)


def test_clocks_that_differ_give_no_negative_lengths() -> None:
    info = timeline.prepare(trials(2, started=[10.0, 0.0], finished=[5.0, 20.0]))
    assert info.segments[0].length.tolist() == [0.0, pytest.approx(1 / 3)]


def test_beyond_1500_trials_bars_are_shares_of_time() -> None:
    count = 2000
    steps = np.arange(count // 2, dtype=float)
    # The first worker is busy all the time, the second half of each second.
    table = trials(
        count,
        worker=["a"] * (count // 2) + ["b"] * (count // 2),
        started=np.concatenate((steps, steps)),
        finished=np.concatenate((steps + 1, steps + 0.5)),
        state=["complete", "pruned"] * (count // 2),
    )
    info = timeline.prepare(table)
    assert info.share is not None
    assert info.share.shape == (2, timeline.MOST_BINS)
    np.testing.assert_allclose(info.share[0], 1)
    np.testing.assert_allclose(info.share[1], 0.5, atol=0.03)
    assert info.busy == pytest.approx(0.75, abs=0.001)
    assert "bars are shares of 100 equal times of 10 s, not single trials" in info.remark
    complete, pruned = info.segments
    assert [own.state for own in info.segments] == ["complete", "pruned"]
    # Of each bin, the pruned part follows the complete one.
    np.testing.assert_allclose(complete.start[:100] + complete.length[:100], pruned.start[:100])
    total = sum(own.length.sum() for own in info.segments)
    assert total == pytest.approx(info.busy * 2 * info.span)
    assert {trace.meta for trace in timeline.draw(info).data} == {None}


def test_states_differ_in_colour_and_pattern() -> None:
    table = trials(4, state=["complete", "pruned", "failed", "running"])
    bars = timeline.draw(timeline.prepare(table)).data
    assert [bar.name for bar in bars] == ["complete", "pruned", "failed", "running"]
    assert len({bar.marker.color for bar in bars}) == 4
    assert len({bar.marker.pattern.shape for bar in bars}) == 4
    assert [bar.customdata[0][0] for bar in bars] == [0, 1, 2, 3]
    assert {bar.meta for bar in bars} == {"trials"}


@pytest.mark.parametrize("workers", [1, 12, 1000])
def test_ten_thousand_trials(workers: int) -> None:
    table = many()[0].assign(worker=[f"node-{number % workers}" for number in range(10_000)])
    info = timeline.prepare(table)
    assert len(info.workers) == min(workers, timeline.MOST_WORKERS)
    assert 0 < info.busy <= 1
    sound(timeline.draw(info))


def test_infeasible_trials_kept_nobody_busy() -> None:
    info = timeline.prepare(trials(2, state=["infeasible", "complete"]))
    assert sum(len(own.lane) for own in info.segments) == 1


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_tables(name: str) -> None:
    for now in (None, 1.8e9, 0.0, float("nan")):
        info = timeline.prepare(AWKWARD[name], now)
        assert 0 <= info.busy <= 1
        sound(timeline.draw(info))
