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
import hashlib
import importlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

RUNTIMES = ("libgomp", "libomp", "libiomp")
_compiling = threading.Lock()  # where numba keeps code is a setting of the whole process


def run_tasks(worker: Any, tasks: int, arrays: Sequence[Tensor], numbers: Sequence[int]) -> None:
    """Let workers do the tasks 0 .. tasks - 1. `worker` is a numba cfunc of a frame; `arrays` are contiguous."""
    assert all(part.is_contiguous() for part in arrays)
    if tasks == 0:
        return
    places = [entry for part in arrays for entry in (part.data_ptr(), part.numel())]
    team = min(torch.get_num_threads(), tasks)
    # Neighbouring tasks write neighbouring memory: two cores that work on them at once take the cache lines at the
    # border from each other (measured: no gain from a second core). So tasks are handed out in blocks.
    block = max(1, tasks // (4 * team))
    frame = np.array([0, 0, tasks, block, *places, *numbers], np.int64)
    address = frame.ctypes.data
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
def compiled_worker(module: str, name: str) -> Any:
    """A module's worker, compiled. The machine code is kept between processes.

    numba tells by the date of one file whether kept code is still good, and would run old code after a change in a
    module that the file uses. So the code lies in a folder named after a hash of all compiled sources.
    """
    import numba

    here = Path(__file__).parent
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(here.glob("*_numba.py")))).hexdigest()[:16]
    with _compiling:
        before = numba.config.CACHE_DIR
        own = here / "__pycache__"
        if before:
            root = Path(before)
        elif os.access(own if own.is_dir() else here, os.W_OK):
            root = own
        else:
            root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "itnas"
        team = importlib.import_module("itnas.operator.plans.team_numba")
        function = getattr(importlib.import_module(f"itnas.operator.plans.{module}"), name)
        numba.config.CACHE_DIR = str(root / f"numba-{digest}")
        try:
            return numba.cfunc(team.WORKER, cache=True)(function)
        finally:
            numba.config.CACHE_DIR = before


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
