"""AdamW (Loshchilov & Hutter, arXiv 1711.05101) with a learning rate, a gradient norm and a fate per replica."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itnas.genes import Training

EPSILON = 1e-8


@dataclass(frozen=True)
class Rates:
    """What changes from step to step, as tensors, so that a captured step can be fed with them."""

    learning: Float[Tensor, " replicas"]
    correction1: Float[Tensor, ""]
    correction2: Float[Tensor, ""]


class StackedAdamW:
    """One optimiser for all rows of a matrix [R, P]; no row depends on another, bit for bit."""

    def __init__(self, flat: Tensor, decayed: Bool[Tensor, " parameters"], training: Training) -> None:
        self.training = training
        self.decayed = decayed.to(flat.dtype)
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)

    def rates(self, step: int, learning: Tensor) -> Rates:
        """The rates of step 0, 1, ... with the bias corrections of the running means."""
        beta1, beta2 = self.training.betas
        corrections = torch.tensor([1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)], device=learning.device)
        return Rates(learning, corrections[0], corrections[1])

    @torch.no_grad()
    def update(self, flat: Tensor, gradient: Tensor, rates: Rates, alive: Bool[Tensor, " replicas"]) -> None:
        """One step of the rows that are alive; the others stay as they are."""
        beta1, beta2 = self.training.betas
        living = alive.unsqueeze(1)
        gradient = torch.where(living, gradient, 0.0)
        learning = torch.where(alive, rates.learning, 0.0).unsqueeze(1)
        self.mean.lerp_(gradient, 1 - beta1)
        self.square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        scale = (self.square / rates.correction2).sqrt_().add_(EPSILON)
        if self.training.weight_decay:
            flat.mul_(1 - learning * (self.training.weight_decay * self.decayed))
        flat.addcdiv_(self.mean * (-learning / rates.correction1), scale)

    @torch.no_grad()
    def clipped(self, gradient: Tensor) -> tuple[Tensor, Float[Tensor, " replicas"]]:
        """The gradient with rows no longer than `clip`, and how long they were.

        Row by row: a joint reduction would add up in an order that depends on how many rows there are.
        """
        norms = torch.stack([torch.linalg.vector_norm(row) for row in gradient])
        if self.training.clip is None:
            return gradient, norms
        scale = (self.training.clip / (norms + 1e-6)).clamp_max(1.0)
        return gradient * scale.unsqueeze(1), norms
