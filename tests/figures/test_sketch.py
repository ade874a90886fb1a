"""A figure's points as a picture that needs no library."""

from urllib.parse import unquote
from xml.etree import ElementTree

import pandas as pd

from itnas.figures import scores, sketch, theme


def _figure(values: list[float], origins: list[str]) -> object:
    trials = pd.DataFrame({"number": range(len(values)), "score": values, "origin": origins, "state": "complete"})
    return scores.draw(scores.prepare(trials))


def test_points_lie_where_the_figure_would_show_them() -> None:
    clouds = sketch.prepare(_figure([0.0, 1.0, 0.5], ["sampler", "sampler", "random"]))
    by_colour = {each.colour: each for each in clouds}
    sampled, drawn = (by_colour[theme.origin_colour(name)] for name in ("sampler", "random"))
    across, up = (round(sketch.SIDE * pad) for pad in sketch.PADS)
    assert sampled.across.tolist() == [across, sketch.SIDE // 2]
    assert sampled.down.tolist() == [sketch.SIDE - up, up]  # the better the higher
    assert (drawn.across.tolist(), drawn.down.tolist()) == ([sketch.SIDE - across], [sketch.SIDE // 2])


def test_equal_scores_are_no_division_by_nothing() -> None:
    (cloud,) = sketch.prepare(_figure([0.3], ["sampler"]))
    assert 0 <= cloud.down[0] <= sketch.SIDE


def test_a_picture_of_each_point() -> None:
    address = sketch.draw(sketch.prepare(_figure([0.1, 0.4, 0.2], ["sampler", "sampler", "random"])))
    kind, picture = unquote(address).split(",", 1)
    assert kind == "data:image/svg+xml"
    paths = ElementTree.fromstring(picture).findall("{http://www.w3.org/2000/svg}path")
    assert sorted(each.attrib["d"].count("M") for each in paths) == [1, 2]


def test_nothing_where_there_are_no_points() -> None:
    assert sketch.prepare(theme.nothing("no trial is complete yet")) == []
