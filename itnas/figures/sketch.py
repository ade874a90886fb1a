"""The points of a figure as a picture that needs no library: there is something to see before a figure can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import tostring

import numpy as np
from numpy.typing import NDArray

from itnas.figures.markup import tag

if TYPE_CHECKING:
    import plotly.graph_objects as go

SIDE = 1_000  # of the picture, which is stretched to its place
PADS = 0.053, 0.07  # beyond the outermost points, across and up, of the picture: about what plotly leaves


class Cloud(NamedTuple):
    """The points of one trace, in the picture's coordinates, and how they look."""

    across: NDArray[np.int64]
    down: NDArray[np.int64]
    colour: str
    size: float


def prepare(figure: go.Figure) -> list[Cloud]:
    """Traces of finite points that share two axes; nothing where there are none."""
    points = [each for each in figure.data if each.type == "scatter" and each.mode == "markers"]
    traces = [each for each in points if each.x is not None and len(each.x)]
    if not traces:
        return []
    columns, rows = (
        _placed([np.asarray(each[axis], dtype=float) for each in traces], pad)
        for axis, pad in zip(("x", "y"), PADS, strict=True)
    )
    return [
        Cloud(across, SIDE - up, str(each.marker.color), float(each.marker.size))
        for each, across, up in zip(traces, columns, rows, strict=True)
    ]


def _placed(values: list[NDArray[Any]], pad: float) -> list[NDArray[np.int64]]:
    together = np.concatenate(values)
    low, width = together.min(), max(float(np.ptp(together)), 1e-12)
    shares = (pad + (1 - 2 * pad) * (each - low) / width for each in values)
    return [np.round(SIDE * share).astype(np.int64) for share in shares]


def draw(clouds: list[Cloud]) -> str:
    """An address that holds the picture. Each point is a line without length, whose round ends are seen."""
    paths = [
        tag(
            "path",
            d="".join(f"M{x} {y}h0" for x, y in zip(each.across, each.down, strict=True)),
            **{"stroke": each.colour, "stroke-width": f"{each.size:g}", "vector-effect": "non-scaling-stroke"},
        )
        for each in clouds
    ]
    picture = tag(
        "svg",
        *paths,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {SIDE} {SIDE}",
        preserveAspectRatio="none",
        fill="none",
        **{"stroke-linecap": "round"},
    )
    return f"data:image/svg+xml,{quote(tostring(picture), safe=' /:=')}"
