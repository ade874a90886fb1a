"""`itnas replay`: every proposal of a run, and whether it would be made again."""

from __future__ import annotations

from typing import Annotated

import typer

from itnas.cli.endings import NO
from itnas.cli.listing import show
from itnas.cli.options import AsCsv, AsJson, RunFolder, flag


def replay(
    run: RunFolder,
    check: Annotated[bool, flag("--check", told="Make every decision again, and compare it with the log.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what was proposed, in order; with --check, make every decision of the search again and compare.

    With --check it ends with 1 where a decision differs.
    """
    from itnas.store import RunReader

    reader = RunReader(run)
    if not check:
        rows = [
            {"event": event["id"], "task": event["task"], "trial": event["trial"], "origin": event["data"]["origin"]}
            | {"parameters": event["data"].get("parameters", {}), "known": event["data"].get("known")}
            for event in reader.events()
            if event["kind"] == "ask"
        ]
        show(rows, title="Proposals", as_json=as_json, as_csv=as_csv, output="replay")
        return
    from itnas.search.replay import replay as replayed

    found = replayed(reader)
    others = found.decisions - found.proposals
    if as_json or as_csv:
        show([vars(found)], title="", as_json=as_json, as_csv=as_csv)
    elif found.differing:
        typer.echo(f"{run}: {found.differing} decisions differ; the first: {found.first}")
    else:
        typer.echo(f"{run}: {found.proposals} proposals and {others} other decisions made again, all alike")
    if found.differing:
        raise typer.Exit(NO)
