"""Reading a run, also while it is being written: short looks, each a consistent picture."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from itnas.store.connect import DATABASE, RunError, check, explained, open_to_read
from itnas.store.lock import driven
from itnas.store.schema import ENDED

TRIAL_COLUMNS = (
    "number", "task", "name", "genome", "origin", "state", "attempt", "rung", "score", "score_low", "score_high",
    "cost", "parameters", "flops", "learning_rate", "worker", "started", "finished", "seconds", "reason", "repeat",
)  # fmt: skip


class RunReader:
    """The tables of a run as lists of rows."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.is_file():
            raise RunError(f"{self.folder} is a file: name the folder of a run")
        if not self.folder.is_dir():
            raise RunError(f"{self.folder}: no such run: see `itnas runs`")
        self.path = self.folder / DATABASE
        check(self.path)

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """One short read transaction: a long one would let the log of the writer grow without bound."""
        with explained(self.path), closing(open_to_read(self.path)) as connection:
            return [dict(row) for row in connection.execute(sql, values)]

    def sweep(self) -> dict[str, Any]:
        """What is kept about the sweep."""
        return {row["key"]: self._parsed(row["value"]) for row in self.rows("SELECT key, value FROM sweep")}

    def levels(self, task: str) -> tuple[float | None, float | None]:
        """Chance and ceiling of a task; None where the run does not say."""
        rows = self.rows("SELECT value FROM sweep WHERE key = 'levels'")
        told = self._parsed(rows[0]["value"]).get(task, {}) if rows else {}
        return told.get("chance"), told.get("ceiling")

    def now(self) -> float | None:
        """Until when running trials have run: now, if a driver is at work, else when the last thing happened."""
        return time.time() if driven(self.folder) else self.last()

    def at_work_since(self) -> float:
        """When the driver that is at work began; infinity: none is. What began before then waits to be run again."""
        if not driven(self.folder):
            return math.inf
        rows = self.rows("SELECT value FROM sweep WHERE key = 'session'")
        return float(self._parsed(rows[0]["value"])) if rows else math.inf

    def last(self) -> float | None:
        """When a driver wrote last, as far as the rows tell: other settings may be given without one at work."""
        (row,) = self.rows(
            "SELECT max(at) AS last FROM ("
            "SELECT max(time) AS at FROM events WHERE kind != 'settings' "
            "UNION ALL SELECT max(max(started, coalesce(finished, 0))) FROM trials "
            "UNION ALL SELECT max(max(started, coalesce(finished, 0))) FROM confirmations "
            "UNION ALL SELECT max(c.started + h.seconds) FROM confirmations AS c "
            "JOIN history AS h ON h.trial = c.trial AND h.phase = 'confirm' WHERE c.state = 'running')"
        )
        last: float | None = row["last"]
        return last

    def trials(self, task: str | None = None) -> list[dict[str, Any]]:
        columns = ", ".join(TRIAL_COLUMNS)
        if task is None:
            return self.rows(f"SELECT {columns} FROM trials ORDER BY number")
        return self.rows(f"SELECT {columns} FROM trials WHERE task = ? ORDER BY number", task)

    def ended(self, task: str) -> int:
        """How many trials of a task have ended, one way or another."""
        wanted = ", ".join("?" * len(ENDED))
        (row,) = self.rows(f"SELECT count(*) AS n FROM trials WHERE task = ? AND state IN ({wanted})", task, *ENDED)
        return int(row["n"])

    def trial(self, number: int) -> dict[str, Any]:
        # SQLite knows no larger numbers.
        found = self.rows("SELECT * FROM trials WHERE number = ?", number) if abs(number) < 2**63 else []
        if not found:
            (most,) = self.rows("SELECT max(number) AS most FROM trials")
            there = "it holds none yet" if most["most"] is None else f"there are 0 to {most['most']}"
            raise RunError(f"{self.folder}: no trial {number}: {there}")
        return found[0]

    def genome(self, name: str) -> Any:
        """The document of the genome with this hash."""
        (row,) = self.rows("SELECT document FROM genomes WHERE hash = ?", name)
        return self._parsed(row["document"])

    def confirmations(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM confirmations ORDER BY trial")

    def layers(self, phase: str | None = None, trial: int | None = None) -> list[dict[str, Any]]:
        """One row per layer and head that was cross-examined: all, or those of one phase or trial."""
        found = self.rows(
            "SELECT layers.trial, trials.task, trials.genome, trials.origin, layers.phase, layers.data FROM layers "
            "JOIN trials ON trials.number = layers.trial WHERE (?1 IS NULL OR phase = ?1) "
            "AND (?2 IS NULL OR layers.trial = ?2) ORDER BY layers.trial, phase, replica, layer, head",
            phase,
            trial,
        )
        return [row | self.table(row.pop("data")) for row in found]

    def replicas(self, *, origins: tuple[str, ...] = (), trial: int | None = None) -> list[dict[str, Any]]:
        """One row per replica: of all trials, of those of some origins, or of one."""
        return self._of_trials("replicas", "trial, phase, replica", origins, trial)

    def history(self, *, origins: tuple[str, ...] = (), trial: int | None = None) -> list[dict[str, Any]]:
        """One row per rung and replica: of all trials, of those of some origins, or of one."""
        return self._of_trials("history", "trial, phase, rung, replica", origins, trial)

    def _of_trials(self, table: str, order: str, origins: tuple[str, ...], trial: int | None) -> list[dict[str, Any]]:
        marks = ", ".join("?" * len(origins))
        own = f"trial IN (SELECT number FROM trials WHERE origin IN ({marks}))" if origins else "1"
        one = "trial = ?" if trial is not None else "1"
        values = (*origins, *(() if trial is None else (trial,)))
        return self.rows(f"SELECT * FROM {table} WHERE {own} AND {one} ORDER BY {order}", *values)

    def kept(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM kept ORDER BY trial, phase, what")

    def keeping(self, what: str) -> list[int]:
        """The trials whose "weights" or "kernels" are kept."""
        return sorted({row["trial"] for row in self.kept() if row["what"] == what})

    def not_kept(self, trial: int, what: str) -> RunError:
        """What is raised where a trial's "weights" or "kernels" are asked for and not there."""
        called = {"weights": "networks"}.get(what, what)
        there = ", ".join(map(str, self.keeping(what)))
        told = f"those of trials {there} were" if there else "none were"
        return RunError(f"{self.folder}: the {called} of trial {trial} were not kept; {told}")

    def events(self) -> Iterator[dict[str, Any]]:
        """The log in its order."""
        for row in self.rows("SELECT * FROM events ORDER BY id"):
            yield row | {"data": self._parsed(row["data"])}

    def table(self, text: Any) -> dict[str, Any]:
        """A table that was written as JSON."""
        found = self._parsed(text)
        if not isinstance(found, dict):
            raise RunError(f"{self.path} is damaged (it holds no table where one was written): restore it from a copy")
        return found

    def _parsed(self, text: Any) -> Any:
        """What was written as JSON. SQLite tells of damaged pages, but not of one that has come to another's place."""
        try:
            return json.loads(text)
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{self.path} is damaged (it holds no JSON where some was written): restore it from a copy"
            ) from error


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run of ours that can be read."""
    try:
        check(folder / DATABASE)
    except (RunError, sqlite3.Error, OSError):
        return False
    return True
