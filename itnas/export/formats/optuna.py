"""`--format optuna`: a storage that optuna-dashboard opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.export.formats.base import RunFormat, register
from itnas.run import Run


@register
class OptunaStorage(RunFormat):
    name = "optuna"
    summary = "all trials of the run as a storage (.db or .log) that optuna-dashboard opens"
    suffixes = ("db", "log")
    sidecar = False  # it is the run's tables, and nothing else

    def write(self, run: Run, target: Path) -> dict[str, Any]:
        from itnas.search.optuna_storage import trials_in, write_storage

        write_storage(run.reader, target)
        told, held = trials_in(target), len(run.reader.trials())
        if told != held:
            raise ValueError(f"loaded back, it has {told} trials instead of {held}")
        return {"trials": told}
