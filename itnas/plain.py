"""Plain data, as JSON, YAML and tables take it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def finite(value: float) -> float | None:
    """The number; None where it is not one, or infinite: JSON has no word for those."""
    return value if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Mappings, lists, texts and finite numbers; paths as texts, None for what is no number."""
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value
