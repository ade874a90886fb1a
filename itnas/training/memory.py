"""Memory of training steps: parts of a batch that fit into it, and what is freed kept for the next step."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

import torch

from itnas.allowance import free_in_groups

# Share of the free memory for activations: gradients, the allocator and other processes need some too.
SHARE = 0.5
# Bytes that the C library keeps when they are freed, and from which on a block is the system's at once: glibc itself
# goes up to as much for the latter.
KEPT, LARGE = 512 * 2**20, 32 * 2**20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


def free_memory(device: torch.device) -> float | None:
    """Bytes that can still be had; None where the system does not say."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    known = [amount for amount in (_available(), free_in_groups()) if amount is not None]
    return min(known, default=None)


def parts_needed(needed: float, free: float | None, most: int) -> int:
    """How many parts of a batch whose activations take `needed` bytes fit into `free` ones, at most `most`."""
    if free is None:
        return 1
    return max(1, min(most, -int(-needed // max(SHARE * free, 1.0))))


def _available() -> float | None:
    info = Path("/proc/meminfo")
    if not info.is_file():
        return None
    for line in info.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return None


@cache
def keep_freed() -> None:
    """Let this process keep what a step frees, for the next one.

    By default glibc hands a few freed MB back to the system, which gives them again page by page, zeroed: a tenth of
    the time of a small network's step. Who has set glibc's own variables has decided otherwise.
    """
    decided = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if decided or not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, KEPT)
