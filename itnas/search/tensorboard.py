"""Scores and losses for TensorBoard, one of its runs per trial."""

from __future__ import annotations

from pathlib import Path

from itnas.search.driver import OnChange
from itnas.search.job import Job, Message, Rung


def logged(folder: Path, then: OnChange) -> OnChange:
    """Log every rung below `folder`, then pass it on."""
    from tensorboardX import SummaryWriter

    def on_change(what: str, job: Job, message: Message | None) -> None:
        if isinstance(message, Rung):
            name = f"{job.task.replace('/', '_').replace(':', '_')}/{job.phase}-{job.trial:05d}"
            # Closed at once: a sweep has more trials than a process may have files.
            with SummaryWriter(str(folder / name)) as writer:
                writer.add_scalar("score", message.score, message.step)
                for replica, loss in enumerate(message.losses):
                    if loss is not None:
                        writer.add_scalar(f"loss/{replica}", loss, message.step)
        then(what, job, message)

    return on_change
