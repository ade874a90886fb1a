"""The kernel atlas: pictures of kernels and of the evidence on them, each `prepare` (numbers) and `draw` (a figure)."""

from itnas.figures.kernels import (
    change,
    fidelity,
    growth,
    heatmap,
    profile,
    ranks,
    replaced,
    shares,
    spectrum,
    thumbnail,
)
from itnas.figures.kernels.entries import limit_of

__all__ = [
    "change",
    "fidelity",
    "growth",
    "heatmap",
    "limit_of",
    "profile",
    "ranks",
    "replaced",
    "shares",
    "spectrum",
    "thumbnail",
]
