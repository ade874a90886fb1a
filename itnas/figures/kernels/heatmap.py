"""One kernel: who takes how much from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from itnas.figures.kernels.entries import kept, labels, limit_of, some, square
from itnas.figures.palette import MUTED, SIGNS
from itnas.figures.theme import figure, nothing

if TYPE_CHECKING:
    import plotly.graph_objects as go

HOVER = "from point %{x} to point %{y}: %{z:.3g}<extra></extra>"
AXIS = {"nticks": 5, "showgrid": False, "showline": True, "mirror": True, "linecolor": MUTED, "constrain": "domain"}


class Heatmap(NamedTuple):
    """`limit`: the size at which colours are full. `points`: what rows and columns stand for."""

    kernel: NDArray[Any]
    points: NDArray[Any]
    limit: float
    remark: str


def prepare(kernel: ArrayLike | None, shown: ArrayLike | None = None, *, limit: float | None = None) -> Heatmap:
    """Of one head, [n, n]. `limit`: one that several kernels share (`limit_of`), else the kernel's own."""
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
    return Heatmap(found[np.ix_(rows, columns)], points, own, "; ".join(filter(None, said)))


def draw(info: Heatmap, *, scale: bool = True) -> go.Figure:
    """Rows are the points that look, columns those looked at; colours are centred on zero, which has none. `scale`:
    whether a bar beside it tells what colours mean."""
    if not info.kernel.size:
        return nothing("no kernel is kept of this head")
    x = AXIS | {"title": "from point"}
    y = AXIS | {"title": "to point", "autorange": "reversed", "scaleanchor": "x"}
    return figure([picture(info.kernel, info.points) | {"coloraxis": "coloraxis"}], x=x, y=y,
                  coloraxis=colours(info.limit, scale=scale))  # fmt: skip


def picture(kernel: NDArray[Any], points: NDArray[Any]) -> dict[str, Any]:
    """A trace. Kernels that are not square number their columns."""
    across = points if kernel.shape[1] == len(points) else np.arange(kernel.shape[1])
    return {"type": "heatmap", "z": kernel, "x": across, "y": points, "hovertemplate": HOVER}


def colours(limit: float, *, scale: bool = True) -> dict[str, Any]:
    """The colour axis of all that shares a limit."""
    bar = {"thickness": 10, "len": 0.9, "outlinewidth": 0, "tickvals": [-limit, 0, limit], "tickfont": {"size": 10},
           "ticktext": [f"-{limit:.2g}", "0", f"{limit:.2g}"]}  # fmt: skip
    return {"cmin": -limit, "cmax": limit, "colorscale": SIGNS, "showscale": scale, "colorbar": bar}
