"""VQA v2: a question about a photograph."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from itnas.datasets import vqa
from itnas.datasets.pictures import Picture, whole, working_side
from itnas.models.interface import Modality
from itnas.operator.domain import Grid, Sequence, Union
from itnas.tasks.base import Loss, register
from itnas.tasks.batch import Batch
from itnas.tasks.published.order import Division, Rows, divided
from itnas.tasks.published.patches import cut_out, patches, read_picture
from itnas.tasks.published.scenes import Scenes
from itnas.tasks.published.texts import VOCABULARY, as_bytes, beside

HELD_OUT = 0.02


class Asked(NamedTuple):
    picture: Picture
    record: vqa.Record


@register
@dataclass(frozen=True)
class VqaV2(Scenes[Asked]):
    """Questions about the photographs of COCO: an image of `size` pixels a side in patches, and `bytes` of text.

    Test is the published validation set, as the answers of the test set are kept back; validation are all questions
    about 2 % of the training images, those whose names have the lowest hashes. Classes are the `answers` most frequent
    answers of the training questions. A target is the share of credit that an answer gets from the ten people asked,
    so the loss is binary for each class, and the score the credit of the most likely one. Images are squeezed to a
    square, so that all of them is seen.
    """

    name = "vqa-v2"
    summary = "The patches of a photograph and the bytes of a question go in, one of many answers comes out."
    expects = (
        "Attention from the question to the image, which looks up what is asked for; within the image convolution, "
        "within the question local kernels that make words of bytes."
    )
    metric = "vqa"

    bytes: int = 64
    answers: int = 3129
    steps: int = 50_000

    def check_settings(self) -> None:
        super().check_settings()
        if self.answers < 1:
            raise ValueError(f"task {self.name}: answers must be at least 1, got answers={self.answers}")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return (
            Modality("image", channels=self.channels),
            Modality("question", vocabulary=VOCABULARY),
        )

    @property
    def outputs(self) -> int:
        return self.answers

    @property
    def loss(self) -> Loss:
        return "binary"

    @property
    def chance(self) -> float:
        """What "yes" earns everywhere (Goyal et al., arXiv 1612.00837)."""
        return 0.2598

    @property
    def ceiling(self) -> None:
        """People who disagree cannot all be right."""
        return None

    def rows(self, split: str) -> Rows:
        if split == "test":
            return np.arange(len(_records(self.folder, "val2014")))
        return _division(self.folder).side(split)

    def load(self, split: str, row: int) -> Asked:
        record = _records(self.folder, "val2014" if split == "test" else "train2014")[row]
        return Asked(read_picture(record.image, working_side(self.size)), record)

    def assemble(self, samples: Several[Asked], split: str, rng: np.random.Generator, length: int) -> Batch:
        pictures = [each.picture for each in samples]
        views = cut_out(pictures, [whole(picture) for picture in pictures], self.size)
        vocabulary = _vocabulary(self.folder, self.answers)
        targets = np.zeros((len(samples), self.answers), dtype=np.float32)
        for row, each in enumerate(samples):
            targets[row, : len(vocabulary)] = vqa.soft_targets(each.record, vocabulary, official=split != "train")
        made = self._laid(patches(views, self.patch), [each.record.question for each in samples])
        return Batch(made.inputs, torch.from_numpy(targets), domain=made.domain)

    def outline(self, size: int, length: int) -> Batch:
        made = self._laid(torch.zeros(size, self.patches, self.channels), ["a" * self.bytes] * size)
        return Batch(made.inputs, torch.zeros(size, self.answers), domain=made.domain)

    def _laid(self, image: torch.Tensor, questions: Several[str]) -> Batch:
        """Inputs and domain; nothing is asked for yet."""
        tokens, valid = as_bytes(questions, self.bytes)
        side = isqrt(self.patches)
        domain = Union([Grid((side, side)), Sequence(valid=valid)], sizes=(self.patches, self.bytes), names=self.names)
        return Batch(beside([image, tokens]), torch.zeros(len(questions)), domain=domain)


@lru_cache(maxsize=4)
def _records(folder: Path, split: str) -> list[vqa.Record]:
    return vqa.read(folder, split)


@lru_cache(maxsize=2)
def _division(folder: Path) -> Division:
    return divided([record.image.name for record in _records(folder, "train2014")], HELD_OUT)


@lru_cache(maxsize=4)
def _vocabulary(folder: Path, size: int) -> dict[str, int]:
    """Of the questions that are trained on; an answer given once may be among them, so that there are as many as
    asked for: the usual 3129 are those of training and validation together that come up nine times."""
    records = _records(folder, "train2014")
    return vqa.answer_vocabulary([records[row] for row in _division(folder).train], size, least=1)
