"""Which points the integral visits. This changes the function; how it is computed is the plan's business.

The sampled quadratures estimate  sum_j M_ij mu_j k_ij v_j  without bias: a point that is in the sample with
probability pi_j counts 1 / pi_j times (Horvitz & Thompson, 1952). One sample serves a tile of neighbouring queries.
Under the normalisers `sum` and `softmax` the estimate is a ratio of two unbiased ones: its bias is O(1 / samples).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Full:
    """Every point."""


@dataclass(frozen=True)
class Window:
    """Compact support: the points closer than `width`.

    Distances are in units of position: the largest difference along any axis on sequences and grids (so
    abs(i - j) < width on a regular sequence), Euclidean on clouds.
    """

    width: float

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ValueError(f"a Window's width must be positive, got width={self.width}")


@dataclass(frozen=True)
class MonteCarlo:
    """`samples` points drawn uniformly without replacement for each tile of `tile` queries."""

    samples: int
    tile: int = 16

    def __post_init__(self) -> None:
        _check_counts(self.samples, self.tile)


@dataclass(frozen=True)
class Importance:
    """Every point closer than `near`, exactly, and about `samples` of the others in proportion to their weight.

    The proposal is the kernel's size at the tile's middle query times the value's length, mixed with a share `uniform`
    of the uniform distribution. Systematic sampling turns it into a sample with exact inclusion probabilities.
    """

    samples: int
    near: float = 8.0
    uniform: float = 0.25
    tile: int = 16

    def __post_init__(self) -> None:
        _check_counts(self.samples, self.tile)
        if self.near < 0:
            raise ValueError(f"near must not be negative, got near={self.near}")
        if not 0 < self.uniform <= 1:
            raise ValueError(
                f"uniform must lie in (0, 1], got uniform={self.uniform}: "
                "without a uniform share some points could never be drawn, and the estimate would be biased"
            )


Quadrature = Full | Window | MonteCarlo | Importance


def _check_counts(samples: int, tile: int) -> None:
    if samples < 1 or tile < 1:
        raise ValueError(f"samples and tile must be at least 1, got samples={samples}, tile={tile}")


def as_quadrature(quadrature: Quadrature | str) -> Quadrature:
    """Accept "full" for `Full()`; the others need a number and are given as objects."""
    if isinstance(quadrature, (Full, Window, MonteCarlo, Importance)):
        return quadrature
    if quadrature == "full":
        return Full()
    needs = {"window": "Window(width)", "monte_carlo": "MonteCarlo(samples)", "importance": "Importance(samples)"}
    if quadrature in needs:
        raise ValueError(f"quadrature {quadrature!r} needs a size: pass itnas.{needs[quadrature]}")
    raise ValueError(
        f"unknown quadrature {quadrature!r}: choose 'full', itnas.Window, itnas.MonteCarlo or itnas.Importance"
    )
