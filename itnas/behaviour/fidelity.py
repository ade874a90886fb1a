"""How much of what a layer does survives a replacement.

Functional: (score with replacement - score ablated) / (score intact - score ablated), on held-out data. Without a task:
F = 1 - (1 - R^2) / rho of the layer's output, rho being the share of its variance that other points account for, so
that what a point says of itself earns nothing.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.subjects import Subject

Z95 = 1.959964
# Points whose own content is kept while their surroundings are swapped.
WITNESSES = 8


@dataclass(frozen=True)
class Fidelity:
    """A share of 1, with a 95 % interval from the scatter between groups of samples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Span:
    """What there is to explain. `significant`: whether ablation costs more than chance and the floor allow."""

    intact: float
    ablated: float
    error: float  # standard error of intact - ablated
    chance: float

    @classmethod
    def of(cls, intact: Tensor, ablated: Tensor, weights: Tensor, chance: float) -> Span:
        """From the scores of groups of samples."""
        share = weights / weights.sum().clamp_min(1e-30)
        lost = intact - ablated
        error = (share.square() * (lost - (share * lost).sum()).square()).sum().sqrt()
        return cls(float((share * intact).sum()), float((share * ablated).sum()), float(error), chance)

    def significant(self, floor: float) -> bool:
        return self.intact - self.ablated > max(2 * self.error, floor * (self.intact - self.chance), 1e-12)


class Judge(abc.ABC):
    """Turns replacing kernels into fidelities."""

    span: Span
    rho: float  # share of the output's variance that depends on other points
    functional: ClassVar[bool]  # by a task's score, not by the layer's output

    @abc.abstractmethod
    def fidelity(self, kernel: Float[Tensor, "batch heads points points"], base: Tensor | None = None) -> Fidelity:
        """Fidelity of a replacing kernel; with `base`, relative to that kernel in place of the ablated layer."""


class OutputJudge(Judge):
    """By the output alone."""

    functional = False

    def __init__(self, scene: Scene, rho: float | None = None) -> None:
        self.scene = scene
        self.target = _centred(_heard(scene, scene.kernel))
        self.power = _groups(self.target.square())
        self.rho = context_share(scene.subject, scene.inputs) if rho is None else rho
        total = float(self.power.sum())
        scale = float(_heard(scene, scene.kernel).square().sum())
        # A layer whose output does not depend on the sample says nothing.
        self.span = Span(1.0 if total > 1e-8 * max(scale, 1e-30) else 0.0, 0.0, 0.0, 0.0)

    def fidelity(self, kernel: Tensor, base: Tensor | None = None) -> Fidelity:
        errors = _groups((_centred(_heard(self.scene, kernel)) - self.target).square())
        if base is not None:
            worst = _groups((_centred(_heard(self.scene, base)) - self.target).square())
            return ratio(worst - errors, worst)
        return ratio(self.rho * self.power - errors, self.rho * self.power)


class TaskJudge(Judge):
    """By the task's score: `score` runs the network with the layer's output replaced, and scores groups of samples."""

    functional = True

    def __init__(
        self, scene: Scene, score: Callable[[Tensor | None], Tensor], weights: Tensor, span: Span, rho: float
    ) -> None:
        """`span`: what there is to explain, from as many samples as it takes to tell."""
        self.scene, self.score, self.rho = scene, score, rho
        self.weights = weights / weights.sum()
        self.intact = score(None)
        self.ablated = score(scene.view.output(torch.zeros_like(scene.kernel)))
        self.span = span

    def fidelity(self, kernel: Tensor, base: Tensor | None = None) -> Fidelity:
        found = self.score(self.scene.view.output(kernel))
        worst = self.ablated if base is None else self.score(self.scene.view.output(base))
        return ratio(self.weights * (found - worst), self.weights * (self.intact - worst))


def context_share(subject: Subject, inputs: Inputs) -> float:
    """rho: half the mean squared change of an output when all points but its own are another sample's, over its
    variance."""
    u, domain, length = inputs.u, inputs.domain, inputs.length
    scene = Scene(subject, inputs)
    variance = _centred(_heard(scene, scene.kernel)).square().sum(-1).mean(0)  # [N]
    own = subject.run(u, domain)
    # A sample keeps its places: swapping them would change more than contents.
    other = torch.roll(u, 1, 0)
    places = torch.linspace(0, length - 1, min(WITNESSES, length)).round().long().unique()
    changed, total = 0.0, 0.0
    for place in places.tolist():
        mixed = other.clone()
        mixed[:, place] = u[:, place]
        # What a point says of itself beside the kernel is the same in both, and goes.
        moved = subject.run(mixed, domain)[:, place]
        changed += float((moved - own[:, place]).square().sum(-1).mean()) / 2
        total += float(variance[place])
    return min(max(changed / max(total, 1e-30), 0.0), 1.0)


def _heard(scene: Scene, kernel: Tensor) -> Tensor:
    """The output without the pointwise term: what other points, and a point's own kernel, say."""
    view = scene.view
    return view.output(kernel) - view.output(torch.zeros_like(kernel[..., :1, :1]).expand_as(kernel))


def _centred(y: Tensor) -> Tensor:
    return y - y.mean(0, keepdim=True)


def _groups(squares: Tensor) -> Tensor:
    """Sums per sample, [B]."""
    return squares.flatten(1).sum(1).double()


def ratio(kept: Tensor, whole: Tensor) -> Fidelity:
    """sum kept / sum whole over groups, with the delta method's interval."""
    total = float(whole.sum())
    if abs(total) < 1e-12:
        return Fidelity(0.0, 0.0, 0.0)
    value, count = float(kept.sum()) / total, len(kept)
    if count < 2:
        return Fidelity(value, -math.inf, math.inf)
    scatter = (kept - value * whole).double()
    error = float((scatter.square().sum() * count / (count - 1)).sqrt()) / abs(total)
    return Fidelity(value, value - Z95 * error, value + Z95 * error)
