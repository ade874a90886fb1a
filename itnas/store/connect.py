"""Opening run.db: what it must be, how it is written and read, and what is said when it is not so."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itnas.files import sync_folder
from itnas.store.schema import APPLICATION, SCHEMA, TABLES

DATABASE = "run.db"
BUSY_SECONDS = 30.0
# SQLite's shared memory and locks cannot be relied on over these.
NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "fuse.sshfs",
        "lustre",
        "beegfs",
        "ceph",
        "fuse.ceph",
        "gpfs",
        "afs",
        "glusterfs",
        "fuse.glusterfs",
    ]
)


class RunError(ValueError):
    """A run folder that cannot be used, in one sentence."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says into a sentence about the run."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise RunError(_sentence(path, error)) from error


def _sentence(path: Path, error: sqlite3.DatabaseError) -> str:
    # A damaged database may be quoted in it.
    text = "".join(sign if sign.isprintable() else " " for sign in str(error))[:120]
    if "full" in text or "disk I/O error" in text:
        return f"{path}: the disk is full or fails ({text}): make room, then resume the run; what is finished is safe"
    if "readonly" in text or "read-only" in text:
        return f"{path} cannot be written (read-only): make the folder writable, or copy the run elsewhere"
    if "unable to open" in text:
        return f"{path} cannot be opened: it is missing, or the folder may not be read or written"
    if "locked" in text:
        return f"{path} is locked by another program: close what has it open"
    if "no such table" in text or "no such column" in text:
        return f"{path} lacks a table of a run ({text}): it was made by something else, or damaged"
    return f"{path} is damaged, or no run database ({text}): restore it from a copy"


def begin(path: Path) -> sqlite3.Connection:
    """A new database, under another name until it is published: a run that exists says what it is a run of."""
    check_file_system(path.parent)
    discard(path)
    with explained(path):
        connection = sqlite3.connect(fresh(path), isolation_level=None)
        try:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.executescript(f"BEGIN; {TABLES} COMMIT;")
        except BaseException:
            connection.close()
            discard(path)
            raise
    return connection


def publish(path: Path) -> sqlite3.Connection:
    """Give the new database its name, and open it again under that."""
    os.replace(fresh(path), path)
    sync_folder(path.parent)
    return open_to_write(path)


def fresh(path: Path) -> Path:
    """Where a new database is made."""
    return path.with_name(f".{path.name}.new")


def discard(path: Path) -> None:
    """Remove a database that was never published, with what SQLite has put beside it."""
    for name in (fresh(path), fresh(path).with_name(f"{fresh(path).name}-journal")):
        name.unlink(missing_ok=True)


def open_to_write(path: Path) -> sqlite3.Connection:
    """The one writer's connection. Commits are durable when `durable` says so; otherwise they survive the process."""
    check_file_system(path.parent)
    check(path)
    with explained(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            # journal_mode keeps silent where it cannot write; a transaction does not.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that can change nothing. The copy of an ended run may lie in a read-only folder."""
    check(path)
    return _reading(path)


def _reading(path: Path) -> sqlite3.Connection:
    with explained(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        connection.row_factory = sqlite3.Row
        return connection


def check(path: Path) -> None:
    """Refuse what is no run of a version that this one reads."""
    if not path.is_file():
        raise RunError(f"{path.parent} holds no run ({path.name} is missing): see `itnas runs`, or start one")
    connection = _reading(path)
    with explained(path):
        try:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        finally:
            connection.close()
    if application != APPLICATION:
        raise RunError(f"{path} is not a run of itnas: it is empty, or was made by something else")
    if version > SCHEMA:
        raise RunError(f"{path} was written by a newer itnas (schema {version}, this one reads {SCHEMA}): upgrade it")


def check_whole(path: Path) -> None:
    """Refuse a database whose pages are damaged."""
    connection = _reading(path)
    with explained(path):
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    if found != "ok":
        raise RunError(f"{path} is damaged ({found.splitlines()[0]}): restore it from a copy")


@contextmanager
def blamed(*paths: Path) -> Iterator[None]:
    """Around what reads runs. A page that has come to another's place is read without complaint, and something breaks
    later on what it holds: then it is the run that is refused. What was broken otherwise stays as it is."""
    try:
        yield
    except (RunError, OSError):
        raise
    except Exception:
        for path in paths:
            check_whole(path)
        raise


def check_file_system(folder: Path) -> None:
    """Refuse folders on network file systems, where a database loses data."""
    kind = file_system(folder)
    if kind in NETWORK:
        raise RunError(
            f"{folder} lies on a network file system ({kind}), which databases cannot trust: name a folder on a local "
            "disk, and copy the run when it has ended"
        )


def file_system(folder: Path) -> str | None:
    """The kind of file system a folder lies on, where the system tells."""
    mounts = Path("/proc/self/mounts")
    if not mounts.is_file():
        return None
    place = str(folder.resolve())
    best, kind = "", None
    for line in mounts.read_text().splitlines():
        _, point, name, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        below = place == point or place.startswith(point.rstrip("/") + "/")
        if below and len(point) >= len(best):
            best, kind = point, name
    return kind
