"""Are verdicts right? Layers with known behaviour, and networks that have learned nothing.

`python -m benchmarks.behaviour planted [--draws K] [--kinds a,b] [--seed S] [--length N] [--out FILE]` draws K layers
of every kind in `benchmarks/planted`, asks `itnas.explain` what they are, and prints a row for every kind and a line of
evidence for every layer that was misnamed. `python -m benchmarks.behaviour untrained [--genomes N]` explains untrained
networks of random genomes: whatever is said to have emerged there is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import itnas
from itnas.behaviour import explain
from itnas.files import write_atomically
from itnas.registry import check_choice

from .measuring import machine
from .planted import KINDS
from .planted.genomes import random_genome
from .planted.outcome import Outcome, outcomes, summary
from .sections import _table

DRAWS = 9  # of each kind: more than 500 pure ones
GENOMES, COPIES = 40, 4
TASKS = ("local-pattern/length=32", "flip-flop/length=32", "induction/length=32")


def planted(
    draws: int = DRAWS, kinds: Sequence[str] | None = None, seed: int = 0, length: int | None = None
) -> dict[str, Any]:
    """Accuracy on pure layers and on sums, the confusion matrix, a row per kind, every failure."""
    for kind in kinds or ():
        check_choice("kind of planted layer", kind, KINDS)
    found: list[Outcome] = []
    for outcome in outcomes(draws, kinds, seed, length):
        found.append(outcome)
        if not outcome.right:
            print(outcome.line(), file=sys.stderr, flush=True)
    return summary(found)


def untrained(genomes: int = GENOMES, seed: int = 0) -> dict[str, Any]:
    """Random genomes on tasks that they have not been trained on: the families named, and what "emerged"."""
    rng, start = random.Random(seed), time.process_time()
    families: Counter[str] = Counter()
    emerged: list[dict[str, Any]] = []
    for number in range(genomes):
        genome, task = random_genome(rng), TASKS[number % len(TASKS)]
        explanation = explain(itnas.build(genome, task, seed=number), itnas.task(task), copies=COPIES)
        families.update(layer.family for layer in explanation.layers)
        for layer in explanation.layers:
            if layer.emerged:
                row = {"genome": number, "task": task, "layer": layer.layer, "family": layer.family}
                emerged.append(row | {"null": layer.null, "reason": layer.reading.reason})
                print(f"emerged in an untrained network: {emerged[-1]}", file=sys.stderr, flush=True)
    layers = sum(families.values())
    return {
        "genomes": genomes,
        "layers": layers,
        "families": dict(families),
        "emerged": len(emerged),
        "share": len(emerged) / layers,
        "claims": emerged,
        "seconds": time.process_time() - start,
    }


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: what was found}."""
    for name in only or []:
        if name not in SECTIONS:
            raise ValueError(f"unknown section {name!r}: choose from {', '.join(SECTIONS)}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    console = Console(quiet=quiet)
    try:
        found: dict[str, Any] = {"machine": machine()}
        if only is None or "planted" in only:
            found["planted"] = planted(1 if quick else DRAWS)
            show_planted(found["planted"], console)
        if only is None or "untrained" in only:
            found["untrained"] = untrained(3 if quick else GENOMES)
            show_untrained(found["untrained"], console)
    finally:
        torch.set_num_threads(threads)
    return found


SECTIONS = ("planted", "untrained")


def show_planted(found: dict[str, Any], console: Console) -> None:
    """A row per kind, the confusion matrix, and the two numbers that count."""
    console.print(_table("planted", found["kinds"]))
    confusion = [{"expected": expected} | named for expected, named in found["confusion"].items()]
    console.print(_table("confusion", confusion))
    shares = {name: "none drawn" if share is None else f"{share:.3f}" for name, share in found["accuracy"].items()}
    counts = found["draws"]
    console.print(f"pure: {shares['pure']} of {counts['pure']}, sums: {shares['sums']} of {counts['sums']}")
    console.print(f"by inputs: {found['streams']}, {found['seconds']:.0f} CPU seconds")


def show_untrained(found: dict[str, Any], console: Console) -> None:
    """What untrained networks were named."""
    console.print(_table("untrained", [{"family": name, "layers": count} for name, count in found["families"].items()]))
    console.print(f"emerged: {found['emerged']} of {found['layers']} layers, {found['seconds']:.0f} CPU seconds")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.behaviour", description=__doc__)
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--draws", type=int, default=DRAWS, help="planted layers of each kind")
    parser.add_argument("--kinds", default=None, help="only these kinds, separated by commas")
    parser.add_argument("--seed", type=int, default=0, help="of the first draw")
    parser.add_argument("--length", type=int, default=None, help="look at all layers at this length")
    parser.add_argument("--genomes", type=int, default=GENOMES, help="untrained networks")
    parser.add_argument("--out", type=Path, default=None, help="write the JSON object to this file")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    console = Console()
    if chosen.section == "planted":
        kinds = None if chosen.kinds is None else [kind.strip() for kind in chosen.kinds.split(",")]
        found = planted(chosen.draws, kinds, chosen.seed, chosen.length)
        show_planted(found, console)
    else:
        found = untrained(chosen.genomes, chosen.seed)
        show_untrained(found, console)
    if chosen.out is not None:
        write_atomically(chosen.out, (json.dumps({chosen.section: found}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
