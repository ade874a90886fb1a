"""A space as rows to print: one for every domain, and one for every option that holds more of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from itnas.space.domains import Integer, Real
from itnas.space.tree import Fields, Fixed, Items, Members, Number, Part, join


@dataclass(frozen=True)
class Row:
    """`depth`: how many choices and options stand above it. `text`: what may be chosen, or what stands fixed."""

    path: str
    depth: int
    kind: str  # choice, int, float, subset, option, fixed
    text: str


def rows(part: Part, path: str = "", depth: int = 0) -> list[Row]:
    """What stands in a tree, in document order."""
    if isinstance(part, Fixed):
        return [Row(path, depth, "fixed", _shown(part.value))]
    if isinstance(part, (Fields, Items)):
        inner = part.entries if isinstance(part, Fields) else tuple(enumerate(part.parts))
        if isinstance(part, Items) and all(isinstance(each, Fixed) for each in part.parts):
            return [Row(path, depth, "fixed", f"[{', '.join(_shown(each.value) for each in _fixed(part))}]")]
        return [row for step, each in inner for row in rows(each, join(path, step), depth)]
    if isinstance(part, Members):
        least = f", at least {part.minimum}" if part.minimum else ""
        return [Row(path, depth, "subset", f"any of {', '.join(map(str, part.members))}{least}")]
    if isinstance(part, Number):
        return [Row(path, depth, "int" if isinstance(part.domain, Integer) else "float", interval(part.domain))]
    found = [Row(path, depth, "choice", " | ".join(map(_shown, part.choice.labels)))]
    for number, (label, option) in enumerate(zip(part.choice.labels, part.options, strict=True)):
        # The label says what an option without domains is.
        if _holds_domains(option):
            found.append(Row(path, depth + 1, "option", _shown(label)))
            found += rows(option, part.named(number, path, path)[0], depth + 2)
    return found


def interval(domain: Integer | Real) -> str:
    """A domain of numbers as people read it."""
    scale = ", log" if domain.log else ""
    if isinstance(domain, Integer):
        steps = f", step {domain.step}" if domain.step > 1 else ""
        return f"{domain.low} to {domain.high}{steps}{scale}"
    return f"{domain.low:g} to {domain.high:g}{scale}"


def _fixed(part: Items) -> list[Fixed]:
    return [each for each in part.parts if isinstance(each, Fixed)]


def _holds_domains(part: Part) -> bool:
    if isinstance(part, Fields):
        return any(_holds_domains(inner) for _, inner in part.entries)
    return any(map(_holds_domains, part.parts)) if isinstance(part, Items) else not isinstance(part, Fixed)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
