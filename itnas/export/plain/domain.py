"""Networks by where their points are. `inputs`: tokens, int64 [B, N], or numbers [B, N, channels].

Optional everywhere: `valid`, bool [B|1, N], False at padding; `weights`, [B|1, N], the measure of each point.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from itnas.export.plain.network import Network
from itnas.export.plain.points import Points


class SequenceNetwork(Network):
    """Points in a line, one step apart."""

    def forward(self, inputs: Tensor, valid: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
        index = cells(inputs)
        positions, spacing = index.double(), torch.ones(1, dtype=torch.float64, device=inputs.device)
        return self.outputs(inputs, Points(index, spacing, positions.unsqueeze(0), weights, valid))


class TimedSequenceNetwork(Network):
    """Points in a line at `times`, [B|1, N], which do not decrease."""

    def forward(
        self, inputs: Tensor, times: Tensor, valid: Tensor | None = None, weights: Tensor | None = None
    ) -> Tensor:
        return self.outputs(inputs, Points(positions=times.double().unsqueeze(-1), weights=weights, valid=valid))


class LineNetwork(Network):
    """Points in the middle of cells of a line, each as long as `spacing`, [1]: its weight."""

    def forward(self, inputs: Tensor, spacing: Tensor, valid: Tensor | None = None) -> Tensor:
        index, spacing = cells(inputs), spacing.double()
        positions, weights = (index + 0.5) * spacing, spacing.expand(index.shape[0])
        return self.outputs(inputs, Points(index, spacing, positions.unsqueeze(0), weights.unsqueeze(0), valid))


class GridNetwork(Network):
    """Points in the middle of cells of a grid, row by row; a cell's volume is its weight."""

    def __init__(
        self,
        *,
        shape: Sequence[int],
        spacing: Sequence[float],
        width: int,
        encoder: nn.Module,
        blocks: Sequence[nn.Module],
        readout: nn.Module,
        rounds: int = 1,
    ) -> None:
        super().__init__(width=width, encoder=encoder, blocks=blocks, readout=readout, rounds=rounds)
        self.shape, self.spacing = tuple(shape), tuple(spacing)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Tensor:
        index = torch.cartesian_prod(*(torch.arange(n, device=inputs.device) for n in self.shape))
        spacing = torch.tensor(self.spacing, dtype=torch.float64, device=inputs.device)
        positions, weights = (index + 0.5) * spacing, spacing.prod().expand(index.shape[0])
        return self.outputs(inputs, Points(index, spacing, positions.unsqueeze(0), weights.unsqueeze(0), valid))


class CloudNetwork(Network):
    """Points at `positions`, [B|1, N, P]."""

    def forward(
        self, inputs: Tensor, positions: Tensor, weights: Tensor | None = None, valid: Tensor | None = None
    ) -> Tensor:
        return self.outputs(inputs, Points(positions=positions.double(), weights=weights, valid=valid))


class SetNetwork(Network):
    """Points without places."""

    def forward(self, inputs: Tensor, valid: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
        return self.outputs(inputs, Points(weights=weights, valid=valid))


class GraphNetwork(Network):
    """Nodes of a graph: node i sees as much of node j as `edges`, [B|1, N, N], say; 0: nothing."""

    def forward(self, inputs: Tensor, edges: Tensor, valid: Tensor | None = None) -> Tensor:
        return self.outputs(inputs, Points(edges=edges, valid=valid))


def cells(inputs: Tensor) -> Tensor:
    """The number of each point along the line, int64 [N, 1]."""
    return torch.arange(inputs.shape[1], device=inputs.device).unsqueeze(1)
