"""`--format genome`: the architecture and its recipe as a text, with where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.export.documents import genome_text
from itnas.export.earlier import tells_its_origin
from itnas.export.formats.base import Format, register
from itnas.export.source import Source
from itnas.files import read_document
from itnas.genome import Genome, apart


@register
class GenomeFile(Format):
    name = "genome"
    summary = "a YAML or JSON file that `itnas train` takes, with provenance"
    suffixes = ("yaml", "yml", "json")
    trained = False
    sidecar = False  # it says all itself

    def earlier(self, path: Path) -> bool:
        return tells_its_origin(path)

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        target.write_text(genome_text(source, as_json=target.suffix == ".json"), encoding="utf-8")
        again, (_, told) = Genome.load(target), apart(read_document(target), target.name)
        if again.to_dict() != source.genome.to_dict() or told != source.provenance:
            raise ValueError("loaded back, the genome is not the same")
        return {"hash": again.hash, "loaded_back": "the same genome"}
