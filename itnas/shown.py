"""Moments, durations, sizes, counts and reasons as people read them: the same on every screen."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Any

MOMENTS = ("started", "finished")  # columns of a run's tables that hold times since the epoch
UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def moment(seconds: float) -> str:
    """A time since the epoch in ISO 8601, in this machine's zone: `2026-01-31T18:05:09+01:00`."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def dated(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON, CSV and Parquet have it, its moments in ISO 8601; those that have not come stay missing."""
    moments = {name: row[name] for name in MOMENTS if row.get(name) is not None and row[name] == row[name]}
    return row | {name: moment(seconds) for name, seconds in moments.items()}


def duration(seconds: float) -> str:
    """`2 h 05 min`, `3 min 20 s`, `12 s`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """Bytes in powers of a thousand: `512 B`, `3.4 kB`, `12.0 MB`, `1.5 GB`."""
    for unit, scale in UNITS:
        if count >= scale * 0.99995:
            return f"{count / scale:,.1f} {unit}"
    return f"{count:.0f} B"


def counted(count: int, noun: str) -> str:
    """`1 sample`, `2 samples`, `1,000 samples`; `2 numbers per head`."""
    first, *rest = noun.split(" per ")
    many = first if count == 1 else f"{first}s"
    return " per ".join([f"{count:,} {many}", *rest])


def typed(path: object) -> str:
    """A path, or a trial as RUN:TRIAL, as a shell wants it: what is printed to be copied says what it means there."""
    return shlex.quote(str(path))


def one_line(said: object, most: int = 300) -> str:
    """What an error or a text says, in one line that is not longer than anyone reads."""
    text = " ".join(str(said).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
