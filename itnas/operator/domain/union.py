"""Points of several kinds together: an image and a question, two sentences."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from collections.abc import Sequence as Several

import torch
from torch import Tensor

from itnas.operator.domain.geometry import Domain, Geometry
from itnas.operator.domain.modalities import Modalities


class Union(Domain):
    """The points of `parts`, `sizes` of each, one part behind the other; each point is tagged with its part.

    Every part keeps its places, weights and padding. Parts with equally many axes of space share these axes, others get
    axes of their own. Between points of different parts there is no offset: it counts as 0, and the pair feature
    `modality` tells such pairs apart. `names` are for people (default: "0", "1", ...).
    """

    def __init__(self, parts: Several[Domain], sizes: Several[int], names: Several[str] | None = None) -> None:
        self.parts, self.sizes = tuple(parts), tuple(int(size) for size in sizes)
        self.names = tuple(str(number) for number in range(len(self.parts))) if names is None else tuple(names)
        if not self.parts or not len(self.parts) == len(self.sizes) == len(self.names):
            raise ValueError(
                f"a Union needs one size and one name per part, got {len(self.parts)} parts, {len(self.sizes)} sizes "
                f"and {len(self.names)} names"
            )
        if min(self.sizes) < 0:
            raise ValueError(f"the sizes of a Union must not be negative, got {', '.join(map(str, self.sizes))}")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"the parts of a Union need names that differ, got {', '.join(self.names)}")

    def per_sample(self) -> dict[str, Tensor]:
        return {
            f"{number}.{name}": tensor
            for number, part in enumerate(self.parts)
            for name, tensor in part.per_sample().items()
        }

    def with_per_sample(self, tensors: Mapping[str, Tensor]) -> Union:
        own: list[dict[str, Tensor]] = [{} for _ in self.parts]
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            own[int(number)][name] = tensor
        changed = copy.copy(self)
        changed.parts = tuple(part.with_per_sample(each) for part, each in zip(self.parts, own, strict=True))
        return changed

    def geometry(self, batch: int, length: int, device: torch.device) -> Geometry:
        if length != sum(self.sizes):
            raise ValueError(
                f"the Union has {' + '.join(map(str, self.sizes))} = {sum(self.sizes)} points, "
                f"but the input has {length}"
            )
        found = [part.geometry(batch, size, device) for part, size in zip(self.parts, self.sizes, strict=True)]
        for name, part in zip(self.names, found, strict=True):
            if part.edges is not None or part.modalities is not None:
                raise ValueError(f"part {name} of the Union is a {part.name}, which cannot be a part")
        modalities = Modalities(
            self.names,
            self.sizes,
            axes_of=tuple(part.axes for part in found),
            lattices=tuple(part.lattice for part in found),
            ordered=tuple(part.ordered for part in found),
        )
        return Geometry(
            length,
            positions=modalities.together([part.positions for part in found]),
            weights=_joined([part.weights for part in found], self.sizes, 1.0, device),
            valid=_joined([part.valid for part in found], self.sizes, True, device),
            modalities=modalities,
            bounded=all(part.bounded for part in found),
            name="Union",
        )


def _joined(
    parts: list[Tensor | None], sizes: tuple[int, ...], usual: float | bool, device: torch.device
) -> Tensor | None:
    """What the parts say of their points, [B|1, N]; None where none says anything."""
    told = [part for part in parts if part is not None]
    if not told:
        return None
    batch = max(part.shape[0] for part in told)
    filled = [
        torch.full((1, size), usual, dtype=told[0].dtype, device=device) if part is None else part
        for part, size in zip(parts, sizes, strict=True)
    ]
    return torch.cat([part.expand(batch, -1) for part in filled], 1)
