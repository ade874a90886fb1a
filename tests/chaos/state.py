"""What must hold of a run after every kill, and when it has come to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.search.replay import replay
from itnas.store import RunReader
from tests.search.toy import tables

ENDED = ("complete", "pruned", "failed")
Rows = dict[tuple[object, ...], dict[str, Any]]


def finished(folder: Path) -> Rows:
    """Every row of every trial that has ended, bit for bit."""
    if not (folder / "run.db").exists():
        return {}
    reader, rows = RunReader(folder), {}
    (checked,) = reader.rows("PRAGMA integrity_check")
    assert checked == {"integrity_check": "ok"}
    over = {(row["number"], "search") for row in reader.trials() if row["state"] in ENDED}
    over |= {(row["trial"], "confirm") for row in reader.confirmations() if row["state"] in ENDED}
    for row in reader.rows("SELECT * FROM trials"):
        if (row["number"], "search") in over:
            rows["trials", row["number"]] = row
    for row in reader.confirmations():
        if (row["trial"], "confirm") in over:
            rows["confirmations", row["trial"]] = row
    for table, keys in (("history", ("rung", "replica")), ("replicas", ("replica",)), ("logs", ("attempt",))):
        for row in reader.rows(f"SELECT * FROM {table}"):
            if (row["trial"], row["phase"]) in over:
                rows[table, row["trial"], row["phase"], *(row[key] for key in keys)] = row
    return rows


def check_survived(before: Rows, after: Rows) -> None:
    """Nothing that had ended was lost, or done again."""
    changed = {key: (row, after.get(key)) for key, row in before.items() if after.get(key) != row}
    assert not changed


def check_ended(folder: Path, trials: int) -> None:
    """As many trials as asked, each ended once; the arrays of the kept ones and no others; and it can be replayed."""
    reader = RunReader(folder)
    about = reader.sweep()
    assert about["state"] == "ended"
    finished(folder)
    for task in about["settings"]["tasks"]:
        states = [row["state"] for row in reader.trials(task)]
        assert sum(state in ENDED for state in states) == trials
        assert set(states) <= {*ENDED, "infeasible"}
    assert {row["state"] for row in reader.confirmations()} <= {*ENDED}
    told = [event["trial"] for event in reader.events() if event["kind"] == "tell"]
    assert sorted(told) == [row["number"] for row in reader.trials() if row["state"] in ENDED]
    check_arrays(folder)
    replayed = replay(reader)
    assert replayed.differing == 0, replayed.first


def check_arrays(folder: Path) -> None:
    """What rows tell of is there, and nothing else."""
    known = {row["path"]: row["bytes"] for row in RunReader(folder).kept()}
    there = {
        str(path.relative_to(folder)): sum(file.stat().st_size for file in path.iterdir())
        for kind in ("weights", "kernels")
        for path in (folder / kind).glob("*")
    }
    assert there == known


def same_but_for_attempts(folder: Path) -> dict[str, list[dict[str, object]]]:
    """What must be alike in two sweeps of one seed, one of which was killed on its way."""
    return {
        name: [{key: cell for key, cell in row.items() if key != "attempt"} for row in rows]
        for name, rows in tables(folder).items()
    }
