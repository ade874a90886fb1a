"""Which device trains, and in which precision."""

from __future__ import annotations

import torch

from itnas.registry import check_choice
from itnas.training.population import Plan

PRECISIONS = ("float32", "bfloat16")


def plan_for(device: str = "auto", precision: str = "float32", *, capture: bool = False) -> Plan:
    """`auto` takes a CUDA device if there is one. `capture` replays steps as a CUDA graph."""
    check_choice("precision", precision, PRECISIONS)
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
    return Plan(device=found, bfloat16=precision == "bfloat16", capture=capture)
