"""What a page shows, as its address says it: a run by its name, never by a path, and names of things in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

# Every word that an address may hold. Each is a text; `compare` is a list with commas.
WORDS = (
    "run", "task", "trial", "layer", "head", "sample", "gene", "cost", "limit", "family", "compare", "only", "columns",
)  # fmt: skip
LONGEST = 300
LONGEST_QUERY = 16_000


def handle(name: str) -> str:
    """What an address, and a list to choose from, call a name: a very long one by its beginning and a sum."""
    if len(name) <= LONGEST:
        return name
    told = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{name[: LONGEST - 17]}…{told}"


class Choices(Mapping[str, str]):
    """What was chosen; what was not is the empty text."""

    def __init__(self, given: Any = None) -> None:
        told = given if isinstance(given, Mapping) else {}  # a page may send anything
        self._given = {word: _text(told[word]) for word in WORDS if told.get(word) not in (None, "")}

    @classmethod
    def of(cls, query: str) -> Choices:
        """From the part of an address behind the question mark."""
        return cls(dict(parse_qsl(query.removeprefix("?")[:LONGEST_QUERY])))

    def __getitem__(self, word: str) -> str:
        if word not in WORDS:
            raise KeyError(word)
        return self._given.get(word, "")

    def __iter__(self) -> Iterator[str]:
        return iter(WORDS)

    def __len__(self) -> int:
        return len(WORDS)

    def number(self, word: str) -> int | None:
        text = self[word]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def numbers(self, word: str) -> list[int]:
        """A list of numbers, each once."""
        parts = [part for part in self[word].split(",") if part.isascii() and part.isdigit() and len(part) < 10]
        return list(dict.fromkeys(map(int, parts)))

    def but(self, **others: Any) -> Choices:
        return Choices({**self._given, **others})

    def query(self) -> str:
        return f"?{urlencode(self._given)}" if self._given else ""

    def to_dict(self) -> dict[str, str]:
        return dict(self._given)


def _text(value: Any) -> str:
    """Halves of letters, which JSON may hold, have no place in an address."""
    return handle(str(value).encode("utf-8", "replace").decode())
