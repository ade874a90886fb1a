"""A training step recorded once as a CUDA graph and replayed: small networks wait for launches, not for kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import torch
from torch import Tensor

from itnas.training.data import StackedBatch
from itnas.training.optimiser import Rates

Advance = Callable[[StackedBatch, Tensor, Rates], Tensor]
WARM_UP = 3


class CapturedStep:
    """Runs `advance` as it is for a few steps, then records one and replays it with new data in the old places."""

    def __init__(self, advance: Advance) -> None:
        self.advance = advance
        self.eager_steps = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.places: tuple[StackedBatch, Tensor, Rates] | None = None
        self.losses: Tensor | None = None

    def __call__(self, batch: StackedBatch, step: Tensor, rates: Rates) -> Tensor:
        if self.eager_steps < WARM_UP:
            self.eager_steps += 1
            # Capture demands a warm-up on a stream of its own.
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                losses = self.advance(batch, step, rates)
            torch.cuda.current_stream().wait_stream(stream)
            return losses
        if self.graph is None:
            self.places = (batch, step, rates)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.losses = self.advance(batch, step, rates)
        assert self.places is not None
        assert self.losses is not None
        for place, value in zip(_tensors(*self.places), _tensors(batch, step, rates), strict=True):
            if place is not value:
                place.copy_(value)
        self.graph.replay()
        return self.losses.clone()


def _tensors(batch: StackedBatch, step: Tensor, rates: Rates) -> list[Tensor]:
    """Everything that changes from step to step, in a fixed order."""
    held = [batch.inputs, batch.targets, batch.total, *([] if batch.mask is None else [batch.mask])]
    held += [batch.placed[name] for name in sorted(batch.placed)]
    return [*held, step, *(getattr(rates, field.name) for field in fields(rates))]
