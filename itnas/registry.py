"""Named choices: a dict filled by decorators and by other packages, and an error that helps when a name is unknown."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LeftOutWarning(RuntimeWarning):
    """What a package offers cannot be used."""


class Registry(Generic[T]):
    """What can be chosen by name for one purpose ("plan", "activation", ...).

    With a `group`, other packages may offer more by entry points of that group. They are loaded when somebody first
    looks into the registry, in every process that does: workers know what the command line knows. Loading one may
    register it under the entry point's name, by the decorator that itnas uses too; else `adopt` does.
    """

    def __init__(
        self, purpose: str, *, group: str | None = None, adopt: Callable[[str, Any], object] | None = None
    ) -> None:
        self.purpose, self.group, self._adopt = purpose, group, adopt
        self._own: dict[str, T] = {}
        self._complete = group is None

    def add(self, name: str, entry: T) -> T:
        if name in self._own:
            raise ValueError(f"the {self.purpose} {name!r} is registered twice")
        self._own[name] = entry
        return entry

    @property
    def _entries(self) -> dict[str, T]:
        if not self._complete:
            self._complete = True  # a package that looks in here while it is loaded sees what there is so far
            for point in entry_points(group=str(self.group)):
                self._load(point)
        return self._own

    def _load(self, point: EntryPoint) -> None:
        """A package that is broken must not take down what does not need it."""
        try:
            found = point.load()
            if point.name not in self._own and self._adopt is not None:
                self._adopt(point.name, found)
            if point.name not in self._own:
                raise ValueError("what it names has another name than the entry point")
        except Exception as error:
            package = "" if point.dist is None else f" of the package {point.dist.name}"
            told = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"the {self.purpose} {point.name!r}{package} is left out, since {point.value} cannot be loaded: {told}",
                LeftOutWarning,
                stacklevel=2,
            )

    def __getitem__(self, name: str) -> T:
        check_choice(self.purpose, name, self._entries)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def items(self) -> Iterable[tuple[str, T]]:
        return self._entries.items()


def check_choice(purpose: str, name: object, choices: Iterable[str]) -> None:
    """Refuse a name that is not among the choices; list them, and say which one was probably meant."""
    choices = list(choices)
    if name in choices:
        return
    if not choices:
        raise ValueError(f"unknown {purpose} {name!r}: there is none to choose from")
    raise ValueError(f"unknown {purpose} {name!r}: choose from {', '.join(map(repr, choices))}{hint(name, choices)}")


def hint(name: object, choices: Iterable[str], *, likeness: float = 0.6) -> str:
    """`; did you mean 'recall'?`, where one of the choices is so like the name; else nothing."""
    close = difflib.get_close_matches(str(name), list(choices), n=1, cutoff=likeness)
    return f"; did you mean {close[0]!r}?" if close else ""
