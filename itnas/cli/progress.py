"""How a training goes: a live line in a terminal, plain lines elsewhere, nothing when quiet. Always on stderr."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from itnas.cli.screen import console as screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from itnas.training import Report

    OnReport = Callable[[Report], None]


@contextmanager
def training_progress(title: str, rates: list[float], *, quiet: bool) -> Iterator[OnReport]:
    """What to call with each report of a training whose replicas have these learning rates."""
    console = screen(stderr=True)
    if quiet:
        yield lambda report: None
    elif console.is_terminal:
        with _live(console, title, rates) as on_report:
            yield on_report
    else:
        yield lambda report: _print_line(console, title, rates, report)


@contextmanager
def _live(console: Console, title: str, rates: list[float]) -> Iterator[OnReport]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(title, total=None, state="")
        score = ""

        def on_report(report: Report) -> None:
            nonlocal score
            score = _score(rates, report) or score
            total = report.total or round(report.step / max(report.progress, 1e-9))
            progress.update(bar, completed=report.step, total=total, state=_state(report) + score)

        yield on_report


def _print_line(console: Console, title: str, rates: list[float], report: Report) -> None:
    """At rungs only: a log file wants ten lines, not two hundred."""
    if report.scores is not None:
        steps = f"step {report.step}" + (f" of {report.total}" if report.total else "")
        left = report.seconds * (1 / max(report.progress, 1e-9) - 1)
        state = _state(report) + _score(rates, report)
        console.print(f"{title}: {steps}, {state}, {left:.0f} s left", soft_wrap=True)


def _state(report: Report) -> str:
    living = [loss for loss, lives in zip(report.losses, report.alive, strict=True) if lives]
    dead = len(report.alive) - len(living)
    loss = f"loss {statistics.fmean(living):.4g}" if living else "all replicas died"
    return loss + (f" ({dead} died)" if dead and living else "")


def _score(rates: list[float], report: Report) -> str:
    """The score of the learning rate that is ahead."""
    if report.scores is None:
        return ""
    from itnas.training.result import leading_score  # and torch with it, which is there by now

    return f", score {leading_score(rates, report.scores, report.alive):.4f}"
