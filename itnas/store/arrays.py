"""Arrays of kept trials: `weights/` and `kernels/` beside run.db, whole or absent.

Everything is first written under a name that starts with a dot, synced, renamed; only then may a row tell of it. What
no row tells of is an orphan of a killed driver, and swept when the run is opened to write.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from itnas.files import sync_folder

KINDS = ("weights", "kernels")


class Arrays:
    """The folders of arrays of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, path: str, files: Mapping[str, bytes]) -> int:
        """Write a folder of files at `weights/12`; the bytes it takes."""
        target = self.folder / path
        temporary = target.with_name(f".{target.name}.new")
        _remove(temporary)
        try:
            temporary.mkdir(parents=True)
            for name, content in files.items():
                with open(temporary / name, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            sync_folder(temporary)
            _remove(target)
            os.replace(temporary, target)
            sync_folder(target.parent)
        except BaseException:
            _remove(temporary)
            raise
        return sum(map(len, files.values()))

    def drop(self, path: str) -> None:
        """Remove what no row tells of any more."""
        _remove(self.folder / path)

    def sweep(self, known: Iterable[str]) -> list[str]:
        """Remove orphans; what was removed."""
        kept, removed = set(known), []
        for kind in KINDS:
            for path in sorted((self.folder / kind).glob("*")):
                name = f"{kind}/{path.name}"
                if name not in kept:
                    _remove(path)
                    removed.append(name)
        return removed


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
