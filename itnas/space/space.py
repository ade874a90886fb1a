"""A search space: a genome in which any value may be a domain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from itnas.genome import Genome
from itnas.models.specialists import SPECIALISTS, specialist
from itnas.registry import check_choice, hint
from itnas.space import guides
from itnas.space.check import check
from itnas.space.collection import find_space
from itnas.space.constraints import Constraints, read_constraints
from itnas.space.count import MOST_ASSIGNMENTS, Count, count_genomes
from itnas.space.domains import Chooser, Domain, Value
from itnas.space.guides import Asked, Parameters, Parents, Random, record
from itnas.space.read import read_part
from itnas.space.rows import Row, rows
from itnas.space.schema import schema
from itnas.space.source import Located, locate, read_source, shown_path
from itnas.space.tree import Alternatives, Fields, Fixed, Guide, Members, Names, Part, domains_of, named, walk

if TYPE_CHECKING:
    from itnas.tasks import Task

_NAME = re.compile(r"\w[\w .+-]{0,63}")
_ABOUT = ("summary", "constraints")
MOST_PARAMETERS = 500
HEADS = 2  # of the specialists that have some: what their width must be a multiple of
LARGEST = 10**300  # assignments of a finite space: what is more has no use, and no short figure


@dataclass(frozen=True, eq=False)
class Space:
    """What a search may choose from. Made by `Space.load` or `Space.parse`, which refuse what holds no genomes."""

    name: str
    summary: str
    text: str  # the source
    constraints: Constraints
    root: Fields = field(repr=False)
    names: Names = field(repr=False)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """A shipped space by its name ("emergence"), or a file."""
        path = find_space(name_or_path)
        text = read_source(path)
        return cls._read(text, path.stem, shown_path(path))

    @classmethod
    def parse(cls, text: str, name: str = "space") -> Self:
        """A space from the text of a file that would have that name."""
        return cls._read(text, name, shown_path(Path(name)))

    @classmethod
    def _read(cls, text: str, name: str, where: str) -> Self:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:70]!r} is no name for a space: use letters, digits, '-', '_' and '.'")
        source = locate(text, where)
        if not isinstance(source.value, dict):
            raise ValueError(f"{where}: a mapping of a genome's fields is expected, got {type(source.value).__name__}")
        _check_keys(source, where)
        root = Fields(
            tuple((key, read_part(part, where, key)) for key, part in source.value.items() if key not in _ABOUT), 1
        )
        _check_specialists(dict(root.entries).get("specialist"), where)
        bounds = source.value.get("constraints")
        constraints = Constraints() if bounds is None else read_constraints(bounds, where)
        space = cls(name, _summary(source, where), text, constraints, root, named(root))
        if len(space.names) > MOST_PARAMETERS:
            raise ValueError(f"{where}: {len(space.names):,} parameters; more than {MOST_PARAMETERS} are not read")
        size = space.size()
        if size is not None and size > LARGEST:
            raise ValueError(f"{where}: more than 10^300 combinations, which nobody can search: cut the space down")
        check(root, space.names, where, lambda parameters: space._built(guides.First(parameters)))
        return space

    def build(self, choose: Chooser) -> Genome:
        """Ask for every parameter that exists in the branches chosen so far, in document order."""
        return self._built(Asked(choose))

    def _built(self, guide: Guide) -> Genome:
        return genome_of(walk(self.root, guide, self.names))

    def genome(self, parameters: Mapping[str, Value]) -> Genome:
        """The genome of stored parameters; ValueError if they do not fit this space."""
        return self._built(_Stored(self._fitting(parameters)))

    def only(self) -> Genome | None:
        """The genome of a space in which nothing is to be chosen; None elsewhere."""
        return self._built(guides.First({})) if self.size() == 1 else None

    def baseline(self, name: str) -> Genome:
        """A specialist of this space's size and with its training, where these are not searched."""
        first = self._built(guides.First({}))
        searched = {re.split(r"[.\[/]", each)[0] for each in self.domains()}
        size = {key: getattr(first, key) for key in ("width", "depth") if key not in searched}
        if size.get("width", 0) % HEADS:
            del size["width"]  # it keeps its own
        found = specialist(name, **size)
        return found if "training" in searched else found.model_copy(update={"training": first.training})

    def sample(self, rng: np.random.Generator) -> Parameters:
        """One assignment, uniform over each domain and over the subsets that are large enough."""
        return record(self.root, self.names, Random(rng)).parameters

    def mutate(self, parameters: Mapping[str, Value], rng: np.random.Generator) -> Parameters:
        """One parameter changed; what appears with it is sampled, what vanishes is dropped."""
        changed = guides.mutated(record(self.root, self.names, Random(rng, parameters)), rng)
        return dict(parameters) if changed is None else record(self.root, self.names, Random(rng, changed)).parameters

    def cross(self, a: Mapping[str, Value], b: Mapping[str, Value], rng: np.random.Generator) -> Parameters:
        """Each parameter from either parent that has it; what neither has is sampled."""
        return record(self.root, self.names, Parents(a, b, rng)).parameters

    def distributions(self, parameters: Mapping[str, Value]) -> dict[str, Domain]:
        """The domains that were met on the way to these parameters."""
        return record(self.root, self.names, _Stored(self._fitting(parameters))).domains

    def domains(self) -> dict[str, Domain]:
        """All parameters of all branches, in document order."""
        return dict(self._domains)

    @cached_property
    def _domains(self) -> dict[str, Domain]:
        return domains_of(self.root, self.names)

    def _fitting(self, parameters: Mapping[str, Value]) -> Mapping[str, Value]:
        """Refuse parameters that this space would not ask for."""
        asked = record(self.root, self.names, _Stored(parameters)).parameters
        for name in parameters:
            if name not in asked:
                raise ValueError(f"space {self.name}: parameter {name!r} does not exist here{hint(name, asked)}")
        return parameters

    def parameters(self) -> list[str]:
        """The names of all parameters, in document order, those of every branch included."""
        return list(self.domains())

    def size(self) -> int | None:
        """How many assignments there are; None with a continuous domain."""
        return self._size

    @cached_property
    def _size(self) -> int | None:
        return guides.size_of(self.root)

    def enumerate(self) -> Iterator[Parameters]:
        """All assignments of a finite space, in document order."""
        if self.size() is None:
            raise ValueError(f"space {self.name} has continuous parameters: its assignments have no end")
        return (each.parameters for each in guides.assignments(self.root, self.names))

    def genomes(self, limit: int = MOST_ASSIGNMENTS) -> Count:
        """How many different genomes there are: counted up to `limit` assignments, estimated beyond."""
        return count_genomes(self.root, self.names, lambda document: genome_of(document).hash, limit)

    def violation(self, genome: Genome, task: Task | str, batch_size: int | None = None) -> str | None:
        """The first constraint that a genome breaks on a task, or why it cannot be built there; None: neither."""
        return self.constraints.violation(genome, task, batch_size)

    def tree(self) -> list[Row]:
        """One row per domain and option, in document order, for printing."""
        return rows(self.root)

    @staticmethod
    def schema() -> dict[str, Any]:
        """A JSON schema for editors."""
        return schema()


