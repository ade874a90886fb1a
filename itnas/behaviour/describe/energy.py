"""Where a kernel's energy comes from: contents, classes of pairs, the rest.

Columns weigh what K = 1 carries from their point in the output, in the mean over samples (squared): the same weight in
every sample, so that a kernel that never changes has no content share, whatever its values do.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itnas.behaviour.places import Places
from itnas.behaviour.replacements.content_free import class_sums, of_classes, offset_maps
from itnas.behaviour.scene import Scene
from itnas.models.mixers.base import geometry_of


def column_weight(scene: Scene) -> Float[Tensor, "heads 1 points"]:
    """Mean square of the strength of each point."""
    return scene.view.strength.square().mean(0).unsqueeze(1)


def energies(kernel: Float[Tensor, "batch heads points points"], weight: Tensor) -> Float[Tensor, " heads"]:
    """Mean over samples of sum_ij K_ij^2 w_j, in float64: shares are differences of nearly equal sums."""
    return (kernel.double().square() * weight.double()).sum((2, 3)).mean(0)


def content_share(
    kernel: Float[Tensor, "batch heads points points"], weight: Float[Tensor, "heads 1 points"]
) -> Float[Tensor, " heads"]:
    """1 - energy of the mean over samples / energy; NaN where there is none."""
    return 1 - energies(kernel.mean(0, keepdim=True), weight) / energies(kernel, weight)


def seen_pairs(scene: Scene) -> Bool[Tensor, "samples points points"]:
    """Who may see whom: the past, or all; along edges, where there are some; no padding."""
    length, places = scene.inputs.length, scene.view.places
    seen = torch.ones(1, length, length, dtype=torch.bool)
    if places.ordered and not scene.looks_ahead:
        seen = seen.tril()
    if places.edges is not None:
        seen = seen & (places.edges != 0)
    valid = geometry_of(scene.inputs.u, scene.inputs.domain).valid
    return seen if valid is None else seen & valid.unsqueeze(1) & valid.unsqueeze(2)


def class_share(
    entries: Float[Tensor, "batch heads points points"],
    weight: Float[Tensor, "heads 1 points"],
    seen: Bool[Tensor, "samples points points"],
    places: Places,
) -> Float[Tensor, " heads"]:
    """The share of the energy that K_ij = p_class(i, j) e_ij explains, e_ij being the edges' weights (else 1).

    By weighted least squares p_c = sum w K e / sum w e^2 over the pairs of the class, which explains
    (sum w K e)^2 / sum w e^2. Only pairs that see each other count, as e_ij = 0 elsewhere.
    """
    batch = entries.shape[0]
    edges = seen.double() if places.edges is None else seen * places.edges.double()
    edges = edges.unsqueeze(1).expand(batch, -1, -1, -1)
    w, entries = weight.double().unsqueeze(0), entries.double()
    along = class_sums(w * entries * edges, places)
    norm = class_sums((w * edges.square()).expand_as(entries), places)
    explained = torch.where(norm > 0, along.square() / norm.clamp_min(1e-300), 0.0).sum(1)
    return explained / (w * entries.square()).sum((0, 2, 3))


def map_share(scene: Scene) -> Float[Tensor, " heads"]:
    """The same for layers without values of their own: what one linear map of the input per offset explains."""
    basis, kernel = scene.view.content_basis, scene.kernel
    assert basis is not None
    length = scene.inputs.length
    missed = torch.zeros(kernel.shape[1], dtype=torch.float64)
    for number, maps in enumerate(offset_maps(scene)):
        offset = number - length + 1
        x = basis[:, max(0, -offset) : length - max(0, offset)]
        own = kernel.diagonal(-offset, dim1=-2, dim2=-1).transpose(1, 2)
        missed += (own - x @ maps).double().square().sum((0, 1))
    return 1 - missed / kernel.double().square().sum((0, 2, 3))


def profile(
    entries: Float[Tensor, "batch heads points points"], seen: Bool[Tensor, "samples points points"], places: Places
) -> tuple[Float[Tensor, "heads classes"], Float[Tensor, "heads classes"]]:
    """Mean and standard deviation of each class over samples and the pairs that see each other; 0 where none do."""
    if places.edges is not None:
        edges = places.edges.to(entries.dtype).unsqueeze(1)
        entries = entries / torch.where(edges != 0, edges, torch.ones_like(edges))
    mask = seen.unsqueeze(1).expand(entries.shape[0], -1, -1, -1).double()
    entries = entries.double() * mask
    counts = class_sums(mask, places).clamp_min(1)
    mean = class_sums(entries, places) / counts
    left = (entries - _spread(mean, places)) * mask
    return mean, (class_sums(left.square(), places) / counts).sqrt()


def _spread(means: Tensor, places: Places) -> Tensor:
    """Class means at their pairs, edges left out."""
    return of_classes(means, Places(places.classes, places.count, None, places.ordered))
