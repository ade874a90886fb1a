"""Parallel coordinates as data, and as lines of every class."""

import numpy as np
import pandas as pd
import pytest

from itnas.figures import parallel
from itnas.figures.importance import importance
from tests.figures.test_gene_scores import AWKWARD, AWKWARD_GENES, HOSTILE, many, sound, trials


def genes(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": ["conv", "scan", "attention", "conv"] * (count // 4),
            "width": [4.0, 8.0, None, 6.0] * (count // 4),
            "rate": np.geomspace(0.001, 1, count),
        },
        index=range(count),
    )


def test_where_lines_cross() -> None:
    info = parallel.prepare(trials(4, score=[0.1, 1.1, 2.1, 4.1]), genes(4))
    assert [axis.name for axis in info.axes] == ["kind", "width", "rate", "score"]
    assert info.trial.tolist() == [3, 2, 1, 0]
    kind, width, rate, score = info.height[::-1].T
    np.testing.assert_allclose(kind, [0.5, 1, 0, 0.5], atol=0.031)
    np.testing.assert_allclose(width[[0, 1, 3]], [0, 1, 0.5])
    assert width[2] == pytest.approx(parallel.ABSENT_LANE, abs=0.021)
    # By ratio, as it spans more than 20 times.
    np.testing.assert_allclose(rate, [0, 1 / 3, 2 / 3, 1], atol=1e-6)
    np.testing.assert_allclose(score, [0, 0.25, 0.5, 1], atol=1e-6)


def test_ticks() -> None:
    kind, width, rate, score = parallel.prepare(trials(40), genes(40)).axes
    assert (kind.ticks, kind.labels) == ([0, 0.5, 1], ["attention", "conv", "scan"])
    assert (width.ticks, width.labels) == ([0, 0.5, 1], ["4", "6", "8"])
    np.testing.assert_allclose(rate.ticks, [0, 0.25, 0.5, 0.75, 1], atol=1e-12)
    assert (rate.labels[0], rate.labels[-1]) == ("0.001", "1")
    assert len(score.ticks) == 5


def test_booleans_and_numbers_in_one_column_are_names() -> None:
    own = pd.DataFrame({"switch": [True, False], "mixed": [1, "auto"]}, index=range(2))
    axes = parallel.prepare(trials(2), own).axes
    assert [axis.labels for axis in axes[:2]] == [["False", "True"], ["1", "auto"]]


def test_many_names_do_not_all_have_a_tick() -> None:
    own = pd.DataFrame({"name": [f"name-{number:03}" for number in range(100)]}, index=range(100))
    axis = parallel.prepare(trials(100), own).axes[0]
    assert len(axis.ticks) == parallel.MOST_TICKS
    assert (axis.labels[0], axis.labels[-1]) == ("name-000", "name-099")


def test_eight_classes_the_worst_first() -> None:
    info = parallel.prepare(trials(80), genes(80))
    assert np.bincount(info.group).tolist() == [10] * 8
    assert info.spans[0] == (0.0, pytest.approx(9 / 80))
    lines = [trace for trace in parallel.draw(info).data if trace.meta == "trials"]
    assert [line.line.color for line in lines] == list(parallel.CLASSES)
    assert [float(line.name.split()[0]) for line in lines] == sorted(float(line.name.split()[0]) for line in lines)
    # One vertex per axis and one gap, for each of the class's trials.
    assert [len(line.customdata) for line in lines] == [10 * 5] * 8
    assert {number for [number] in lines[-1].customdata} == set(range(70, 80))


def test_equal_scores_share_a_class() -> None:
    info = parallel.prepare(trials(40, score=[0.1] * 30 + [0.9] * 10), genes(40))
    assert info.spans == [(0.1, 0.1), (0.9, 0.9)]
    assert sorted(info.group.tolist()) == [0] * 30 + [1] * 10


def test_the_best_are_drawn_and_the_most_important_genes() -> None:
    table, own = many()
    info = parallel.prepare(table, own, importance(table, own))
    assert len(info.trial) == parallel.MOST_TRIALS
    best = table[table["state"] == "complete"].nlargest(parallel.MOST_BEST, "score")["number"]
    assert set(best) <= set(info.trial.tolist())
    assert len(info.axes) == parallel.MOST_AXES + 1
    assert [axis.name for axis in info.axes[:2]] == ["kernel/kind", "kernel/width"]
    assert "the best 200 of" in info.remark
    assert "12 of 20 genes, in order of importance" in info.remark
    assert "12 of 20 genes, as they come" in parallel.prepare(table, own).remark
    assert len(parallel.draw(info).data) == 10
    sound(parallel.draw(info))


def test_genes_that_never_vary_have_no_axis() -> None:
    own = genes(8).assign(same="always")
    info = parallel.prepare(trials(8), own)
    assert [axis.name for axis in info.axes] == ["kind", "width", "rate", "score"]
    assert "3 of 4 genes, as they come; 1 never vary" in info.remark


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_tables(name: str) -> None:
    for own in (AWKWARD_GENES, AWKWARD_GENES[:0], pd.DataFrame(index=range(12)), pd.DataFrame()):
        sound(parallel.draw(parallel.prepare(AWKWARD[name], own)))
        ranking = importance(AWKWARD[name], own)
        sound(parallel.draw(parallel.prepare(AWKWARD[name], own, ranking)))


def test_hostile_names_are_only_text() -> None:
    figure = parallel.draw(parallel.prepare(trials(12), AWKWARD_GENES))
    assert "&lt;img src=x onerr" in sound(figure)
    assert HOSTILE[0] not in figure.layout.xaxis.ticktext


def test_each_axis_has_room_however_many_genes_there_are() -> None:
    assert [parallel.width(count) for count in (0, 3, 500)] == [80, 320, 80 * (parallel.MOST_AXES + 1)]
