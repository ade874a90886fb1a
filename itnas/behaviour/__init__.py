"""What a trained layer became: replacements, fidelity, growth, null, verdict."""

from itnas.behaviour.cross_examine import explain
from itnas.behaviour.explanation import Explanation, LayerVerdict
from itnas.behaviour.thresholds import Thresholds

__all__ = ["Explanation", "LayerVerdict", "Thresholds", "explain"]
