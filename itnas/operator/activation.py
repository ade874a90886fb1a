"""Activations of the kernel MLPs, and the output maps of factorised kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas.registry import Registry

Pointwise = Callable[[Tensor], Tensor]

ACTIVATIONS: Registry[Pointwise] = Registry("activation")
ACTIVATIONS.add("relu", torch.relu)
ACTIVATIONS.add("relu2", lambda z: torch.relu(z).square())
ACTIVATIONS.add("silu", F.silu)
ACTIVATIONS.add("gelu", F.gelu)
ACTIVATIONS.add("sin", torch.sin)

OUTPUT_MAPS: Registry[Pointwise] = Registry("output map")
OUTPUT_MAPS.add("identity", lambda z: z)
OUTPUT_MAPS.add("elu1", lambda z: F.elu(z) + 1)
OUTPUT_MAPS.add("softplus", F.softplus)
OUTPUT_MAPS.add("exp", torch.exp)
OUTPUT_MAPS.add("sigmoid", torch.sigmoid)
