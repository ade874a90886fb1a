"""How a sweep goes: a live picture in a terminal, a line per trial elsewhere, nothing when quiet. Always on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from itnas.cli.screen import console as screen
from itnas.shown import duration
from itnas.store import RunReader
from itnas.store.summary import summarise

SHOWN_RUNNING = 8
TOLD = ("complete", "pruned", "failed", "lost")
OnChange = Callable[[str, Any, Any], None]


@contextmanager
def sweep_progress(reader: RunReader, *, quiet: bool) -> Iterator[OnChange]:
    """What to call when something has changed in a run."""
    console = screen(stderr=True)
    if quiet:
        yield lambda _what, _job, _message: None
    elif console.is_terminal:
        # The picture is drawn from the run's own tables, like that of `itnas status` in another terminal.
        def drawn() -> RenderableType:
            return picture(summarise(reader) | {"driver": None})

        with Live(get_renderable=drawn, console=console, refresh_per_second=2, transient=True):
            yield lambda _what, _job, _message: None
    else:
        yield lambda what, job, _message: _print_line(console, reader, what, job)


def picture(found: dict[str, Any]) -> RenderableType:
    """A summary for people."""
    parts: list[RenderableType] = [_head(found), _tasks(found["tasks"])]
    if found["running"]:
        parts.append(_begun("running", found["running"], "cyan"))
    if found["interrupted"]:
        parts.append(_begun("interrupted, to be run again", found["interrupted"], "yellow"))
    parts += [Text(_failed(row), style="red", overflow="ellipsis", no_wrap=True) for row in found["failures"][:3]]
    return Group(*parts)


def _failed(row: dict[str, Any]) -> str:
    who = "confirmation of trial" if row["phase"] == "confirm" else "trial"
    return f"{who} {row['trial']} on {row['task']} failed: {row['reason']}"


def _head(found: dict[str, Any]) -> Text:
    text = Text()
    text.append(found["run"], style="bold")
    text.append(f"  space {found['space']}, {found['state']}")
    text.append(f", {duration(found['seconds'])} spent")
    if found["seconds_left"] is not None:
        text.append(f", about {duration(found['seconds_left'])} left")
    if found["driver"]:
        text.append(f"; {found['driver']}", style="dim")
    return text


def _tasks(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    # What has not happened anywhere takes no column.
    counts = [name for name in ("pruned", "failed", "confirmed") if any(row[name] for row in rows)]
    for name in ("task", "", "trials", *counts, "best (95 %)", "its layers", "specialist"):
        wraps = name in ("task", "its layers", "specialist")
        table.add_column(name, justify="right" if name in counts else "left", overflow="fold", no_wrap=not wraps)
    for row in rows:
        table.add_row(
            row["task"],
            ProgressBar(total=max(row["asked"], 1), completed=row["ended"], width=8),
            f"{row['ended']}/{row['asked']}",
            *(str(row[name]) for name in counts),
            interval(row["score"], row["score_low"], row["score_high"]),
            ", ".join(row["verdict"]),
            "" if row["specialist"] is None else f"{row['specialist']} {row['specialist_score']:.4f}",
        )
    return table


def _begun(what: str, rows: list[dict[str, Any]], style: str) -> Text:
    shown = [
        ("confirming " if row["phase"] == "confirm" else "")
        + f"{row['trial']} ({row['name'] or row['origin']} on {row['task']}, rung {row['rung']})"
        for row in rows[:SHOWN_RUNNING]
    ]
    more = f" and {len(rows) - SHOWN_RUNNING} more" if len(rows) > SHOWN_RUNNING else ""
    return Text(f"{what}: {', '.join(shown)}{more}", style=style)


def _print_line(console: Console, reader: RunReader, what: str, job: Any) -> None:
    """A trial's end. A log file wants a line for that, and none for every rung."""
    if what not in TOLD:
        return
    row = reader.trial(job.trial)
    who = row["name"] or row["origin"]
    if job.phase == "confirm":
        (row,) = reader.rows("SELECT * FROM confirmations WHERE trial = ?", job.trial)
        text = f"{job.task}: confirmation of trial {job.trial} ({who}): "
    else:
        text = f"{job.task}: trial {job.trial} ({who}), {reader.ended(job.task)} ended: "
    if row["state"] == "complete":
        text += f"score {interval(row['score'], row['score_low'], row['score_high'])}"
        if row.get("test_score") is not None:
            text += f", test {interval(row['test_score'], row['test_low'], row['test_high'])}"
    elif what == "lost":
        text += "lost, tried again"
    else:
        # A pruned trial's reason says so itself.
        reason = str(row["reason"])
        text += reason if reason.startswith(row["state"]) else f"{row['state']}: {reason}"
    console.print(text, soft_wrap=True)


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """`0.9876 (0.980-0.995)`."""
    if value is None:
        return ""
    return f"{value:.4f}" if low is None or high is None else f"{value:.4f} ({low:.3f}-{high:.3f})"
