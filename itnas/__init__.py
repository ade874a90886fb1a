"""itnas: search over the learnable integral transform, and find out what its kernels became.

Names are loaded when first used, so that `import itnas` stays light.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from itnas.version import __version__

# A matrix product of MKL may round by where its factors lie in memory, so that a replica's numbers would depend on its
# place in the stack, as they do on AMD's processors. MKL asks for this once, before its first product.
os.environ.setdefault("MKL_CBWR", "AUTO")

if TYPE_CHECKING:
    from itnas import recover
    from itnas.behaviour import explain
    from itnas.entry import build, task, train
    from itnas.export.entry import export
    from itnas.export.load import load
    from itnas.genome import Genome
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
        Union,
        Window,
    )
    from itnas.run import Run
    from itnas.search.entry import search
    from itnas.space import Space
    from itnas.tasks import Batch, Task
    from itnas.training import Budget

__all__ = [
    "Batch",
    "Budget",
    "Cloud",
    "Domain",
    "FactorisedKernel",
    "Full",
    "Genome",
    "Graph",
    "Grid",
    "Importance",
    "IntegralTransform",
    "MLPKernel",
    "MonteCarlo",
    "Run",
    "Sequence",
    "Set",
    "Space",
    "Task",
    "Union",
    "Window",
    "__version__",
    "build",
    "explain",
    "export",
    "load",
    "recover",
    "search",
    "task",
    "train",
]

_HOME = {
    "Batch": "itnas.tasks",
    "Budget": "itnas.training",
    "Cloud": "itnas.operator",
    "Domain": "itnas.operator",
    "FactorisedKernel": "itnas.operator",
    "Full": "itnas.operator",
    "Genome": "itnas.genome",
    "Graph": "itnas.operator",
    "Grid": "itnas.operator",
    "Importance": "itnas.operator",
    "IntegralTransform": "itnas.operator",
    "MLPKernel": "itnas.operator",
    "MonteCarlo": "itnas.operator",
    "Run": "itnas.run",
    "Sequence": "itnas.operator",
    "Set": "itnas.operator",
    "Space": "itnas.space",
    "Task": "itnas.tasks",
    "Union": "itnas.operator",
    "Window": "itnas.operator",
    "build": "itnas.entry",
    "explain": "itnas.behaviour",
    "load": "itnas.export.load",
    "task": "itnas.entry",
    "train": "itnas.entry",
}
_PACKAGES = ("export", "recover", "search")  # `itnas.export` and `itnas.search` can also be called


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"itnas.{name}")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'itnas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
