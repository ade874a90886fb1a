"""A tiny picture of a kernel, for pages that show hundreds: a PNG inside its own address, transparent where it is 0."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import ArrayLike

from itnas.figures.kernels.entries import kept, limit_of, square
from itnas.figures.palette import ADDS, TAKES

MOST = 64  # rows and columns
STEPS = 31  # of each colour: fewer sizes make smaller files, and nobody sees more in so little


def data_uri(kernel: ArrayLike | None, *, limit: float | None = None) -> str:
    """`data:image/png;base64,...` of one head's kernel, one pixel for each entry; where there are more than 64 rows,
    evenly spaced ones. `limit`: the size at which colours are full."""
    found = square(kernel)
    if not found.size:
        found = np.zeros((1, 1), np.float32)
    found = found[np.ix_(kept(found.shape[0], MOST), kept(found.shape[1], MOST))]
    full = limit if limit is not None and np.isfinite(limit) and limit > 0 else limit_of(found)
    levels = (np.clip(found / full, -1, 1) * STEPS).round().astype(np.int16) + STEPS
    return "data:image/png;base64," + base64.b64encode(_png(levels.astype(np.uint8))).decode()


def _png(levels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """A picture with a palette: level 0 takes most away, the middle one is transparent, the last adds most."""
    height, width = levels.shape
    # Each line starts with a byte that tells its filter: none.
    lines = np.hstack([np.zeros((height, 1), np.uint8), levels]).tobytes()
    palette = bytes(TAKES) * STEPS + bytes(ADDS) * (STEPS + 1)
    opacity = bytes(round(255 * abs(level - STEPS) / STEPS) for level in range(2 * STEPS + 1))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)  # 8 bits, colours from the palette
    parts = (
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"tRNS", opacity),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
