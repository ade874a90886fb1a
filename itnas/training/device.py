"""Which device trains."""

from __future__ import annotations

import torch

from itnas.training.population import Setup

MOST_WORKERS = 256


def setup_for(
    device: str = "auto",
    *,
    capture: bool = False,
    accumulate: int = 1,
    checkpoint_activations: bool = False,
    workers: int = 0,
) -> Setup:
    """`auto` takes a CUDA device if there is one. `capture` replays steps as a CUDA graph.

    `accumulate`: gradients are added up over at least so many parts of a batch. `checkpoint_activations`: blocks are
    computed again in the backward pass instead of being kept. `workers`: processes that make training data.
    """
    if accumulate < 1:
        raise ValueError(f"accumulate must be at least 1, got {accumulate}")
    if not 0 <= workers <= MOST_WORKERS:
        raise ValueError(f"workers must lie in 0 to {MOST_WORKERS}, got {workers}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {device!r}: use auto, cpu, cuda or cuda:0, cuda:1, ...") from error
    if found.type not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r} is not supported: use auto, cpu or cuda")
    if found.type == "cuda" and (not torch.cuda.is_available() or (found.index or 0) >= torch.cuda.device_count()):
        raise ValueError(f"device {device!r} asked for, but torch sees {torch.cuda.device_count()} CUDA devices")
    if capture and found.type != "cuda":
        raise ValueError("capture=True records CUDA graphs, which needs a CUDA device")
    return Setup(device=found, capture=capture, parts=accumulate, recompute=checkpoint_activations, workers=workers)
