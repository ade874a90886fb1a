"""A run of any size, written in seconds: real tables of a sweep that nobody ran, for measuring what reads them."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np

from itnas.search.settings import SweepSettings
from itnas.space import Space
from itnas.store import RunWriter

SPACE, TASK = "emergence", "recall"
DISTINCT = 400  # genomes; the trials share them
FAMILIES = ("convolution", "attention", "recurrence", "local", "mixed")


def plant(folder: Path, trials: int, *, replicas: int = 2, rungs: int = 5, seed: int = 0) -> Path:
    """One task, so many trials; every tenth was examined."""
    chance, space = random.Random(seed), Space.load(SPACE)
    settings = SweepSettings.from_dict({"tasks": [TASK], "trials": trials, "replicas": replicas, "rungs": rungs})
    assignments = [space.sample(np.random.default_rng(number)) for number in range(DISTINCT)]
    genomes = [space.genome(each) for each in assignments]
    folder.mkdir(parents=True)
    with RunWriter(folder, new=True) as writer:
        with writer.transaction():
            writer.set("space", {"name": space.name, "text": space.text})
            writer.set("settings", settings.to_dict())
            writer.set("created", time.time())
            writer.set("session", time.time())
            writer.set("seconds", 3600.0)
            writer.set("state", "ended")
            writer.set("versions", {})
            for genome in genomes:
                writer.genome(genome.hash, genome.to_dict())
            writer.event("settings", None, None, settings.to_dict())
            for number in range(trials):
                place = chance.randrange(DISTINCT)
                _trial(writer, number, assignments[place], genomes[place].hash, chance, replicas, rungs)
        writer.settle()
    return folder


def _trial(
    writer: RunWriter, number: int, assignment: Any, genome: str, chance: random.Random, replicas: int, rungs: int
) -> None:
    """Scores rise slowly, and by genome."""
    level = math.tanh(0.6 * random.Random(genome).gauss(0.4, 0.6) + number / 20_000)
    score = min(max(0.5 + 0.4 * level + chance.gauss(0, 0.05), 0.0), 1.0)
    state = chance.choices(("complete", "pruned", "failed"), (0.8, 0.17, 0.03))[0]
    origin = "random" if chance.random() < 0.2 else "sampler"
    started = 1_790_000_000.0 + 2.0 * number
    known = state == "complete"
    writer.event("ask", TASK, number, {"ask": 0, "origin": origin, "parameters": assignment})
    row = {
        "number": number, "task": TASK, "name": None, "genome": genome, "origin": origin, "state": state, "attempt": 1,
        "rung": rungs if known else 3, "score": score if known else None,
        "score_low": score - 0.05 if known else None, "score_high": score + 0.05 if known else None,
        "cost": 2e4, "parameters": 16_000 + 40 * chance.randrange(300), "flops": 5e4 + 100 * chance.randrange(400),
        "learning_rate": chance.choice((1e-3, 3e-3, 1e-2)), "worker": f"host/{number % 4}", "started": started,
        "finished": started + 6.0, "seconds": 6.0 + chance.random(),
        "reason": "RuntimeError: planted" if state == "failed" else None, "repeat": 0,
    }  # fmt: skip
    writer.put("trials", [row], replace=False)
    values: dict[str, Any] = {"values": [score]} if known else {"pruned": True}
    writer.event("tell", TASK, number, values)
    history = [
        {"trial": number, "phase": "search", "rung": rung, "replica": replica, "step": 50 * rung,
         "seconds": float(rung), "loss": 2.0 / rung, "score": score * rung / rungs}
        for rung in range(1, rungs + 1)
        for replica in range(replicas)
    ]  # fmt: skip
    writer.put("history", history)
    if known and number % 10 == 0:
        writer.put("layers", [_layer(number, layer, chance) for layer in (0, 1)])


def _layer(trial: int, layer: int, chance: random.Random) -> dict[str, Any]:
    import json

    family = chance.choice(FAMILIES)
    fidelities = {
        f"fidelity_{each}": round(chance.random() * (1.0 if each == family else 0.8), 3) for each in FAMILIES[:4]
    }
    data = {
        "replica": 0, "layer": layer, "head": None, "family": family, "emerged": chance.random() < 0.7,
        "untrained": ["mixed", "local"], "sentence": f"Layer {layer + 1} became {family}.", "reason": "planted",
        "support": 4, "state_size": 2, "fidelity_low": 0.9, "fidelity_high": 1.0, "null": 0.1, "imposed": False,
        **fidelities,
    }  # fmt: skip
    own = {"trial": trial, "phase": "search", "replica": 0, "layer": layer, "head": -1, "family": family}
    return own | {"data": json.dumps(data)}
