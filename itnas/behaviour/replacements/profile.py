"""Raw kernels that are contents plus a profile of the offset: the profile, exactly."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.scene import Scene


def content_and_profile(scene: Scene) -> Float[Tensor, "heads classes"]:
    """g in raw_ij = content_ij + g(class of i, j).

    Where points change places, contents go with them and the profile does not: for every pair that is seen both ways
    g(own class) - g(class it was moved to) = raw - moved raw. Least squares; its normal equations are a graph's
    Laplacian over classes, so g is known but for a constant, which is the content's.
    """
    places = scene.view.places
    own, count = scene.own, places.count
    classes = places.classes.expand(own.shape[0], -1, -1)
    laplacian = own.new_zeros(count, count, dtype=torch.float64)
    right = own.new_zeros(own.shape[1], count, dtype=torch.float64)
    for raw, order in scene.moved:
        there = classes[:, order][:, :, order]
        known = ~(own.isnan() | raw.isnan())
        seen = known[:, 0].double()  # what is seen is the same for all heads
        difference = torch.where(known, own - raw, 0.0).double().transpose(0, 1).flatten(1)  # [H, pairs]
        here, elsewhere = classes.reshape(-1), there.reshape(-1)
        right.index_add_(1, here, difference).index_add_(1, elsewhere, -difference)
        pairs = torch.bincount(here * count + elsewhere, seen.reshape(-1), minlength=count * count)
        pairs = pairs.view(count, count)
        laplacian += (pairs.sum(1) + pairs.sum(0)).diag() - pairs - pairs.mT
    solved: Tensor = torch.linalg.lstsq(laplacian, right.mT, driver="gelsd").solution
    return solved.mT.to(own.dtype)
