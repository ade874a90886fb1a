"""Poisson's equation: from the load on a string to its shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.operator.domain import Grid
from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch


@register
@dataclass(frozen=True)
class Poisson(Task):
    """-u'' = f on (0, 1) with u(0) = u(1) = 0: f at the middles of `length` cells goes in, u there comes out.

    f is a random series of `modes` sines and as many cosines with standard normal coefficients. u is the exact solution
    of the series, in closed form, not of its samples: the same functions at any length. f and u both have unit mean
    square over functions and space. u = int G(x, y) f(y) dy with G(x, y) = min(x, y) (1 - max(x, y)), up to that scale.
    Below 2 * modes points the samples of f do not determine f, and 1 is out of reach.
    """

    name = "poisson"
    summary = "The right-hand side f of -u'' = f on a grid goes in, the solution u with zero ends comes out."
    expects = (
        "Dense: the Green's function min(x, y) (1 - max(x, y)) is a fixed kernel without content, but not a function "
        "of x - y: the best single convolution scores 0.47; two in a row come closer, by way of their cut-off ends."
    )
    metric = "relative-accuracy"

    modes: int = 8
    steps: int = 1000

    def check_settings(self) -> None:
        if self.modes < 1:
            raise ValueError(f"task poisson: modes must be at least 1, got modes={self.modes}")

    @property
    def channels(self) -> int:
        return 1

    @property
    def outputs(self) -> int:
        return 1

    @property
    def chance(self) -> float:
        """u and -u are equally likely, and the norm is convex: the zero function is the best blind guess."""
        return 0.0

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        # Coefficients come before the grid: the same generator gives the same functions at any length.
        coefficients = rng.standard_normal((size, 2 * self.modes))
        loads, solutions = _series(self.modes, length)
        f, u = ((coefficients @ basis).astype(np.float32)[..., None] for basis in (loads, solutions))
        return Batch(torch.from_numpy(f), torch.from_numpy(u), domain=Grid(length, 1 / length))


@lru_cache(maxsize=64)
def _series(modes: int, length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Loads sin(k pi x), k = 1..modes, and cos(k pi x), k = 0..modes - 1, with their solutions: [2 modes, length] each.

    -u'' = sin(k pi x) is solved by sin(k pi x) / (k pi)^2; cos(k pi x) / (k pi)^2 needs a straight line that brings its
    ends, 1 and (-1)^k, to zero; the constant load gives x (1 - x) / 2.
    """
    x = (np.arange(length) + 0.5) / length
    rate = np.pi * np.arange(1, modes + 1)[:, None]
    sines, cosines = np.sin(rate * x), np.cos(rate[:-1] * x)
    line = 1 - x * (1 - np.cos(rate[:-1]))
    solutions = [sines / rate**2, x[None] * (1 - x) / 2, (cosines - line) / rate[:-1] ** 2]
    f_size, u_size = _root_mean_squares(modes)
    return np.concatenate([sines, np.ones((1, length)), cosines]) / f_size, np.concatenate(solutions) / u_size


def _root_mean_squares(modes: int) -> tuple[float, float]:
    """Of f and of u, over all functions and all of (0, 1): the integrals of the squared basis functions, summed."""
    k = np.arange(1, modes + 1)
    sines = 0.5 / (k * np.pi) ** 4
    k = k[:-1]
    # int (cos(k pi x) - 1)^2 = 3/2 at even k; int (cos(k pi x) - 1 + 2 x)^2 = 5/6 - 8 / (k pi)^2 at odd k.
    cosines = np.where(k % 2, 5 / 6 - 8 / (k * np.pi) ** 2, 3 / 2) / (k * np.pi) ** 4
    f_square = modes / 2 + 1 + (modes - 1) / 2
    return f_square**0.5, float(sines.sum() + 1 / 120 + cosines.sum()) ** 0.5
