"""The families of replacements, one file each."""

from itnas.behaviour.replacements import (  # noqa: F401  (each registers its families)
    attention,
    convolution,
    dense,
    local,
    none,
    pointwise,
    recurrence,
    sums,
)
from itnas.behaviour.replacements.base import FAMILIES, Replacement

__all__ = ["FAMILIES", "Replacement"]
