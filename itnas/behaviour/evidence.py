"""What is measured of one layer at one length: a fidelity for every family, and the budgets that suffice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from itnas.behaviour.budget import Curve, smallest
from itnas.behaviour.fidelity import Fidelity, Judge, Span
from itnas.behaviour.on_demand import OnDemand
from itnas.behaviour.replacements import FAMILIES, Replacement
from itnas.behaviour.replacements.base import Sum
from itnas.behaviour.scene import Scene
from itnas.behaviour.subjects import OpaqueSubject
from itnas.behaviour.thresholds import Thresholds

# What a state that crosses cuts must be worth, beside what the points between cuts say, to be measured at all.
CROSSING = 0.005
# Share of the output's energy that may be lost where all that is looked at is shown: rounding.
COMPACT = 1e-6
POSITIONAL, NEIGHBOURING = "positional", "neighbouring"
# Where one of these suffices, nobody asks for contents times a profile.
CONTENT_FREE = ("convolution", "dense")
SUMS = ("attention + convolution", "attention + recurrence")
# What is followed over lengths.
GROWING = ("convolution", "local", "recurrence")


@dataclass(frozen=True)
class Evidence:
    """One layer (or one of its heads) at one length."""

    length: int
    span: Span
    rho: float | None  # share of the output that depends on other points; None where nobody needed to know
    functional: bool  # judged by a score, not by the layer's output
    opaque: bool  # known by its answers alone
    directions: int  # 1 where points look back only, 2 where they also look ahead
    curves: Mapping[str, Curve]
    within: float = 0.0  # points in the neighbourhood that a local replacement needs
    compact: bool = False  # whether nothing at all is lost when a layer sees twice as far as it needs
    offsets: tuple[int, ...] = ()  # that the convolution needs, or all it has
    cloud: bool = False  # a convolution's budget counts distances, and the largest adds the offset vector
    parts: tuple[str, ...] | None = None  # of the sum of two mechanisms that suffices; None: not looked for

    def value(self, family: str) -> float:
        """The best fidelity of a family; of one without meaning here, 0."""
        curve = self.curves.get(family)
        return 0.0 if curve is None or not curve.points else max(each.value for _, each in curve.points)

    def needed(self, family: str) -> int | None:
        curve = self.curves.get(family)
        return None if curve is None else curve.needed

    def settled(self) -> Evidence:
        """All of it worked out."""
        return replace(self, curves=dict(self.curves))


class Examination:
    """A scene, the replacements fitted on other samples, and a judge."""

    def __init__(
        self,
        scene: Scene,
        reference: Scene,
        judge: Judge,
        thresholds: Thresholds,
        head: int | None = None,
        fitted: dict[str, Replacement] | None = None,
    ) -> None:
        self.scene, self.reference, self.judge = scene, reference, judge
        self.thresholds, self.head = thresholds, head
        self.fitted = {} if fitted is None else fitted

    def fit(self, family: str) -> Replacement | None:
        """The replacement of a family, fitted once; None where it has no meaning."""
        if family not in self.fitted:
            kind = FAMILIES[family]
            if not kind.fits(self.reference):
                return None
            self.fitted[family] = kind(self.reference)
        return self.fitted[family]

    def followed(self, families: tuple[str, ...]) -> Evidence:
        """Curves of some families, each worked out when it is asked for."""
        known = [family for family in self._wanted(families) if FAMILIES[family].fits(self.reference)]
        return Evidence(
            length=self.scene.inputs.length,
            span=self.judge.span,
            rho=None if self.judge.functional else self.judge.rho,
            functional=self.judge.functional,
            opaque=isinstance(self.scene.subject, OpaqueSubject),
            directions=1,
            curves=OnDemand(known, self._curve),
        )

    def _wanted(self, families: tuple[str, ...]) -> tuple[str, ...]:
        """Shares of nothing are no numbers."""
        return families if self.judge.span.significant(self.thresholds.floor) else ()

    def evidence(self) -> Evidence:
        """Curves of all single families."""
        wanted = self._wanted(tuple(FAMILIES))
        curves: dict[str, Curve] = {}
        for family in wanted:
            if family not in (POSITIONAL, NEIGHBOURING, *SUMS):
                self._add(family, curves)
        if POSITIONAL in wanted and not any(curves[name].needed for name in CONTENT_FREE if name in curves):
            self._add(POSITIONAL, curves)
        return Evidence(
            length=self.scene.inputs.length,
            span=self.judge.span,
            rho=None if self.judge.functional and not wanted else self.judge.rho,
            functional=self.judge.functional,
            opaque=isinstance(self.scene.subject, OpaqueSubject),
            directions=2 if wanted and self.scene.looks_ahead else 1,
            curves=curves,
            within=self._within(curves),
            compact=self._compact(curves),
            offsets=self._offsets(curves),
            cloud=bool(wanted) and self.scene.view.places.positions is not None,
        )

    def _add(self, family: str, curves: dict[str, Curve]) -> None:
        found = self.curve(family)
        if found is not None:
            curves[family] = found

    def further(self, evidence: Evidence) -> Evidence:
        """The evidence with what is looked at only where nothing simpler suffices: sums, look-ups by neighbourhoods."""
        curves = dict(evidence.curves)
        parts = self._parts(curves)
        if not parts:
            self._add(NEIGHBOURING, curves)
        return replace(evidence, curves=curves, parts=parts)

    def curve(self, family: str) -> Curve | None:
        """Fidelity by budget, and the budget needed; None where the family has no meaning."""
        return None if self.fit(family) is None else self._curve(family)

    def _curve(self, family: str) -> Curve:
        replacement = self.fit(family)
        assert replacement is not None
        if family == "recurrence":
            return self._state(replacement)
        enough = self.thresholds.fidelity
        if not replacement.budgeted:
            found = self._tried(replacement, 1)
            return Curve(((1, found),), 1 if found.value >= enough else None)
        most = replacement.most(self.scene)
        if not replacement.exact:
            whole = self._tried(replacement, most)
            if whole.value < enough:
                return Curve(((most, whole),))
        return smallest(lambda budget: self._tried(replacement, budget), most, enough)

    def _tried(self, replacement: Replacement, budget: int) -> Fidelity:
        if isinstance(self.scene.subject, OpaqueSubject):
            return self.judge.share(self.judge.worth_of(replacement.output(self.scene, budget)))
        if not replacement.budgeted:
            return self.measure(self._unbudgeted(replacement))
        return self.measure(replacement.kernel(self.scene, budget))

    def _unbudgeted(self, replacement: Replacement) -> Tensor:
        """The one kernel of a family without budgets, which heads share."""
        if replacement.family not in self.scene.replaced:
            self.scene.replaced[replacement.family] = replacement.kernel(self.scene, 1)
        return self.scene.replaced[replacement.family]

    def measure(self, kernel: Tensor, base: Tensor | None = None) -> Fidelity:
        """Fidelity of a kernel, or of what it adds to one that is worth `base`; of one head, with the others as they
        are, beyond what its diagonal keeps."""
        return self.judge.share(self._worth(kernel), self._alone if base is None else base)

    def _worth(self, kernel: Tensor) -> Tensor:
        return self.judge.worth(kernel if self.head is None else self._in_head(kernel))

    @cached_property
    def _alone(self) -> Tensor | None:
        """What it is worth that the head keeps its diagonal only."""
        return (
            None if self.head is None else self._worth(torch.diag_embed(self.scene.kernel.diagonal(dim1=-2, dim2=-1)))
        )

    def _in_head(self, kernel: Tensor) -> Tensor:
        found = self.scene.kernel.clone()
        found[:, self.head] = kernel[:, self.head]
        return found

    def _state(self, replacement: Replacement) -> Curve:
        """Directions needed for what crosses the cuts: relative to cutting it off, for points between two cuts see each
        other anyway, and the fewer the cuts, the more that is."""
        enough = self.thresholds.fidelity
        cut_off = self._worth(replacement.kernel(self.scene, 0))
        left = self.judge.share(cut_off, self._alone)
        if left.value > 1 - CROSSING:
            return Curve(((0, left),), 0)
        curve = smallest(
            lambda size: self.measure(replacement.kernel(self.scene, size), cut_off),
            replacement.most(self.scene),
            enough,
        )
        return Curve(((0, Fidelity(0.0, 0.0, 0.0)), *curve.points), curve.needed)

    def _within(self, curves: Mapping[str, Curve]) -> float:
        needed = curves["local"].needed if "local" in curves else None
        reach = None if needed is None else self.scene.view.places.reach
        return 0.0 if reach is None or needed is None else float((reach < needed).sum(-1).float().amax())

    def _compact(self, curves: Mapping[str, Curve]) -> bool:
        """Exactly nothing lost: a window ends, a fading memory does not. A score cannot tell, for it saturates."""
        needed = curves["local"].needed if "local" in curves else None
        local = None if needed is None else self.fit("local")
        if needed is None or local is None or 2 * needed >= local.most(self.scene):
            return False
        near, scene = local.kernel(self.scene, 2 * needed), self.scene
        if self.head is None:
            kept, silent = scene.view.output(near), scene.silent
        else:
            kept, silent = (scene.view.output(self._in_head(each)) for each in (near, 0 * near))
        lost = (kept - scene.output).square().sum()
        return bool(lost <= COMPACT * (silent - scene.output).square().sum())

    def _parts(self, curves: dict[str, Curve]) -> tuple[str, ...]:
        """The parts of the first sum of two mechanisms that suffices, if the weaker one adds enough."""
        for family in SUMS:
            found, replacement = self.curve(family), self.fit(family)
            if found is None or not isinstance(replacement, Sum):
                continue
            curves[family] = found
            if found.needed is not None:
                alone = [self.measure(each).value for each in replacement.alone(self.scene, found.needed)]
                alone += [curves[rival].at(found.needed) for rival in replacement.rivals if rival in curves]
                gain = found.best.value - max(alone, default=0.0)
                if gain > self.thresholds.part:
                    return replacement.parts(self.scene)
        return ()

    def _offsets(self, curves: Mapping[str, Curve]) -> tuple[int, ...]:
        convolution, curve = self.fitted.get("convolution"), curves.get("convolution")
        if convolution is None or curve is None or not curve.points:
            return ()
        budget = curve.needed or curve.points[-1][0]
        return tuple(convolution.offsets(self.scene, budget))  # type: ignore[attr-defined]
