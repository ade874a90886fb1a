"""itnas: search over the learnable integral transform, and find out what its kernels became.

Names are loaded when first used, so that `import itnas` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from itnas import recover
    from itnas.operator import (
        Cloud,
        Domain,
        FactorisedKernel,
        Full,
        Graph,
        Grid,
        Importance,
        IntegralTransform,
        MLPKernel,
        MonteCarlo,
        Sequence,
        Set,
        Window,
    )

__all__ = [
    "Cloud",
    "Domain",
    "FactorisedKernel",
    "Full",
    "Graph",
    "Grid",
    "Importance",
    "IntegralTransform",
    "MLPKernel",
    "MonteCarlo",
    "Sequence",
    "Set",
    "Window",
    "__version__",
    "recover",
]

_HOME = {name: "itnas.operator" for name in __all__ if name not in ("__version__", "recover")}


def __getattr__(name: str) -> Any:
    if name == "recover":
        return import_module("itnas.recover")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'itnas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
