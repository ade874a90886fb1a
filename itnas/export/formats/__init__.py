"""The forms of export, one per file."""

from importlib import import_module
from pkgutil import iter_modules

from itnas.export.formats.base import FORMATS, Form, Format, RunFormat, register

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

__all__ = ["FORMATS", "Form", "Format", "RunFormat", "register"]
