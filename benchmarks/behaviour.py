"""Are verdicts right, how much do they depend on thresholds, and what do they cost?

Sections: `planted` (layers with known behaviour: accuracy, confusion, a row per kind, every failure), `untrained`
(whatever is said to have emerged there is wrong), `trained` (the default tasks on five seeds, and what explaining costs
beside training), `thresholds` (planted layers at other settings), `long` (N = 1024). `itnas bench behaviour` runs them;
`python -m benchmarks.behaviour planted [--draws K] [--kinds a,b] [--seed S] [--length N] [--out FILE]` is for looking
at some kinds: it prints a line of evidence for every layer that was misnamed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from itnas.files import write_atomically
from itnas.registry import check_choice

from .measuring import machine
from .planted import KINDS
from .planted.outcome import Outcome, outcomes, summary
from .sections import _table
from .truths.length import long
from .truths.thresholds import thresholds
from .truths.trained import trained
from .truths.untrained import GENOMES, untrained

DRAWS = 9  # of each kind: more than 500 pure ones
FRESH = 3000  # the first seed; those below were looked at while the rules were written, and prove nothing
Rows = dict[str, list[dict[str, Any]]]


def planted(
    draws: int = DRAWS, kinds: Sequence[str] | None = None, seed: int = FRESH, length: int | None = None
) -> Rows:
    """Accuracy on pure layers and on sums, the confusion matrix, a row per kind, every failure."""
    for kind in kinds or ():
        check_choice("kind of planted layer", kind, KINDS)
    found: list[Outcome] = []
    for outcome in outcomes(draws, kinds, seed, length):
        found.append(outcome)
        if not outcome.right:
            print(outcome.line(), file=sys.stderr, flush=True)
    return summary(found)


SECTIONS: dict[str, Callable[[bool], Rows]] = {
    "planted": lambda quick: planted(1 if quick else DRAWS),
    "untrained": lambda quick: untrained(3 if quick else GENOMES),
    "thresholds": lambda quick: thresholds(1, ["delay", "mild attention"] if quick else None),
    "long": long,
    "trained": trained,
}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections on one thread and return {table: rows}, with the machine."""
    for name in only or []:
        check_choice("section", name, SECTIONS)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    console = Console(quiet=quiet)
    try:
        found: dict[str, Any] = {"machine": machine()}
        for name, section in SECTIONS.items():
            if only is None or name in only:
                rows = section(quick)
                show(rows, console)
                found |= rows
    finally:
        torch.set_num_threads(threads)
    return found


def show(found: Rows, console: Console) -> None:
    """Every table but the failures, which have been told one by one."""
    for name, rows in found.items():
        if name != "failures":
            console.print(_table(name, rows))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.behaviour", description=__doc__)
    parser.add_argument("section", choices=list(SECTIONS))
    parser.add_argument("--draws", type=int, default=DRAWS, help="planted layers of each kind")
    parser.add_argument("--kinds", default=None, help="only these kinds, separated by commas")
    parser.add_argument("--seed", type=int, default=FRESH, help="of the first draw")
    parser.add_argument("--length", type=int, default=None, help="look at all layers at this length")
    parser.add_argument("--out", type=Path, default=None, help="write the JSON object to this file")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if chosen.section == "planted":
        kinds = None if chosen.kinds is None else [kind.strip() for kind in chosen.kinds.split(",")]
        found = planted(chosen.draws, kinds, chosen.seed, chosen.length)
    else:
        found = SECTIONS[chosen.section](False)
    show(found, Console())
    if chosen.out is not None:
        write_atomically(chosen.out, (json.dumps(found, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
