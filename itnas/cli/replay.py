"""`itnas replay`: every proposal of a run, and whether it would be made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from itnas.cli.listing import AsCsv, AsJson, show


def replay(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    check: Annotated[
        bool, typer.Option("--check", help="Ask the samplers again, and compare every decision with the log.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what was proposed, in order; with --check, make every decision of the search again and compare."""
    from itnas.store import RunReader

    reader = RunReader(run)
    if not check:
        rows = [
            {"event": event["id"], "task": event["task"], "trial": event["trial"], "origin": event["data"]["origin"]}
            | {"parameters": event["data"].get("parameters", {}), "known": event["data"].get("known")}
            for event in reader.events()
            if event["kind"] == "ask"
        ]
        show(rows, title="Proposals", as_json=as_json, as_csv=as_csv)
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
        raise typer.Exit(1)
