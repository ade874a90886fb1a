"""What is kept of a finished training, wherever it goes: to a folder, or to the run of a sweep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from itnas.plain import plain
from itnas.training import checkpoint
from itnas.training.result import Result, best_replica

if TYPE_CHECKING:
    from itnas.training.trainer import Training


def outcome(training: Training, result: Result) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The result, and its files by name; the genome apart."""
    population, stack = training.population, training.population.stack
    died = [replica.died for replica in result.replicas]
    frame = training.curves.to_frame(population.seeds, population.learning_rates, died)
    about = {"genome": result.genome, "task": result.task}
    best = best_replica(result)
    members = {"seeds": population.seeds, "learning_rates": population.learning_rates}
    found: dict[str, Any] = plain(result.to_dict() | {"recipe": training.recipe.to_dict()})
    return found, {
        "curves.parquet": frame.to_parquet(index=False),
        "weights.safetensors": checkpoint.packed(stack.state_of(best), about | {"replica": best}),
        "replicas.safetensors": checkpoint.packed(stack.parameters() | stack.buffers, about | members),
        "result.json": (json.dumps(found, indent=2, allow_nan=False) + "\n").encode(),
    }
