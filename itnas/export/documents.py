"""The texts that exports share: the genome with its provenance, and what is known of an export."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from itnas.export.source import Source
from itnas.files import document_text

GENOME, WEIGHTS = "genome.yaml", "model.safetensors"
MEASURED = "measured.json"  # what was timed: the one file that differs from export to export


def genome_text(source: Source, *, as_json: bool = False) -> str:
    data = source.genome.to_dict()
    return document_text({**data, "provenance": source.provenance} if source.provenance else data, as_json=as_json)


def about_text(form: str, source: Source, compared: dict[str, Any], files: dict[str, str]) -> str:
    """What was exported, how it compares with what it was made from, and every file's SHA-256."""
    about = {
        "format": form,
        "genome": source.genome.hash,
        "provenance": source.provenance,
        "compared": compared,
        "files": files,
    }
    return as_json(about)


def as_json(data: Any) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def fingerprints(path: Path) -> dict[str, str]:
    """SHA-256 of each file of an export, by its name in it; what was timed is left out."""
    found = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    found = [each for each in found if each.name != MEASURED]
    return {
        each.relative_to(path).as_posix() if path.is_dir() else "": hashlib.sha256(each.read_bytes()).hexdigest()
        for each in found
    }
