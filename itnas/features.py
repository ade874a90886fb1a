"""The pair features that a kernel may read, and the symmetries that follow from which of them it does."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal, get_args

Feature = Literal["offset", "fourier", "distance", "position", "content", "product", "clock", "modality"]
FEATURES: tuple[Feature, ...] = get_args(Feature)
Symmetry = Literal["translation", "euclidean", "permutation"]
SYMMETRIES: tuple[Symmetry, ...] = get_args(Symmetry)

# Content, product and modality do not look at places at all; of a union each part may be moved by itself.
_PLACELESS = frozenset({"content", "product", "modality"})
INVARIANT: dict[Symmetry, frozenset[str]] = {
    "translation": frozenset(FEATURES) - {"position"},
    "euclidean": _PLACELESS | {"distance"},
    "permutation": _PLACELESS,
}


def respected(features: Set[str]) -> frozenset[Symmetry]:
    """The groups that leave all these features alone."""
    return frozenset(group for group, invariant in INVARIANT.items() if features <= invariant)
