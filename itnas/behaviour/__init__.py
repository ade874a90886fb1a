"""What a trained layer became: replacements, fidelity, growth, null, verdict.

Names are loaded when first used: what networks agree on (`agreement.py`) can be told without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itnas.behaviour.cross_examine import explain
    from itnas.behaviour.explanation import Explanation, LayerVerdict
    from itnas.behaviour.thresholds import Thresholds

__all__ = ["Explanation", "LayerVerdict", "Thresholds", "explain"]

_HOME = {
    "Explanation": "explanation",
    "LayerVerdict": "explanation",
    "Thresholds": "thresholds",
    "explain": "cross_examine",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"itnas.behaviour.{_HOME[name]}"), name)
    raise AttributeError(f"module 'itnas.behaviour' has no attribute {name!r}")
