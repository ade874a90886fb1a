"""What is worked out when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class OnDemand(Mapping[Key, Value]):
    """A mapping with known keys; each value is found when it is first asked for, and kept in `known`."""

    def __init__(self, keys: Iterable[Key], find: Callable[[Key], Value]) -> None:
        self._keys, self._find = tuple(keys), find
        self.known: dict[Key, Value] = {}

    def __getitem__(self, key: Key) -> Value:
        if key not in self._keys:
            raise KeyError(key)
        if key not in self.known:
            self.known[key] = self._find(key)
        return self.known[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
