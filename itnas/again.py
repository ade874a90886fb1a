"""The command that trains a genome again as a run did."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

DERIVED = 1000  # seeds that a training derives from each that a command names
DEFAULTS = {"precision": "float32"}
OPTIONS = ("steps", "batch_size", "length", "precision")


def training_command(
    file: str, task: str, seeds: Collection[int] = (), settings: Mapping[str, Any] | None = None
) -> str:
    """For a shell. `seeds` are those of the replicas; of `settings`, what neither genome nor task decides is named."""
    words = ["itnas", "train", file, "--task", task]
    if seeds:
        words += ["--replicas", str(len(set(seeds))), "--seed", str(named_seed(seeds))]
    for name in OPTIONS:
        value = (settings or {}).get(name)
        if value is not None and value != DEFAULTS.get(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def named_seed(seeds: Collection[int]) -> int:
    """The seed of a command from which these were derived."""
    return min(seeds) // DERIVED
