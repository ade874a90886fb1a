"""A network on samples of one length: what its layers were given, and how it scores when some are replaced."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from itnas.behaviour.evidence import Examination
from itnas.behaviour.fidelity import Judge, OutputJudge, Span, TaskJudge
from itnas.behaviour.samples import Shown, Source, groups
from itnas.behaviour.scene import Inputs, Scene, placed
from itnas.behaviour.sites import Heard, Replacing, Site, listen, replaced
from itnas.behaviour.subjects import Block, BlockSubject, KernelSubject, OpaqueSubject, blocks_of
from itnas.behaviour.thresholds import Thresholds
from itnas.models import Network
from itnas.operator.domain import Union
from itnas.tasks import Batch
from itnas.training.memory import free_memory

JUDGED, REFERENCE = 16, 32
# Kernels of longer samples are larger, and say more each.
POINTS, FEWEST = 4096, 6
MANY = 256  # of 64 points
MANY_BESIDE = 32  # where other layers are replaced
GROUP, GROUPS = 2, 16  # samples that are scored together; of many samples, so many groups
# Where a whole sample is one thing to get right or wrong, more of them are needed to tell 0.95 from 1.
JUDGED_WHOLE = 64


def sizes(length: int, *, pooled: bool) -> tuple[int, int]:
    """How many samples to judge by, and how many to fit replacements on."""
    share = min(1.0, max(POINTS / (length * JUDGED), FEWEST / JUDGED))
    return round(share * (JUDGED_WHOLE if pooled else JUDGED)), round(share * REFERENCE)


class Room:
    """Samples to judge by and samples to fit replacements on, heard at every site.

    `others`: sites that are replaced all the while.
    """

    def __init__(
        self,
        model: nn.Module,
        source: Source,
        length: int,
        *,
        functional: bool,
        others: Mapping[Site, Replacing] | None = None,
        shown: Shown | None = None,
    ) -> None:
        self.model, self.source, self.length, self.functional = model, source, length, functional
        self.others = others or {}
        self.refused: dict[str, str] = {}  # layers that cannot be examined, and why
        pooled = functional and source.task is not None and source.task.readout == "pooled"
        judged, reference = sizes(length, pooled=pooled)
        # Networks of genomes add no positions to their inputs; of other models nobody knows.
        self.foreign = not isinstance(model, Network)
        many = min(MANY, max(FEWEST, MANY * 64 // length)) if functional or self.foreign else 0
        self.shown = source.show(length, judged, reference, many) if shown is None else shown
        self.heard, outputs = self._listen(self.shown.judged)
        self.donors, _ = self._listen(self.shown.reference)
        self.crowd, self._crowd_outputs = self._listen(self.shown.many) if functional or self.foreign else ([], outputs)
        self._leave_out()
        self._check()
        self.exams: dict[int, Examination] = {}
        self.weights = torch.ones(len(groups(self.shown.judged, GROUP)), dtype=torch.float64)
        self.intact = self.weights
        self.skill: float | None = None
        self.chance: float | None = None
        if functional:
            self._score_intact(outputs)

    def beside(self, others: Mapping[Site, Replacing]) -> Room:
        """The same room with some sites replaced."""
        # Whole replacements answer for the others: of many samples that would take long.
        shown = replace(self.shown, many=_some(self.shown.many, slice(0, MANY_BESIDE)))
        return Room(self.model, self.source, self.length, functional=self.functional, others=others, shown=shown)

    def silent(self) -> dict[Site, Replacing]:
        """What takes all sites out."""
        return {heard.site: heard.subject.silence for heard in self.heard}

    @cached_property
    def gained(self) -> tuple[float, float]:
        """Skill beyond chance, and its standard error; the same for all where nothing is scored."""
        if not self.functional or self.chance is None:
            return 0.0, 0.0
        scores, weights = (torch.tensor(each, dtype=torch.float64) for each in zip(*self._many_intact, strict=True))
        found = Span.of(scores, scores, weights, self.guessing)
        return found.intact - found.chance, found.doubt

    @cached_property
    def guessing(self) -> float:
        """What guessing earns: chance, or more where outputs that belong to other samples do (a commonest answer)."""
        assert self.chance is not None
        others = self._scored(torch.roll(self._crowd_outputs, 1, 0), self.shown.many)
        total = max(sum(weight for _, weight in others), 1e-12)
        return max(self.chance, sum(value * weight for value, weight in others) / total)

    def scores(self, by: Mapping[Site, Replacing]) -> Tensor:
        """Scores of the groups of samples, with some sites replaced."""
        with replaced(self.model, {**self.others, **by}, _before(by, self.heard)):
            outputs = self._run(self.shown.judged)
        return torch.tensor([value for value, _ in self._scored(outputs, self.shown.judged)], dtype=torch.float64)

    @cached_property
    def _many_intact(self) -> list[tuple[float, float]]:
        return self._scored(self._crowd_outputs, self.shown.many)

    def span(self, by: Mapping[Site, Replacing]) -> Span:
        """What there is to explain of some sites, on more samples than replacements are judged by: it takes one run of
        the network only."""
        with replaced(self.model, {**self.others, **by}, _before(by, self.crowd)):
            lost = self._scored(self._run(self.shown.many), self.shown.many)
        weights = torch.tensor([weight for _, weight in self._many_intact], dtype=torch.float64)
        intact, ablated = (
            torch.tensor([value for value, _ in each], dtype=torch.float64) for each in (self._many_intact, lost)
        )
        return Span.of(intact, ablated, weights, self.guessing)

    def examination(self, number: int, thresholds: Thresholds) -> Examination:
        """The examination of one site; what was worked out for it is kept."""
        if number not in self.exams:
            heard, other = self.heard[number], self.donors[number]
            place = placed(self.crowd[number].inputs.u) if self.foreign else None
            scene = Scene(heard.subject, replace(heard.inputs, place=place))
            reference = Scene(other.subject, replace(other.inputs, place=place))
            self.exams[number] = Examination(scene, reference, self._judge(heard, scene), thresholds)
        return self.exams[number]

    def blocks(self, number: int) -> tuple[Block, ...]:
        """The blocks of one site's kernel; none where its points are all of one kind."""
        heard = self.heard[number]
        domain = heard.inputs.domain
        return blocks_of(domain) if isinstance(domain, Union) and isinstance(heard.subject, KernelSubject) else ()

    def block_examination(self, number: int, block: Block, thresholds: Thresholds) -> Examination:
        """The examination of one block of one site's kernel, all others staying as they are."""
        scene, reference = (_block_scene(each[number], block) for each in (self.heard, self.donors))
        # Of a point that looks at another part nobody can swap "all but its own content": all it sees is others.
        rho = 1.0 if block.across else None
        judge = self._judge(self.heard[number], scene, rho)
        return Examination(scene, reference, judge, thresholds)

    def _judge(self, heard: Heard, scene: Scene, rho: float | None = None) -> Judge:
        if not self.functional:
            return OutputJudge(scene, rho)

        def score(y: Tensor) -> Tensor:
            return self.scores({heard.site: lambda _u, _domain: y})

        span = self.span({heard.site: scene.subject.silence})
        return TaskJudge(scene, score, self.intact, self.weights, span, rho)

    def _listen(self, batch: Batch) -> tuple[list[Heard], Any]:
        """What was heard at every site, and what came out."""
        outputs: list[Any] = []
        return listen(self.model, lambda: outputs.append(self._run(batch)), self.others, self.refused), outputs[0]

    def _score_intact(self, outputs: Tensor) -> None:
        scored = self._scored(outputs, self.shown.judged)
        self.intact, self.weights = (torch.tensor(each, dtype=torch.float64) for each in zip(*scored, strict=True))
        total = max(float(self.weights.sum()), 1e-12)
        self.skill = sum(value * weight for value, weight in scored) / total
        self.chance = self.source.chance(outputs, self.shown.judged)

    def _scored(self, outputs: Tensor, batch: Batch) -> list[tuple[float, float]]:
        size = GROUP if batch is self.shown.judged else max(GROUP, len(batch) // GROUPS)
        found = [self.source.score(outputs[each], _some(batch, each)) for each in groups(batch, size)]
        if not all(math.isfinite(value) for value, _ in found):
            raise ValueError(f"the score of some samples is not a finite number, at length {self.length}")
        return found

    def _run(self, batch: Batch) -> Any:
        """Outputs: one tensor where they are scored, else whatever the model gives."""
        # Models may change what they are given.
        given = batch.inputs.clone()
        outputs = self.model(given) if batch.domain is None else self.model(given, batch.domain)
        if self.functional and not isinstance(outputs, Tensor):
            raise TypeError(f"a scored model must give one tensor, got {type(outputs).__name__}: wrap it")
        return outputs

    def _leave_out(self) -> None:
        """What cannot be examined on some of the samples is examined on none."""
        self.heard, self.donors, self.crowd = (
            [each for each in heard if each.site.module not in self.refused]
            for heard in (self.heard, self.donors, self.crowd)
        )

    def _check(self) -> None:
        """What is not a number would read as "does nothing"."""
        if not self.heard:
            why = "; ".join(f"{name}: {reason}" for name, reason in self.refused.items())
            raise ValueError(f"the model calls none of its layers that can be examined{f' ({why})' if why else ''}")
        self._check_memory()
        if any(heard.inputs.u.dtype in (torch.bfloat16, torch.float16) for heard in self.heard):
            raise ValueError(
                "the model works in half precision, which verdicts cannot: explain it in float32 (.float())"
            )
        for heard in (*self.heard, *self.donors):
            if not bool(heard.inputs.u.isfinite().all()):
                raise ValueError(f"layer {heard.site} is given numbers that are not finite, at length {self.length}")

    def _check_memory(self) -> None:
        """Of layers that are known by their answers every channel has a kernel of its own."""
        free, length = free_memory(torch.device("cpu")), self.length
        samples = len(self.shown.judged) + 2 * len(self.shown.reference)
        for heard in self.heard:
            answer = heard.answer if isinstance(heard.answer, Tensor) else heard.answer[0]
            channels = answer.numel() // (len(self.shown.judged) * length)
            needed = answer.element_size() * samples * channels * length**2
            if isinstance(heard.subject, OpaqueSubject) and free is not None and needed > free:
                raise ValueError(
                    f"layer {heard.site}, with {channels} channels, takes at least {needed / 1e9:,.0f} GB of memory at "
                    f"length {length}, and {free / 1e9:,.0f} GB are free: ask for shorter lengths"
                )


def _block_scene(heard: Heard, block: Block) -> Scene:
    u, domain, layer = heard.inputs.u, heard.inputs.domain, heard.subject
    assert isinstance(domain, Union)
    assert isinstance(layer, KernelSubject)
    subject = BlockSubject(layer, u, domain, block)
    return Scene(subject, Inputs(subject.given, subject.part))


def _before(by: Mapping[Site, Replacing], heard: Sequence[Heard]) -> Sequence[Heard]:
    """What was heard before the first site that is replaced."""
    return heard[: next((number for number, each in enumerate(heard) if each.site in by), 0)]


def _some(batch: Batch, part: slice) -> Batch:
    """Some samples, to be scored."""
    mask, domain = batch.mask, batch.domain
    if domain is not None and domain.per_sample():
        domain = domain.samples(torch.arange(part.start, min(part.stop, len(batch))))
    return Batch(batch.inputs[part], batch.targets[part], None if mask is None else mask[part], domain)
