"""The search spaces that come with itnas: `search_spaces/` of the repository, and of the wheel."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    package = Path(__file__).parent
    inside = package / "search_spaces"
    return inside if inside.is_dir() else package.parent / "search_spaces"


def shipped() -> dict[str, Path]:
    """Names and files, in the order of the names."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}
