"""Every option of a space is tried when the space is read, so that a sweep meets no surprise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from pydantic import ValidationError

from itnas.settings import one_sentence, written
from itnas.space.domains import Value
from itnas.space.guides import First, Parameters, Random, assignments, record, size_of
from itnas.space.tree import Alternatives, Fields, Items, Members, Names, Number, Part, join

SAMPLES = 200
Build = Callable[[Parameters], Any]  # raises ValueError


def check(root: Part, names: Names, where: str, build: Build) -> None:
    """Refuse a space that holds what is no genome; small spaces are tried in full."""
    for parameters in _trials(root, names):
        try:
            build(parameters)
        except ValueError as error:
            guilty = _guilty(root, names, build, parameters)
            raise ValueError(_sentence(error, root, names, parameters, guilty, where)) from error


def _trials(root: Part, names: Names) -> Iterator[Parameters]:
    size = size_of(root)
    if size is not None and size <= SAMPLES:
        yield from (each.parameters for each in assignments(root, names))
        return
    yield record(root, names, First({})).parameters
    for forced in _options(root, names, "", {}):
        yield record(root, names, First(forced)).parameters
    rng = np.random.default_rng(0)
    for _ in range(SAMPLES):
        yield record(root, names, Random(rng)).parameters


def _options(part: Part, names: Names, branch: str, forced: Parameters) -> Iterator[Parameters]:
    """What leads to each option of each domain."""
    if isinstance(part, Fields):
        for key, inner in part.entries:
            yield from _options(inner, names, join(branch, key), forced)
    elif isinstance(part, Items):
        for number, inner in enumerate(part.parts):
            yield from _options(inner, names, join(branch, number), forced)
    elif isinstance(part, Number):
        for end in (part.domain.low, part.domain.high):
            yield {**forced, names[branch]: end}
    elif isinstance(part, Members):
        members = [names[name] for name in part.names(branch)]
        yield {**forced, **dict.fromkeys(members, True)}
        for member in members:
            yield {**forced, **dict.fromkeys(members, False), member: True}
    elif isinstance(part, Alternatives):
        for number, label in enumerate(part.choice.labels):
            taken: dict[str, Value] = {**forced, names[branch]: label}
            yield taken
            yield from _options(part.options[number], names, part.named(number, branch, branch)[1], taken)


def _guilty(root: Part, names: Names, build: Build, parameters: Parameters) -> Parameters:
    """The parameters without which nothing breaks: all others have been put to their first value."""
    kept = dict(parameters)
    for name in parameters:
        without = {other: value for other, value in kept.items() if other != name}
        simpler = record(root, names, First(without)).parameters
        if _breaks(build, simpler):
            kept = {other: value for other, value in without.items() if other in simpler}
    return kept


def _breaks(build: Build, parameters: Parameters) -> bool:
    try:
        build(parameters)
    except ValueError:
        return True
    return False


def _sentence(
    error: ValueError, root: Part, names: Names, parameters: Parameters, guilty: Parameters, where: str
) -> str:
    """What is wrong in which line, and the combination that it takes."""
    cause = error if isinstance(error, ValidationError) else error.__cause__
    if isinstance(cause, ValidationError):
        steps = written(cause.errors(include_url=False)[0]["loc"])
        said = one_sentence(cause, f"{where}: line {line_of(root, steps, parameters, names)}")
    else:
        said = f"{where}: {error}"
    combination = ", ".join(f"{name}={value}" for name, value in list(guilty.items())[:6])
    return f"{said} (with {combination})" if combination else said


def line_of(part: Part, steps: list[int | str], parameters: Parameters, names: Names, branch: str = "") -> int:
    """The line of the setting at the end of a path, or of the last part of the path that stands in the file."""
    if isinstance(part, Alternatives):
        number = part.choice.number(parameters[names[branch]])
        return line_of(part.options[number], steps, parameters, names, part.named(number, branch, branch)[1])
    if isinstance(part, Fields) and steps:
        for key, inner in part.entries:
            if key == steps[0]:
                return line_of(inner, steps[1:], parameters, names, join(branch, key))
        # A single mixer stands for a list of one.
        return line_of(part, steps[1:], parameters, names, branch) if isinstance(steps[0], int) else part.line
    if isinstance(part, Items) and steps and isinstance(steps[0], int) and steps[0] < len(part.parts):
        number = steps[0]
        return line_of(part.parts[number], steps[1:], parameters, names, join(branch, number))
    return part.line
