"""Train every genome of the table's space on every task: `python -m benchmarks.table.enumerate` (40 minutes of a core).

Rows are appended to a file of lines as they come, and a genome that is in it is not trained again: a kill loses the
training under way. The table is written in the end, at once.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from itnas.files import write_atomically
from itnas.genome import Genome
from itnas.search.job import Job, Outcome
from itnas.search.work import perform
from itnas.space import Space

HERE = Path(__file__).parent
SPACE = HERE / "space.yaml"
TABLE = HERE / "table.parquet"
LINES = HERE.parent.parent / "runs" / "table.jsonl"  # what the table is made of: gone once it is there
TASKS = ("flip-flop", "local-pattern", "recall/vocab=16,pairs=3")
LENGTH, STEPS, REPLICAS = 16, 130, 2


def genomes(space: Space) -> dict[str, dict[str, Any]]:
    """The first assignment of each genome, by the genome's hash, in an order that is the same every time."""
    found: dict[str, dict[str, Any]] = {}
    for parameters in space.enumerate():
        found.setdefault(space.genome(parameters).hash, parameters)
    names = list(found)
    order = np.random.default_rng(0).permutation(len(names))
    return {names[place]: found[names[place]] for place in order}


def trained(genome: Genome, task: str) -> dict[str, Any]:
    """One training, as a sweep does it."""
    job = Job(0, "search", 1, task, genome.to_dict(), 0, REPLICAS, (1.0,), steps=STEPS, length=LENGTH, device="cpu")
    begun = time.process_time()
    *_, last = perform(job)
    seconds = time.process_time() - begun
    if not isinstance(last, Outcome):
        # A genome that diverges is part of the space.
        return {"score": float("nan"), "scores": "[]", "parameters": 0, "seconds": seconds}
    result = last.result
    scores = json.dumps([round(row["score"], 6) for row in result["replicas"]])
    return {
        "score": result["score"]["mean"],
        "scores": scores,
        "parameters": result["parameters"],
        "seconds": seconds,
    }


def rows() -> list[dict[str, Any]]:
    """What has been trained so far. A last line that was cut short is left out."""
    if not LINES.is_file():
        return []
    complete = [line for line in LINES.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in complete]


def missing(space: Space, done: set[tuple[str, str]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Task, hash and assignment; all tasks of a genome in a row."""
    for name, parameters in genomes(space).items():
        for task in TASKS:
            if (task, name) not in done:
                yield task, name, parameters


def train_all() -> None:
    space = Space.load(SPACE)
    there = rows()
    # A line that was cut short must not be continued.
    write_atomically(LINES, "".join(json.dumps(row) + "\n" for row in there).encode())
    with LINES.open("a") as lines:
        for task, name, parameters in missing(space, {(row["task"], row["genome"]) for row in there}):
            row = {"task": task, "genome": name, "assignment": json.dumps(parameters)}
            lines.write(json.dumps(row | trained(space.genome(parameters), task)) + "\n")
            lines.flush()
    write_table()


def write_table() -> None:
    """All rows, sorted."""
    frame = pd.DataFrame(rows()).sort_values(["task", "genome"], ignore_index=True)
    buffer = BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomically(TABLE, buffer.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description="Train every genome of benchmarks/table/space.yaml.")
    parser.parse_args()
    torch.set_num_threads(1)
    train_all()
    LINES.unlink()


if __name__ == "__main__":
    main()
