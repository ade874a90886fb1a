"""What is taken home: a genome, the task it was found on, where it comes from, and its trained network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itnas.genome import Genome
from itnas.tasks import Task

if TYPE_CHECKING:
    from itnas.models import Network
    from itnas.run import Run


@dataclass(frozen=True)
class Source:
    """`provenance`: plain data, the same every time that the same is exported."""

    genome: Genome
    task: Task
    provenance: dict[str, Any]
    network: Network | None = None  # trained, on the CPU, in evaluation mode
    run: Run | None = None
    trial: int | None = None
    folder: Path | None = None  # the export that it was read from, where it was

    @property
    def trained(self) -> Network:
        """The network with its weights."""
        if self.network is None:
            raise ValueError("this form needs trained weights, and none were kept: export the genome and train it")
        return self.network
