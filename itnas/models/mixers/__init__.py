"""Mixers: the integral transform, and the classical layers that it is compared with. One kind per file."""

from importlib import import_module
from pkgutil import iter_modules

from itnas.models.mixers.base import MIXERS, Mixer, Placement

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

__all__ = ["MIXERS", "Mixer", "Placement"]
