"""What several networks agree on: shares with intervals, beside what untrained copies show.

Networks of one genome resemble each other, so genomes are clusters: the more alike the networks within a genome are,
the less each further one counts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import fisher_exact

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
    share if training changed nothing (Fisher, one-sided), corrected for the families that might have been the commonest
    (Bonferroni) and for the number of layers looked at (Holm)."""

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
    """Fisher's exact test of trained against untrained, both in effective numbers."""
    untrained = _untrained(observed)
    if not untrained:
        return None
    count = sum(each.family == family for each in observed)
    effect = design_effect(_by_genome(observed, family))
    trained = round(count / effect), round((len(observed) - count) / effect)
    hits = sum(each == family for each in untrained)
    return float(fisher_exact(np.array([trained, (hits, len(untrained) - hits)]), alternative="greater").pvalue)


def design_effect(hits: Mapping[str, Sequence[bool]]) -> float:
    """1 + (m - 1) rho, with the intraclass correlation rho by analysis of variance (Kish, 1965; Donner, 1986).

    Where all networks show the same, nothing can be estimated, and replicas of a genome count once.
    """
    sizes = [len(own) for own in hits.values()]
    total, clusters = sum(sizes), len(sizes)
    share = sum(map(sum, hits.values())) / total
    if clusters < 2 or total == clusters:
        return 1.0
    if share in (0.0, 1.0):
        return total / clusters
    between = sum(len(own) * (sum(own) / len(own) - share) ** 2 for own in hits.values()) / (clusters - 1)
    within = sum(sum(own) * (1 - sum(own) / len(own)) for own in hits.values()) / (total - clusters)
    size = (total - sum(each**2 for each in sizes) / total) / (clusters - 1)
    spread = between + (size - 1) * within
    correlation = max(0.0, (between - within) / spread) if spread > 0 else 0.0
    return 1 + (size - 1) * correlation


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
