"""An estimate of how many different genomes a space holds, where there are too many assignments to count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from itnas.space.domains import Choice, Domain, Value
from itnas.space.guides import First, Parameters, Recorded, draw_subset, record, size_of
from itnas.space.tree import Alternatives, Fields, Fixed, Members, Names, Number, Part, join, places

SAMPLES = 200
MOST_TRIED = 8  # values of one domain
Identity = Callable[[Any], str]  # of a document: what is equal for equal genomes


def estimate(root: Part, names: Names, identity: Identity, size: int, samples: int = SAMPLES) -> tuple[int, int, int]:
    """The number, and between which two it lies with 95 % confidence.

    It is the mean over assignments of 1 / (assignments that mean the same), times the number of assignments:
    drawn uniformly over all of them, every genome comes as often as it has names, and counts once in all.
    """
    rng = np.random.default_rng(0)
    shares = np.array([1 / Class(root, names, identity, draw(root, names, rng)).size(rng) for _ in range(samples)])
    mean = float(shares.mean())
    # Rare assignments of a share of their own need not have been seen: two made up ones keep the interval honest.
    error = float(np.std([*shares, 1.0, shares.min() / 2], ddof=1)) / samples**0.5
    low, high = mean - 1.96 * error, mean + 1.96 * error
    return _times(size, mean), _times(size, max(low, mean / samples)), _times(size, min(high, 1.0))


def draw(part: Part, names: Names, rng: np.random.Generator, branch: str = "") -> Parameters:
    """One assignment, each as likely as any other: an option weighs what it holds."""
    if isinstance(part, Fixed):
        return {}
    if isinstance(part, Number):
        values = part.domain.values()
        return {names[branch]: values[int(rng.integers(len(values)))]}
    if isinstance(part, Members):
        taken = draw_subset(len(part.members), part.minimum, rng)
        return dict(zip((names[name] for name in part.names(branch)), taken, strict=True))
    if isinstance(part, Alternatives):
        sizes = [size_of(option) or 0 for option in part.options]
        number = int(rng.choice(len(sizes), p=[size / sum(sizes) for size in sizes]))
        inner = draw(part.options[number], names, rng, part.named(number, branch, branch)[1])
        return {names[branch]: part.choice.labels[number], **inner}
    found: Parameters = {}
    for step, each in part.entries if isinstance(part, Fields) else enumerate(part.parts):
        found |= draw(each, names, rng, join(branch, step))
    return found


class Class:
    """The assignments that mean the same as one of them, counted by changing one decision after another.

    The decisions come in random order, and each that has no effect is left at a random one of the values that keep the
    meaning. Decisions that have no effect by themselves are taken not to have one together.
    """

    def __init__(self, root: Part, names: Names, identity: Identity, member: Parameters) -> None:
        self.root, self.names, self.identity = root, names, identity
        self.member = member
        self.branching = {names[place.branch] for place in places(root) if _holds_others(place.part)}
        self.meaning = identity(self._met(member).document)

    def size(self, rng: np.random.Generator) -> float:
        plain, branching = self._decisions()
        found = 1.0
        for number in rng.permutation(len(plain)):
            found *= self._free(*plain[int(number)], rng)
        for number in rng.permutation(len(branching)):
            found *= self._branches(*branching[int(number)], rng)
        return found

    def _decisions(self) -> tuple[list[tuple[str, Domain]], list[tuple[str, Choice]]]:
        """Names and domains met by the member: those that stand alone, and those that others hang on."""
        met = self._met(self.member).domains
        plain: list[tuple[str, Domain]] = []
        branching: list[tuple[str, Choice]] = []
        for name, domain in met.items():
            if isinstance(domain, Choice) and self._hangs_on(name, domain, met):
                branching.append((name, domain))
            else:
                plain.append((name, domain))
        return plain, branching

    def _hangs_on(self, name: str, domain: Choice, met: dict[str, Domain]) -> bool:
        """Whether other parameters come or go with this one."""
        others = domain.labels if name in self.branching else ()
        return any(self._moved(name, label).domains.keys() != met.keys() for label in others)

    def _met(self, parameters: Parameters) -> Recorded:
        return record(self.root, self.names, First(parameters))

    def _moved(self, name: str, value: Value) -> Recorded:
        return self._met({**self.member, name: value})

    def _free(self, name: str, domain: Domain, rng: np.random.Generator) -> float:
        """How many values keep the meaning; the member moves to one of them."""
        if name not in self.member:
            return 1.0
        present = self.member[name]
        values, count = domain.values(), domain.size or 1
        if count > MOST_TRIED + 1:
            drawn = {values[int(number)] for number in rng.integers(count, size=MOST_TRIED)}
            tried = sorted(drawn - {present}, key=str)
        else:
            tried = [value for value in values if value != present]
        kept = [value for value in tried if self._means_the_same(self._moved(name, value), name, value)]
        if kept and rng.random() < len(kept) / (len(kept) + 1):
            self.member = self._moved(name, kept[int(rng.integers(len(kept)))]).parameters
        return 1.0 + len(kept) * (count - 1) / max(len(tried), 1)

    def _means_the_same(self, moved: Recorded, name: str, value: Value) -> bool:
        # A subset that became too small was repaired: that is another assignment, or the same one.
        return moved.parameters[name] == value and self.identity(moved.document) == self.meaning

    def _branches(self, name: str, domain: Choice, rng: np.random.Generator) -> float:
        """How many assignments mean the same in all branches, for each one in the present branch."""
        if name not in self.member:
            return 1.0
        present = self.member
        total = here = 0.0
        for label in domain.labels:
            moved = self._moved(name, label)
            own = label == present[name]
            if own or self._means_the_same(moved, name, label):
                self.member = moved.parameters
                inner = self._own_names(moved.domains, name, domain)
                count = float(np.prod([self._free(each, moved.domains[each], rng) for each in inner]))
                total, here = total + count, count if own else here
                self.member = present
        return total / here

    def _own_names(self, met: dict[str, Domain], name: str, domain: Choice) -> list[str]:
        """Parameters that are not there in every branch."""
        elsewhere = [self._moved(name, label).domains.keys() for label in domain.labels]
        return [each for each in met if any(each not in names for names in elsewhere)]


def _holds_others(part: Part) -> bool:
    return isinstance(part, Alternatives) and any(any(places(option)) for option in part.options)


def _times(size: int, share: float) -> int:
    """Exact for numbers beyond what a float holds."""
    return max(size * round(share * 2**60) // 2**60, 1)
