"""A figure as a file: a page that works offline, or a picture."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from itnas.files import write_atomically
from itnas.registry import check_choice

if TYPE_CHECKING:
    import plotly.graph_objects as go

FORMATS = ("html", "png", "svg")
NEEDED = (
    "needs the package kaleido and a Chrome or Chromium browser: install them (pip install 'itnas[plot]'; "
    "apt install chromium)"
)

WIDTH, HEIGHT = 900, 520


def write_figure(figure: go.Figure, path: Path) -> None:
    """Write the format that the name ends in."""
    ending = path.suffix.removeprefix(".")
    check_choice(f"ending of {path.name}", ending, FORMATS)
    if ending == "html":
        page = figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
        write_atomically(path, page.encode())
        return
    try:
        picture = figure.to_image(format=ending, width=WIDTH, height=_height(figure), scale=2)
    except (ImportError, ValueError, RuntimeError) as error:
        raise ValueError(f"drawing {path.name} {NEEDED}, or write .html ({_first_line(error)})") from error
    write_atomically(path, picture)


def write_pictures(figures: Mapping[Path, go.Figure]) -> None:
    """Many at once, as PNG or SVG by the ends of their names: a browser is started once for all of them."""
    from plotly.io import write_images

    drawn = list(figures.values())
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / f"{number}{path.suffix}" for number, path in enumerate(figures)]
        try:
            write_images(drawn, places, width=WIDTH, height=[_height(figure) for figure in drawn], scale=2)
        except (ImportError, ValueError, RuntimeError) as error:
            raise ValueError(f"drawing pictures {NEEDED} ({_first_line(error)})") from error
        for place, path in zip(places, figures, strict=True):
            write_atomically(path, place.read_bytes())


def _height(figure: go.Figure) -> int:
    """A figure that says how much room it needs has it."""
    return round(figure.layout.height or HEIGHT)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
