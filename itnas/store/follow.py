"""Following a run while it is written: what has changed since the last look, never the whole table again.

Every change of a trial is logged in `events`, whose numbers only grow; what was running at the last look is read again,
as a lost trial's next attempt is no event. Whether anybody has written since is told by the files, without opening
them. No connection is kept: one that stays open would keep the driver from closing the log when the sweep ends.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itnas.store.connect import RunError, explained, open_to_read
from itnas.store.lock import driven
from itnas.store.reader import TRIAL_COLUMNS, RunReader

if TYPE_CHECKING:
    import pandas as pd

PORTION = 500  # numbers in one SQL statement
STATE = TRIAL_COLUMNS.index("state")


class Follower:
    """The trials and confirmations of a run as they were at the last look. Threads may share it."""

    def __init__(self, folder: str | Path) -> None:
        self.reader = RunReader(folder)
        self.folder = self.reader.folder
        self.version = 0  # rises whenever something has changed
        self.gone: str | None = None  # why the run can be read no more
        self._lock = threading.RLock()
        self._seen: tuple[Any, ...] | None = None
        self._forget()
        self.look()

    def _forget(self) -> None:
        self.cursor = 0  # the last event that was read
        self._created: Any = None
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._genes: dict[int, dict[str, Any]] = {}
        self._confirmations: list[dict[str, Any]] = []
        self._frames: dict[str, pd.DataFrame] = {}

    def look(self) -> bool:
        """Read what is new; whether anything was."""
        with self._lock:
            before = self.gone
            try:
                changed = self._look() or before is not None
                self.gone = None
            except (RunError, OSError) as error:
                self.gone, self._seen = str(error), None
                changed = before is None
            if changed:
                self.version += 1
                self._frames.clear()
            return changed

    def _look(self) -> bool:
        # What is written while this looks is seen at the next look.
        seen = (*_marks(self.reader.path), driven(self.folder))
        if seen == self._seen:
            return False
        path = self.reader.path
        with explained(path), closing(open_to_read(path)) as connection:
            connection.row_factory = None
            connection.execute("BEGIN")
            self._read(connection)
        self._seen = seen
        return True

    def _read(self, connection: sqlite3.Connection) -> None:
        """One consistent picture."""
        (created,) = connection.execute("SELECT value FROM sweep WHERE key = 'created'").fetchone() or (None,)
        if created != self._created:
            # Another run has taken its place.
            self._forget()
            self._created = created
        new = connection.execute("SELECT id, kind, trial, data FROM events WHERE id > ? ORDER BY id", (self.cursor,))
        touched = {number for number, row in self._rows.items() if row[STATE] == "running"}
        for identity, kind, trial, data in new:
            self.cursor = identity
            if trial is not None:
                touched.add(trial)
                if kind == "ask":
                    asked_for = self.reader.table(data).get("parameters")
                    self._genes[trial] = asked_for if isinstance(asked_for, dict) else {}
        for row in _of(connection, f"SELECT {', '.join(TRIAL_COLUMNS)} FROM trials WHERE number", touched):
            self._rows[row[0]] = row
        asked = connection.execute("SELECT * FROM confirmations ORDER BY trial")
        names = [column[0] for column in asked.description]
        self._confirmations = [dict(zip(names, row, strict=True)) for row in asked]

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, number: object) -> bool:
        return number in self._rows

    def trials(self) -> pd.DataFrame:
        """All trials that were known at the last look, by number. To be read only: it is shared."""
        with self._lock:
            if "trials" not in self._frames:
                self._frames["trials"] = _frame([self._rows[number] for number in sorted(self._rows)])
            return self._frames["trials"]

    def genes(self) -> pd.DataFrame:
        """What was asked for, by trial: a column for each parameter, missing where its branch was not taken."""
        import pandas as pd

        with self._lock:
            if "genes" not in self._frames:
                known = {number: own for number, own in sorted(self._genes.items()) if own}
                index = pd.Index(list(known), name="number", dtype="int64")
                self._frames["genes"] = pd.DataFrame(list(known.values()), index=index)
            return self._frames["genes"]

    def confirmations(self) -> list[dict[str, Any]]:
        return self._confirmations


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Numbers are numbers, also where none is known yet."""
    import pandas as pd

    found = pd.DataFrame.from_records(rows, columns=list(TRIAL_COLUMNS))
    numbers = ("score", "score_low", "score_high", "cost", "parameters", "flops", "learning_rate")
    return found.astype(dict.fromkeys([*numbers, "started", "finished", "seconds"], "float64"))


def _marks(path: Path) -> tuple[Any, ...]:
    """What changes whenever the database or its log is written."""
    found: list[Any] = []
    for each in (path, path.with_name(f"{path.name}-wal")):
        try:
            told = each.stat()
            found.append((told.st_mtime_ns, told.st_size, told.st_ino))
        except FileNotFoundError:
            found.append(None)
    return tuple(found)


def _of(connection: sqlite3.Connection, sql: str, numbers: Iterable[int]) -> list[tuple[Any, ...]]:
    """Rows of these trials, some hundred at a time."""
    found: list[tuple[Any, ...]] = []
    left = sorted(numbers)
    for start in range(0, len(left), PORTION):
        part = left[start : start + PORTION]
        found += connection.execute(f"{sql} IN ({', '.join('?' * len(part))})", part)
    return found
