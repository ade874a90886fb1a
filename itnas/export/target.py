"""Where an export goes: it is whole or absent, and replaces nothing that nobody said it may."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itnas.files import sync_folder

ABOUT = "export.json"  # in every folder that is an export
HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def fresh(out: Path, *, folder: bool, force: bool) -> Iterator[Path]:
    """A path beside `out` to write to, with the same ending, which takes its place when all went well.

    The name holds the process's number: what a killed export left behind is swept by the next one to the same place.
    """
    check(out, folder=folder, force=force)
    made = _missing(out.parent)
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    temporary = out.with_name(f".{out.stem}.export-{os.getpid()}{out.suffix}")
    try:
        if folder:
            temporary.mkdir()
        yield temporary
        _settle(temporary)
        _place(temporary, out)
    except BaseException:
        _remove(temporary)
        for each in made:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
        raise


def check(out: Path, *, folder: bool, force: bool) -> None:
    """Refuse a place that is taken, or that only a mistake would name."""
    if not out.name or out.name == "..":
        raise ValueError(f"--out {out}: name a {'folder' if folder else 'file'} of its own")
    if out.is_symlink():
        raise ValueError(f"--out {out} is a link: name the place itself")
    if folder and out.is_dir():
        if not any(out.iterdir()):
            return
        if not force:
            raise ValueError(f"--out {out} exists: name another folder, or replace it with --force")
        if not (out / ABOUT).is_file():
            raise ValueError(
                f"--out {out} is no earlier export (it has no {ABOUT}), so it is not replaced: name another"
            )
    elif out.is_dir():
        raise ValueError(f"--out {out} is a folder: name a file")
    elif out.exists():
        if folder:
            raise ValueError(f"--out {out} is a file: name a folder")
        if not force:
            raise ValueError(f"--out {out} exists: name another file, or write over it with --force")


def _missing(parent: Path) -> list[Path]:
    """The folders that have to be made, the innermost first."""
    found = []
    while not parent.exists():
        found.append(parent)
        parent = parent.parent
    return found


def _sweep(out: Path) -> None:
    """Remove what processes that are no more left half-written; an old export that had stepped aside comes back."""
    left = re.compile(re.escape(f".{out.stem}.export-") + r"(\d+)" + re.escape(out.suffix) + "(-old)?")
    for each in list(out.parent.iterdir()):
        found = left.fullmatch(each.name)
        if not found or _alive(int(found[1])):
            continue
        if found[2] and not out.exists():
            os.rename(each, out)
        else:
            _remove(each)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process != os.getpid()


def _settle(path: Path) -> None:
    """Everything is on the disk before its name is."""
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        if each.is_dir():
            sync_folder(each)
        else:
            with each.open("rb") as file:
                os.fsync(file.fileno())


def _place(temporary: Path, out: Path) -> None:
    if not out.is_dir():
        os.replace(temporary, out)
    elif _exchanged(temporary, out):
        _remove(temporary)
    else:
        # Elsewhere a folder with something in it cannot be replaced in one step: the old one steps aside meanwhile.
        aside = temporary.with_name(f"{temporary.name}-old")
        os.rename(out, aside)
        try:
            os.rename(temporary, out)
        except BaseException:
            os.rename(aside, out)
            raise
        _remove(aside)
    sync_folder(out.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two names change places in one step, where the system can: Linux's renameat2."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
