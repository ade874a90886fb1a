"""Taking a winner home. `itnas.export(...)` writes it: the package itself can be called."""

import sys
from types import ModuleType
from typing import Any


class _Export(ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """See `itnas.export.entry.export`."""
        from itnas.export.entry import export

        return export(*arguments, **settings)


sys.modules[__name__].__class__ = _Export
