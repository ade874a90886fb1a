"""What a network has to know of a task: what goes in and what comes out. Every `itnas.tasks.Task` says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class Modality:
    """One kind of points in a union. Inputs of a union are float32 [B, N, C], C the most that any modality needs:
    tokens stand as whole numbers in the first channel, numbers in the first `channels` ones.
    """

    name: str
    vocabulary: int | None = None  # number of tokens; None where inputs are numbers
    channels: int = 0  # numbers per point
    encoder: str | None = None  # modalities that name the same one are encoded by the same weights; None: by their own

    @property
    def encoded_by(self) -> str:
        return self.encoder or self.name


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
    def modalities(self) -> tuple[Modality, ...]:
        """The kinds of points of a union, in its order; none where all points are of one kind."""

    @property
    def outputs(self) -> int:
        """Classes, or numbers per output."""

    @property
    def readout(self) -> Literal["points", "pooled", "decoded"]:
        """One output per point, one per sample, or all points from the last one."""

    @property
    def compares(self) -> bool:
        """Whether a sample's two modalities are compared, as the sentences of a pair are."""

    @property
    def causal(self) -> bool:
        """Whether a network that looks ahead could cheat."""

    @property
    def position_dim(self) -> int:
        """Axes of space; 0: points have no places."""
