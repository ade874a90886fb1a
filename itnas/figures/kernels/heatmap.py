"""One kernel: who takes how much from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import kept, labels, limit_of, some, square
from itnas.figures.palette import MUTED, SIGNS
from itnas.figures.text import plain
from itnas.figures.theme import figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

HOVER = "from point %{x} to point %{y}: %{z:.3g}<extra></extra>"
AXIS = {"nticks": 5, "showgrid": False, "showline": True, "mirror": True, "linecolor": MUTED, "constrain": "domain"}


class Heatmap(NamedTuple):
    """`limit`: the size at which colours are full. `points`: what rows and columns stand for. `parts`: where points are
    of several kinds, their names and the point behind the last one of each."""

    kernel: NDArray[Any]
    points: NDArray[Any]
    limit: float
    remark: str
    parts: tuple[tuple[str, int], ...] = ()


def prepare(
    kernel: ArrayLike | None, shown: ArrayLike | None = None, *, limit: float | None = None, parts: object = None
) -> Heatmap:
    """Of one head, [n, n]. `limit`: one that several kernels share (`limit_of`), else the kernel's own. `parts`: names
    and numbers of the kinds of points, as a description tells them; what is none of that is passed over."""
    found = square(kernel)
    rows, columns = kept(found.shape[0]), kept(found.shape[1])
    own = limit if limit is not None and np.isfinite(limit) and limit > 0 else limit_of(found)
    unknown = int(np.count_nonzero(~np.isfinite(np.asarray(kernel, float)))) if found.size else 0
    beyond = int(np.count_nonzero(np.abs(found) > own * (1 + 1e-6)))
    said = [
        some(len(rows), found.shape[0], "rows and columns, evenly spaced"),
        f"{unknown:,} entries that are no numbers are drawn as 0" if unknown else "",
        f"colours are full from ±{own:.2g} on: {beyond:,} of {found.size:,} entries lie beyond" if beyond else "",
    ]
    points = labels(shown, found.shape[0])[rows]
    return Heatmap(found[np.ix_(rows, columns)], points, own, "; ".join(filter(None, said)), _ends(parts))


def _ends(parts: object) -> tuple[tuple[str, int], ...]:
    """From how many there are of each kind to where each ends."""
    found: list[tuple[str, int]] = []
    end = 0
    for part in parts if isinstance(parts, (list, tuple)) else ():
        match part:
            case (str(name), int(size)) if size >= 0:
                end += size
                found.append((name, end))
            case _:
                return ()
    return tuple(found)


def draw(info: Heatmap) -> go.Figure:
    """Rows are the points that look, columns those looked at; colours are centred on zero, which has none."""
    if not info.kernel.size:
        return nothing("no kernel is kept of this head")
    named = _named(info.parts)
    x = AXIS | {"title": "from point"} | named
    y = AXIS | {"title": "to point", "autorange": "reversed", "scaleanchor": "x"} | named
    return figure([picture(info.kernel, info.points) | {"coloraxis": "coloraxis"}], x=x, y=y,
                  coloraxis=colours(info.limit), shapes=_borders(info.parts))  # fmt: skip


def _named(parts: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """Kinds of points by their names, in the middle of where they stand."""
    if not parts:
        return {}
    starts = (0, *(end for _, end in parts))
    middles = [(start + end - 1) / 2 for start, (_, end) in zip(starts, parts, strict=False)]
    return {"tickvals": middles, "ticktext": [plain(name, 14) for name, _ in parts], "ticks": ""}


def _borders(parts: tuple[tuple[str, int], ...]) -> list[dict[str, Any]]:
    """Lines between kinds of points, through rows and columns."""
    line = {"type": "line", "line": {"color": MUTED, "width": 1}}
    ends = [end - 0.5 for _, end in parts[:-1]]
    down = [line | {"x0": end, "x1": end, "y0": 0, "y1": 1, "yref": "y domain"} for end in ends]
    return down + [line | {"y0": end, "y1": end, "x0": 0, "x1": 1, "xref": "x domain"} for end in ends]


def picture(kernel: NDArray[Any], points: NDArray[Any]) -> dict[str, Any]:
    """A trace. Kernels that are not square number their columns."""
    across = points if kernel.shape[1] == len(points) else np.arange(kernel.shape[1])
    return {"type": "heatmap", "z": kernel, "x": across, "y": points, "hovertemplate": HOVER}


def colours(limit: float) -> dict[str, Any]:
    """The colour axis of all that shares a limit."""
    bar = {"thickness": 10, "len": 0.9, "outlinewidth": 0, "tickvals": [-limit, 0, limit], "tickfont": {"size": 10},
           "ticktext": [f"-{limit:.2g}", "0", f"{limit:.2g}"]}  # fmt: skip
    return {"cmin": -limit, "cmax": limit, "colorscale": SIGNS, "showscale": True, "colorbar": bar}
