"""Named choices: a dict filled by a decorator, and an error that helps when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """What can be chosen by name for one purpose ("plan", "activation", ...)."""

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        if name in self._entries:
            raise ValueError(f"the {self.purpose} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

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
    close = difflib.get_close_matches(str(name), choices, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"unknown {purpose} {name!r}: choose from {', '.join(map(repr, choices))}{hint}")
