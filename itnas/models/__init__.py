"""Models: encoder -> blocks -> readout, built from a genome; the specialists.

Names are loaded when first used: specialists are genomes, and to make one needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itnas.models.network import Network, build_network
    from itnas.models.specialists import DEFAULT_SPECIALISTS, specialist

__all__ = ["DEFAULT_SPECIALISTS", "Network", "build_network", "specialist"]

_HOME = {
    "Network": "network",
    "build_network": "network",
    "DEFAULT_SPECIALISTS": "specialists",
    "specialist": "specialists",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"itnas.models.{_HOME[name]}"), name)
    raise AttributeError(f"module 'itnas.models' has no attribute {name!r}")
