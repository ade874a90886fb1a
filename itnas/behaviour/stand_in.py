"""What verdicts say layers may be replaced by: one at a time, head by head, or all at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from itnas.behaviour.evidence import Examination
from itnas.behaviour.explanation import LayerVerdict
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.sites import Replacing
from itnas.behaviour.thresholds import Thresholds
from itnas.behaviour.verdict import MIXED, Reading
from itnas.operator.domain import Domain


def standing_in(verdict: LayerVerdict, exam: Examination) -> Replacing:
    """A function in the layer's place: its own values, the kernel that the verdict names."""

    def answer(u: Tensor, domain: Domain | None) -> Tensor:
        scene = exam.scene
        if verdict.family == "none":
            return scene.subject.silence(u, domain)
        # The first layer that is replaced is given what it was always given.
        if not torch.equal(u, scene.inputs.u):
            scene = Scene(scene.subject, Inputs(u, domain, scene.inputs.place))
        return scene.view.output(stand_in_kernel(verdict, exam, scene))

    return answer


def stand_in_kernel(verdict: LayerVerdict, exam: Examination, scene: Scene) -> Tensor:
    """The kernel that a verdict names: of a layer that does nothing, zero; where nothing keeps it, the layer's own."""
    if verdict.family == "none":
        return torch.zeros_like(scene.kernel)
    replacement = exam.fit(verdict.told_by) if verdict.told_by in verdict.main.curves else None
    if replacement is None or verdict.by_heads:
        return headwise(verdict.heads, exam, scene) if verdict.by_heads else scene.kernel
    needed = verdict.main.needed(verdict.told_by)
    return replacement.kernel(scene, replacement.most(scene) if needed is None else needed)


def headwise(heads: Sequence[LayerVerdict], exam: Examination, scene: Scene) -> Tensor:
    """Each head replaced by what its own verdict names; those without a say stay."""
    found = scene.kernel.clone()
    for verdict in heads:
        if verdict.family != "none":
            found[:, verdict.head] = stand_in_kernel(verdict, exam, scene)[:, verdict.head]
    return found


def combined(reading: Reading, heads: Sequence[LayerVerdict], exam: Examination, thresholds: Thresholds) -> Reading:
    """What the heads that have a say are, if together they account for the layer."""
    families = sorted({head.family for head in heads if head.family != "none"})
    if not families or MIXED in families:
        return reading
    if families == [reading.family]:
        return reading
    if exam.measure(headwise(heads, exam, exam.scene)).value < thresholds.fidelity:
        return reading
    if len(families) == 1:
        return Reading(families[0], "each head for itself", by_heads=True)
    return Reading(MIXED, "its heads differ", tuple(families), by_heads=True)


def head_shares(scene: Scene) -> list[float]:
    """The share of the layer's output that each head carries: what is lost without it, all shares adding up to 1."""
    lost = []
    for head in range(scene.kernel.shape[1]):
        without = scene.kernel.clone()
        without[:, head] = 0
        lost.append(float((scene.view.output(without) - scene.output).square().sum()))
    total = max(sum(lost), 1e-30)
    return [each / total for each in lost]
