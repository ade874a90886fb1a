"""Layers with known behaviour, drawn at random: what verdicts are tested against."""

from . import (  # noqa: F401  (each registers its kinds)
    attentions,
    convolutions,
    gated_recurrences,
    linear_recurrences,
    matrices,
    neighbours,
    nothing,
    recalls,
    sums,
)
from .base import KINDS, Kind, Planted, draw

__all__ = ["KINDS", "Kind", "Planted", "draw"]
