"""`--data`: where the published data sets are."""

from __future__ import annotations

from pathlib import Path

from itnas.cli.options import Data

__all__ = ["Data", "use_data"]


def use_data(data: Path | None) -> None:
    """Have this process, and those that it starts, look there."""
    if data is not None:
        from itnas.datasets.location import set_root

        set_root(data)
