"""Files and folders that a command is to write: what could not be written is said before the work, not after it."""

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
    _check_room(option, path, path.parent)


def check_folder(option: str, path: Path | None) -> None:
    """Refuse a folder in which nothing can be written."""
    if path is None:
        return
    if path.exists() and not path.is_dir():
        raise ValueError(f"{option} {path} is a file: name a folder")
    _check_room(option, path, path)


def _check_room(option: str, path: Path, folder: Path) -> None:
    """`folder`: where something is to be written, there or still to be made."""
    own = folder.absolute()
    there = next(each for each in (own, *own.parents) if each.exists())
    if not there.is_dir():
        raise ValueError(f"{option} {path} lies below a file: name another place")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise ValueError(f"{option} {path} cannot be written ({error.strerror}): name another place") from error
