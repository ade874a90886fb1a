"""How two genomes differ, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def flattened(document: Any, path: str = "") -> dict[str, str]:
    """Every value by the way that leads to it: `blocks.0.mixer.kernel.hidden`. Lists of plain values are one value."""
    if isinstance(document, Mapping):
        found: dict[str, str] = {}
        for name, value in document.items():
            found |= flattened(value, f"{path}.{name}" if path else str(name))
        return found
    if isinstance(document, Sequence) and not isinstance(document, str):
        if any(isinstance(each, (Mapping, list)) for each in document):
            found = {}
            for number, value in enumerate(document):
                found |= flattened(value, f"{path}.{number + 1}")
            return found
        return {path: ", ".join(_said(each) for each in document) or "none"}
    return {path: _said(document)}


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def in_words(first: int, one: Mapping[str, str], second: int, other: Mapping[str, str]) -> list[str]:
    """One sentence: what the second has that the first has not, what it lacks, and what is otherwise."""
    changed = [name for name in one if name in other and one[name] != other[name]]
    added = [name for name in other if name not in one]
    lost = [name for name in one if name not in other]
    if not (changed or added or lost):
        return [f"Trials {first} and {second} have the same genome."]
    told = [f"{name} is {other[name]} instead of {one[name]}" for name in changed]
    told += [f"{name} is {other[name]} there only" for name in added]
    told += [f"{name} ({one[name]}) is missing" for name in lost]
    most = 6
    more = f", and {len(told) - most} more" if len(told) > most else ""
    return [f"Trial {second} beside trial {first}: {'; '.join(told[:most])}{more}."]
