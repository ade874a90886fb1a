"""The classes that a blueprint can name: every torch module in `itnas.export.plain`, found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from torch import nn

from itnas.export import plain
from itnas.registry import Registry

PIECES: Registry[type[nn.Module]] = Registry("piece")
FILES: dict[str, Path] = {}  # where each module of the package is written

for _name in sorted(module.name for module in iter_modules(plain.__path__)):
    _module = import_module(f"{plain.__name__}.{_name}")
    assert _module.__file__ is not None
    FILES[_module.__name__] = Path(_module.__file__)
    for _class in vars(_module).values():
        if isinstance(_class, type) and issubclass(_class, nn.Module) and _class.__module__ == _module.__name__:
            PIECES.add(_class.__name__, _class)

Spec = dict[str, Any]  # {"piece": a class, and the arguments of its constructor}, some of which may be specs again


def built(spec: Any) -> Any:
    """What a spec describes: a module, a list of modules, or the plain value that it is."""
    if isinstance(spec, Mapping) and "piece" in spec:
        return PIECES[spec["piece"]](**{name: built(part) for name, part in spec.items() if name != "piece"})
    return [built(part) for part in spec] if isinstance(spec, (list, tuple)) else spec


def named(spec: Any) -> set[str]:
    """The classes that a spec names, its parts included."""
    if isinstance(spec, Mapping):
        own = {spec["piece"]} if "piece" in spec else set()
        return own.union(*(named(part) for part in spec.values()))
    return set[str]().union(*map(named, spec)) if isinstance(spec, (list, tuple)) else set()
