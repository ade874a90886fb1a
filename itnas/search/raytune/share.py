"""What of the machines a trial gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FINEST = 1e-4  # Ray knows no smaller fraction


@dataclass(frozen=True)
class Share:
    """`slots` trials at once, each with so many CPUs and GPUs, whole or in fractions."""

    slots: int
    cpu: float
    gpu: float = 0.0

    @property
    def threads(self) -> int:
        return max(1, int(self.cpu))


def share_of(nodes: Sequence[dict[str, float]], slots: int | None = None, devices: int = 1) -> Share:
    """By default a trial per CPU; where there are GPUs, two per GPU. With fewer slots each gets more, as far as all fit
    onto the nodes as they are. Trials on several `devices` get that many whole CPUs, or GPUs where there are some, of
    one node."""
    cpus = [node.get("CPU", 0.0) for node in nodes]
    gpus = [node.get("GPU", 0.0) for node in nodes]
    if sum(cpus) <= 0:
        raise ValueError("the Ray cluster has no CPUs: nothing can run there")
    if devices > 1:
        return _of_several(cpus, gpus, slots, devices)
    if slots is None:
        slots = int(2 * sum(gpus)) if sum(gpus) else int(sum(cpus))
        slots = max(1, slots)
    if slots < 1:
        raise ValueError(f"slots must be at least 1, got {slots}")
    return Share(slots, _part(cpus, slots), _part(gpus, slots) if sum(gpus) else 0.0)


def _of_several(cpus: Sequence[float], gpus: Sequence[float], slots: int | None, devices: int) -> Share:
    kind, amounts = ("GPUs", gpus) if sum(gpus) else ("CPUs", cpus)
    most = sum(int(amount // devices) for amount in amounts)
    if most < 1:
        raise ValueError(
            f"a trial asks for {devices} {kind} of one node, and none has more than {max(amounts):g}: take fewer "
            "devices per trial"
        )
    slots = most if slots is None else slots
    if not 1 <= slots <= most:
        raise ValueError(f"of trials on {devices} {kind}, 1 to {most} fit onto the nodes at once, got slots={slots}")
    cpu = _part(cpus, slots)
    return Share(slots, cpu, float(devices)) if kind == "GPUs" else Share(slots, max(cpu, float(devices)))


def _part(amounts: Sequence[float], slots: int) -> float:
    """The largest part, whole where it can be, of which `slots` fit."""
    for part in range(int(max(amounts)), 0, -1):
        if sum(amount // part for amount in amounts) >= slots:
            return float(part)
    for per_unit in range(2, 10 * slots + 2):
        part_of_one = math.floor(1 / per_unit / FINEST) * FINEST
        if sum(int(amount) * per_unit for amount in amounts) >= slots:
            return round(part_of_one, 4)
    return FINEST
