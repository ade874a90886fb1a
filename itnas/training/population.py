"""A population: the replicas of one genome on one task, trained side by side.

Replica r belongs to seed `seeds[r // L]` and to learning rate `rates[r % L]`. Replicas of one seed start with the same
weights and see the same data. What a replica becomes depends on its seed and its rate alone, not on its company.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from itnas.allowance import ran_out
from itnas.genome import Genome
from itnas.models import build_network
from itnas.operator.kernel.rank import open_count
from itnas.tasks import Batch, Task
from itnas.training.ahead import DataAhead
from itnas.training.captured import CapturedStep
from itnas.training.data import StackedBatch, TrainingData
from itnas.training.group import Group
from itnas.training.loss import losses
from itnas.training.optimiser import Rates, StackedAdamW
from itnas.training.stack import Stack

# What a score is taken on.
VALIDATION_SAMPLES = 512
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setup:
    """How a population's steps are computed; it changes no result but for rounding."""

    device: torch.device = CPU
    bfloat16: bool = False
    capture: bool = False  # record a step as a CUDA graph and replay it
    parts: int = 1  # a batch, or this process's share of it, is worked off in so many parts
    recompute: bool = False  # keep what goes into a block, and compute the rest again in the backward pass
    workers: int = 0  # processes that make training data ahead of time
    group: Group | None = None  # the processes that train together, each with a share of every batch


