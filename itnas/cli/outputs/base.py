"""What a definition of JSON is: a class whose fields say type, unit and meaning.

docs/json.md is made of them, and tests hold what commands print to them, key by key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator


class Shape(BaseModel):
    """One JSON object: it has these keys, all of them and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)

    # Keys that begin so are as many as there are names to put behind: what stands for the name, and the meaning.
    named: ClassVar[dict[str, tuple[str, str]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _take_named(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not cls.named:
            return data
        left = dict(data)
        for begin in cls.named:
            own = [name for name in data if name.startswith(begin) and name not in cls.model_fields]
            if not own:
                raise ValueError(f"no key begins with {begin}")
            for name in own:
                if not isinstance(left.pop(name), (int, float, type(None))):
                    raise ValueError(f"{name} must be a number or null")
        return left


def told(meaning: str, unit: str = "") -> Any:
    """A field that is always there."""
    return Field(description=meaning, json_schema_extra={"unit": unit})


@dataclass(frozen=True)
class Output:
    """What a command prints with --json."""

    command: str
    about: str
    holds: Any

    def check(self, text: str) -> None:
        """Refuse what is not strict JSON, and what is not as it is said to be."""
        json.loads(text, parse_constant=_refuse)
        TypeAdapter(self.holds).validate_json(text, strict=True)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
