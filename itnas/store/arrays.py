"""Arrays of kept trials: `weights/` and `kernels/` beside run.db, whole or absent.

Everything is first written under a name that starts with a dot, synced, renamed; only then may a row tell of it. What
no row tells of is an orphan of a killed driver, and swept when the run is opened to write.

A run may have been made by a stranger: what its run.db says of places is checked before anything is read or removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from itnas.files import remove, sync_folder
from itnas.store.connect import RunError

KINDS = ("weights", "kernels")
PLACE = re.compile(rf"({'|'.join(KINDS)})/[0-9A-Za-z_-]+")


def placed(folder: Path, path: str) -> Path:
    """Where the arrays are that run.db names by `path`: `weights/12` or `kernels/12`, inside of the run's folder."""
    if not PLACE.fullmatch(str(path)) or not _inside(folder, folder / path):
        raise RunError(
            f"{folder}: run.db says that arrays are at {path!r}, and they can only be at weights/NAME or kernels/NAME "
            "inside of the run"
        )
    return folder / path


class Arrays:
    """The folders of arrays of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, path: str, files: Mapping[str, bytes]) -> int:
        """Write a folder of files at `weights/12`; the bytes it takes."""
        target = placed(self.folder, path)
        temporary = target.with_name(f".{target.name}.new")
        remove(temporary)
        try:
            temporary.mkdir(parents=True)
            for name, content in files.items():
                with open(temporary / name, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            sync_folder(temporary)
            remove(target)
            os.replace(temporary, target)
            sync_folder(target.parent)
        except BaseException:
            remove(temporary)
            raise
        return sum(map(len, files.values()))

    def drop(self, path: str) -> None:
        """Remove what no row tells of any more."""
        remove(placed(self.folder, path))

    def sweep(self, known: Iterable[str]) -> list[str]:
        """Remove orphans; what was removed."""
        kept, removed = set(known), []
        for kind in KINDS:
            if not _inside(self.folder, self.folder / kind):
                raise RunError(f"{self.folder}: {kind} is a link that leads out of the run: put a folder in its place")
            for path in sorted((self.folder / kind).glob("*")):
                name = f"{kind}/{path.name}"
                if name not in kept:
                    remove(path)
                    removed.append(name)
        return removed


def _inside(folder: Path, path: Path) -> bool:
    """Whether a path stays in a folder when all links are followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
