"""Numbers as figures hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """In single precision, which is all that a screen can show; what is too large for that is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
