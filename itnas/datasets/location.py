"""Where the published data sets are on this machine, what of them is missing, and where it is obtained.

`ITNAS_DATA` names the root, a folder with one folder per set: `imagenet-1k`, `glue`, `modelnet40`, `vqa-v2`, `nlvr2`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from itnas.datasets import glue, imagenet, modelnet, nlvr2, vqa
from itnas.registry import Registry

VARIABLE = "ITNAS_DATA"


@dataclass(frozen=True)
class Location:
    """One set: names that its folder in the root may have, what of it is not in a folder, and where to get it."""

    name: str
    folders: tuple[str, ...]
    missing: Callable[[Path], list[str]]
    obtained: str

    def folder(self, root: Path) -> Path:
        """Where it is; where it should be if it is nowhere."""
        places = [root / name for name in self.folders]
        return next((place for place in places if place.is_dir()), places[0])


def _missing_vqa(folder: Path) -> list[str]:
    return [name for split in vqa.WITH_ANSWERS for name in vqa.missing(folder, split)]


def _missing_glue(name: str, folder: Path) -> list[str]:
    return glue.missing(folder, name)


LOCATIONS: Registry[Location] = Registry("published data set")

for _set in (
    Location("imagenet-1k", ("imagenet-1k",), imagenet.missing, imagenet.OBTAINED),
    *(
        Location(f"glue/{name}", ("glue", "GLUE", "glue_data"), partial(_missing_glue, name), each.obtained)
        for name, each in glue.GLUE.items()
    ),
    Location("modelnet40", ("modelnet40", modelnet.UNPACKED), modelnet.missing, modelnet.OBTAINED),
    Location("vqa-v2", ("vqa-v2",), _missing_vqa, f"get them from {vqa.SOURCE}"),
    Location("nlvr2", ("nlvr2",), nlvr2.missing, nlvr2.OBTAINED),
):
    LOCATIONS.add(_set.name, _set)


def set_root(folder: Path) -> None:
    """Have this process, and those that it starts, look for data sets in a folder."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: name the one that holds the published data sets")
    os.environ[VARIABLE] = str(folder.resolve())


def root() -> Path | None:
    """The folder of all sets; None where nobody has named one."""
    named = os.environ.get(VARIABLE, "")
    return Path(os.path.abspath(named)) if named else None


def lacking(name: str) -> str | None:
    """What is missing of a set, where it was looked for, and where it is obtained; None where nothing is missing."""
    here, found = LOCATIONS[name], root()
    if found is None:
        return f"no folder of data sets is named (--data DIR, or {VARIABLE}): {here.obtained}"
    folder = here.folder(found)
    names = here.missing(folder)
    return f"{folder} lacks {_some(names)}: {here.obtained}" if names else None


def located(name: str) -> Path:
    """The folder of a set; ValueError where something of it is missing."""
    return _located(name, root())


# Asked for with every sample; what is missing is looked for again.
@lru_cache(maxsize=64)
def _located(name: str, found: Path | None) -> Path:
    said = lacking(name)
    if said is not None or found is None:
        raise ValueError(f"task {name}: {said}")
    return LOCATIONS[name].folder(found)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
