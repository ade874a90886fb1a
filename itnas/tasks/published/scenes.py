"""What tasks share whose samples are images and a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from itnas.tasks.published.base import Filed, Sample, settings_text
from itnas.tasks.published.patches import check_patches


@dataclass(frozen=True)
class Scenes(Filed[Sample]):
    """Images of `size` x `size` pixels in patches of `patch` x `patch`, and the first `bytes` bytes of a text.

    `length` follows from these: it is the number of all points together.
    """

    images: ClassVar[int] = 1
    readout = "pooled"
    position_dim = 3  # two of images, one of texts

    length: int = 0
    size: int = 224
    patch: int = 16
    bytes: int = 64

    def __post_init__(self) -> None:
        check_patches(self.name, self.patch, self.size)
        points = self.images * self.patches + self.bytes
        if self.bytes < 1 or self.length not in (0, points):
            raise ValueError(
                f"task {self.name}: length follows from size, patch and bytes, and bytes are at least 1: here it is "
                f"{points}, got length={self.length} and bytes={self.bytes}"
            )
        object.__setattr__(self, "length", points)
        super().__post_init__()

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if length != self.length:
            raise ValueError(
                f"task {self.label}: samples have {self.length} points at least and at most, got length={length}: "
                "set size, patch or bytes"
            )

    @property
    def patches(self) -> int:
        """Of one image."""
        return (self.size // self.patch) ** 2

    @property
    def channels(self) -> int:
        return 3 * self.patch**2

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(modality.name for modality in self.modalities)

    @property
    def lengths(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def label(self) -> str:
        changed = settings_text(self, {"length": self.length})
        return self.name + (f"/{changed}" if changed else "")
