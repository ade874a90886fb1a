"""Points: where they are, what they weigh, and who may see whom."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Points(NamedTuple):
    """All that a layer knows of its points; what does not apply is None.

    Points of a regular line or grid have whole-numbered cells beside their positions, so that equal offsets are equal
    to the last bit: (index_i - index_j) * spacing.
    """

    index: Tensor | None = None  # type: ignore[assignment]  # cells, int64 [N, P]
    spacing: Tensor | None = None  # float64 [P]
    positions: Tensor | None = None  # float64 [B|1, N, P]
    weights: Tensor | None = None  # the measure of each point [B|1, N]; None: 1 each
    valid: Tensor | None = None  # bool [B|1, N], False at padding
    edges: Tensor | None = None  # [B|1, N, N], how much point i sees of point j; None: all points see each other


def offsets(points: Points) -> Tensor:
    """p_i - p_j, float64 [B|1, N, N, P]."""
    if points.index is not None and points.spacing is not None:
        return ((points.index.unsqueeze(1) - points.index) * points.spacing).unsqueeze(0)
    assert points.positions is not None, "these points have no places"
    return points.positions.unsqueeze(2) - points.positions.unsqueeze(1)


def separations(points: Points) -> Tensor:
    """How far apart two points are, float64 [B|1, N, N]: along the longest axis of a grid, else as the crow flies."""
    offset = offsets(points)
    if points.index is not None or offset.shape[-1] == 1:
        return offset.abs().amax(-1)
    distance: Tensor = torch.linalg.vector_norm(offset, dim=-1)
    return distance


def earlier(u: Tensor) -> Tensor:
    """Whether point j stands no later than point i, bool [N, N]."""
    step = torch.arange(u.shape[1], device=u.device)
    return step.unsqueeze(1) >= step


def without_padding(u: Tensor, valid: Tensor | None) -> Tensor:
    """Zero at padded points, whatever stood there."""
    return u if valid is None else u.masked_fill(~valid.unsqueeze(-1), 0.0)


def visible(u: Tensor, points: Points, *, causal: bool) -> Tensor | None:
    """Who sees whom, bool [B|1, 1, N, N]; None: all points, or all before where causal."""
    if points.valid is None and points.edges is None:
        return None
    sees = earlier(u) if causal else torch.ones_like(earlier(u))
    if points.valid is not None:
        sees = sees & points.valid[:, None, None]
    if points.edges is not None:
        sees = sees & (points.edges != 0).unsqueeze(1)
    return sees
