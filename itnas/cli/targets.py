"""Files that a command is to write: what could not be written is said before the work, not after it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from itnas.cli.listing import check_suffix


def check_target(option: str, path: Path | None, endings: Sequence[str] = ()) -> None:
    """Refuse a file that cannot be written, or whose ending says no format that there is."""
    if path is None:
        return
    if endings:
        check_suffix(path.name, endings)
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder: name a file")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise ValueError(f"{option} {path} lies below a file: name another place")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise ValueError(f"{option} {path} cannot be written ({error.strerror}): name another place") from error
