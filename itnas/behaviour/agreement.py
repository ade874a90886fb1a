"""What several networks agree on: shares with intervals, beside what untrained copies show.

Networks of one genome resemble each other, so genomes are clusters: the more alike the networks within a genome are,
the less each further one counts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import hypergeom

UNIT = (np.arange(50) + 0.5) / 50  # shares, and correlations within genomes: before looking, all are equally likely
Z95 = 1.959964  # of a standard normal variable, 95 % lie within
ANYWHERE = -1  # in place of a layer's number: some layer of the network, whichever


@dataclass(frozen=True)
class Observed:
    """One network's layer: which genome it belongs to, what it became, and what untrained copies of it show."""

    genome: str
    layer: int
    family: str
    untrained: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agreement:
    """The family most networks show in one layer. `null`: its share among untrained copies. `p`: the chance of such a
    share if training changed nothing (Fisher within genomes, one-sided), corrected for the families that might have
    been the commonest (Bonferroni) and for the number of layers looked at (Holm)."""

    layer: int
    family: str
    share: float
    low: float
    high: float
    count: int
    networks: int
    genomes: int
    null: float | None
    p: float | None

    def sentence(self) -> str:
        """`recurrence in 14 of 15 (95 %: 0.70-0.99); null 0.08, p = 0.002`."""
        found = f"{self.family} in {self.count} of {self.networks} (95 %: {self.low:.2f}-{self.high:.2f})"
        if self.null is None:
            return found
        return f"{found}; null {self.null:.2f}" + ("" if self.p is None else f", p = {self.p:.2g}")


def agreements(observed: Iterable[Observed]) -> list[Agreement]:
    """One per layer, in their order."""
    layers: dict[int, list[Observed]] = defaultdict(list)
    for each in observed:
        layers[each.layer].append(each)
    raw = []
    for layer, own in sorted(layers.items()):
        family = Counter(each.family for each in own).most_common(1)[0][0]
        chance = _chance(own, family)
        # Of the names that there are, any might have been the commonest.
        names = {each.family for each in own} | set(_untrained(own))
        raw.append((_agreement(layer, own, family), None if chance is None else min(1.0, chance * len(names))))
    return _corrected(raw)


def agreement_on(families: Iterable[str], observed: Mapping[str, Sequence[Observed]]) -> list[Agreement]:
    """One per family, whether it is the commonest or not. `observed`: for each family, what is told of it; a network
    that does not show it may be called anything else."""
    raw = [(_agreement(ANYWHERE, observed[family], family), _chance(observed[family], family)) for family in families]
    return _corrected(raw)


def _corrected(raw: Sequence[tuple[Agreement, float | None]]) -> list[Agreement]:
    """With p values corrected for their number."""
    corrected = holm([p for _, p in raw if p is not None])
    found = []
    for agreement, p in raw:
        adjusted = None if p is None else corrected.pop(0)
        found.append(_with_p(agreement, adjusted))
    return found


def _agreement(layer: int, observed: Sequence[Observed], family: str) -> Agreement:
    count = sum(each.family == family for each in observed)
    hits = _by_genome(observed, family)
    networks = len(observed)
    effective = networks / design_effect(hits)
    low, high = wilson(count / networks, effective)
    untrained = _untrained(observed)
    null = sum(each == family for each in untrained) / len(untrained) if untrained else None
    return Agreement(layer, family, count / networks, low, high, count, networks, len(hits), null, None)


def _with_p(agreement: Agreement, p: float | None) -> Agreement:
    return Agreement(**{**vars(agreement), "p": p})


def _by_genome(observed: Sequence[Observed], family: str) -> dict[str, list[bool]]:
    hits: dict[str, list[bool]] = defaultdict(list)
    for each in observed:
        hits[each.genome].append(each.family == family)
    return hits


def _untrained(observed: Sequence[Observed]) -> list[str]:
    """The untrained copies' families; replicas of one genome share their copies, which count once."""
    by_genome = {each.genome: each.untrained for each in observed}
    return [family for families in by_genome.values() for family in families]


def _chance(observed: Sequence[Observed], family: str) -> float | None:
    """Fisher's exact test of trained against untrained networks, within genomes: the chance of so many trained ones if
    those that show the family were dealt out blindly among a genome's trained and untrained networks.

    Relatives do not make it too sure, as nothing is compared from genome to genome.
    """
    untrained = {each.genome: [family == other for other in each.untrained] for each in observed}
    if not any(untrained.values()):
        return None
    hits, chances = 0, np.ones(1)
    for genome, own in _by_genome(observed, family).items():
        if untrained[genome]:
            hits += sum(own)
            networks, shown = len(own) + len(untrained[genome]), sum(own) + sum(untrained[genome])
            chances = np.convolve(chances, hypergeom.pmf(np.arange(len(own) + 1), networks, shown, len(own)))
    return min(1.0, float(chances[hits:].sum()))


def design_effect(hits: Mapping[str, Sequence[bool]]) -> float:
    """1 + (m - 1) rho, for m networks a genome with intraclass correlation rho (Kish, 1965).

    A few genomes tell little about rho, and to take relatives for strangers makes intervals too narrow: rho is the
    80 % point of what is believed of it after looking, not its likeliest value.
    """
    sizes = [len(own) for own in hits.values()]
    total, clusters = sum(sizes), len(sizes)
    if clusters < 2 or total == clusters:
        return 1.0
    size = (total - sum(each**2 for each in sizes) / total) / (clusters - 1)
    belief = sum(_likelihood(sum(own), len(own)) for own in hits.values())
    weights = np.exp(belief - np.max(belief)).sum(1)
    return 1 + (size - 1) * float(np.interp(0.8, np.cumsum(weights) / weights.sum(), UNIT + 0.01))


@cache
def _likelihood(count: int, networks: int) -> NDArray[np.float64]:
    """log of the chance that `count` of a genome's networks show a family, for each rho and share (beta-binomial)."""
    strength = (1 / UNIT - 1)[:, None]
    shown, other = UNIT * strength, (1 - UNIT) * strength
    found: NDArray[np.float64] = betaln(count + shown, networks - count + other) - betaln(shown, other)
    return found


def wilson(share: float, count: float) -> tuple[float, float]:
    """95 % interval of a share among `count` (Wilson, 1927); it is honest for few, and for shares of 0 and 1."""
    if count <= 0:
        return 0.0, 1.0
    middle = share + Z95**2 / (2 * count)
    half = Z95 * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    scale = 1 + Z95**2 / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for their number, in their own order (Holm, 1979)."""
    found, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        found[place] = largest
    return found
