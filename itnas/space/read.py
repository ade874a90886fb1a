"""From a located document to a tree: which mappings are domains, and what they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from itnas.registry import hint
from itnas.settings import field_names
from itnas.shown import one_line
from itnas.space.domains import Choice, Integer, Real, Value
from itnas.space.source import Located
from itnas.space.tree import Alternatives, Fields, Fixed, Items, Members, Number, Part

# What a domain may say beside its kind.
DOMAINS = {"choice": (), "int": ("log", "step"), "float": ("log",), "subset": ("min",)}
LONGEST_LABEL = 60
MOST_OPTIONS = 1000
MOST_MEMBERS = 32


def read_part(source: Located, where: str, path: str) -> Part:
    """The tree under one place of the document; `where` and `path` name it in errors."""
    value, line = source.value, source.line
    if isinstance(value, list):
        return Items(tuple(read_part(part, where, f"{path}.{n}") for n, part in enumerate(value)), line)
    if not isinstance(value, dict):
        return Fixed(value, line)
    kinds = [key for key in value if key in DOMAINS]
    if kinds:
        return _domain(kinds[0], value, _At(where, path, line))
    for key, inner in value.items():
        meant = hint(key, DOMAINS, likeness=0.75)
        if meant and key not in field_names():
            raise ValueError(f"{where}: line {inner.line}: {path}: unknown key {key!r}{meant}")
    return Fields(tuple((key, read_part(part, where, f"{path}.{key}")) for key, part in value.items()), line)


class _At:
    """Where a domain stands, for errors."""

    def __init__(self, where: str, path: str, line: int) -> None:
        self.where, self.path, self.line = where, path, line

    def error(self, problem: str, line: int | None = None) -> ValueError:
        return ValueError(f"{self.where}: line {line or self.line}: {self.path}: {problem}")


def _domain(kind: str, entries: dict[str, Located], at: _At) -> Part:
    allowed = (kind, *DOMAINS[kind])
    for key, inner in entries.items():
        if key not in allowed:
            takes = f"beside {kind!r} it takes {' and '.join(allowed[1:]) or 'nothing'}"
            raise at.error(f"unknown key {_short(key)} in a domain: {takes}{hint(key, allowed)}", inner.line)
    given = entries[kind]
    if kind in ("int", "float"):
        return Number(_interval(kind, entries, at), at.line)
    if not isinstance(given.value, list):
        raise at.error(f"{kind} must be a list, got {_kind(given.value)}", given.line)
    if not given.value:
        raise at.error(f"{kind} must not be empty", given.line)
    return _alternatives(given.value, at) if kind == "choice" else _members(given.value, entries, at)


def _interval(kind: str, entries: dict[str, Located], at: _At) -> Integer | Real:
    given = entries[kind]
    numbers = given.plain()
    if not isinstance(numbers, list) or len(numbers) != 2:
        raise at.error(f"{kind} must be a list [low, high], got {_short(_text(numbers))}", given.line)
    whole = kind == "int"
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int if whole else (int, float)):
            wanted = "whole numbers" if whole else "numbers"
            raise at.error(f"{kind} must be two {wanted}, got {_short(_text(number))}", given.line)
    log, step = entries.get("log"), entries.get("step")
    if log is not None and not isinstance(log.value, bool):
        raise at.error(f"log must be true or false, got {_short(_text(log.plain()))}", log.line)
    if step is not None and (isinstance(step.value, bool) or not isinstance(step.value, int)):
        raise at.error(f"step must be a whole number, got {_short(_text(step.plain()))}", step.line)
    logarithmic = log is not None and log.value
    try:
        if whole:
            return Integer(numbers[0], numbers[1], log=logarithmic, step=1 if step is None else step.value)
        return Real(float(numbers[0]), float(numbers[1]), log=logarithmic)
    except (ValueError, OverflowError) as error:
        raise at.error(str(error), given.line) from error


def _alternatives(options: list[Located], at: _At) -> Alternatives:
    if len(options) > MOST_OPTIONS:
        raise at.error(f"a choice has at most {MOST_OPTIONS:,} options, got {len(options):,}")
    plain = [option.plain() for option in options]
    seen: set[Any] = set()
    for option, source in zip(plain, options, strict=True):
        # 1 is 1.0 and true to a sampler; what is a list or a mapping is compared as text, where [1] is not [true].
        key = ("", _text(option)) if isinstance(option, (list, dict)) else option
        if key in seen:
            raise at.error(f"the option {_short(_text(option))} is given twice", source.line)
        seen.add(key)
    try:
        choice = Choice(labels(plain))
    except ValueError as error:
        raise at.error(str(error)) from error
    parts = tuple(
        read_part(option, at.where, f"{at.path}[{label}]") for option, label in zip(options, choice.labels, strict=True)
    )
    return Alternatives(choice, parts, at.line)


def _members(members: list[Located], entries: dict[str, Located], at: _At) -> Members:
    seen: set[str] = set()
    for member in members:
        if isinstance(member.value, (list, dict, bool)) or member.value is None:
            raise at.error(f"members must be texts or numbers, got {_short(_text(member.plain()))}", member.line)
        if not str(member.value).isprintable():
            raise at.error(f"members must stand on one line, got {_short(member.value)}", member.line)
        if str(member.value) in seen:
            raise at.error(f"the member {_short(_text(member.value))} is given twice", member.line)
        seen.add(str(member.value))
    if len(members) > MOST_MEMBERS:
        raise at.error(f"a subset has at most {MOST_MEMBERS} members, got {len(members)}")
    least = entries.get("min")
    minimum = 0 if least is None else least.plain()
    if isinstance(minimum, bool) or not isinstance(minimum, int) or not 0 <= minimum <= len(members):
        raise at.error(f"min must be a whole number from 0 to {len(members)}, got {_short(_text(minimum))}")
    return Members(tuple(member.value for member in members), minimum, at.line)


def labels(options: Sequence[Any]) -> tuple[Value, ...]:
    """A readable, unique name for every option: scalars as they are, mappings by what tells them from the others."""
    namer = _Namer(options)
    found = [namer.label(option) for option in options]
    counts = Counter(found)
    return tuple(
        label if counts[label] == 1 else f"{one_line(str(label), LONGEST_LABEL - 6)} #{number}"
        for number, label in enumerate(found, start=1)
    )


class _Namer:
    """Knows what several options have in common, to name each by what it has alone."""

    def __init__(self, options: Sequence[Any]) -> None:
        self.kinds = Counter(name for option in options for name in set(_kinds(option)))
        self.scalars = Counter(name for option in options for name in set(_scalars(option)))
        mappings = [option for option in options if isinstance(option, dict)]
        self.count = len(mappings)
        self.settings = Counter((key, _text(value)) for option in mappings for key, value in option.items())

    def label(self, option: Any) -> Value:
        if option is None:
            return "null"
        if isinstance(option, (bool, int, float)):
            return option
        if not isinstance(option, dict):
            return one_line(_text(option), LONGEST_LABEL)
        # The one thing that tells it from all others: its kind, the kind of a part of it, or another setting.
        alone = [name for name in _kinds(option) if self.kinds[name] == 1]
        alone += [name for name in _scalars(option) if self.scalars[name] == 1]
        if alone:
            return one_line(alone[0], LONGEST_LABEL)
        settings = [(key, _text(value)) for key, value in option.items()]
        differing = [setting for setting in settings if self.settings[setting] < self.count]
        said = ", ".join(f"{key}: {value}" for key, value in differing or settings)
        return one_line(said, LONGEST_LABEL) or "{}"


def _kinds(option: Any) -> list[str]:
    """What kind of thing an option is, and then what kinds of things stand in it; a bare text names its kind."""
    if not isinstance(option, dict):
        return [option] if isinstance(option, str) else []
    own = [option.get(key) for key in ("mixer", "kind")] + [key for key in option if key in DOMAINS]
    return [name for name in own if isinstance(name, str)] + [
        name
        for inner in option.values()
        if isinstance(inner, dict) and not DOMAINS.keys() & inner
        for name in _kinds(inner)
    ]


def _scalars(option: Any) -> list[str]:
    if not isinstance(option, dict):
        return []
    return [f"{key}: {_text(value)}" for key, value in option.items() if not isinstance(value, (dict, list))]


def _text(value: Any) -> str:
    """As YAML's flow style writes it, more or less."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def _kind(value: Any) -> str:
    return "a mapping" if isinstance(value, dict) else _short(_text(value))


def _short(text: str) -> str:
    return repr(one_line(text, 60))
