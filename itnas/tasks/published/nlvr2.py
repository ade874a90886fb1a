"""NLVR2: is this sentence true of these two photographs?"""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from itnas.datasets import nlvr2
from itnas.datasets.pictures import Picture, whole, working_side
from itnas.models.interface import Modality
from itnas.operator.domain import Grid, Sequence, Union
from itnas.tasks.base import register
from itnas.tasks.batch import Batch
from itnas.tasks.published.order import Rows
from itnas.tasks.published.patches import cut_out, patches, read_picture
from itnas.tasks.published.scenes import Scenes
from itnas.tasks.published.texts import VOCABULARY, as_bytes, beside

PUBLISHED = {"train": "train", "validation": "dev", "test": "test1"}


class Stated(NamedTuple):
    left: Picture
    right: Picture
    pair: nlvr2.Pair


@register
@dataclass(frozen=True)
class Nlvr2(Scenes[Stated]):
    """Sentences about pairs of photographs: two images of `size` pixels a side in patches, and `bytes` of text.

    Splits are as published: `train` to learn from, `dev` for validation, the public `test1` as the test. Images are
    squeezed to squares, so that all of them is seen; both are encoded by the same weights.
    """

    name = "nlvr2"
    summary = "The patches of two photographs and the bytes of a sentence go in; whether it is true of them comes out."
    expects = (
        "Attention from the sentence to both images, and between these, to count and compare what it names; within "
        "an image convolution."
    )
    images = 2

    bytes: int = 128
    steps: int = 50_000

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return (
            Modality("left", channels=self.channels, encoder="image"),
            Modality("right", channels=self.channels, encoder="image"),
            Modality("statement", vocabulary=VOCABULARY),
        )

    @property
    def outputs(self) -> int:
        return 2

    @property
    def chance(self) -> float:
        """What "true" earns on the public test set (Suhr et al., arXiv 1811.00491)."""
        return 0.511

    @property
    def ceiling(self) -> None:
        """Of some statements even people disagree whether they are true."""
        return None

    def rows(self, split: str) -> Rows:
        return np.arange(len(_pairs(self.folder, split)))

    def load(self, split: str, row: int) -> Stated:
        pair = _pairs(self.folder, split)[row]
        left, right = nlvr2.images(self.folder, pair)
        side = working_side(self.size)
        return Stated(read_picture(left, side), read_picture(right, side), pair)

    def assemble(self, samples: Several[Stated], split: str, rng: np.random.Generator, length: int) -> Batch:
        both = []
        for pictures in ([each.left for each in samples], [each.right for each in samples]):
            views = cut_out(pictures, [whole(picture) for picture in pictures], self.size)
            both.append(patches(views, self.patch))
        targets = torch.tensor([int(each.pair.label) for each in samples])
        return self._laid(both, [each.pair.sentence for each in samples], targets)

    def outline(self, size: int, length: int) -> Batch:
        image = torch.zeros(size, self.patches, self.channels)
        return self._laid([image, image], ["a" * self.bytes] * size, torch.zeros(size, dtype=torch.int64))

    def _laid(self, images: Several[Tensor], statements: Several[str], targets: Tensor) -> Batch:
        tokens, valid = as_bytes(statements, self.bytes)
        grid = Grid((isqrt(self.patches),) * 2)
        domain = Union(
            [grid, grid, Sequence(valid=valid)], sizes=(self.patches, self.patches, self.bytes), names=self.names
        )
        return Batch(beside([*images, tokens]), targets, domain=domain)


@lru_cache(maxsize=6)
def _pairs(folder: Path, split: str) -> list[nlvr2.Pair]:
    return nlvr2.records(folder, PUBLISHED[split])
