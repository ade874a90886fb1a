"""Whether a file is an earlier export: no other file is replaced by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from itnas.export.documents import fingerprints
from itnas.files import read_document

Earlier = Callable[[Path], bool]


def beside(path: Path) -> Path:
    """Where it is told what is known of a file that cannot tell it itself."""
    return path.with_name(f"{path.name}.json")


def described(path: Path) -> bool:
    """The file beside it has its fingerprint: it is an export, and nobody has changed it."""
    found = _description(beside(path))
    return found is not None and found["files"] == fingerprints(path)


def describes(path: Path) -> bool:
    """The file is what an export writes beside its own, whether that one is still there or not."""
    return _description(path) is not None


def tells_its_origin(path: Path) -> bool:
    """The file is a genome's document that says where it comes from, as exports do."""
    try:
        told = read_document(path)
    except (OSError, ValueError):
        return False
    origin = told.get("provenance") if isinstance(told, dict) else None
    return isinstance(origin, dict) and {"itnas", "command"} <= origin.keys()


def _description(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(told, dict) and {"format", "genome", "compared", "files"} <= told.keys()
    return told if known and isinstance(told["files"], dict) and set(told["files"]) == {""} else None
