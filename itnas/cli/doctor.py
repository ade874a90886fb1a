"""`itnas doctor`: what this machine has, and what to fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from itnas.cli.endings import NO
from itnas.cli.listing import show
from itnas.cli.options import AsCsv, AsJson, flag, option
from itnas.cli.screen import console, exclude

if TYPE_CHECKING:
    from itnas.doctor import Diagnosis

MARKS = {"good": "ok", "limited": "limited", "bad": "BAD"}


def doctor(
    run: Annotated[Path, option("--run", takes="folder", told="Have runs go here.", default="runs")] = Path("runs"),
    quick: Annotated[bool, flag("--quick", told="Start nothing: leave Ray alone.")] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Say what this machine has, what that means for a sweep, and what to fix.

    Ends with 1 where a sweep cannot run.
    """
    from itnas.doctor import Patient, diagnoses

    exclude(json=as_json, csv=as_csv)
    found: dict[str, Diagnosis] = {}
    for name, diagnosis in diagnoses(Patient(run, quick)):
        found[name] = diagnosis
        if not as_json and not as_csv:
            _say(name, diagnosis)
    if as_json or as_csv:
        rows = [{"check": name} | each.to_dict() for name, each in found.items()]
        show(rows, title="", as_json=as_json, as_csv=as_csv)
    else:
        _sum_up(found)
    if any(each.state == "bad" for each in found.values()):
        raise typer.Exit(NO)


def _say(name: str, diagnosis: Diagnosis) -> None:
    """As soon as it is known: some checks take seconds."""
    screen = console()
    told = f": {diagnosis.means}" if diagnosis.means else ""
    screen.print(f"{MARKS[diagnosis.state]:<8}{name:<18}{diagnosis.found}{told}", soft_wrap=True)
    if diagnosis.fix:
        screen.print(f"{'':<8}{'to fix it':<18}{diagnosis.fix}", soft_wrap=True)


def _sum_up(found: dict[str, Diagnosis]) -> None:
    bad = [name for name, each in found.items() if each.state == "bad"]
    limited = [name for name, each in found.items() if each.state == "limited"]
    if bad:
        told = f"No sweep runs here before this is put right: {', '.join(bad)}."
    elif limited:
        told = f"Sweeps run here; what is limited: {', '.join(limited)}."
    else:
        told = "Sweeps run here, and nothing is missing."
    console().print(told, soft_wrap=True)
