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
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.agreement import Z95
from itnas.behaviour.scene import Scene
from itnas.behaviour.subjects.base import repeated

# Points whose own content is kept while their surroundings are swapped.
WITNESSES = 8
ASKED = 2**14  # points that are asked at once


@dataclass(frozen=True)
class Fidelity:
    """A share of 1, with a 95 % interval from the scatter between groups of samples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Span:
    """What there is to explain. `skilled`: whether the network does better than guessing; `significant`: whether it
    does, and ablation costs more than chance and the floor allow."""

    intact: float
    ablated: float
    error: float  # standard error of intact - ablated
    chance: float
    doubt: float = 0.0  # standard error of intact

    @classmethod
    def of(cls, intact: Tensor, ablated: Tensor, weights: Tensor, chance: float) -> Span:
        """From the scores of groups of samples."""
        share = weights / weights.sum().clamp_min(1e-30)

        def of(values: Tensor) -> tuple[float, float]:
            mean = (share * values).sum()
            return float(mean), float((share.square() * (values - mean).square()).sum().sqrt())

        (whole, doubt), (left, _), (_, error) = of(intact), of(ablated), of(intact - ablated)
        return cls(whole, left, error, chance, doubt)

    @property
    def skilled(self) -> bool:
        return self.intact - self.chance > max(3 * self.doubt, 1e-12)

    def significant(self, floor: float) -> bool:
        return self.skilled and self.intact - self.ablated > max(
            2 * self.error, floor * (self.intact - self.chance), 1e-12
        )


class Judge(abc.ABC):
    """Turns replacing kernels into fidelities. Worth is what groups of samples (of some weight) get of a kernel."""

    span: Span
    functional: ClassVar[bool]  # by a task's score, not by the layer's output
    weights: Float[Tensor, " groups"]
    intact: Float[Tensor, " groups"]  # the worth of the layer as it is
    ablated: Float[Tensor, " groups"]  # and of nothing in its place

    def __init__(self, scene: Scene, rho: float | None = None) -> None:
        self.scene, self._rho = scene, rho

    @cached_property
    def rho(self) -> float:
        """The share of the output's variance that depends on other points."""
        return context_share(self.scene) if self._rho is None else self._rho

    def worth(self, kernel: Float[Tensor, "batch heads rows columns"]) -> Float[Tensor, " groups"]:
        """How well each group of samples fares with a kernel in place of the layer's own."""
        return self.worth_of(self.scene.view.output(kernel))

    @abc.abstractmethod
    def worth_of(self, y: Float[Tensor, "batch points out"]) -> Float[Tensor, " groups"]:
        """How well each group of samples fares if the layer says this."""

    def share(self, worth: Tensor, base: Tensor | None = None) -> Fidelity:
        """The fidelity of what is worth that much, relative to a base: by default, the ablated layer."""
        worst = self.ablated if base is None else base
        return ratio(self.weights * (worth - worst), self.weights * (self.intact - worst))


class OutputJudge(Judge):
    """By the output alone: worth is the squared error, negative."""

    functional = False

    def __init__(self, scene: Scene, rho: float | None = None) -> None:
        super().__init__(scene, rho)
        self.target = _centred(scene.said)
        power = _groups(self.target.square())
        self.weights, self.intact, self.ablated = torch.ones_like(power), torch.zeros_like(power), -self.rho * power
        total = float(power.sum())
        scale = float(scene.said.square().sum())
        # A layer whose output does not depend on the sample says nothing.
        self.span = Span(1.0 if total > 1e-8 * max(scale, 1e-30) else 0.0, 0.0, 0.0, 0.0)

    def worth_of(self, y: Tensor) -> Tensor:
        return -_groups((_centred(y - self.scene.silent) - self.target).square())


class TaskJudge(Judge):
    """By the task's score: `score` runs the network with the layer's output replaced, and scores groups of samples."""

    functional = True

    def __init__(
        self,
        scene: Scene,
        score: Callable[[Tensor], Tensor],
        intact: Tensor,
        weights: Tensor,
        span: Span,
        rho: float | None = None,
    ) -> None:
        """`intact`: the scores with nothing replaced; `span`: what there is to explain, from as many samples as it
        takes to tell."""
        super().__init__(scene, rho)
        self.score, self.span = score, span
        self.weights, self.intact = weights / weights.sum(), intact

    @cached_property
    def ablated(self) -> Tensor:  # type: ignore[override]
        return self.score(self.scene.silent)

    def worth_of(self, y: Tensor) -> Tensor:
        return self.score(y)


def context_share(scene: Scene) -> float:
    """rho: half the mean squared change of an output when all points but its own are another sample's, over its
    variance."""
    subject, inputs = scene.subject, scene.inputs
    u, domain, length = inputs.u, inputs.domain, inputs.length
    variance = _centred(scene.said)[:, subject.at].square().sum(-1).mean(0)  # [N]
    own = subject.run(u, domain)[:, subject.at]
    # A sample keeps its places: swapping them would change more than contents.
    other = torch.roll(u, 1, 0)
    places = torch.linspace(0, length - 1, min(WITNESSES, length)).round().long().unique()
    changed = 0.0
    for some in places.split(max(1, ASKED // (len(u) * length))):
        keeps = torch.arange(length) == some.unsqueeze(1)  # [places, N]
        mixed = torch.where(keeps[:, None, :, None], u, other)
        said = subject.run(mixed.flatten(0, 1), repeated(domain, len(some), len(u)))[:, subject.at]
        # What a point says of itself beside the kernel is the same in both, and goes.
        moved = torch.unflatten(said, 0, mixed.shape[:2])[torch.arange(len(some)), :, some]  # [places, B, C]
        changed += float((moved - own.transpose(0, 1)[some]).square().sum(-1).mean(1).sum()) / 2
    total = float(variance[places].sum())
    return min(max(changed / max(total, 1e-30), 0.0), 1.0)


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
