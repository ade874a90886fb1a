"""What a sweep's results depend on besides its settings, kept in its run."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from itnas.allowance import usable_cores
from itnas.search.settings import SweepSettings
from itnas.version import __version__


def versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "numpy", "optuna", "ray")}
    return {"itnas": __version__, "python": platform.python_version(), "machine": platform.machine()} | packages


def machine() -> dict[str, Any]:
    """The driver's: on a cluster, workers may be others."""
    import torch

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"cpu": _cpu(), "cores": usable_cores(), "gpus": gpus, "system": platform.platform(terse=True)}


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def levels(settings: SweepSettings) -> dict[str, dict[str, float | None]]:
    """What guessing earns on each task, and what nobody can exceed."""
    found = {name: settings.task(name) for name in settings.tasks}
    return {name: {"chance": task.chance, "ceiling": task.ceiling} for name, task in found.items()}