class _Stored:
    """Takes stored parameters, all of them."""

    def __init__(self, parameters: Mapping[str, Value]) -> None:
        self.parameters = parameters

    def value(self, name: str, domain: Domain) -> Value:
        if name not in self.parameters:
            raise ValueError(f"parameter {name} is missing")
        return self.parameters[name]

    def subset(self, names: list[str], members: Members) -> list[bool]:
        return Asked(self.value).subset(names, members)


def genome_of(data: dict[str, Any]) -> Genome:
    """The genome of a document without domains. With `specialist:` its other keys change that specialist."""
    if "specialist" not in data:
        return Genome.from_dict(data)
    # What is wrong with width and depth is said before a specialist of that size is made.
    size = Genome.from_dict({key: data[key] for key in ("width", "depth") if key in data})
    found = specialist(data["specialist"], width=size.width, depth=size.depth).to_dict()
    for key, value in data.items():
        whole = not isinstance(value, dict) or key == "layers"
        if key != "specialist":
            found[key] = value if whole else {**found.get(key, {}), **value}
    return Genome.from_dict(found)


def top_level_keys() -> list[str]:
    """What may stand at the top of a space."""
    fields = [part.alias or name for name, part in Genome.model_fields.items()]
    return [*_ABOUT, "specialist", *fields]


def _check_keys(source: Located, where: str) -> None:
    known = top_level_keys()
    for key, part in source.value.items():
        if key not in known:
            meant = hint(key, known) or f": choose from {', '.join(known)}"
            raise ValueError(f"{where}: line {part.line}: unknown key {key[:60]!r}{meant}")


def _check_specialists(part: Part | None, where: str) -> None:
    """Refuse what names no specialist."""
    if part is None:
        return
    for option in part.options if isinstance(part, Alternatives) else (part,):
        at = f"{where}: line {option.line}: specialist"
        if not isinstance(option, Fixed) or not isinstance(option.value, str):
            raise ValueError(f"{at}: a specialist's name, or a choice of them, is expected")
        try:
            check_choice("specialist", option.value, SPECIALISTS)
        except ValueError as error:
            raise ValueError(f"{at}: {error}") from error


def _summary(source: Located, where: str) -> str:
    given = source.value.get("summary")
    if given is None:
        return ""
    if not isinstance(given.value, str):
        raise ValueError(f"{where}: line {given.line}: summary: one sentence is expected")
    return " ".join(given.value.split())
