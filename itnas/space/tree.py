"""What a space is made of: a genome document with domains in it, and the walk that decides one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from itnas.space.domains import TOGGLE, Choice, Domain, Integer, Real, Value


@dataclass(frozen=True)
class Fixed:
    """A text, a number, a truth value or null."""

    value: Any
    line: int


@dataclass(frozen=True)
class Fields:
    """A mapping."""

    entries: tuple[tuple[str, Part], ...]
    line: int


@dataclass(frozen=True)
class Items:
    """A list."""

    parts: tuple[Part, ...]
    line: int


@dataclass(frozen=True)
class Number:
    """A number that the search chooses."""

    domain: Integer | Real
    line: int


@dataclass(frozen=True)
class Alternatives:
    """One of several options; what is inside an option exists only where it is chosen."""

    choice: Choice
    options: tuple[Part, ...]
    line: int

    def named(self, number: int, path: str, branch: str) -> tuple[str, str]:
        """Path and branch of an option: a domain that is itself an option needs a name of its own."""
        label = self.choice.labels[number]
        if isinstance(self.options[number], (Number, Alternatives, Members)):
            path = f"{path}[{label}]"
        return path, f"{branch}[{label}]"


@dataclass(frozen=True)
class Members:
    """A list of those members that the search takes, in the order given here."""

    members: tuple[Value, ...]
    minimum: int
    line: int

    def names(self, path: str) -> list[str]:
        return [f"{path}/{member}" for member in self.members]

    def repaired(self, taken: list[bool]) -> list[bool]:
        """With too few members, the first ones listed join."""
        taken = list(taken)
        for number in range(len(taken)):
            if sum(taken) >= self.minimum:
                break
            taken[number] = True
        return taken


Part = Fixed | Fields | Items | Number | Alternatives | Members
# From the path that also says the branches ("layers.kernel[mlp].hidden") to the parameter's name.
Names = Mapping[str, str]


class Guide(Protocol):
    """Decides what a walk takes."""

    def value(self, name: str, domain: Domain) -> Value: ...

    def subset(self, names: list[str], members: Members) -> list[bool]: ...


def walk(part: Part, guide: Guide, names: Names, branch: str = "") -> Any:
    """Plain data: every domain met on the way is decided by the guide, in document order."""
    if isinstance(part, Fixed):
        return part.value
    if isinstance(part, Fields):
        return {
            key: inner.value if isinstance(inner, Fixed) else walk(inner, guide, names, join(branch, key))
            for key, inner in part.entries
        }
    if isinstance(part, Items):
        return [walk(inner, guide, names, join(branch, number)) for number, inner in enumerate(part.parts)]
    if isinstance(part, Members):
        taken = guide.subset([names[name] for name in part.names(branch)], part)
        return [member for member, is_in in zip(part.members, part.repaired(taken), strict=True) if is_in]
    if isinstance(part, Number):
        return decided(guide, names[branch], part.domain)
    number = part.choice.number(decided(guide, names[branch], part.choice))
    return walk(part.options[number], guide, names, part.named(number, branch, branch)[1])


def decided(guide: Guide, name: str, domain: Domain) -> Value:
    """What the guide takes, refused by name if the domain does not hold it."""
    value = guide.value(name, domain)
    try:
        return domain.fitted(value)
    except ValueError as error:
        raise ValueError(f"parameter {name}: {error}") from error


def join(path: str, step: str | int) -> str:
    return f"{path}.{step}" if path else str(step)


@dataclass(frozen=True)
class Place:
    """Where a domain stands."""

    path: str
    branch: str
    part: Number | Alternatives | Members


def places(part: Part, path: str = "", branch: str = "") -> Iterator[Place]:
    """All domains of a tree, in document order, those of every branch included."""
    if isinstance(part, Fields):
        for key, inner in part.entries:
            yield from places(inner, join(path, key), join(branch, key))
    elif isinstance(part, Items):
        for number, inner in enumerate(part.parts):
            yield from places(inner, join(path, number), join(branch, number))
    elif not isinstance(part, Fixed):
        yield Place(path, branch, part)
        if isinstance(part, Alternatives):
            for number, option in enumerate(part.options):
                yield from places(option, *part.named(number, path, branch))


def _parameters(root: Part) -> Iterator[tuple[str, str, Domain]]:
    """Path, branch and domain of every parameter; a subset has one for each member."""
    for place in places(root):
        part = place.part
        if isinstance(part, Members):
            for path, branch in zip(part.names(place.path), part.names(place.branch), strict=True):
                yield path, branch, TOGGLE
        else:
            yield place.path, place.branch, part.choice if isinstance(part, Alternatives) else part.domain


def named(root: Part) -> Names:
    """Names of all parameters. Branches share a name where they share path and domain; otherwise it says the branch."""
    # As they are written: False and 0 are the same to Python, but not to a genome.
    domains: dict[str, set[str]] = {}
    for path, _, domain in _parameters(root):
        domains.setdefault(path, set()).add(repr(domain))
    return {branch: path if len(domains[path]) == 1 else branch for path, branch, _ in _parameters(root)}


def domains_of(root: Part, names: Names) -> dict[str, Domain]:
    """The domain of every parameter, by name."""
    return {names[branch]: domain for _, branch, domain in _parameters(root)}
