"""Numbers of kernels as they are drawn: finite, not too many, and with a size at which colours are full."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LARGEST = 1e30  # what lies beyond is drawn as this: single precision and its squares must hold it
MOST_POINTS = 192  # rows and columns of one picture
FULL = 0.99  # share of the entries whose colours are not full


def finite(values: ArrayLike | None) -> NDArray[np.float32]:
    """0 in the place of what is no number."""
    given = np.zeros(0) if values is None else np.asarray(values, dtype=np.float64)
    clean = np.nan_to_num(given, nan=0.0, posinf=0.0, neginf=0.0).clip(-LARGEST, LARGEST)
    return np.asarray(clean, dtype=np.float32)


def square(kernel: ArrayLike | None) -> NDArray[np.float32]:
    """A kernel of one head [n, n]; empty, where there is none."""
    found = finite(kernel)
    return found if found.ndim == 2 and found.size else np.zeros((0, 0), np.float32)


def of_head(values: ArrayLike | None, head: int) -> NDArray[np.float32]:
    """One head's part of [H, ...]; empty, where there is none."""
    found = finite(values)
    return found[head] if found.ndim > 1 and 0 <= head < len(found) else np.zeros(0, np.float32)


def limit_of(*kernels: ArrayLike | None) -> float:
    """The size at which colours are full, of one kernel or of several that share it: what all but the largest hundredth
    of the entries stay within. The first row of a softmax is 1, and would pale the rest."""
    sizes = np.concatenate([np.zeros(0, np.float32), *(np.abs(finite(each)).ravel() for each in kernels)])
    sizes = sizes[sizes > 0]
    return float(max(np.quantile(sizes, FULL), sizes.max() / 10)) if sizes.size else 1.0


def kept(length: int, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Which of so many points are drawn: evenly spaced ones, where there are too many."""
    return np.linspace(0, length - 1, min(length, most)).round().astype(np.intp)


def labels(shown: ArrayLike | None, length: int) -> NDArray[Any]:
    """The points that rows and columns stand for: their own numbers, where these are not told, or do not fit."""
    found = finite(shown)
    return found if found.shape == (length,) else np.arange(length, dtype=np.float32)


def some(shown: int, count: int, noun: str) -> str:
    """A remark on what is left out; none, where nothing is."""
    return "" if shown >= count else f"{shown:,} of {count:,} {noun}"
