"""Searching: proposer, driver, executors. `itnas.search(...)` runs a sweep: the package itself can be called."""

import sys
from types import ModuleType
from typing import Any


class _Search(ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """See `itnas.search.entry.run_search`."""
        from itnas.search.entry import search

        return search(*arguments, **settings)

    def resume(self, *arguments: Any, **settings: Any) -> Any:
        """See `itnas.search.entry.run_again`."""
        from itnas.search.entry import search

        return search.resume(*arguments, **settings)


sys.modules[__name__].__class__ = _Search
