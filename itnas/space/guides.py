"""Who decides on a walk: a caller's function, stored parameters, chance, or two parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import comb, prod
from typing import Any

import numpy as np

from itnas.space.domains import TOGGLE, Chooser, Domain, Value
from itnas.space.tree import Alternatives, Fields, Fixed, Guide, Members, Names, Number, Part, decided, walk

Parameters = dict[str, Value]


class Asked:
    """Asks a caller's function."""

    def __init__(self, choose: Chooser) -> None:
        self.choose = choose

    def value(self, name: str, domain: Domain) -> Value:
        return self.choose(name, domain)

    def subset(self, names: list[str], members: Members) -> list[bool]:
        return [bool(decided(self, name, TOGGLE)) for name in names]


class Recorded:
    """Keeps what another guide decides: its parameters, their domains, and where the decisions were made."""

    def __init__(self, guide: Guide) -> None:
        self.guide = guide
        self.parameters: Parameters = {}
        self.domains: dict[str, Domain] = {}
        self.decisions: list[tuple[list[str], Domain | Members]] = []
        self.document: Any = None  # what came out of the walk

    def value(self, name: str, domain: Domain) -> Value:
        value = decided(self.guide, name, domain)
        self.parameters[name], self.domains[name] = value, domain
        self.decisions.append(([name], domain))
        return value

    def subset(self, names: list[str], members: Members) -> list[bool]:
        taken = members.repaired(self.guide.subset(names, members))
        self.parameters |= dict(zip(names, taken, strict=True))
        self.domains |= dict.fromkeys(names, TOGGLE)
        self.decisions.append((names, members))
        return taken


class Random:
    """Draws what is not given: uniform over every domain, and over the subsets that are large enough."""

    def __init__(self, rng: np.random.Generator, given: Mapping[str, Value] | None = None) -> None:
        self.rng, self.given = rng, given or {}

    def value(self, name: str, domain: Domain) -> Value:
        return self.given[name] if name in self.given else domain.draw(self.rng)

    def subset(self, names: list[str], members: Members) -> list[bool]:
        drawn = draw_subset(len(names), members.minimum, self.rng)
        return [bool(self.given.get(name, is_in)) for name, is_in in zip(names, drawn, strict=True)]


class First:
    """Takes what is given, and the first of everything else."""

    def __init__(self, given: Mapping[str, Value]) -> None:
        self.given = given

    def value(self, name: str, domain: Domain) -> Value:
        return self.given.get(name, domain.first)

    def subset(self, names: list[str], members: Members) -> list[bool]:
        return [bool(self.given.get(name, False)) for name in names]


def record(root: Part, names: Names, guide: Guide) -> Recorded:
    """Walk, and keep what was decided."""
    recorded = Recorded(guide)
    recorded.document = walk(root, recorded, names)
    return recorded


def draw_subset(members: int, minimum: int, rng: np.random.Generator) -> list[bool]:
    """Each subset of at least `minimum` members is as likely as any other."""
    weights = np.array([comb(members, size) for size in range(minimum, members + 1)], dtype=np.float64)
    size = minimum + int(rng.choice(len(weights), p=weights / weights.sum()))
    chosen = set(rng.permutation(members)[:size].tolist())
    return [number in chosen for number in range(members)]


def mutated(recorded: Recorded, rng: np.random.Generator) -> Parameters | None:
    """One decision made otherwise; None where there is nothing to decide."""
    open_ones = [(names, domain) for names, domain in recorded.decisions if _has_others(domain)]
    if not open_ones:
        return None
    names, domain = open_ones[int(rng.integers(len(open_ones)))]
    changed = dict(recorded.parameters)
    if isinstance(domain, Members):
        return changed | dict(zip(names, _flipped([bool(changed[name]) for name in names], domain, rng), strict=True))
    return changed | {names[0]: domain.other(changed[names[0]], rng)}


def _has_others(domain: Domain | Members) -> bool:
    return len(domain.members) > domain.minimum if isinstance(domain, Members) else domain.size != 1


def _flipped(taken: list[bool], members: Members, rng: np.random.Generator) -> list[bool]:
    """One member more or less; where it is missed, another one takes its place."""
    number = int(rng.integers(len(taken)))
    found = [is_in != (place == number) for place, is_in in enumerate(taken)]
    if sum(found) < members.minimum:
        absent = [place for place, is_in in enumerate(found) if not is_in and place != number]
        found[absent[int(rng.integers(len(absent)))]] = True
    return found


class Parents:
    """Takes every parameter from one of two parents, by chance where both have it."""

    def __init__(self, one: Mapping[str, Value], other: Mapping[str, Value], rng: np.random.Generator) -> None:
        given = {**other, **one}
        for name in one:
            if name in other and rng.random() < 0.5:
                given[name] = other[name]
        self.random = Random(rng, given)

    def value(self, name: str, domain: Domain) -> Value:
        return self.random.value(name, domain)

    def subset(self, names: list[str], members: Members) -> list[bool]:
        return self.random.subset(names, members)


class Odometer:
    """Follows the numbers of a list, and zeros after its end; `sizes` tells how far each could go."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.sizes: list[int] = []

    def value(self, name: str, domain: Domain) -> Value:
        if domain.size is None:
            raise ValueError(f"parameter {name} is continuous: there is no end to its values")
        return domain.values()[self._next(domain.size)]

    def subset(self, names: list[str], members: Members) -> list[bool]:
        taken: list[bool] = []
        for left in range(len(names), 0, -1):
            free = sum(taken) + left > members.minimum
            taken.append(bool(self._next(2)) if free else True)
        return taken

    def _next(self, size: int) -> int:
        place = len(self.sizes)
        self.sizes.append(size)
        return self.numbers[place] if place < len(self.numbers) else 0

    def following(self) -> list[int] | None:
        """The numbers of the next walk; None after the last one."""
        reached = self.numbers + [0] * (len(self.sizes) - len(self.numbers))
        for place in reversed(range(len(reached))):
            if reached[place] + 1 < self.sizes[place]:
                return [*reached[:place], reached[place] + 1]
        return None


def assignments(root: Part, names: Names) -> Iterator[Recorded]:
    """Everything that a finite tree can become, in document order; subsets that are too small left out."""
    numbers: list[int] | None = []
    while numbers is not None:
        odometer = Odometer(numbers)
        yield record(root, names, odometer)
        numbers = odometer.following()


def size_of(part: Part) -> int | None:
    """How many assignments there are; None with a continuous domain."""
    if isinstance(part, Number):
        return part.domain.size
    if isinstance(part, Members):
        return sum(comb(len(part.members), size) for size in range(part.minimum, len(part.members) + 1))
    if isinstance(part, Fixed):
        return 1
    if isinstance(part, Alternatives):
        sizes = [size_of(option) for option in part.options]
        return None if None in sizes else sum(size for size in sizes if size is not None)
    inner = [size_of(each) for each in ([each for _, each in part.entries] if isinstance(part, Fields) else part.parts)]
    return None if None in inner else prod(size for size in inner if size is not None)
