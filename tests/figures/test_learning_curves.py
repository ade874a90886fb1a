"""Learning curves as data, as a figure, and as files that people open."""

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest

from itnas.figures import learning_curves, write_figure
from itnas.figures.write import write_pictures

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def table(died: int | None = None, replicas: int = 2) -> pd.DataFrame:
    rows = [
        {
            "step": step,
            "seconds": step / 10,
            "replica": replica,
            "seed": 7 + replica // 2,
            "learning_rate": (0.003, 0.01)[replica % 2],
            "loss": math.nan if died is not None and replica == 1 and step > died else 1 / step,
            "score": step / 40 if step % 20 == 0 else math.nan,
            "alive": died is None or replica != 1 or step <= died,
        }
        for step in (10, 20, 30, 40)
        for replica in range(replicas)
    ]
    return pd.DataFrame(rows)


def test_curves_as_data() -> None:
    info = learning_curves.prepare(table(), chance=0.5, ceiling=1.0, title="parity")
    assert [(curve.seed, curve.learning_rate) for curve in info.curves] == [(7, 0.003), (7, 0.01)]
    assert info.curves[0].steps == [10, 20, 30, 40]
    assert info.curves[0].score_steps == [20, 40]
    assert info.curves[0].scores == [0.5, 1.0]
    assert info.curves[0].died is None


def test_a_dead_replicas_curve_ends_where_it_died() -> None:
    info = learning_curves.prepare(table(died=20), chance=0.5, ceiling=None, title="parity")
    assert info.curves[1].steps == [10, 20]
    assert info.curves[1].died == 20
    crosses = [trace for trace in learning_curves.draw(info).data if trace.mode == "markers"]
    assert [(list(cross.x), list(cross.y)) for cross in crosses] == [([20], [0.05])]


def test_the_figure_tells_rates_by_colour_and_seeds_by_dashes() -> None:
    figure = learning_curves.draw(learning_curves.prepare(table(replicas=6), chance=0.5, ceiling=1.0, title="parity"))
    scores = [trace for trace in figure.data if trace.showlegend is not False]
    assert len(scores) == 6
    assert len({trace.line.color for trace in scores}) == 2
    assert len({trace.line.dash for trace in scores}) == 3
    assert len({(trace.line.color, trace.line.dash) for trace in scores}) == 6
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5, 1.0]


def test_a_replica_that_died_at_once_has_no_curve() -> None:
    info = learning_curves.prepare(table(died=5), chance=0.5, ceiling=1.0, title="parity")
    assert info.curves[1].steps == []
    assert learning_curves.draw(info)


def test_a_page_holds_everything_it_needs(tmp_path: Path) -> None:
    figure = learning_curves.draw(learning_curves.prepare(table(), chance=0.5, ceiling=1.0, title="<b>&"))
    write_figure(figure, tmp_path / "deep" / "curves.html")
    page = (tmp_path / "deep" / "curves.html").read_text()
    assert "<script src=" not in page
    assert "Plotly.newPlot" in page


@pytest.mark.browser
@pytest.mark.parametrize(("ending", "starts"), [("png", b"\x89PNG"), ("svg", b"<svg")])
def test_pictures(tmp_path: Path, ending: str, starts: bytes) -> None:
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("no Chrome or Chromium on this machine, which draws PNG and SVG")
    figure = learning_curves.draw(learning_curves.prepare(table(), chance=0.5, ceiling=1.0, title="parity"))
    write_figure(figure, tmp_path / f"curves.{ending}")
    assert (tmp_path / f"curves.{ending}").read_bytes().startswith(starts)


@pytest.mark.browser
def test_a_figure_that_needs_more_room_has_it_in_files_too(tmp_path: Path) -> None:
    if not any(map(shutil.which, BROWSERS)):
        pytest.skip("no Chrome or Chromium on this machine, which draws PNG and SVG")
    figure = learning_curves.draw(learning_curves.prepare(table(), chance=0.5, ceiling=1.0, title="parity"))
    tall = type(figure)(figure).update_layout(height=700)
    write_figure(tall, tmp_path / "alone.svg")
    write_pictures({tmp_path / "plain.svg": figure, tmp_path / "tall.svg": tall})
    heights = {path.stem: path.read_text().split('height="')[1].split('"')[0] for path in tmp_path.iterdir()}
    assert heights == {"alone": "1400", "plain": "1040", "tall": "1400"}  # drawn at twice the size


def test_without_a_browser_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = learning_curves.draw(learning_curves.prepare(table(), chance=0.5, ceiling=1.0, title="parity"))

    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("\n\nKaleido requires Google Chrome to be installed.\n\nMore")

    monkeypatch.setattr(type(figure), "to_image", fail)
    with pytest.raises(ValueError, match="needs the package kaleido and a Chrome or Chromium browser") as caught:
        write_figure(figure, tmp_path / "curves.png")
    assert "or write .html (Kaleido requires Google Chrome to be installed.)" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
