"""Kernels fitted on other samples, which know where points are and not what they say.

Where a layer's values carry the content, such a kernel is the mean over samples. A layer without values of its own has
contributions instead of a kernel, and the nearest content-free ones are linear in the input: least squares.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from itnas.behaviour.places import Places
from itnas.behaviour.scene import Scene

RIDGE = 1e-4  # share of the mean diagonal, so that directions that inputs never take get no weight


def class_sums(entries: Tensor, places: Places) -> Tensor:
    """Sums of [B, H, N, N] over samples and the pairs of each class: [H, classes]."""
    heads = entries.shape[1]
    classes = places.classes
    if classes.shape[0] == 1:
        entries = entries.sum(0, keepdim=True)
    index = classes.reshape(-1)
    flat = entries.transpose(0, 1).reshape(heads, -1)
    return flat.new_zeros(heads, places.count).index_add_(1, index, flat)


def of_classes(profile: Tensor, places: Places) -> Tensor:
    """A profile [H, classes] spread over the pairs: [B|1, H, N, N]."""
    spread = profile[:, places.classes].transpose(0, 1)
    if places.edges is not None:
        spread = spread * places.edges.unsqueeze(1)
    if places.valid is not None:
        # Padding neither looks nor is looked at.
        spread = spread * (places.valid.unsqueeze(2) & places.valid.unsqueeze(1)).unsqueeze(1)
    return spread


def class_means(scene: Scene, entries: Tensor) -> Tensor:
    """The mean of each class over samples and over the pairs that see each other, [H, classes]."""
    places = scene.view.places
    seen = torch.ones_like(entries[:, :1])
    if places.valid is not None:
        seen = seen * (places.valid.unsqueeze(2) & places.valid.unsqueeze(1)).unsqueeze(1)
    if places.edges is not None:
        seen = (places.edges != 0).to(entries.dtype).unsqueeze(1) * seen
        entries = torch.where(seen > 0, entries / torch.where(seen > 0, places.edges.unsqueeze(1), 1.0), 0.0)
    return class_sums(entries, places) / class_sums(seen, places).clamp_min(1)


def offset_maps(scene: Scene) -> Tensor:
    """For each offset, the linear map from a point's features to its contributions: [2 N - 1, P, H]; 0 where nobody
    looks ahead."""
    kernel, contrast, basis = scene.kernel, scene.view.contrast, scene.view.content_basis
    assert contrast is not None
    assert basis is not None
    length = kernel.shape[-1]
    maps = kernel.new_zeros(2 * length - 1, contrast.shape[-1], kernel.shape[1])
    first = 1 - length if scene.looks_ahead else 1
    offsets = torch.arange(first, length)
    maps[first + length - 1 :] = solved(_grams(contrast, offsets), _products(contrast, kernel, offsets))
    maps[length - 1] = 0
    # A point's own contribution is measured among another sample's points, whose chatter others' contributions take
    # back again; as a remainder it is free of it.
    left = scene.output - scene.view.finish(added_up(maps, basis))
    maps[length - 1] = least_squares(basis.flatten(0, 1), left.flatten(0, 1))
    return maps


def _grams(x: Float[Tensor, "batch points features"], offsets: Tensor) -> Float[Tensor, "offsets features features"]:
    """x^T x over samples and the points j that have a point i = j + offset."""
    length = x.shape[1]
    until = F.pad((x.permute(1, 2, 0) @ x.transpose(0, 1)).double().cumsum(0), (0, 0, 0, 0, 1, 0))
    return (until[length - offsets.clamp_min(0)] - until[-offsets.clamp_max(0)]).to(x.dtype)


def _products(
    x: Float[Tensor, "batch points features"], kernel: Float[Tensor, "batch heads rows columns"], offsets: Tensor
) -> Float[Tensor, "offsets features heads"]:
    """The sum of x_j K_ij over samples and the pairs of each offset, which lie in a row."""
    (batch, heads, length, _), first, count = kernel.shape, int(offsets[0]), len(offsets)
    found = kernel.new_zeros(heads * count, x.shape[2])
    ahead = max(0, -first)  # rows of zeros before the first, and N behind the last: pairs that do not exist
    rows = kernel.new_zeros(heads, ahead + 2 * length, length)
    size = rows.shape[1] * length
    for sample in range(batch):
        rows[:, ahead : ahead + length] = kernel[sample]
        # Entry (offset, j) stands in row j + offset, column j.
        pairs = rows.as_strided((heads, count, length), (size, length, length + 1), (ahead + first) * length)
        found.addmm_(pairs.reshape(heads * count, length), x[sample])
    return torch.unflatten(found, 0, (heads, count)).permute(1, 2, 0)


def added_up(maps: Tensor, basis: Tensor) -> Float[Tensor, "batch heads points 1"]:
    """The rows of `contributions`, added up."""
    length = basis.shape[1]
    found = basis.new_zeros(basis.shape[0], length, maps.shape[2])
    for number in maps.flatten(1).any(1).nonzero()[:, 0].tolist():
        offset = number - length + 1
        x = basis[:, max(0, -offset) : length - max(0, offset)]
        found[:, max(0, offset) : length + min(0, offset)] += x @ maps[number]
    return found.transpose(1, 2).unsqueeze(3)


def contributions(maps: Tensor, basis: Tensor) -> Tensor:
    """The kernel [B, H, N, N] that maps [2 N - 1, P, H] make of features [B, N, P]."""
    length = basis.shape[1]
    found = basis.new_zeros(basis.shape[0], maps.shape[2], length, length)
    for number in maps.flatten(1).any(1).nonzero()[:, 0].tolist():
        offset = number - length + 1
        x = basis[:, max(0, -offset) : length - max(0, offset)]
        found.diagonal(-offset, dim1=-2, dim2=-1).copy_((x @ maps[number]).transpose(1, 2))
    return found


def least_squares(x: Tensor, y: Tensor) -> Tensor:
    """W with x W = y as nearly as it goes, [*, P, H]."""
    gram = x.mT @ x
    # The fewer columns there are, the sooner it is solved.
    found: Tensor = solved(gram, x.mT) @ y if x.shape[-2] < y.shape[-1] else solved(gram, x.mT @ y)
    return found


def solved(gram: Float[Tensor, "*batch features features"], right: Tensor) -> Tensor:
    """W with gram W = right, [*, P, H]."""
    ridge = RIDGE * gram.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None] + 1e-12
    found: Tensor = torch.linalg.solve(gram + ridge * torch.eye(gram.shape[-1], dtype=gram.dtype), right)
    return found
