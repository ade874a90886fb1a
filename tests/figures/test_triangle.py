"""The triangle of mechanisms, from planted fidelities."""

import numpy as np
import pandas as pd
import pytest

from itnas.figures import triangle


def _layers(*rows: tuple[float | None, ...], score: float = 0.5) -> pd.DataFrame:
    names = [f"fidelity_{family}" for family in triangle.CORNERS]
    return pd.DataFrame(
        [
            {"trial": number, "layer": 0, "score": score} | dict(zip(names, row, strict=True))
            for number, row in enumerate(rows)
        ]
    )


def test_what_only_one_can_stand_in_for_stands_in_its_corner() -> None:
    info = triangle.prepare(_layers((1.0, 0.0, 0.0), (0.0, 0.9, -0.4), (0.5, 0.5, None)))
    assert info.parts.tolist() == [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]]
    assert info.remark == ""


def test_what_none_can_stand_in_for_is_counted_not_placed() -> None:
    info = triangle.prepare(_layers((1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-1.0, None, 0.01)))
    assert info.trials.tolist() == [0]
    assert "2 layers" in info.remark


def test_of_very_many_the_best_and_a_sample_are_drawn() -> None:
    rows = _layers(*[(1.0, 0.5, 0.2)] * 9_000)
    rows["score"] = np.linspace(0, 1, len(rows))
    info = triangle.prepare(rows)
    assert triangle.MOST_POINTS * 0.9 < len(info.trials) <= triangle.MOST_POINTS
    assert set(range(8_000, 9_000)) <= set(info.trials.tolist())
    assert "of 9,000" in info.remark
    assert len(triangle.draw(info).to_json()) < 500_000


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_drawn_without_colour(score: float) -> None:
    figure = triangle.draw(triangle.prepare(_layers((1.0, 0.2, 0.0), score=score)))
    assert "Infinity" not in figure.to_json()
    assert len(figure.data[0].a) == 1


def test_nothing_examined_is_said() -> None:
    assert "no network" in triangle.draw(triangle.prepare(pd.DataFrame())).layout.annotations[0].text
