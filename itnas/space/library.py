"""The spaces that come with itnas: `search_spaces/` of the repository, and of the wheel."""

from __future__ import annotations

from pathlib import Path

import itnas
from itnas.registry import check_choice


def folder() -> Path:
    package = Path(itnas.__file__).parent
    inside = package / "search_spaces"
    return inside if inside.is_dir() else package.parent / "search_spaces"


def shipped() -> dict[str, Path]:
    """Names and files, in the order of the names."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}


def find(name: str | Path) -> Path:
    """The file of a space: a shipped one by its name, or any by its path."""
    known = shipped()
    if isinstance(name, str) and name in known:
        return known[name]
    path = Path(name)
    names_a_file = isinstance(name, Path) or "/" in name or "\\" in name or path.suffix in (".yaml", ".yml", ".json")
    if not names_a_file and not path.is_file():
        check_choice("search space (and no such file)", str(name)[:80], known)
    return path
