"""How the benchmarks measure: interleaved repetitions, medians, and a fresh process for memory."""

from __future__ import annotations

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Run = Callable[[], None]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "gpu": gpu,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "date": time.strftime("%Y-%m-%d"),
    }


def side_by_side(runs: dict[str, Run], *, seconds: float = 2.0, least: int = 5, turn: float = 0.06) -> dict[str, float]:
    """Median milliseconds of each run. They take turns of `turn` seconds, so that a busy moment meets all of them.

    The first call of a turn is not counted: it finds the caches and the heap as the other run left them, which no
    program that does one thing again and again meets.
    """
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    start = time.perf_counter()
    while min(map(len, samples.values())) < least or time.perf_counter() - start < seconds:
        for name, run in runs.items():
            run()
            until = time.perf_counter() + turn
            while True:
                before = time.perf_counter()
                run()
                samples[name].append(time.perf_counter() - before)
                if time.perf_counter() > until:
                    break
    return {name: 1e3 * statistics.median(times) for name, times in samples.items()}


def peak_extra_memory(run: Callable[..., None], *args: Any) -> float:
    """MB that `run(*args)` needs beyond what its process held before. In a fresh process, after one small warm-up call
    `run(*args, warm=True)`."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure_memory, args=(sender, run, args))
    process.start()
    sender.close()
    try:
        return float(receiver.recv())
    except EOFError:
        raise RuntimeError(f"the process that measured memory ended with exit code {process.exitcode}") from None
    finally:
        process.join()


def _measure_memory(sender: Any, run: Callable[..., None], args: tuple[Any, ...]) -> None:
    run(*args, warm=True)
    Path("/proc/self/clear_refs").write_text("5")  # start the high-water mark again
    before = _status("VmRSS")
    run(*args, warm=False)
    sender.send((_status("VmHWM") - before) * 1024 / 10**6)


def _status(field: str) -> int:
    """A field of this process's status in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")
