"""Upper bounds that a space sets: what breaks them is refused before a trial takes a device."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from itnas.registry import hint
from itnas.space.source import Located

if TYPE_CHECKING:
    from itnas.genome import Genome
    from itnas.tasks import Task

UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MEMORY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")


@dataclass(frozen=True)
class Constraints:
    """The most that a genome may cost at `length`, or at the task's own length where it has none of that; None: any."""

    parameters: int | None = None
    flops: float | None = None  # of one forward pass, per point
    memory: float | None = None  # bytes that a training batch of one replica keeps for the backward pass
    length: int | None = None

    def violation(self, genome: Genome, task: Task | str, batch_size: int | None = None) -> str | None:
        """The first bound that a genome breaks on a task, or why it cannot be built there; None: all is well.

        `batch_size`: that of the training, where it is not the genome's or the task's.
        """
        from itnas.tasks import find

        found = find(task)
        length = self._length(found)
        batch_size = batch_size or genome.training.batch_size or found.batch_size
        try:
            cost = genome.cost(length, found, batch_size=batch_size if self.memory is not None else 1)
        except ValueError as error:
            return f"cannot be built for {found.label}: {error}"
        if self.parameters is not None and cost.parameters > self.parameters:
            return f"parameters: {cost.parameters:,} > {self.parameters:,}"
        if self.flops is not None and cost.flops_per_token > self.flops:
            return f"flops per point at length {length}: {cost.flops_per_token:,.0f} > {self.flops:,.0f}"
        if self.memory is not None and cost.activation_bytes > self.memory:
            where = f"length {length} in batches of {batch_size}"
            return f"memory at {where}: {memory_text(cost.activation_bytes)} > {memory_text(self.memory)}"
        return None

    def _length(self, task: Task) -> int:
        try:
            if self.length is not None:
                task.check_length(self.length)
                return self.length
        except ValueError:
            pass
        return task.length

    def to_dict(self) -> dict[str, float]:
        """Those that are set."""
        found = {"parameters": self.parameters, "flops": self.flops, "memory": self.memory, "length": self.length}
        return {name: bound for name, bound in found.items() if bound is not None}

    def texts(self) -> list[str]:
        """As people read them."""
        found = []
        if self.parameters is not None:
            found.append(f"parameters <= {self.parameters:,}")
        if self.flops is not None:
            found.append(f"flops per point <= {self.flops:,.0f}")
        if self.memory is not None:
            found.append(f"memory <= {memory_text(self.memory)}")
        return found + ([] if self.length is None else [f"at length {self.length}"])


def memory_text(count: float) -> str:
    """Bytes in the unit that makes a short number of them."""
    for unit in ("GB", "MB", "kB"):
        if count >= UNITS[unit]:
            return f"{count / UNITS[unit]:,.4g} {unit}"
    return f"{count:,.0f} B"


def read_constraints(source: Located, where: str) -> Constraints:
    """The bounds under `constraints:`."""
    if not isinstance(source.value, dict):
        raise ValueError(f"{where}: line {source.line}: constraints: a mapping of bounds is expected")
    names = ("parameters", "flops", "memory", "length")
    found: dict[str, float] = {}
    for key, given in source.value.items():
        at = f"{where}: line {given.line}: constraints.{key[:40]}"
        if key not in names:
            meant = hint(key, names) or f": choose from {', '.join(names)}"
            raise ValueError(f"{where}: line {given.line}: constraints: unknown constraint {key[:40]!r}{meant}")
        bound = _bytes(given.value) if key == "memory" and isinstance(given.value, str) else given.value
        whole = key in ("parameters", "length")
        fits = isinstance(bound, int if whole else (int, float)) and not isinstance(bound, bool)
        if not fits or bound is None or not bound > 0:
            wanted = "a positive whole number" if whole else "a positive number"
            wanted += " of bytes, or a text like 200 MB" if key == "memory" else ""
            raise ValueError(f"{at}: must be {wanted}")
        found[key] = bound
    return Constraints(
        parameters=None if "parameters" not in found else int(found["parameters"]),
        flops=found.get("flops"),
        memory=found.get("memory"),
        length=None if "length" not in found else int(found["length"]),
    )


def _bytes(text: str) -> float | None:
    match = _MEMORY.fullmatch(text)
    return None if match is None or match[2] not in UNITS else float(match[1]) * UNITS[match[2]]
