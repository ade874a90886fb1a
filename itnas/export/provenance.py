"""What a genome's file says of where it comes from, as far as anything reads it: anybody may have written it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from itnas.settings import one_sentence

Count = Annotated[int, Field(ge=0)]


class _Told(BaseModel):
    """Strict in what it names; what it does not name is nobody's business."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Score(_Told):
    mean: float
    low: float | None = None
    high: float | None = None
    replicas: Count


class _Verdict(_Told):
    replica: Count
    layer: Count
    family: str
    support: float | None = None
    state_size: float | None = None
    offsets: list[int] | None = None
    sentence: str | None = None


class _Finding(_Told):
    layer: float | None = None
    sentence: str


class _Layer(_Told):
    layer: Count
    family: str
    became: str
    why: str
    agrees: float | None = None


class _Crystallised(_Told):
    layers: list[_Layer]
    score_before: float
    score_after: float


class _Provenance(_Told):
    task: str | None = None
    metric: str | None = None
    run: str | None = None
    space: str | None = None
    trial: Count | None = None
    origin: str | None = None
    score_of: str | None = None
    sweep_seed: Count | None = None
    score: _Score | None = None
    test_score: _Score | None = None
    chance: float | None = None
    ceiling: float | None = None
    seeds: list[Count] | None = None
    precision: str = "float32"
    replica: Count | None = None
    versions: dict[str, str] = {}
    verdicts: list[_Verdict] = []
    findings: list[_Finding] = []
    crystallised: _Crystallised | None = None


def checked(told: dict[str, Any], where: str) -> dict[str, Any]:
    """The same, once all that is read of it is known to be what it should be."""
    try:
        _Provenance.model_validate_json(json.dumps(told, allow_nan=False))
    except ValidationError as error:
        raise ValueError(one_sentence(error, f"{where}: provenance")) from error
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: provenance: only texts, numbers, lists and mappings are allowed ({error})"
        ) from error
    return told
