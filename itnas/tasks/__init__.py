"""Tasks: one per file. Adding a file with a registered class is all that a new one needs."""

from importlib import import_module
from pkgutil import iter_modules

from itnas.tasks.base import TASKS, Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.lookup import find
from itnas.tasks.stream import SPLITS

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")

__all__ = ["SPLITS", "TASKS", "Batch", "Task", "find", "register"]
