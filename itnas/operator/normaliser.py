"""What the sum over points is divided by.

With weights w_ij = M_ij mu_j every normaliser is  y_i = sum_j g(k_ij) w_ij v_j / Z_i  for some g and Z:

| name    | g        | Z_i                 |
|---------|----------|---------------------|
| none    | identity | 1                   |
| mean    | identity | sum_j w_ij          |
| sum     | identity | sum_j k_ij w_ij     |
| sigmoid | sigmoid  | 1                   |
| softmax | exp      | sum_j exp(k_ij) w_ij |

A point that sees nothing has Z_i = 0 and gets y_i = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from itnas.registry import Registry


class Rows(Protocol):
    """Which entries of k belong to one point i. Both results broadcast to the entries."""

    def total(self, entries: Tensor) -> Tensor: ...

    def top(self, entries: Tensor) -> Tensor: ...


class LastAxis:
    """A row is the last axis of k."""

    def total(self, entries: Tensor) -> Tensor:
        return entries.sum(-1, keepdim=True)

    def top(self, entries: Tensor) -> Tensor:
        return entries.amax(-1, keepdim=True) if entries.shape[-1] else entries.new_zeros(())


@dataclass(frozen=True)
class Normaliser:
    name: str
    link: Literal["identity", "sigmoid", "exp"]
    denominator: Literal["one", "weights", "numerators"]

    def numerators(self, k: Tensor, weights: Tensor | None, rows: Rows | None = None) -> Tensor:
        """g(k) w; `exp` is shifted by the largest visible k of its row, which Z then cancels."""
        if self.link == "sigmoid":
            k = torch.sigmoid(k)
        elif self.link == "exp":
            k = torch.exp(_shifted(k, weights, rows or LastAxis()))
        return k if weights is None else k * weights

    def normalise(self, k: Tensor, weights: Tensor | None, rows: Rows | None = None) -> Tensor:
        """The effective kernel g(k) w / Z for logits k [..., N, M] and weights broadcasting to them.

        A row is the last axis of k, unless `rows` says otherwise (then there are weights).
        """
        rows = rows or LastAxis()
        numerators = self.numerators(k, weights, rows)
        if self.denominator == "one":
            return numerators
        if self.denominator == "weights":
            visible = (
                torch.ones_like(k[..., :1, :]) if weights is None else weights.expand(*weights.shape[:-1], k.shape[-1])
            )
            return numerators * reciprocal(rows.total(visible))
        return numerators * reciprocal(rows.total(numerators))


def reciprocal(total: Tensor) -> Tensor:
    """1 / Z, and 0 where Z vanishes; a Z closer to 0 than the square root of tiny counts as vanished."""
    vanished = total.abs() < torch.finfo(total.dtype).tiny ** 0.5
    return torch.where(vanished, torch.zeros_like(total), 1 / torch.where(vanished, torch.ones_like(total), total))


def _shifted(k: Tensor, weights: Tensor | None, rows: Rows) -> Tensor:
    """k minus its largest visible entry, minus infinity where nothing is visible."""
    if weights is not None:
        k = k.masked_fill(weights == 0, -torch.inf)
    return k - rows.top(k.detach()).clamp_min(torch.finfo(k.dtype).min)


NORMALISERS: Registry[Normaliser] = Registry("normaliser")
for _entry in (
    Normaliser("none", "identity", "one"),
    Normaliser("mean", "identity", "weights"),
    Normaliser("sum", "identity", "numerators"),
    Normaliser("sigmoid", "sigmoid", "one"),
    Normaliser("softmax", "exp", "numerators"),
):
    NORMALISERS.add(_entry.name, _entry)
