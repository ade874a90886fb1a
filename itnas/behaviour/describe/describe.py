"""`describe`: all measures of one layer on one batch.

Layers whose heads are output channels (`content_basis` is set) have contributions instead of a kernel: these have mean
0 over samples, whatever the layer does. What is averaged there is their size |K|, and a content share has no meaning.
"""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.describe.description import Description, Measure
from itnas.behaviour.describe.energy import content_share, profile, toeplitz_share
from itnas.behaviour.describe.portrait import Portrait
from itnas.behaviour.describe.shape import effective_rank, locality, rank_profile, relative_entropy
from itnas.behaviour.describe.spectrum import spectra
from itnas.behaviour.describe.symmetry import permutation_error, rotation_error, translation_error
from itnas.behaviour.scene import Scene
from itnas.operator.domain import geometry_of

SHOWN = 128  # rows and columns of a stored kernel
EXAMPLES = 4  # samples whose kernels are stored
CHANNELS = 8  # heads that are stored where heads are output channels


def describe(scene: Scene) -> Description:
    """Measures and arrays of a layer's kernel on these inputs. O(B H N^2) but for the ranks, O(N^3) a head on 8
    samples."""
    with torch.no_grad():
        return _described(Portrait.of(scene))


def _described(portrait: Portrait) -> Description:
    scene, kernel = portrait.scene, portrait.kernel
    # Between two parts of a union nothing is near or far.
    reach = None if portrait.places.parts else portrait.places.reach
    ranks, cuts = None, tuple[int, ...]()
    if portrait.places.ordered and scene.inputs.length > 1:
        cuts, ranks = rank_profile(kernel, scene.view.strength, portrait.seen)

    def measure(heads: Tensor, energy: Tensor = portrait.energy) -> Measure:
        return Measure.of(heads, energy, channels=portrait.channels)

    def maybe(heads: Tensor | None) -> Measure | None:
        return None if heads is None else measure(heads)

    return Description(
        kind=scene.subject.kind,
        length=scene.inputs.length,
        samples=len(scene.inputs),
        channels=portrait.channels,
        content_share=measure(content_share(portrait)) if portrait.shared and not portrait.channels else None,
        # The layer's is of the mean kernels of all heads together.
        toeplitz_share=measure(*toeplitz_share(portrait)) if portrait.shared else None,
        effective_rank=measure(effective_rank(kernel)),
        semiseparable_rank=None if ranks is None else measure(ranks.amax(-1)),
        locality=None if reach is None else measure(locality(kernel, reach)),
        entropy=measure(relative_entropy(kernel, portrait.seen)),
        translation_error=maybe(translation_error(portrait)),
        permutation_error=maybe(permutation_error(portrait)),
        rotation_error=maybe(rotation_error(portrait)),
        cuts=cuts,
        shown=tuple(_shown(scene.inputs.length).tolist()),
        parts=_parts(scene),
        stored=_stored(portrait, cuts, ranks),
    )


def _parts(scene: Scene) -> tuple[tuple[str, int], ...]:
    kinds = geometry_of(scene.inputs.u, scene.inputs.domain).modalities
    return () if kinds is None else tuple(zip(kinds.names, kinds.sizes, strict=True))


def _shown(length: int) -> Tensor:
    """Evenly spaced rows and columns, all of them where there are few."""
    return torch.linspace(0, length - 1, min(length, SHOWN)).round().long()


def _stored(portrait: Portrait, cuts: tuple[int, ...], ranks: Tensor | None) -> dict[str, Tensor]:
    heads = slice(CHANNELS) if portrait.channels else slice(None)
    shown = _shown(portrait.scene.inputs.length)
    mean, spread = profile(portrait)
    found = {
        "shown": shown,
        "examples": portrait.kernel[:EXAMPLES, heads][..., shown, :][..., shown],
    }
    if not portrait.places.parts:
        # The classes of pairs of several kinds of points stand in no order.
        found |= {"profile_mean": mean[heads], "profile_sd": spread[heads]}
    if portrait.averaged is not None:
        found["averaged"] = portrait.averaged[heads][..., shown, :][..., shown]
    found |= {name: part[heads] if name == "spectrum" else part for name, part in spectra(portrait, mean).items()}
    if ranks is not None:
        found |= {"cuts": torch.tensor(cuts), "rank_profile": ranks[heads]}
    return found
