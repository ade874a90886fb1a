"""What each family makes of a layer's kernel, of the first few samples: drawn beside the kernel itself.

Replacements are fitted on samples that are not among those drawn, and have the budgets that the layer's verdict found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from itnas.behaviour.budget import Curve
from itnas.behaviour.replacements import FAMILIES
from itnas.behaviour.room import sizes
from itnas.behaviour.scene import Scene
from itnas.behaviour.subjects import OpaqueSubject

DRAWN = ("convolution", "local", "recurrence", "dense", "attention", "positional")
EXAMPLES = 2  # samples whose replaced kernels are kept
FUTURES = 8  # samples whose continuations a state must serve, the drawn ones among them
MOST = 2**22  # numbers that the replaced kernels of all layers of a network hold at most: 8 MB at half precision


class Replaced(NamedTuple):
    """One family's kernels, of the rows and columns that are stored of the layer's own."""

    kernel: Float[Tensor, "examples heads rows columns"]
    budget: int
    enough: bool | None  # whether this budget keeps what is asked for; None: nobody looked


def replaced_kernels(
    scene: Scene, shown: Sequence[int], curves: Mapping[str, Curve], most: int = MOST
) -> dict[str, Replaced]:
    """By family: those that apply, at the budget needed, else at the largest that was tried.

    Layers that are known by their answers have contributions in a kernel's place, and nothing to draw; so have families
    with budgets of which none was tried. Where there are many heads or points the last heads are left out.
    """
    opaque = isinstance(scene.subject, OpaqueSubject) or scene.view.content_basis is not None
    if opaque or len(scene.inputs) <= EXAMPLES:
        return {}
    rows = torch.tensor(shown, dtype=torch.long)
    heads = most // max(1, len(DRAWN) * EXAMPLES * len(shown) ** 2)
    if heads == 0:
        return {}
    found = {}
    for family, kernel, budget, enough in _replaced(scene, curves):
        small = kernel[:EXAMPLES, :heads][..., rows, :][..., rows]
        found[family] = Replaced(small.clone(), budget, enough)
    return found


def _replaced(scene: Scene, curves: Mapping[str, Curve]) -> Iterator[tuple[str, Tensor, int, bool | None]]:
    own, states = _samples(scene, 0, EXAMPLES), _samples(scene, 0, FUTURES)
    reference = _samples(scene, EXAMPLES, EXAMPLES + sizes(scene.inputs.length, pooled=False)[1])
    for family in DRAWN:
        kind, curve = FAMILIES[family], curves.get(family)
        budget = _budget(family, curve)
        if budget is None or not kind.fits(reference):
            continue
        # Only a state asks for other samples' continuations.
        shown = states if family == "recurrence" else own
        try:
            replacement = kind(reference)
            size = min(budget, replacement.most(shown)) if kind.budgeted else budget
            kernel = replacement.kernel(shown, size)
        except RuntimeError:
            # No solution, or no memory. A verdict does without this picture.
            continue
        yield family, kernel, size, None if curve is None else curve.needed is not None


def _budget(family: str, curve: Curve | None) -> int | None:
    """The one needed, else the largest tried; None: of a family that has budgets none was tried."""
    if not FAMILIES[family].budgeted:
        return 1
    if curve is None or not curve.points:
        return None
    return curve.points[-1][0] if curve.needed is None else curve.needed


def _samples(scene: Scene, start: int, stop: int) -> Scene:
    """The same layer on some of the samples."""
    inputs = scene.inputs
    rows: Int[Tensor, " rows"] = torch.arange(start, min(stop, len(inputs)))
    domain = None if inputs.domain is None else inputs.domain.samples(rows)
    return Scene(scene.subject, replace(inputs, u=inputs.u[rows], domain=domain))
