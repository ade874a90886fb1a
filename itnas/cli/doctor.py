"""`itnas doctor`: what this machine has, and what to fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from itnas.cli.listing import AsCsv, AsJson, plain_console, show

if TYPE_CHECKING:
    from itnas.doctor import Diagnosis

MARKS = {"good": "ok", "limited": "limited", "bad": "BAD"}


def doctor(
    run: Annotated[Path, typer.Option("--run", metavar="<folder>", help="Where runs shall go.")] = Path("runs"),
    quick: Annotated[bool, typer.Option("--quick", help="Start nothing: leave Ray alone.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say what this machine has, what that means for a sweep, and what to fix.

    Ends with 1 where a sweep cannot run.
    """
    from itnas.doctor import Patient, diagnoses

    if as_json and as_csv:
        raise ValueError("--json and --csv exclude each other: give one of them")
    found: dict[str, Diagnosis] = {}
    for name, diagnosis in diagnoses(Patient(run, quick)):
        found[name] = diagnosis
        if not as_json and not as_csv:
            _say(name, diagnosis)
    if as_json:
        typer.echo(json.dumps([{"check": name} | each.to_dict() for name, each in found.items()], indent=1))
    elif as_csv:
        show([{"check": name} | each.to_dict() for name, each in found.items()], title="", as_json=False, as_csv=True)
    else:
        _sum_up(found)
    if any(each.state == "bad" for each in found.values()):
        raise typer.Exit(1)


def _say(name: str, diagnosis: Diagnosis) -> None:
    """As soon as it is known: some checks take seconds."""
    console = plain_console()
    told = f": {diagnosis.means}" if diagnosis.means else ""
    console.print(f"{MARKS[diagnosis.state]:<8}{name:<18}{diagnosis.found}{told}", highlight=False, soft_wrap=True)
    if diagnosis.fix:
        console.print(f"{'':<8}{'to fix it':<18}{diagnosis.fix}", highlight=False, soft_wrap=True)


def _sum_up(found: dict[str, Diagnosis]) -> None:
    bad = [name for name, each in found.items() if each.state == "bad"]
    limited = [name for name, each in found.items() if each.state == "limited"]
    if bad:
        told = f"No sweep runs here before this is put right: {', '.join(bad)}."
    elif limited:
        told = f"Sweeps run here; what is limited: {', '.join(limited)}."
    else:
        told = "Sweeps run here, and nothing is missing."
    plain_console().print(told, highlight=False, soft_wrap=True)
