"""Activations by their names."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def activate(name: str, z: Tensor) -> Tensor:
    if name == "relu":
        return torch.relu(z)
    if name == "relu2":
        return torch.relu(z).square()
    if name == "silu":
        return F.silu(z)
    if name == "gelu":
        return F.gelu(z)
    if name == "sin":
        return torch.sin(z)
    raise ValueError(f"unknown activation {name!r}")
