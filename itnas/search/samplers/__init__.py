"""Samplers: one per file, by name. Others come from the entry points `itnas.samplers`."""

from importlib import import_module
from pkgutil import iter_modules

from itnas.search.samplers.base import SAMPLERS, SamplerKind, sampler_kind

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

__all__ = ["SAMPLERS", "SamplerKind", "sampler_kind"]
