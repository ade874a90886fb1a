"""The one writer of a run: rows in transactions, durable where it counts."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from itnas.store.arrays import Arrays
from itnas.store.connect import DATABASE, begin, check_whole, discard, explained, open_to_write, publish

Row = Mapping[str, Any]


class RunWriter:
    """Rows into run.db, by the holder of the run's lock. A new run.db appears with its first transaction."""

    def __init__(self, folder: Path, *, new: bool = False) -> None:
        self.path = folder / DATABASE
        self.arrays = Arrays(folder)
        self.new = new
        if not new:
            # An unfinished log of a killed driver is read back first; then damage would show.
            open_to_write(self.path).close()
            check_whole(self.path)
        self.connection = begin(self.path) if new else open_to_write(self.path)
        self.connection.row_factory = sqlite3.Row
        try:
            with explained(self.path):
                self.arrays.sweep(row["path"] for row in self.connection.execute("SELECT path FROM kept"))
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.connection.close()
        if self.new:
            discard(self.path)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """All of it or nothing. `durable`: on the disk when this returns; else safe from everything but a power cut."""
        with explained(self.path):
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            if self.new:
                self._publish()

    def _publish(self) -> None:
        """Let others see the run, now that it holds what they will look for."""
        self.connection.close()
        self.connection, self.new = publish(self.path), False
        self.connection.row_factory = sqlite3.Row

    def set(self, key: str, value: Any) -> None:
        """Something about the sweep."""
        self.put("sweep", [{"key": key, "value": json.dumps(value, allow_nan=False)}])

    def event(self, kind: str, task: str | None, trial: int | None, data: Any) -> None:
        """The next entry of the log that the sweep can be replayed from."""
        text = json.dumps(data, allow_nan=False, separators=(",", ":"))
        row = {"time": time.time(), "kind": kind, "task": task, "trial": trial, "data": text}
        self.put("events", [row], replace=False)

    def genome(self, name: str, document: Any) -> None:
        """A genome's document under its hash."""
        sql = "INSERT OR IGNORE INTO genomes VALUES (?, ?)"
        self.connection.execute(sql, (name, json.dumps(document, allow_nan=False)))

    def put(self, table: str, rows: Iterable[Row], *, replace: bool = True) -> None:
        """Add rows that share their columns; those with the same key are replaced."""
        rows = list(rows)
        if not rows:
            return
        names = list(rows[0])
        verb = "INSERT OR REPLACE" if replace else "INSERT"
        sql = f"{verb} INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"
        self.connection.executemany(sql, [tuple(row[name] for name in names) for row in rows])

    def update(self, table: str, key: str, value: Any, changes: Row) -> None:
        """Change columns of one row."""
        told = ", ".join(f"{name} = ?" for name in changes)
        self.connection.execute(f"UPDATE {table} SET {told} WHERE {key} = ?", (*changes.values(), value))

    def remove(self, table: str, key: str, value: Any) -> None:
        """Remove one row."""
        self.connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (value,))

    def forget(self, table: str, trial: int, phase: str) -> None:
        """Remove what an earlier attempt left in a table."""
        self.connection.execute(f"DELETE FROM {table} WHERE trial = ? AND phase = ?", (trial, phase))

    def unkeep(self, path: str) -> None:
        """A folder of arrays is no longer kept; `arrays.sweep` removes it."""
        self.connection.execute("DELETE FROM kept WHERE path = ?", (path,))

    def thin(self) -> None:
        """Keep the tables and no arrays."""
        with self.transaction(durable=True):
            self.connection.execute("DELETE FROM kept")
        self.arrays.sweep([])
        if self.rows("SELECT value FROM sweep WHERE key = 'state'")[0]["value"] == json.dumps("ended"):
            self.settle()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """What a query finds."""
        with explained(self.path):
            return [dict(row) for row in self.connection.execute(sql, values)]

    def settle(self) -> None:
        """Leave one plain file behind, so that a copy in a read-only folder can be opened."""
        with explained(self.path):
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.connection.execute("PRAGMA journal_mode = DELETE")
