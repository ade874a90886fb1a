"""Stand-ins learn from the layers that they stand for; then the whole network finds its balance on the task."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from itnas.export.native.layers import points_of
from itnas.export.native.observe import Watched, batches, watch
from itnas.export.plain.stand_in import StandIn
from itnas.models import Network
from itnas.operator.domain import geometry_of
from itnas.tasks import Batch, Task
from itnas.training.loss import losses, scored_entries

RATE, TUNING_RATE = 5e-3, 1e-3
CLIP = 1.0
WHEEL = 0.1  # share of the steps in which the rate rises


def distil(piece: StandIn, teacher: Network, block: int, task: Task, steps: int) -> float:
    """Train a stand-in on a layer's answers; what it says of them in the end, R^2 on samples of their own.

    A stand-in that says all from the start is left alone.
    """
    found = agreement(piece, teacher, block, task)
    if steps and found < 1 - 1e-6:
        kept = {name: part.clone() for name, part in piece.state_dict().items()}

        def loss(batch: Batch) -> Tensor:
            heard = watch(teacher, block, batch)
            return unexplained(answers(piece, heard), heard.answers)

        learn(piece.parameters(), (loss(batch) for batch in batches(task, steps)), steps, RATE)
        learned = agreement(piece, teacher, block, task)
        if not learned > found:
            piece.load_state_dict(kept)
        found = max(found, learned) if math.isfinite(learned) else found
    return found


def agreement(piece: StandIn, teacher: Network, block: int, task: Task) -> float:
    """R^2 of a stand-in's answers, centred channel by channel, at the task's length."""
    heard = watch(teacher, block, task.batch("validation", seed=1, step=7, size=64))
    with torch.no_grad():
        return 1 - float(unexplained(answers(piece, heard), heard.answers))


def answers(piece: StandIn, heard: Watched) -> Tensor:
    given: Tensor = piece(heard.inputs, points_of(geometry_of(heard.inputs, heard.domain), heard.inputs))
    return given


def unexplained(given: Tensor, wanted: Tensor) -> Tensor:
    """The share of the variance over samples and points that is missed."""
    spread = (wanted - wanted.mean((0, 1))).square().mean()
    return (given - wanted).square().mean() / spread.clamp_min(1e-12)


def fine_tune(network: Network, task: Task, steps: int) -> None:
    """Train the stand-ins on the task, all others as well: none of them has seen the others' small errors."""
    network.train()

    def loss(batch: Batch) -> Tensor:
        outputs = network(batch.inputs, batch.domain)
        targets = batch.targets.unsqueeze(0)
        mask = None if batch.mask is None else batch.mask.unsqueeze(0)
        return losses(outputs.unsqueeze(0), targets, mask, scored_entries(targets, mask), kind=task.loss)[0]

    learn(network.parameters(), (loss(batch) for batch in batches(task, steps, seed=78_000)), steps, TUNING_RATE)
    network.eval()


def learn(parameters: Iterable[nn.Parameter], found: Iterable[Tensor], steps: int, rate: float) -> None:
    """AdamW with a warm-up and a cosine, one step for each loss."""
    own = [part for part in parameters if part.requires_grad]
    optimiser = torch.optim.AdamW(own, lr=rate, weight_decay=0.0)

    def share(step: int) -> float:
        return min((step + 1) / (WHEEL * steps + 1), 0.5 * (1 + math.cos(math.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    with torch.enable_grad():
        for loss in found:
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(own, CLIP)
            optimiser.step()
            schedule.step()
