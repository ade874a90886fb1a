"""Verdicts on confirmed networks that a sweep without verdicts has left: given once the sweep asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from itnas.search.record import Recorder
from itnas.search.watcher import examined
from itnas.shown import one_line
from itnas.store import placed
from itnas.training.trained_folder import TrainedFolder


def examine_kept(recorder: Recorder, folder: Path, copies: int, *, stop: Callable[[], bool]) -> bool:
    """One after another, in this process; whether all have been looked at."""
    for row in recorder.unexamined():
        if stop():
            return False
        try:
            told = TrainedFolder.open(placed(folder, row["path"]))
            networks = {member.replica: member.network.eval() for member in told.every()}
            best = max(networks, key=lambda number: told.result["replicas"][number]["score"])
            layers, arrays = examined(networks, told.task, best, copies=copies)
        except (ValueError, RuntimeError, ArithmeticError) as error:
            recorder.not_examined(row["trial"], one_line(error))
            continue
        recorder.examined(row["trial"], layers, arrays)
    return True
