"""Cross-examining what a job has trained: kernels watched while they are trained, verdicts at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from itnas.search.job import Job

if TYPE_CHECKING:
    from itnas.models import Network
    from itnas.tasks import Task


def examined(
    networks: Mapping[int, Network],
    task: Task,
    best: int,
    *,
    copies: int,
    history: Callable[[Sequence[str]], list[dict[str, Any]]] | None = None,
) -> tuple[list[dict[str, Any]], bytes]:
    """Verdicts on replicas of one genome, as rows of the table of layers; kernels of the best of them, evidence of all.
    `history`: what was kept of the best one's layers on the way."""
    import torch

    from itnas.behaviour.cross_examine import explain_replicas
    from itnas.behaviour.describe import describe_examined, packed_arrays

    with torch.random.fork_rng(devices=[]):
        found = explain_replicas(networks, task, copies=copies)
        own_layers = found[list(networks).index(best)].layers
        described, replaced = describe_examined(networks[best], task, max(found[0].lengths), own_layers)
    judged = [layer for each in found for layer in each.layers]
    layers = [layer.to_dict() for layer in judged]
    heads = [head.to_dict() for layer in judged for head in layer.heads]
    whole = {replica: fidelity.value for each in found for replica, fidelity in each.whole.items()}
    about = {"length": max(found[0].lengths)}
    told = [row | {"whole": whole.get(row["replica"])} | about for row in layers + heads]
    names = [layer.name for layer in own_layers]
    kept = [{} for _ in names] if history is None else history(names)
    return told, packed_arrays({best: described}, judged, {best: replaced}, {best: kept})


class Watcher:
    """Of one training. Confirmed networks are watched at every rung: there are few of them, and they are kept."""

    def __init__(self, job: Job, training: Any) -> None:
        self.job, self.training = job, training
        self._watched: dict[int, list[dict[str, Any]]] = {}
        self._steps: list[int] = []
        self._unwatchable = False

    def watch(self, step: int) -> None:
        """Keep how each kernel depends on the offset by now."""
        if not self.job.test or self.job.explain_from is None or self._unwatchable:
            return
        from itnas.behaviour.describe import profiles

        task = self.training.recipe.task
        self._steps.append(step)
        for number in range(len(self.training.population.learning_rates)):
            try:
                found = profiles(self._network(number), task, task.length)
            except (ValueError, RuntimeError, ArithmeticError):
                # What cannot be looked at can still be trained; why it cannot is said at the end.
                self._unwatchable = True
                return
            self._watched.setdefault(number, []).append(found)

    def verdicts(self, result: dict[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
        """On the best replica, or on all that lived."""
        rows, rate = result["replicas"], result["learning_rate"]
        own = [number for number, row in enumerate(rows) if row["learning_rate"] == rate and row["died"] is None]
        best = max(own, key=lambda number: rows[number]["score"])
        networks = {number: self._network(number) for number in (own if self.job.test else [best])}
        history = partial(self._history, best)
        return examined(networks, self.training.recipe.task, best, copies=self.job.copies, history=history)

    def _network(self, number: int) -> Any:
        from itnas.models import build_network

        network = build_network(self.training.recipe.genome, self.training.recipe.task)
        network.load_state_dict(self.training.population.stack.state_of(number))
        return network.eval()

    def _history(self, replica: int, names: Sequence[str]) -> list[dict[str, Any]]:
        """For each layer its profiles over the rungs, where it was watched."""
        import numpy as np

        watched = self._watched.get(replica, [])
        found: list[dict[str, Any]] = []
        for name in names:
            own = [glances[name] for glances in watched if name in glances]
            profiles = [each.profile for each in own]
            whole = own and len(own) == len(self._steps) and len({each.shape for each in profiles}) == 1
            arrays = {"history": np.stack(profiles), "history_steps": np.array(self._steps)} if whole else {}
            if whole and own[0].offsets is not None:
                arrays["history_offsets"] = own[0].offsets
            found.append(arrays)
        return found
