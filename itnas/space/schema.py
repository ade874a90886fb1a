"""A JSON schema of the language, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from itnas.genome import Genome
from itnas.models.specialists import SPECIALISTS

_BOUND = {"type": "number", "exclusiveMinimum": 0}


def schema() -> dict[str, Any]:
    """The genome's own schema, where every value may be a domain."""
    made = Genome.model_json_schema()
    definitions = {name: _opened(part) for name, part in made.pop("$defs").items()}
    fields = {name: _or_domain(_read(name, part)) for name, part in made["properties"].items()}
    own = {
        "summary": {"type": "string", "description": "One sentence."},
        "specialist": _or_domain({"enum": list(SPECIALISTS)}),
        "constraints": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "parameters": {"type": "integer", "minimum": 1},
                "flops": _BOUND | {"description": "Per token, of one forward pass."},
                "memory": {"anyOf": [_BOUND, {"type": "string"}], "description": "Bytes, or a text like 200 MB."},
                "length": {"type": "integer", "minimum": 1},
            },
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A search space of itnas",
        "type": "object",
        "additionalProperties": False,
        "properties": own | fields,
        "$defs": definitions | _domains(),
    }


def _opened(definition: dict[str, Any]) -> dict[str, Any]:
    """A part of a genome whose fields may be domains."""
    fields = {name: _or_domain(_read(name, part)) for name, part in definition.get("properties", {}).items()}
    return {**definition, "properties": fields, "additionalProperties": False}


def _read(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """What a genome also reads: one mixer for a list of them, a bare name for a kind, one output map for both."""
    part = _without_tags(part)
    if name == "layers" and part.get("type") == "array":
        return {"anyOf": [part["items"], part | {"items": _or_domain(part["items"])}]}
    if name == "output":
        return {"anyOf": [*part["prefixItems"][:1], part]}
    if part.get("type") == "array" and "items" in part:
        return part | {"items": _or_domain(part["items"])}
    return part


def _without_tags(part: dict[str, Any]) -> dict[str, Any]:
    """Alternatives told apart by a key that may be left out; their bare names stand for them."""
    if "items" in part:
        part = part | {"items": _without_tags(part["items"])}
    if "oneOf" not in part:
        return part
    kept = {key: value for key, value in part.items() if key not in ("oneOf", "discriminator")}
    return kept | {"anyOf": [*part["oneOf"], {"enum": list(part["discriminator"]["mapping"])}]}


def _or_domain(part: dict[str, Any]) -> dict[str, Any]:
    kept = {key: part[key] for key in ("default", "title", "description") if key in part}
    alone = {key: value for key, value in part.items() if key not in kept}
    options = {"type": "array", "minItems": 1, "items": {"anyOf": [alone, {"$ref": "#/$defs/Domain"}]}}
    choice = {
        "type": "object",
        "additionalProperties": False,
        "required": ["choice"],
        "properties": {"choice": options},
    }
    return kept | {"anyOf": [alone, choice, {"$ref": "#/$defs/Range"}]}


def _domains() -> dict[str, Any]:
    flag = {"type": "boolean"}
    pair = {"type": "array", "minItems": 2, "maxItems": 2}
    closed = {"type": "object", "additionalProperties": False}
    whole = closed | {
        "required": ["int"],
        "properties": {
            "int": pair | {"items": {"type": "integer"}},
            "log": flag,
            "step": {"type": "integer", "minimum": 1},
        },
    }
    real = closed | {"required": ["float"], "properties": {"float": pair | {"items": {"type": "number"}}, "log": flag}}
    subset = closed | {
        "required": ["subset"],
        "properties": {
            "subset": {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}},
            "min": {"type": "integer", "minimum": 0},
        },
    }
    choice = closed | {"required": ["choice"], "properties": {"choice": {"type": "array", "minItems": 1}}}
    return {"Range": {"anyOf": [whole, real, subset]}, "Domain": {"anyOf": [choice, {"$ref": "#/$defs/Range"}]}}
