"""From a name to the file of a space."""

from __future__ import annotations

import os
from pathlib import Path

from itnas.registry import check_choice
from itnas.shipped import shipped

__all__ = ["find_space", "shipped"]


def find_space(name: str | Path) -> Path:
    """The file of a space: a shipped one by its name, or any by its path."""
    known = shipped()
    if isinstance(name, str) and name in known:
        return known[name]
    if "\0" in str(name):
        raise ValueError(f"{ascii(str(name))[:80]} holds a character that no file name holds")
    path = Path(name)
    names_a_file = isinstance(name, Path) or "/" in name or "\\" in name or path.suffix in (".yaml", ".yml", ".json")
    if not names_a_file and not os.path.lexists(str(name)[:255]):
        check_choice("search space (and no such file)", str(name)[:80], known)
    return path
