"""Where an export goes: it is whole or absent, and replaces nothing that nobody said it may."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itnas.export.documents import MEASURED
from itnas.export.earlier import Earlier, beside, described, describes
from itnas.files import remove, sync_folder
from itnas.signals import alive
from itnas.store.connect import DATABASE

ABOUT = "export.json"  # in every folder that is an export
HERE, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def fresh(out: Path, *, folder: bool, force: bool, earlier: Earlier = described) -> Iterator[Path]:
    """A path beside `out` to write to, with the same ending, which takes its place when all went well. `earlier`: which
    files are earlier exports, which `force` lets go.

    Its name says whose it is: what a killed export left behind is swept by the next one to the same place.
    """
    check(out, folder=folder, force=force, earlier=earlier)
    made = _missing(out.parent)
    out.parent.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    temporary = out.with_name(f"{_stem(out)}{os.getpid()}-{secrets.token_hex(4)}{out.suffix}")
    try:
        if folder:
            temporary.mkdir()
        yield temporary
        _settle(temporary)
        check(out, folder=folder, force=force, earlier=earlier)  # minutes may have passed
        _place(temporary, out, force=force)
    except BaseException as error:
        remove(temporary)
        for each in made:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
        if isinstance(error, OSError) and str(error.filename) == str(temporary):
            # Nobody has heard of the temporary name.
            raise type(error)(error.errno, error.strerror, str(out)) from error
        raise


def check(out: Path, *, folder: bool, force: bool, earlier: Earlier = described) -> None:
    """Refuse a place that is taken, or that only a mistake would name."""
    if not out.name or out.name == "..":
        raise ValueError(f"--out {out}: name a {'folder' if folder else 'file'} of its own")
    if out.is_symlink():
        raise ValueError(f"--out {out} is a link: name the place itself")
    run = next((each for each in [out, *out.resolve().parents] if (each / DATABASE).exists()), None)
    if run is not None:
        raise ValueError(f"--out {out} lies in the run {run}, which keeps its folder to itself: name another place")
    if folder and out.is_dir():
        if any(out.iterdir()):
            _check_replaced(out, force=force)
    elif out.is_dir():
        raise ValueError(f"--out {out} is a folder: name a file")
    elif out.exists():
        if folder:
            raise ValueError(f"--out {out} is a file: name a folder")
        if not force:
            raise ValueError(f"--out {out} exists: name another file, or write over it with --force")
        if not earlier(out):
            raise ValueError(f"--out {out} is no earlier export, so it is not replaced: name another")


def check_beside(out: Path, *, force: bool) -> None:
    """Refuse a place whose neighbour is taken, which is to say what is known of it."""
    near = beside(out)
    if near.is_symlink() or near.is_dir() or (near.exists() and not describes(near)):
        raise ValueError(f"beside --out {out} lies {near}, which no export wrote, so it is not replaced: name another")
    if near.exists() and not force:
        raise ValueError(f"beside --out {out} lies {near}: name another file, or write over both with --force")


def _check_replaced(out: Path, *, force: bool) -> None:
    """Only what an export wrote, and nothing beside it, may go."""
    if not force:
        raise ValueError(f"--out {out} exists: name another folder, or replace it with --force")
    try:
        listed = set(json.loads((out / ABOUT).read_text(encoding="utf-8"))["files"]) | {ABOUT, MEASURED}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"--out {out} is no earlier export (it has no {ABOUT}), so it is not replaced: name another"
        ) from None
    others = [each for path in sorted(out.rglob("*")) if (each := path.relative_to(out).as_posix()) not in listed]
    kept = [each for each in others if not (out / each).is_dir() or (out / each).is_symlink()]
    if kept:
        raise ValueError(
            f"--out {out} also holds {kept[0]}, which no export wrote, so it is not replaced: name another"
        )


def _missing(parent: Path) -> list[Path]:
    """The folders that have to be made, the innermost first."""
    found = []
    while not parent.exists():
        found.append(parent)
        parent = parent.parent
    return found


def _stem(out: Path) -> str:
    """How the names of unfinished exports to this place begin, on this machine."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
    return f".{out.stem[:80]}.export-{host}-"


def _sweep(out: Path) -> None:
    """Remove what processes that are no more left half-written; an old export that had stepped aside comes back."""
    left = re.compile(re.escape(_stem(out)) + r"(\d+)-[0-9a-f]{8}" + re.escape(out.suffix) + "(-old)?")
    for each in list(out.parent.iterdir()):
        found = left.fullmatch(each.name)
        if not found or alive(int(found[1])):
            continue
        if found[2] and not out.exists():
            os.rename(each, out)
        else:
            remove(each)


def _settle(path: Path) -> None:
    """Everything is on the disk before its name is."""
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        if each.is_dir():
            sync_folder(each)
        else:
            with each.open("rb") as file:
                os.fsync(file.fileno())


def _place(temporary: Path, out: Path, *, force: bool) -> None:
    if not force:
        _place_anew(temporary, out)
    elif not out.is_dir():
        os.replace(temporary, out)
    elif _exchanged(temporary, out):
        remove(temporary)
    else:
        # Elsewhere a folder with something in it cannot be replaced in one step: the old one steps aside meanwhile.
        aside = temporary.with_name(f"{temporary.name}-old")
        os.rename(out, aside)
        try:
            os.rename(temporary, out)
        except BaseException:
            os.rename(aside, out)
            raise
        remove(aside)
    sync_folder(out.parent)


def _place_anew(temporary: Path, out: Path) -> None:
    """Whatever has come to the name meanwhile stays: a folder takes the place of an empty one only, a file of none."""
    try:
        if temporary.is_dir():
            os.rename(temporary, out)
            return
        try:
            os.link(temporary, out)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # a file system without hard links
            os.rename(temporary, out)
            return
        temporary.unlink()
    except OSError as error:
        if out.exists():
            raise ValueError(f"--out {out} has come to exist meanwhile: name another place, or use --force") from error
        raise


def _exchanged(one: Path, other: Path) -> bool:
    """Let two names change places in one step, where the system can: Linux's renameat2."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0
