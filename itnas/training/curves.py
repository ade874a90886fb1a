"""Learning curves: what each replica's loss and score were on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd


class Curves:
    """Losses are means over the steps since the last record; scores stand where they were taken."""

    def __init__(self, replicas: int) -> None:
        self.sums = torch.zeros(replicas, dtype=torch.float64)
        self.count = 0
        self.rows: list[dict[str, Any]] = []

    def add(self, losses: Tensor) -> None:
        """Take in the losses of one step."""
        self.sums += losses.detach().cpu().double()
        self.count += 1

    def record(self, step: int, seconds: float, scores: Sequence[float] | None) -> tuple[float, ...]:
        """Close a stretch of steps; the mean losses over it."""
        losses = (self.sums / max(self.count, 1)).tolist()
        self.rows.append(
            {"step": step, "seconds": seconds, "losses": losses, "scores": None if scores is None else list(scores)}
        )
        self.sums, self.count = torch.zeros_like(self.sums), 0
        return tuple(losses)

    def last_losses(self) -> list[float]:
        return list(self.rows[-1]["losses"])

    def last_scores(self) -> list[float]:
        return next(list(row["scores"]) for row in reversed(self.rows) if row["scores"] is not None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the open stretch's sums apart, which stay a tensor to stay exact."""
        return {"rows": list(self.rows), "count": self.count}

    @classmethod
    def from_dict(cls, data: dict[str, Any], sums: Tensor) -> Self:
        curves = cls(len(sums))
        curves.rows, curves.count, curves.sums = list(data["rows"]), data["count"], sums.clone()
        return curves

    def to_frame(
        self, seeds: Sequence[int], learning_rates: Sequence[float], died: Sequence[int | None]
    ) -> pd.DataFrame:
        """One row per record and replica: step, seconds, replica, seed, learning_rate, loss, score, alive."""
        import pandas as pd

        columns: dict[str, list[Any]] = {
            name: [] for name in ("step", "seconds", "replica", "seed", "learning_rate", "loss", "score", "alive")
        }
        for row in self.rows:
            for replica, (seed, rate, end) in enumerate(zip(seeds, learning_rates, died, strict=True)):
                score = row["scores"][replica] if row["scores"] is not None else None
                values = (row["step"], row["seconds"], replica, seed, rate, row["losses"][replica], score)
                for name, value in zip(columns, (*values, end is None or row["step"] <= end), strict=True):
                    columns[name].append(value)
        return pd.DataFrame(columns).astype({"score": "float64"})
