"""A network on samples of one length: what its layers were given, and how it scores when some are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from itnas.behaviour.evidence import Examination
from itnas.behaviour.fidelity import Judge, OutputJudge, TaskJudge, context_share
from itnas.behaviour.samples import Source
from itnas.behaviour.scene import Scene, placed
from itnas.behaviour.sites import Heard, Replacing, Site, listen, replaced
from itnas.behaviour.thresholds import Thresholds
from itnas.models import Network
from itnas.tasks import Batch

JUDGED, REFERENCE = 16, 32
# Kernels of longer samples are larger, and say more each.
POINTS, FEWEST = 4096, 6
# Where a whole sample is one thing to get right or wrong, more of them are needed to tell 0.95 from 1.
JUDGED_WHOLE = 64


def sizes(length: int, *, pooled: bool) -> tuple[int, int]:
    """How many samples to judge by, and how many to fit replacements on."""
    share = min(1.0, max(POINTS / (length * JUDGED), FEWEST / JUDGED))
    return round(share * (JUDGED_WHOLE if pooled else JUDGED)), round(share * REFERENCE)


class Room:
    """Samples to judge by and samples to fit replacements on, heard at every site."""

    def __init__(self, model: nn.Module, source: Source, length: int, *, functional: bool) -> None:
        self.model, self.source, self.length, self.functional = model, source, length, functional
        pooled = functional and source.task is not None and source.task.readout == "pooled"
        self.shown = source.show(length, *sizes(length, pooled=pooled))
        self.heard = listen(model, lambda: self._run(self.shown.judged))
        self.others = listen(model, lambda: self._run(self.shown.reference))
        self.exams: dict[int, Examination] = {}
        self.weights = torch.ones(len(self.shown.groups()), dtype=torch.float64)
        self.skill: float | None = None
        self.chance: float | None = None
        if functional:
            self._score_intact()

    def scores(self, by: Mapping[Site, Replacing]) -> Tensor:
        """Scores of the groups of samples, with some sites replaced."""
        with replaced(self.model, by):
            outputs = self._run(self.shown.judged)
        return torch.tensor([value for value, _ in self._scored(outputs)], dtype=torch.float64)

    def examination(self, number: int, thresholds: Thresholds) -> Examination:
        """The examination of one site; what was worked out for it is kept."""
        if number not in self.exams:
            heard, other = self.heard[number], self.others[number]
            # Networks of genomes add no positions to their inputs; of other models nobody knows.
            place = None if isinstance(self.model, Network) else placed(torch.cat([heard.inputs.u, other.inputs.u]))
            scene = Scene(heard.subject, replace(heard.inputs, place=place))
            reference = Scene(other.subject, replace(other.inputs, place=place))
            self.exams[number] = Examination(scene, reference, self._judge(heard, scene), thresholds)
        return self.exams[number]

    def _judge(self, heard: Heard, scene: Scene) -> Judge:
        if not self.functional:
            return OutputJudge(scene)

        def score(y: Tensor | None) -> Tensor:
            return self.scores({} if y is None else {heard.site: lambda _u, _domain: y})

        assert self.chance is not None
        return TaskJudge(scene, score, self.weights, self.chance, context_share(heard.subject, heard.inputs))

    def _score_intact(self) -> None:
        outputs = self._run(self.shown.judged)
        scored = self._scored(outputs)
        self.weights = torch.tensor([weight for _, weight in scored], dtype=torch.float64)
        total = max(float(self.weights.sum()), 1e-12)
        self.skill = sum(value * weight for value, weight in scored) / total
        self.chance = self.source.chance(outputs, self.shown.judged)

    def _scored(self, outputs: Tensor) -> list[tuple[float, float]]:
        batch = self.shown.judged
        return [self.source.score(outputs[each], _some(batch, each)) for each in self.shown.groups()]

    def _run(self, batch: Batch) -> Tensor:
        own = (batch.inputs,) if batch.domain is None else (batch.inputs, batch.domain)
        outputs: Tensor = self.model(*own)
        return outputs


def _some(batch: Batch, part: slice) -> Batch:
    """Some samples, to be scored."""
    return Batch(batch.inputs[part], batch.targets[part], None if batch.mask is None else batch.mask[part])
