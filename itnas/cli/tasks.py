"""`itnas tasks`: what there is to train on."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from rich.table import Table

from itnas.cli.data import use_data
from itnas.cli.listing import cell_text, show
from itnas.cli.options import TASKS, AsCsv, AsJson, Data, argument
from itnas.cli.screen import console, exclude

NONE_NEEDED = "none needed"


def tasks(
    names: Annotated[
        list[str] | None,
        argument("List these alone; settings may follow a slash: recall/pairs=16.", name="task", complete=TASKS),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the tasks: metric, chance, ceiling, lengths, and what theory expects to solve them.

    Of published data sets it also says what is found, what is missing, and where it is obtained.
    """
    exclude(json=as_json, csv=as_csv)
    from itnas.tasks import TASKS as KINDS
    from itnas.tasks import find

    use_data(data)
    rows = [_row(find(name)) for name in names or [name for _, kind in KINDS.items() for name in kind.listed()]]
    if as_json or as_csv:
        show(rows, title="Tasks", as_json=as_json, as_csv=as_csv)
    elif len(rows) == 1:
        _show_one(rows[0])
    else:
        _show_all(rows)


def _row(task: Any) -> dict[str, Any]:
    settings = {field.name: getattr(task, field.name) for field in dataclasses.fields(task)}
    domain = task.outline(1, task.length).domain
    return {
        "task": task.label,
        "summary": task.summary,
        "inputs": ", ".join(f"{each.name}: {_inputs(each)}" for each in task.modalities) or _inputs(task),
        "domain": "Sequence" if domain is None else type(domain).__name__,
        "readout": task.readout,
        "outputs": task.outputs,
        "causal": task.causal,
        "metric": task.metric,
        "chance": task.chance,
        "ceiling": task.ceiling,
        "lengths": list(task.lengths),
        "expects": task.expects,
        "steps": task.steps,
        "batch_size": task.batch_size,
        "settings": settings,
        "variants": sorted(task.presets),
        "data": (task.lacks or "found") if task.published else NONE_NEEDED,
    }


def _inputs(kind: Any) -> str:
    """What goes in, of a task or of one of its modalities."""
    return f"{kind.vocabulary} tokens" if kind.vocabulary else f"{kind.channels} numbers"


def _show_all(rows: list[dict[str, Any]]) -> None:
    """A paragraph per task: sentences would not fit into the columns of a table."""
    table = Table(show_header=False, show_lines=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for row in rows:
        scale = f"{row['metric']}, chance {cell_text(row['chance'])}, ceiling {cell_text(row['ceiling'])}"
        where = "" if row["domain"] == "Sequence" else f" on a {row['domain']}"
        shape = f"{row['inputs']}{where}; lengths {cell_text(row['lengths'])}"
        data = f"\nData: {row['data']}" if row["data"] != NONE_NEEDED else ""
        table.add_row(row["task"], f"{row['summary']}\n{scale}; {shape}\nExpected: {row['expects']}{data}")
    console(prose=True).print(table)


def _show_one(row: dict[str, Any]) -> None:
    """One task, all there is to say about it."""
    table = Table(show_header=False, title=row["task"], title_justify="left")
    for name, cell in row.items():
        text = ", ".join(f"{key}={value}" for key, value in cell.items()) if isinstance(cell, dict) else cell_text(cell)
        table.add_row(name.replace("_", " "), text or "none")
    console(prose=True).print(table)
