"""What this process may use of the machine's cores and memory: by its affinity, and by the control groups it is in."""

from __future__ import annotations

import os
from pathlib import Path

ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may run on; of a share of a core, one."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in groups("cpu") if (quota := _quota(folder)) is not None]
    return max(1, int(min([own, *quotas])))


def free_in_groups() -> float | None:
    """Bytes that the tightest of its groups leaves; None where none has a limit."""
    return min((free for folder in groups("memory") if (free := _free(folder)) is not None), default=None)


def ran_out(error: BaseException) -> bool:
    """Whether it was memory that was missing: Python's, or torch's on any device."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in ("out of memory", "allocate memory"))


def groups(controller: str) -> list[Path]:
    """The folders of the groups that the process is in, the innermost first: of both versions, as systems mix them."""
    found: list[Path] = []
    lines = OWN.read_text().splitlines() if OWN.is_file() else []
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") >= 2):
        if controllers and controller not in controllers.split(","):
            continue
        root = ROOT / controllers
        # In a container the path may be the host's, of which nothing but the root can be seen.
        inner = root / path.lstrip("/")
        found += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(root) and folder.is_dir()]
    return found


def _quota(folder: Path) -> float | None:
    """Cores' worth of time."""
    amount, period = [*_words(folder / "cpu.max"), "", ""][:2]
    if not amount:
        amount, period = (" ".join(_words(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    return int(amount) / int(period) if amount.isdigit() and period.isdigit() and int(period) else None


def _free(folder: Path) -> float | None:
    """Of the limit, what is not used, files that can be dropped from memory not counted as used."""
    for limit, used, droppable in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = _words(folder / limit), _words(folder / used)
        if most and now and most[0].isdigit() and now[0].isdigit():
            stat = _words(folder / "memory.stat")
            table = dict(zip(stat[::2], stat[1::2], strict=False))
            return max(0.0, float(most[0]) - float(now[0]) + float(table.get(droppable, "0")))
    return None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
