"""Arrays that take long to make, kept on disk: decoded images, points drawn from meshes.

An entry is a file named by what it was made of (path, size, time of change) and how. It begins with a checksum: what is
damaged is made again. Entries are written under another name and renamed, so that processes can share a cache. Once it
is as large as allowed, nothing more is kept: of samples in random order, any others would be as useful.

`ITNAS_CACHE` names the folder (by default `.cache` beside the data sets; `none` switches the cache off), and
`ITNAS_CACHE_GB` the most it may take (16).
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import sys
import threading
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itnas.datasets.location import VARIABLE as DATA
from itnas.datasets.location import root

VARIABLE, LIMIT = "ITNAS_CACHE", "ITNAS_CACHE_GB"
PASSED_ON = (DATA, VARIABLE, LIMIT)
FOLDER, GIGABYTES = ".cache", 16.0
OFF = ("none", "off", "0")

Array = NDArray[Any]


class ArrayCache:
    """Arrays under keys in a folder of at most about `limit` bytes.

    Several processes may fill it at once; each looks at what others have added after it used up an eighth of the room
    that it saw.
    """

    def __init__(self, folder: Path, limit: float) -> None:
        self.folder, self.limit = folder, limit
        self._lock = threading.Lock()
        self._held: float | None = None  # bytes, when last looked at
        self._added = 0

    def get(self, path: Path, kind: str, make: Callable[[], Array]) -> Array:
        """What `make` makes of a file: from the cache, or made now and kept. `kind` says how it is made."""
        entry = self._entry(path, kind)
        if entry is None:
            return make()
        kept = _read(entry)
        if kept is not None:
            return kept
        made = make()
        self._keep(entry, made)
        return made

    def _entry(self, path: Path, kind: str) -> Path | None:
        try:
            about = path.stat()
        except OSError:
            return None  # to be told of by who makes the array
        key = f"{os.path.abspath(path)}\0{about.st_size}\0{about.st_mtime_ns}\0{kind}"
        digest = hashlib.sha256(os.fsencode(key)).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:34]}.array"

    def _keep(self, entry: Path, made: Array) -> None:
        content = _packed(made)
        if not self._has_room(len(content)):
            return
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            # Not by `tempfile`, whose files nobody else may read.
            temporary = entry.with_name(f".{secrets.token_hex(8)}")
            try:
                with temporary.open("xb") as file:
                    file.write(content)
                os.replace(temporary, entry)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._give_up(error)

    def _has_room(self, size: int) -> bool:
        with self._lock:
            if self._held is None or self._added > max(self.limit - self._held, 0.0) / 8:
                self._held, self._added = _size_of(self.folder), 0
            if self._held + self._added + size > self.limit:
                return False
            self._added += size
            return True

    def _give_up(self, error: OSError) -> None:
        """A cache that cannot be written is done without: the folder may be one that only others may write."""
        with self._lock:
            if self.limit:
                sys.stderr.write(f"itnas: {self.folder} cannot be written ({error.strerror}): going on without it\n")
            self.limit, self._held = 0.0, 0.0


class NoCache(ArrayCache):
    """Makes every array anew."""

    def __init__(self) -> None:
        super().__init__(Path(), 0.0)

    def get(self, path: Path, kind: str, make: Callable[[], Array]) -> Array:
        return make()


def the_cache() -> ArrayCache:
    """The cache that the environment names."""
    named = os.environ.get(VARIABLE, "")
    beside = root()
    if named.lower() in OFF or (not named and beside is None):
        return _opened(None, 0.0)
    return _opened(Path(os.path.abspath(named)) if named or beside is None else beside / FOLDER, _limit())


@lru_cache(maxsize=8)
def _opened(folder: Path | None, limit: float) -> ArrayCache:
    return NoCache() if folder is None else ArrayCache(folder, limit)


def passed_on() -> dict[str, str]:
    """What of the environment other processes need, on this machine or another, to find data sets and cache.

    Relative paths are made absolute, here too: workers run in other folders.
    """
    for name in (DATA, VARIABLE):
        named = os.environ.get(name, "")
        if named and named.lower() not in OFF:
            os.environ[name] = os.path.abspath(named)
    return {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}


def _limit() -> float:
    text = os.environ.get(LIMIT, "") or str(GIGABYTES)
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise ValueError(f"{LIMIT} must be a number of gigabytes from 0 up, got {text!r}")
    return gigabytes * 1e9


def _packed(array: Array) -> bytes:
    """A checksum, then the array as NumPy writes it."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    content = file.getvalue()
    return zlib.crc32(content).to_bytes(4, "little") + content


def _read(entry: Path) -> Array | None:
    """What is kept; None where nothing is, or where it is damaged."""
    try:
        content = entry.read_bytes()
    except OSError:
        return None
    if len(content) < 4 or zlib.crc32(memoryview(content)[4:]) != int.from_bytes(content[:4], "little"):
        return None
    try:
        array: Array = np.load(io.BytesIO(content[4:]), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    return array


def _size_of(folder: Path) -> float:
    """Bytes in the files of a folder and of those in it."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue  # renamed or deleted by another process just now
    return float(total)
