"""Where a kernel's energy comes from: contents, classes of pairs, the rest.

The mean of n samples holds 1/n of what varies between them, so the energy of the true mean is estimated by products of
different samples: the mean of K_b K_c over b != c is (S^2 - Q) / (n (n - 1)), S being the sum and Q that of squares.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.describe.portrait import Portrait
from itnas.behaviour.places import Places
from itnas.behaviour.replacements.content_free import class_sums, of_classes

# The estimate of the energy of a mean that is 0 scatters by about 1.4 / n of the energy that there is.
CHANCE = 3.0


def content_share(portrait: Portrait) -> Float[Tensor, " heads"]:
    """1 - energy of the mean over samples / energy; NaN where there is none, or one sample only."""
    of_mean, whole = _mean_energy(portrait)
    return (1 - of_mean / whole).clamp(0, 1)


def toeplitz_share(portrait: Portrait) -> tuple[Float[Tensor, " heads"], Float[Tensor, " heads"]]:
    """Of the energy of the mean over samples, the share that p_class(i, j) e_ij explains, e_ij being the edges' weights
    (else 1); and that energy. NaN where the mean is no larger than chance makes it."""
    of_mean, whole = _mean_energy(portrait)
    explained = torch.stack([_explained(portrait, head) for head in range(portrait.kernel.shape[1])])
    heard = of_mean > CHANCE / len(portrait.kernel) * whole
    return torch.where(heard, (explained / of_mean).clamp(0, 1), torch.nan), of_mean.clamp_min(0)


def _explained(portrait: Portrait, head: int) -> Float[Tensor, ""]:
    """By least squares a sample's p_c = a / m, a = sum w K e and m = sum w e^2 over the pairs of the class that it has;
    that of the mean explains p_c^2 times m over all pairs."""
    places, entries = portrait.places, portrait.typical[:, head].double()
    edges = portrait.seen.double() if places.edges is None else portrait.seen * places.edges.double()
    weighted = portrait.weight[head].double() * edges
    along = _sums(entries * weighted, places)
    mass = _sums(weighted * edges, places).expand_as(along)
    several = (weighted * edges).amax(0, keepdim=True) * (portrait.counts > 1)
    possible = _product(mass) > 0
    squared = torch.where(possible, _product(along) / torch.where(possible, _product(mass), 1.0), 0.0)
    return (squared * _sums(several, places)[0]).sum()


def _mean_energy(portrait: Portrait) -> tuple[Float[Tensor, " heads"], Float[Tensor, " heads"]]:
    """Energy of the mean over samples, and mean energy, both over the pairs that two samples have at least."""
    kernel, weight, counts = portrait.typical, portrait.weight.double(), portrait.counts
    squares = kernel.square().sum(0, dtype=torch.float64)
    products = kernel.sum(0, dtype=torch.float64).square() - squares
    several = weight * (counts > 1)
    of_mean = products / (counts * (counts - 1)).clamp_min(1)
    return (of_mean * several).sum((1, 2)), (squares / counts.clamp_min(1) * several).sum((1, 2))


def _product(parts: Tensor) -> Tensor:
    """The sum of all products of two different samples."""
    return parts.sum(0).square() - parts.square().sum(0)


def _sums(entries: Float[Tensor, "samples points points"], places: Places) -> Float[Tensor, "samples classes"]:
    """Each sample's sums over classes that all samples share."""
    found = entries.new_zeros(len(entries), places.count)
    return found.index_add_(1, places.classes.reshape(-1), entries.flatten(1))


def profile(portrait: Portrait) -> tuple[Float[Tensor, "heads classes"], Float[Tensor, "heads classes"]]:
    """Mean and standard deviation of each class over samples and the pairs that see each other; 0 where none do."""
    found = [_profile(portrait, slice(head, head + 1)) for head in range(portrait.kernel.shape[1])]
    return torch.cat([mean for mean, _ in found]), torch.cat([spread for _, spread in found])


def _profile(portrait: Portrait, head: slice) -> tuple[Tensor, Tensor]:
    entries, places = portrait.typical[:, head].double(), portrait.places
    if places.edges is not None:
        edges = places.edges.double().unsqueeze(1)
        entries = entries / torch.where(edges != 0, edges, 1.0)
    mask = portrait.seen.unsqueeze(1).expand_as(entries).double()
    counts = class_sums(mask, places).clamp_min(1)
    mean = class_sums(entries, places) / counts
    # Edges are left out: means stand at their pairs as they are.
    left = (entries - of_classes(mean, Places(places.classes, places.count, None, places.ordered))) * mask
    return mean, (class_sums(left.square(), places) / counts).sqrt()
