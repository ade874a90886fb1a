"""Into how many parts a batch is cut, so that what the backward pass keeps fits into memory."""

from __future__ import annotations

from pathlib import Path

import torch

from itnas.allowance import free_in_groups

# Share of the free memory for activations: gradients, the allocator and other processes need some too.
SHARE = 0.5


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


def ran_out(error: RuntimeError) -> bool:
    """Whether a step failed for want of memory."""
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
