"""Settings: frozen, strict values that know which of their fields matter, and whose errors are one sentence."""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from itnas.registry import hint


class Settings(BaseModel):
    """A part of a genome. Unknown keys are refused, and values are never converted from another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_by_name=True, validate_by_alias=True)

    def irrelevant(self) -> set[str]:
        """Fields that the other fields leave without effect."""
        return set()

    def canonical(self) -> Self:
        """The same thing written in the one standard way: what has no effect stands at its default."""
        dropped, changes = self.irrelevant(), dict[str, Any]()
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name in dropped:
                changes[name] = field.get_default(call_default_factory=True)
            elif isinstance(value, Settings):
                changes[name] = value.canonical()
            elif isinstance(value, tuple) and value and isinstance(value[0], Settings):
                changes[name] = tuple(part.canonical() for part in value)
        changed = any(value is not getattr(self, name) for name, value in changes.items())
        return self.model_copy(update=changes) if changed else self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what has no effect and without what is not set."""
        dropped, found = self.irrelevant(), {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name not in dropped and not (value is None and field.default is None):
                found[field.alias or name] = _plain(value)
        return found

    @classmethod
    def from_dict(cls, data: Any, where: str | None = None) -> Self:
        """Read plain data, as it comes from YAML or JSON; `where` names the source in errors."""
        where = where or cls.__name__.lower()
        if not isinstance(data, dict):
            raise ValueError(f"{where}: a mapping of settings is expected, got {type(data).__name__}")
        try:
            # By way of JSON: there lists stand for tuples, while everything else stays strict.
            return cls.model_validate_json(json.dumps(data, allow_nan=False))
        except ValidationError as error:
            raise ValueError(one_sentence(error, where)) from error
        except TypeError as error:
            raise ValueError(f"{where}: only texts, numbers, lists and mappings are allowed ({error})") from error
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def one_sentence(error: ValidationError, where: str) -> str:
    """What is wrong, where, and what to write instead, of the first thing that is wrong."""
    details = error.errors(include_url=False)
    first = details[0]
    steps = written(first["loc"])
    kind, context, given = first["type"], first.get("ctx", {}), first["input"]
    if kind == "extra_forbidden":
        key = steps.pop()
        problem = f"unknown setting {key!r}{hint(key, field_names())}"
    elif kind in ("literal_error", "union_tag_invalid"):
        given = context.get("tag", given)
        expected = str(context.get("expected") or context.get("expected_tags"))
        meant = hint(given, re.findall(r"'([^']*)'", expected))
        problem = f"must be {expected}, got {reprlib.repr(given)}{meant}"
    elif kind == "value_error":
        problem = str(context["error"])
    else:
        problem = f"{first['msg'][0].lower()}{first['msg'][1:]}, got {reprlib.repr(given)}"
    more = f" ({len(details) - 1} more)" if len(details) > 1 else ""
    path = ".".join(map(str, steps))
    return f"{where}: {path}: {problem}{more}" if path else f"{where}: {problem}{more}"


def written(location: tuple[int | str, ...]) -> list[int | str]:
    """The path as the user wrote it: behind a place where there are alternatives, pydantic names the one it took."""
    steps: list[int | str] = []
    for before, step in zip((None, *location), location, strict=False):
        alternatives = isinstance(before, int) or before in ("kernel", "quadrature")
        if not (alternatives and step in _tags()):
            steps.append(step)
    return steps


def _subclasses(cls: type[Settings]) -> list[type[Settings]]:
    found = [cls]
    for sub in cls.__subclasses__():
        found += _subclasses(sub)
    return found


def field_names() -> set[str]:
    return {field.alias or name for cls in _subclasses(Settings) for name, field in cls.model_fields.items()}


def _tags() -> set[str]:
    """Names of alternatives, which pydantic puts into the path of an error though the user wrote no such step."""
    fields = [
        cls.model_fields[key] for cls in _subclasses(Settings) for key in ("kind", "mixer") if key in cls.model_fields
    ]
    return {field.default for field in fields if isinstance(field.default, str)}
