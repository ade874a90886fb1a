"""Into how many parts a batch is cut, so that what the backward pass keeps fits into memory."""

from __future__ import annotations

from pathlib import Path

import torch

# Share of the free memory for activations: gradients, the allocator and other processes need some too.
SHARE = 0.5
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


def free_memory(device: torch.device) -> float | None:
    """Bytes that can still be had; None where the system does not say."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    found = [_available()] if _available() is not None else []
    limit, used = _first_number(_LIMITS), _first_number(_USED)
    if limit is not None and used is not None:
        found.append(max(limit - used, 0.0))
    known = [amount for amount in found if amount is not None]
    return min(known) if known else None


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


def _first_number(paths: tuple[str, ...]) -> float | None:
    for path in paths:
        file = Path(path)
        if file.is_file() and (text := file.read_text().strip()).isdigit():
            return float(text)
    return None


def ran_out(error: RuntimeError) -> bool:
    """Whether a step failed for want of memory."""
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
