"""Numbers as JSON and tables take them."""

from __future__ import annotations

import math


def finite(value: float) -> float | None:
    """The number; None where it is not one, or infinite."""
    return value if math.isfinite(value) else None
