"""What a verdict depends on beside the evidence; `itnas bench behaviour --only thresholds` moves each number."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Thresholds:
    """Defaults are those of the validation."""

    fidelity: float = 0.95  # what a replacement must keep to stand for the layer
    floor: float = 0.05  # share of (intact - chance) that ablation must cost, or the layer does nothing
    context: float = 0.02  # share of the output's variance that other points must account for, or it is pointwise
    bounded: float = 0.25  # slope of log(1 + budget) on log N below which a budget is bounded
    grows: float = 0.5  # and above which it grows
    largest_share: float = 1 / 16  # a bounded state has at most max(largest_share N, smallest_bound) directions
    smallest_bound: int = 2
    points_per_state: float = 5.0  # a content-free state that stands for fewer points each is a convolution's
    tie: float = 0.03  # what attention must keep beyond a fixed matrix that also suffices
    head: float = 0.05  # share of a layer's output that a head must carry to have a say
    part: float = 0.1  # what each part of a sum must add
    imposed: float = 0.5  # share of untrained copies that must show a family for it to be imposed
    nearly: float = 0.8  # what a family keeps of an untrained copy that nearly shows it, so that it has not emerged

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("smallest_bound", "points_per_state"):
                if value < 1:
                    raise ValueError(f"{field.name} must be at least 1, got {value}")
            elif not 0 <= value <= 1:
                raise ValueError(f"{field.name} must lie in 0 to 1, got {value}")
        if self.bounded > self.grows:
            raise ValueError(f"bounded <= grows must hold, got bounded={self.bounded}, grows={self.grows}")

    def state_bound(self, length: int) -> int:
        """The largest state that still counts as bounded at this length."""
        return int(max(length * self.largest_share, self.smallest_bound))
