"""`--format optuna`: a storage that optuna-dashboard opens."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from itnas.export.formats.base import RunFormat, register
from itnas.run import Run

WRITER = "itnas"  # as the journal that `itnas.search.optuna_storage` writes has it


@register
class OptunaStorage(RunFormat):
    name = "optuna"
    summary = "all trials of the run as a storage (.db or .log) that optuna-dashboard opens"
    suffixes = ("db", "log")
    sidecar = False  # it is the run's tables, and nothing else

    def earlier(self, path: Path) -> bool:
        """All that it holds is a run's: a journal names its writer, and the trials of a database their genomes."""
        try:
            return _journal_of_a_run(path) if path.suffix == ".log" else _database_of_a_run(path)
        except (OSError, ValueError, sqlite3.Error):
            return False

    def write(self, run: Run, target: Path) -> dict[str, Any]:
        from itnas.search.optuna_storage import trials_in, write_storage

        write_storage(run.reader, target)
        told, held = trials_in(target), len(run.reader.trials())
        if told != held:
            raise ValueError(f"loaded back, it has {told} trials instead of {held}")
        return {"trials": told}


def _journal_of_a_run(path: Path) -> bool:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return bool(lines) and all(isinstance(line, dict) and line.get("worker_id") == WRITER for line in lines)


def _database_of_a_run(path: Path) -> bool:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        trials, known = connection.execute(
            "SELECT count(*), count(told.trial_id) FROM trials LEFT JOIN trial_user_attributes AS told "
            "ON told.trial_id = trials.trial_id AND told.key = 'genome'"
        ).fetchone()
    return bool(trials and trials == known)
