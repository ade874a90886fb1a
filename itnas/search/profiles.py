"""Settings under a name: `itnas search --profile demo`."""

from __future__ import annotations

from typing import Any

from itnas.registry import check_choice

PROFILES: dict[str, dict[str, Any]] = {
    "default": {},
    # Minutes on two cores: short samples, one specialist per family.
    "demo": {
        "trials": 8,
        "replicas": 2,
        "steps": 250,
        "length": 32,
        "specialists": ["convnet", "transformer", "gru"],
        "rungs": 5,
        "confirm": 1,
        "confirm_replicas": 3,
        "copies": 2,
    },
    # A first look: half an hour for a task on two cores.
    "quick": {"trials": 24, "replicas": 2, "confirm": 2, "confirm_replicas": 3},
    # What is to be published.
    "thorough": {"trials": 200, "replicas": 3, "confirm": 5, "confirm_replicas": 5},
}


def profile(name: str) -> dict[str, Any]:
    """The settings of that name; what is not among them stands at its default."""
    check_choice("profile", name, PROFILES)
    return dict(PROFILES[name])
