"""How a sweep stands, in a few numbers: what the terminal shows while it runs, and `itnas status` at any time."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from itnas.store.lock import described, driven, holder
from itnas.store.reader import RunReader
from itnas.store.schema import ENDED

Rows = list[dict[str, Any]]


def summarise(reader: RunReader) -> dict[str, Any]:
    """State, driver, counts and bests per task, what runs now, the latest failures, and when it may end."""
    sweep = reader.sweep()
    settings = sweep["settings"]
    at_work = driven(reader.folder)
    state = sweep["state"]
    if state in ("running", "created") and not at_work:
        # Killed before it could say so.
        state = "interrupted"
    since, begun = reader.at_work_since(), _begun(reader)
    running = [row for row in begun if row["started"] >= since]
    interrupted = [row for row in begun if row["started"] < since]
    tasks = [_task(reader, task, settings, running, interrupted) for task in settings["tasks"]]
    return {
        "run": str(reader.folder),
        "space": sweep["space"]["name"],
        "state": state,
        "driver": described(holder(reader.folder)) if at_work else None,
        "tasks": tasks,
        "running": running,
        "interrupted": interrupted,
        "failures": _failures(reader),
        "seconds": spent(sweep, reader.now()),
        "seconds_left": _seconds_left(reader, sweep, tasks, settings) if at_work else None,
    }


def _task(reader: RunReader, task: str, settings: dict[str, Any], running: Rows, interrupted: Rows) -> dict[str, Any]:
    counts: dict[str, int] = defaultdict(int)
    for row in reader.rows("SELECT state, count(*) AS n FROM trials WHERE task = ? GROUP BY state", task):
        counts[row["state"]] = row["n"]
    confirmed: dict[str, int] = defaultdict(int)
    for row in reader.rows("SELECT state, count(*) AS n FROM confirmations WHERE task = ? GROUP BY state", task):
        confirmed[row["state"]] = row["n"]
    best = _best(reader, task, "trials.origin != 'specialist'")
    special = _best(reader, task, "trials.origin = 'specialist'")
    return {
        "task": task,
        "asked": settings["trials"],
        "ended": sum(counts[name] for name in ENDED),
        **{name: counts[name] for name in (*ENDED, "infeasible")},
        "running": _count(running, task, "search"),
        "confirmed": confirmed["complete"],
        "confirming": _count(running, task, "confirm"),
        "interrupted": _count(interrupted, task, "search") + _count(interrupted, task, "confirm"),
        "best_trial": best.get("number"),
        "score": best.get("score"),
        "score_low": best.get("score_low"),
        "score_high": best.get("score_high"),
        "verdict": _verdict(reader, best.get("number")),
        "specialist": special.get("name"),
        "specialist_score": special.get("score"),
    }


def _count(rows: Rows, task: str, phase: str) -> int:
    return sum(row["task"] == task and row["phase"] == phase for row in rows)


def _best(reader: RunReader, task: str, whose: str) -> dict[str, Any]:
    """By the rule of `itnas.ranking`, which is too slow for runs of many trials."""
    found = reader.rows(
        "SELECT trials.* FROM trials LEFT JOIN confirmations AS c "
        "ON c.trial = trials.number AND c.state = 'complete' AND c.score IS NOT NULL "
        f"WHERE trials.task = ? AND trials.state = 'complete' AND trials.score IS NOT NULL AND {whose} "
        "ORDER BY c.score IS NULL, coalesce(c.score, trials.score) DESC, trials.parameters, trials.number LIMIT 1",
        task,
    )
    return found[0] if found else {}


def _verdict(reader: RunReader, trial: int | None) -> list[str]:
    """What each layer of a trial became: in the first network that was examined, confirmed ones first."""
    rows = reader.rows(
        "SELECT phase, replica, family FROM layers WHERE trial = ? AND head = -1 ORDER BY phase, replica, layer", trial
    )
    return [row["family"] for row in rows if (row["phase"], row["replica"]) == (rows[0]["phase"], rows[0]["replica"])]


def _failures(reader: RunReader) -> list[dict[str, Any]]:
    return reader.rows(
        "SELECT number AS trial, 'search' AS phase, task, reason, finished FROM trials WHERE state = 'failed' "
        "UNION ALL SELECT trial, 'confirm', task, reason, finished FROM confirmations WHERE state = 'failed' "
        "ORDER BY phase, finished DESC LIMIT 5"
    )


def _begun(reader: RunReader) -> Rows:
    """Trials and confirmations that have not ended."""
    return reader.rows(
        "SELECT number AS trial, 'search' AS phase, task, origin, name, attempt, rung, started FROM trials "
        "WHERE state = 'running' UNION ALL "
        "SELECT c.trial, 'confirm', c.task, t.origin, t.name, c.attempt, "
        "(SELECT coalesce(max(rung), 0) FROM history h WHERE h.trial = c.trial AND h.phase = 'confirm'), c.started "
        "FROM confirmations c JOIN trials t ON t.number = c.trial WHERE c.state = 'running' ORDER BY 8"
    )


def spent(sweep: dict[str, Any], until: float | None) -> float:
    """Seconds that drivers have taken, the last of them until then, if it has not said itself how long it took."""
    before = float(sweep.get("seconds", 0.0))
    if sweep["state"] != "running" or until is None:
        return before
    return before + max(until - float(sweep["session"]), 0.0)


def _seconds_left(
    reader: RunReader, sweep: dict[str, Any], tasks: list[dict[str, Any]], settings: dict[str, Any]
) -> float | None:
    """From how fast trials and confirmations have ended since the driver began; None before two have."""
    since = sweep.get("session", 0.0)
    (row,) = reader.rows(
        "SELECT (SELECT count(*) FROM trials WHERE finished > ?1 AND state != 'infeasible') + "
        "(SELECT count(*) FROM confirmations WHERE finished > ?1) AS n",
        since,
    )
    if row["n"] < 2:
        return None
    confirming = settings["confirm"] + (1 if settings["confirm"] and settings["specialists"] else 0)
    left = sum(max(each["asked"] - each["ended"], 0) + max(confirming - each["confirmed"], 0) for each in tasks)
    return float((time.time() - since) / row["n"] * left)
