"""Byte by byte through the sources of the Python standard library."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from itnas.tasks.base import Task, register
from itnas.tasks.batch import Batch
from itnas.tasks.stream import SPLITS, generator

# Tests are left out for being repetitive, tables (codecs, help texts) for not being programs, the rest for not being
# part of the library.
_LEFT_OUT = ("test", "tests", "idle_test", "encodings", "pydoc_data", "site-packages", "dist-packages", "__pycache__")
_END = b"\0"  # no Python source holds it


@register
@dataclass(frozen=True)
class PythonBytes(Task):
    """Windows of `length` bytes from the .py files of this Python's standard library; each byte's target is the next.

    Files are the folder sysconfig.get_paths()["stdlib"] and its packages, in the order of their paths, without tests,
    codec tables, help texts, installed packages and _sysconfigdata (which says how Python was built). Equal files count
    once. A hash of a file's content names its split, 1 in 16 for validation and for test; a zero byte ends each file.
    Scores compare only where `fingerprint` agrees: the library differs from version to version.
    """

    name = "bytes"
    summary = "Bytes of Python source code go in, the next byte comes out at every place."
    expects = (
        "Mixed: local patterns (words, indentation) ask for a short causal convolution, repeated names for attention "
        "(induction: look up what followed the last time)."
    )
    metric = "compression"
    causal = True

    steps: int = 2000

    @property
    def vocabulary(self) -> int:
        return 256

    @property
    def outputs(self) -> int:
        return 256

    @property
    def chance(self) -> float:
        """Measured: what the distribution of single bytes saves on the text it was counted on."""
        return _unigram_score(library())

    @property
    def ceiling(self) -> None:
        """Nobody knows the entropy of programs."""
        return None

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that name the data."""
        return read_sources(library()).fingerprint

    def check_length(self, length: int) -> None:
        super().check_length(length)
        longest = min(len(text) for text in read_sources(library()).texts.values()) - 1
        if length > longest:
            raise ValueError(f"task bytes: windows are at most {longest} bytes long here, got length={length}")

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        return _windows(rng, read_sources(library()).texts["train"], size, length)

    def _distinct(self, split: str, key: tuple[object, ...], size: int, length: int) -> Batch:
        # Splits share no file, so nothing that was drawn need be dropped.
        return _windows(generator(*key), read_sources(library()).texts[split], size, length)


def _windows(rng: np.random.Generator, text: NDArray[np.uint8], size: int, length: int) -> Batch:
    starts = rng.integers(len(text) - length, size=(size, 1))
    window = torch.from_numpy(text[starts + np.arange(length + 1)].astype(np.int64))
    return Batch(window[:, :-1].contiguous(), window[:, 1:].contiguous())


@dataclass(frozen=True)
class Sources:
    """What was read: the text of each split, the files behind it, and a name for it all."""

    texts: dict[str, NDArray[np.uint8]]
    files: dict[str, tuple[str, ...]]  # paths relative to the folder
    fingerprint: str


def library() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


@lru_cache(maxsize=4)
def read_sources(folder: Path) -> Sources:
    """All sources below `folder`, by split. Some 10 MB in a tenth of a second; kept in memory."""
    seen: set[bytes] = set()
    texts: dict[str, list[bytes]] = {split: [] for split in SPLITS}
    files: dict[str, list[str]] = {split: [] for split in SPLITS}
    for path in _paths(folder):
        content = (folder / path).read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest in seen or not content:
            continue
        seen.add(digest)
        split = SPLITS[{0: 1, 1: 2}.get(digest[0] % 16, 0)]
        texts[split] += [content, _END]
        files[split].append(path)
    if not all(texts.values()):
        raise ValueError(f"task bytes: {folder} holds too few Python sources to learn from: this Python came without")
    return Sources(
        {split: np.frombuffer(b"".join(parts), dtype=np.uint8) for split, parts in texts.items()},
        {split: tuple(paths) for split, paths in files.items()},
        hashlib.sha256(b"".join(sorted(seen))).hexdigest()[:12],
    )


def _paths(folder: Path) -> list[str]:
    """The .py files below a folder, relative to it, in an order that does not depend on the file system."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        found += [
            Path(root, name).relative_to(folder).as_posix()
            for name in names
            if name.endswith(".py") and not name.startswith("_sysconfigdata")
        ]
    return sorted(found)


@lru_cache(maxsize=4)
def _unigram_score(folder: Path) -> float:
    counts: NDArray[Any] = np.bincount(read_sources(folder).texts["train"], minlength=256)
    share = counts[counts > 0] / counts.sum()
    return float(1 + (share * np.log2(share)).sum() / 8)
