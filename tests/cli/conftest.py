"""The small sweep of the tests beside these."""

from tests.cli_search.conftest import swept

__all__ = ["swept"]
