"""What a network has to know of a task: what goes in and what comes out. Every `itnas.tasks.Task` says it."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable


@runtime_checkable
class Interface(Protocol):
    @property
    def label(self) -> str: ...

    @property
    def vocabulary(self) -> int | None:
        """Number of input tokens; None where inputs are numbers."""

    @property
    def channels(self) -> int:
        """Numbers per input point, where inputs are numbers."""

    @property
    def outputs(self) -> int:
        """Classes, or numbers per output."""

    @property
    def readout(self) -> Literal["points", "pooled", "decoded"]:
        """One output per point, one per sample, or all points from the last one."""

    @property
    def causal(self) -> bool:
        """Whether a network that looks ahead could cheat."""

    @property
    def position_dim(self) -> int:
        """Axes of space; 0: points have no places."""
