"""Random numbers for some samples of a batch: the same that they get where the whole batch is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Some(np.random.Generator):
    """Draws for all `size` samples of a batch and hands out what those at `places` get. Arrays have a row for each
    sample, so that what is asked for is that of so many samples."""

    def __init__(self, whole: np.random.Generator, size: int, places: NDArray[Any]) -> None:
        super().__init__(whole.bit_generator)
        self.size, self.places = size, places

    def random(self, size: Any) -> Any:  # type: ignore[override]
        return super().random(self._whole(size))[self.places]

    def standard_normal(self, size: Any) -> Any:  # type: ignore[override]
        return super().standard_normal(self._whole(size))[self.places]

    def _whole(self, size: int | tuple[int, ...]) -> tuple[int, ...]:
        rows, *rest = (size,) if isinstance(size, int) else size
        if rows != len(self.places):
            raise ValueError(f"{rows} rows of random numbers asked for, for {len(self.places)} samples")
        return (self.size, *rest)
