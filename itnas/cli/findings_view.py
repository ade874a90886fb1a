"""Findings for people: what the layers became, how well that works, where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itnas.cli.screen import console as screen
from itnas.cli.sweep_view import interval
from itnas.files import near
from itnas.shown import typed

if TYPE_CHECKING:
    from rich.table import Table

    from itnas.run import Run


MOST_RUNGS = 5


def all_findings(run: Run) -> list[dict[str, Any]]:
    """One row for each finding on whole layers, then on their blocks: all with the same keys."""
    whole = [{"block": None} | row for row in run.finding_rows()]
    keys = dict.fromkeys(whole[0]) if whole else {}
    return whole + [keys | row for row in run.block_finding_rows()]


def print_findings(run: Run) -> None:
    """What emerged in each task, how well that works, how far early scores tell, and what was written."""
    console, rows = screen(), run.finding_rows()
    by_task = list({row["task"]: row for row in rows}.values())
    # All of it is read before any of it is said: what is found damaged ends in a sentence and nothing else.
    blocks = _emerged([row for row in run.block_finding_rows() if row["layer"] is None], blocks=True)
    tables, written = (_emerged(rows), blocks, _scores(by_task), _early(by_task)), _written(run, by_task)
    for table in tables:
        if table.row_count:
            console.print(table)
            console.print()
    for line in written:
        console.print(line, soft_wrap=True)


def _emerged(rows: list[dict[str, Any]], *, blocks: bool = False) -> Table:
    """Families of some layer, whichever, then of each layer; a task's name stands at its first row."""
    # The names of blocks take the room that p has elsewhere.
    about = ("family", "networks", "95 %", "emerged", "untrained", *(() if blocks else ("p",)))
    names = ("task", "block" if blocks else "layer", *about)
    table = _plain(f"What {'blocks of some layer' if blocks else 'the layers'} became", names)
    before: tuple[str | None, str | None] = (None, None)
    for row in rows:
        now = row["task"], row.get("block")
        task, block = now[0] if now[0] != before[0] else "", now[1] if now != before else ""
        before = now
        if row["family"] is None:
            table.add_row(task, "", "not examined")
            continue
        told = [
            task,
            block if blocks else "any" if row["layer"] is None else str(row["layer"] + 1),
            row["family"],
            f"{row['count']} of {row['networks']}",
            f"{row['low']:.2f}-{row['high']:.2f}",
            "" if row["emerged"] is None else f"{row['emerged']:.2f}",
            "" if row["null"] is None else f"{row['null']:.2f}",
            "" if row["p"] is None else f"{row['p']:.2g}",
        ]
        table.add_row(*told[: len(names)])
    return table


def _scores(rows: list[dict[str, Any]]) -> Table:
    """The best genome beside the best specialist, and the search beside chance."""
    table = _plain("How well", ("task", "whose", "score (95 %)", "test (95 %)"))
    for row in rows:
        told = [
            (
                None if row["best_trial"] is None else f"trial {row['best_trial']}",
                interval(row["score"], row["score_low"], row["score_high"]),
                interval(row["test_score"], row["test_low"], row["test_high"]),
            ),
            (
                row["specialist"],
                interval(row["specialist_score"], None, None),
                interval(row["specialist_test_score"], None, None),
            ),
        ]
        count = row["equal_trials"]
        for name, score in (("sampled", row["sampler_score"]), ("at random", row["random_score"])):
            told.append((f"best of {count} {name}" if score is not None else None, interval(score, None, None), ""))
        own = [each for each in told if each[0] is not None]
        for number, (whose, score, test) in enumerate(own):
            table.add_row(row["task"] if number == 0 else "", whose, score, test)
    return table


def _early(rows: list[dict[str, Any]]) -> Table:
    """Rank correlations of early scores with the final one, where some trials could not be stopped early."""
    told = {row["task"]: row for row in rows if any(each is not None for each in row["rung_correlations"])}
    rungs = max((len(row["rung_correlations"]) for row in told.values()), default=1)
    # The last is the final score itself; of many some are enough.
    shown = range(0, rungs - 1, -(-(rungs - 1) // MOST_RUNGS) or 1)
    names = ("task", *(f"rung {number + 1}" for number in shown), "trials")
    table = _plain("Rank correlation of early scores with final ones", names, right=names[1:])
    for task, row in told.items():
        known = dict(enumerate(row["rung_correlations"]))
        cells = ["" if known.get(number) is None else f"{known[number]:.2f}" for number in shown]
        table.add_row(task, *cells, str(row["rung_trials"]))
    return table


def _written(run: Run, rows: list[dict[str, Any]]) -> list[str]:
    """Where things are, and what looks into them. Lines are not wrapped: their ends are commands to copy."""
    here = near(run.folder)
    lines = [f"Written to {here}", f"  run.db: all tables (itnas trials {typed(here)})"]
    for row in rows:
        trial = row["best_trial"]
        kept = {} if trial is None else run.kept(trial)
        if kept:
            paths = " and ".join(sorted(kept.values(), reverse=True))
            command = f"itnas explain {typed(f'{here}:{trial}')}"
            lines.append(f"  {paths}: trial {trial}, the best on {row['task']} ({command})")
    return lines


def _plain(title: str, names: tuple[str, ...], right: tuple[str, ...] = ("emerged", "untrained", "p")) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(
            name,
            justify="right" if name in right else "left",
            overflow="fold",
            no_wrap=name != "task",
            min_width=12 if name == "task" else None,
        )
    return table
