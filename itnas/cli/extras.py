"""Commands that need packages which not everybody installs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str, *packages: str) -> Iterator[None]:
    """Turn a missing package into what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in packages:
            raise
        raise ValueError(
            f"this command needs the package {error.name.split('.')[0]}: install it with pip install 'itnas[{extra}]'"
        ) from error
