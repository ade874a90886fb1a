"""`describe`: all measures of one layer on one batch.

Layers whose heads are output channels (`content_basis` is set) have contributions instead of a kernel: these have mean
0 over samples, whatever the layer does. What is averaged there is their size |K|; a content share has no meaning, and
a translation-invariant kernel is one linear map of the input per offset.
"""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.behaviour.describe.description import Description, Measure
from itnas.behaviour.describe.energy import class_share, column_weight, content_share, energies, profile, seen_pairs
from itnas.behaviour.describe.shape import effective_rank, locality, rank_profile, relative_entropy
from itnas.behaviour.describe.symmetry import permutation_error, rotation_error, translation_error
from itnas.behaviour.scene import Scene

SHOWN = 128  # rows and columns of a stored kernel
EXAMPLES = 4  # samples whose kernels are stored
CHANNELS = 8  # heads that are stored where heads are output channels


def describe(scene: Scene) -> Description:
    """Measures and arrays of a layer's kernel on these inputs. O(B H N^2) but for the ranks, O(N^3) a head on 8
    samples."""
    with torch.no_grad():
        return _Describer(scene).description()


class _Describer:
    """What several measures need, worked out once."""

    def __init__(self, scene: Scene) -> None:
        self.scene, view = scene, scene.view
        self.kernel, self.places = view.kernel, view.places
        self.channels = view.content_basis is not None
        self.weight = column_weight(scene)
        self.energy = energies(self.kernel, self.weight)
        self.seen = seen_pairs(scene)
        # Where places differ from sample to sample, a mean over samples mixes pairs that have nothing in common.
        shared = self.places.classes.shape[0] == 1 and (self.places.edges is None or self.places.edges.shape[0] == 1)
        self.typical = self.kernel.abs() if self.channels else self.kernel
        self.averaged = self.typical.mean(0) if shared else None

    def description(self) -> Description:
        scene, ranks = self.scene, None
        cuts: tuple[int, ...] = ()
        if self.places.ordered and scene.inputs.length > 1:
            cuts, ranks = rank_profile(self.kernel, scene.view.strength)
        reach = self.places.reach
        return Description(
            kind=scene.subject.kind,
            length=scene.inputs.length,
            samples=len(scene.inputs),
            channels=self.channels,
            content_share=self._content_share(),
            toeplitz_share=self._toeplitz_share(),
            effective_rank=self._measure(effective_rank(self.kernel)),
            semiseparable_rank=None if ranks is None else self._measure(ranks.amax(-1)),
            locality=None if reach is None else self._measure(locality(self.kernel, reach)),
            entropy=self._measure(relative_entropy(self.kernel, self.seen)),
            translation_error=self._maybe(translation_error(scene, self.weight)),
            permutation_error=self._measure(permutation_error(scene, self.weight)),
            rotation_error=self._maybe(rotation_error(scene, self.weight)),
            cuts=cuts,
            shown=tuple(self._shown().tolist()),
            stored=self._stored(cuts, ranks),
        )

    def _measure(self, heads: Tensor) -> Measure:
        return Measure.of(heads, self.energy, channels=self.channels)

    def _maybe(self, heads: Tensor | None) -> Measure | None:
        return None if heads is None else self._measure(heads)

    def _content_share(self) -> Measure | None:
        if self.channels or self.averaged is None:
            return None
        return self._measure(content_share(self.kernel, self.weight))

    def _toeplitz_share(self) -> Measure | None:
        """The layer's is of the mean kernels of all heads together."""
        if self.averaged is None:
            return None
        averaged = self.averaged.unsqueeze(0)
        heads = class_share(averaged, self.weight, self.seen[:1], self.places)
        return Measure.of(heads, energies(averaged, self.weight), channels=self.channels)

    def _shown(self) -> Tensor:
        """Evenly spaced rows and columns, all of them where there are few."""
        length = self.scene.inputs.length
        return torch.linspace(0, length - 1, min(length, SHOWN)).round().long()

    def _stored(self, cuts: tuple[int, ...], ranks: Tensor | None) -> dict[str, Tensor]:
        heads = slice(CHANNELS) if self.channels else slice(None)
        shown = self._shown()
        mean, spread = profile(self.typical, self.seen, self.places)
        found = {
            "shown": shown,
            "examples": self.kernel[:EXAMPLES, heads][..., shown, :][..., shown],
            "profile_mean": mean[heads],
            "profile_sd": spread[heads],
        }
        if self.averaged is not None:
            found["averaged"] = self.averaged[heads][..., shown, :][..., shown]
        if self.places.offsets is not None:
            found |= {"offsets": self.places.offsets, "spectrum": torch.fft.rfft(mean[heads]).abs()}
            found["frequencies"] = torch.fft.rfftfreq(mean.shape[1], dtype=torch.float64)
        if ranks is not None:
            found |= {"cuts": torch.tensor(cuts), "rank_profile": ranks[heads]}
        return found
