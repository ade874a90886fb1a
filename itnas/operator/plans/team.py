"""Compiled workers on torch's own threads.

numba's parallel loops bring a thread pool of their own. Torch's OpenMP threads spin for a while after each operator,
waiting for the next: on as many cores as threads the two pools fight, and a kernel of a millisecond takes ten. So
workers run on torch's team, through the entry point that OpenMP compilers use themselves (`GOMP_parallel`, in GNU's
and LLVM's runtimes alike). Where no such runtime is loaded, plain threads call the worker; ctypes lets go of the
interpreter lock either way.

A worker takes tasks from a shared counter until none is left, so it does not matter how many there are. Sums are kept
per task: the result does not depend on it either.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

RUNTIMES = ("libgomp", "libomp", "libiomp")


def run_tasks(worker: Any, tasks: int, arrays: Sequence[Tensor], numbers: Sequence[int]) -> None:
    """Let workers do the tasks 0 .. tasks - 1. `worker` is a numba cfunc of a frame; `arrays` are contiguous."""
    assert all(part.is_contiguous() for part in arrays)
    if tasks == 0:
        return
    places = [entry for part in arrays for entry in (part.data_ptr(), part.numel())]
    frame = np.array([0, 0, tasks, *places, *numbers], np.int64)
    address, team = frame.ctypes.data, min(torch.get_num_threads(), tasks)
    parallel = _openmp()
    if team == 1:
        worker.ctypes(frame.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)))
    elif parallel is not None:
        parallel(worker.address, address, team, 0)
    else:
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(worker.address)
        with ThreadPoolExecutor(team) as pool:
            list(pool.map(call, [address] * team))


@functools.cache
def _openmp() -> Any:
    """GOMP_parallel(function, data, threads, flags) of the OpenMP runtime that torch has loaded, or None."""
    for path in _loaded_runtimes():
        entry = getattr(ctypes.CDLL(path), "GOMP_parallel", None)
        if entry is not None:
            entry.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            entry.restype = None
            return entry
    return None


def _loaded_runtimes() -> list[str]:
    """OpenMP runtimes in this process, torch's own first."""
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return []
    paths = {line.split(maxsplit=5)[5].strip() for line in maps.read_text().splitlines() if len(line.split()) > 5}
    found = [path for path in sorted(paths) if Path(path).name.startswith(RUNTIMES)]
    return sorted(found, key=lambda path: "torch" not in path)
