"""`--format weights`: a folder that `itnas.load` opens, and the Hugging Face Hub takes as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.export.card import card, pictures
from itnas.export.compare import agreement, score
from itnas.export.documents import GENOME, WEIGHTS, genome_text
from itnas.export.formats.base import Format, register
from itnas.export.load import source_of
from itnas.export.native.layers import LAYERS, layers_text
from itnas.export.source import Source
from itnas.models import Network
from itnas.training.checkpoint import as_safetensors


@register
class Weights(Format):
    name = "weights"
    summary = "a folder with genome, weights (safetensors) and model card, for itnas.load and the Hugging Face Hub"

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        write_network(source, source.trained, target)
        again = source_of(target, source.task).network
        assert again is not None
        told = agreement(source.trained, again, source.task, most=0.0)
        return {**told, "validation_score": score(again, source.task)}


def write_network(source: Source, network: Network, target: Path) -> None:
    """Everything but what is known only after comparing."""
    (target / GENOME).write_text(genome_text(source), encoding="utf-8")
    (target / WEIGHTS).write_bytes(as_safetensors(network.state_dict(), {"format": "pt"}))
    layers = layers_text(network)
    if layers is not None:
        (target / LAYERS).write_text(layers, encoding="utf-8")
    shown = pictures(source)
    for name, content in shown.items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes(content)
    (target / "README.md").write_text(card(source, network, list(shown)), encoding="utf-8")