class Population:
    """Stacked networks, their optimiser and their fates."""

    def __init__(
        self,
        genome: Genome,
        task: Task,
        seeds: Sequence[int],
        *,
        setup: Setup | None = None,
        batch_size: int | None = None,
    ) -> None:
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"a population needs seeds that differ, got {list(seeds)}")
        self.genome, self.task, self.setup = genome, task, setup or Setup()
        own_size = genome.training.batch_size or task.batch_size
        self.batch_size = own_size if batch_size is None else batch_size
        self.rates = genome.training.learning_rates
        self.seeds = [seed for seed in seeds for _ in self.rates]
        self.learning_rates = list(self.rates) * len(seeds)
        device = self.setup.device
        networks = [build_network(genome, task, seed=seed) for seed in seeds for _ in self.rates]
        named = networks[0].named_parameters()
        decayed = torch.cat([torch.full((part.numel(),), decays(name, part)) for name, part in named])
        self.gates = [name for name, _ in networks[0].named_parameters() if name.endswith("gates.logits")]
        self.stack = Stack(networks, device, recompute=self.setup.recompute)
        self.optimiser = StackedAdamW(self.stack.flat, decayed.to(device), genome.training)
        self.members = torch.tensor([number for number in range(len(seeds)) for _ in self.rates], device=device)
        self.base_rates = torch.tensor(self.learning_rates, dtype=torch.float32, device=device)
        self.alive: Bool[Tensor, " replicas"] = torch.ones(self.replicas, dtype=torch.bool, device=device)
        self.died: Int[Tensor, " replicas"] = torch.full((self.replicas,), -1, device=device)
        group = self.setup.group
        rows = slice(None) if group is None else group.share(self.batch_size)
        self.made = TrainingData(task, tuple(seeds), self.batch_size, rows)
        self.data: TrainingData | DataAhead = self.made
        if self.setup.workers:
            self.data = DataAhead(self.made, self.setup.workers)
        self.captured = CapturedStep(self.advance) if self.setup.capture and device.type == "cuda" else None

    @property
    def replicas(self) -> int:
        return len(self.seeds)

    def batch(self, step: int) -> StackedBatch:
        """What this process trains on at a step."""
        return self.made.stacked(self.data[step], self.members, self.setup.device)

    def step(self, step: int, factor: float) -> Float[Tensor, " replicas"]:
        """One training step at `factor` times the learning rates; the loss of each replica before it."""
        rates = self.optimiser.rates(step, self.base_rates * factor)
        run = self.captured or self.advance
        return run(self.batch(step), torch.tensor(step, device=self.setup.device), rates)

    def advance(self, batch: StackedBatch, step: Tensor, rates: Rates) -> Float[Tensor, " replicas"]:
        """The part of a step that needs nothing from outside: all of it can be captured."""
        self.stack.set_step(step)
        gradient, loss = self._fitting(batch)
        if self.setup.group is not None:
            gradient, loss = self.setup.group.summed(gradient, loss, self.setup.parts)
            self.setup = replace(self.setup, parts=self.setup.group.parts)
        gradient, norms = self.optimiser.clipped(gradient)
        sound = torch.isfinite(loss) & torch.isfinite(norms)
        torch.where(self.alive & ~sound, step, self.died, out=self.died)
        self.alive &= sound
        self.optimiser.update(self.stack.flat, gradient, rates, self.alive)
        return loss

    def _fitting(self, batch: StackedBatch) -> tuple[Tensor, Tensor]:
        """The gradient, in smaller parts if memory runs out: nothing has changed before it is there."""
        most = batch.inputs.shape[1]
        while True:
            try:
                return self.gradient(batch)
            except RuntimeError as error:
                if not ran_out(error) or self.setup.parts >= most:
                    raise
                self.setup = replace(self.setup, parts=min(2 * self.setup.parts, most))

    def gradient(self, batch: StackedBatch) -> tuple[Tensor, Tensor]:
        """Gradient [R, P] and loss [R], added up over the parts of the batch."""
        size = math.ceil(batch.inputs.shape[1] / self.setup.parts)
        gradient, loss = None, torch.zeros(self.replicas, device=self.setup.device)
        for start in range(0, batch.inputs.shape[1], size):
            part = batch.part(start, start + size)
            with torch.autocast(self.setup.device.type, torch.bfloat16, enabled=self.setup.bfloat16):
                outputs = self.stack(part.inputs, part.domain, part.placed)
            own = losses(outputs, part.targets, part.mask, batch.total, kind=self.task.loss)
            # Once for all parts and all processes.
            first = start == 0 and (self.setup.group is None or self.setup.group.leads)
            penalised = own + self._rank_penalty() if self.gates and first else own
            (found,) = torch.autograd.grad(penalised.sum(), self.stack.flat)
            gradient = found if gradient is None else gradient.add_(found)
            loss = loss + own.detach()
        assert gradient is not None
        return gradient, loss

    def _rank_penalty(self) -> Float[Tensor, " replicas"]:
        """What open ranks cost each replica."""
        parts = self.stack.parameters()
        return self.genome.training.rank_penalty * torch.stack([open_count(parts[name]) for name in self.gates]).sum(0)

    def align(self, group: Group) -> None:
        """Take over the state of the leading process."""
        group.copy(self.stack.flat, self.optimiser.mean, self.optimiser.square, self.died)
        torch.lt(self.died, 0, out=self.alive)

    def close(self) -> None:
        """End the processes that make data, if there are any."""
        if isinstance(self.data, DataAhead):
            self.data.close()

    @torch.no_grad()
    def scores(self, split: str = "validation", samples: int = VALIDATION_SAMPLES) -> list[float]:
        """The task's metric of each replica on `samples` samples of a split, or all where there are fewer.

        They are the same for every genome, seed and batch size. A dead replica scores what guessing scores.
        """
        tallies = [self.task.tally() for _ in range(self.replicas)]
        self.stack.skeleton.eval()
        for batch in self.task.portions(split, samples):
            for tally, own in zip(tallies, self.outputs(batch), strict=True):
                tally.add(own, batch)
        self.stack.skeleton.train()
        found = [tally.score() for tally in tallies]
        alive = self.alive.tolist()
        return [
            score if lives and score is not None else self.task.chance
            for score, lives in zip(found, alive, strict=True)
        ]

    def outputs(self, batch: Batch) -> Float[Tensor, "replicas ..."]:
        """What every replica makes of one and the same batch."""
        device = self.setup.device
        placed = {} if batch.domain is None else batch.domain.per_sample()
        inputs = batch.inputs.to(device)
        places = {name: part.to(device) for name, part in placed.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.setup.bfloat16):
            return self.stack(inputs, batch.domain, places, shared=True).float().cpu()


# Biases, rates, frequencies and gates are no weights to be kept small, whatever their shape.
_SPARED = ("bias", "rate", "frequency", "damping", "gates")


def decays(name: str, part: Tensor) -> bool:
    """Whether weight decay acts on a parameter."""
    return part.dim() > 1 and not any(word in name for word in _SPARED)
