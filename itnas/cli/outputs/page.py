"""docs/json.md, made of the definitions."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

from itnas.cli.outputs import OUTPUTS
from itnas.cli.outputs.base import Shape

HEAD = """# What `--json` and `--csv` print

<!-- Made by `python -m itnas.cli.outputs > docs/json.md` from itnas/cli/outputs; a test holds the two together. -->

With `--json` a command prints one JSON document on stdout and nothing else there; progress and what goes wrong stand
on stderr, and the [exit code](cli.md#how-a-command-ends) says how it ended. The JSON is strict: what is not a number is
null, never `NaN` or `Infinity`. Every key that a table below names is there, in every row, and no other. With `--csv`
listings have the same columns, a list or an object in a cell is JSON, and null is an empty cell.

Scores are in the metric of their task; what has no unit is a count, a share, a name or a sentence. `trials()`
and `findings()` of `itnas.Run` have the same columns, moments there being seconds since 1970. JSON schemas come from
the same definitions:

```python
from pydantic import TypeAdapter
from itnas.cli.outputs import OUTPUTS

schema = TypeAdapter(OUTPUTS["trials"].holds).json_schema()
```
"""
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null", Any: "anything"}


def page() -> str:
    """The whole page."""
    described: set[type[Shape]] = set()
    parts = [HEAD]
    for output in OUTPUTS.values():
        parts.append(f"\n## `{_title(output.command)}`\n\n{output.about}\n")
        for shape in _shapes(output.holds):
            if shape not in described:
                described.add(shape)
                parts.append(_table(shape))
            elif shape is _first(output.holds):
                parts.append(f"\n{shape.__name__}: as above.\n")
    return "".join(parts)


def _title(command: str) -> str:
    return ", ".join(f"itnas {each} --json" for each in command.split(", "))


def _first(holds: Any) -> type[Shape]:
    return next(_shapes(holds))


def _shapes(kind: Any) -> Iterator[type[Shape]]:
    """The objects in it, those inside others after them."""
    if isinstance(kind, type) and issubclass(kind, Shape):
        yield kind
        for field in kind.model_fields.values():
            yield from _shapes(field.annotation)
    else:
        for inner in typing.get_args(kind):
            yield from _shapes(inner)


def _table(shape: type[Shape]) -> str:
    lines = [f"\n**{shape.__name__}**\n\n| key | type | unit | meaning |\n|---|---|---|---|\n"]
    for name, field in shape.model_fields.items():
        extra = field.json_schema_extra
        unit = extra.get("unit", "") if isinstance(extra, dict) else ""
        lines.append(f"| `{name}` | {_words(field.annotation)} | {unit} | {field.description} |\n")
    for begin, (stands, meaning) in shape.named.items():
        lines.append(f"| `{begin}<{stands}>` | number or null |  | {meaning} |\n")
    return "".join(lines)


def _words(kind: Any) -> str:
    """A type as people read it."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_words(each) for each in inner)
    if origin is Literal:
        return "text: " + ", ".join(f"`{each}`" for each in inner)
    if origin is list:
        return f"list of {_grouped(inner[0])}"
    if origin is dict:
        return f"object of {_grouped(inner[1])}"
    if isinstance(kind, type) and issubclass(kind, Shape):
        return f"{kind.__name__}, below"
    return WORDS[kind]


def _grouped(kind: Any) -> str:
    words = _words(kind)
    return f"({words})" if " or " in words and words not in WORDS.values() else words
