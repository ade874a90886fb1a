"""`--format native`: every layer as the classical layer that its verdict names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from itnas.export.compare import agreement, score
from itnas.export.documents import MEASURED, as_json
from itnas.export.formats.base import Format, register
from itnas.export.formats.weights import write_network
from itnas.export.load import source_of
from itnas.export.native.crystallise import Crystallisation, Effort, crystallise
from itnas.export.native.measure import measured, products_per_point
from itnas.export.native.verdicts import verdicts_of
from itnas.export.source import Source
from itnas.models import Network


def _silent(_line: str) -> None:
    pass


@register
@dataclass(frozen=True)
class Native(Format):
    """Settings: `distil_steps`, `tune_steps`, `least` (see `Effort`), and `progress`, a function that is told."""

    name = "native"
    summary = "a folder with classical layers in place of discovered ones: convolution, recurrence, attention"
    effort: Effort = field(default_factory=Effort)
    progress: Callable[[str], None] = _silent

    def configured(self, settings: Mapping[str, Any]) -> Self:
        found = dict(settings)
        progress = found.pop("progress", self.progress)
        own = {each.name: found.pop(each.name) for each in fields(Effort) if each.name in found}
        super().configured(found)
        return replace(self, effort=replace(self.effort, **own), progress=progress)

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        network = source.trained
        outcome = crystallise(network, source.task, verdicts_of(source), self.effort, self.progress)
        about = told(network, outcome, source)
        crystal = replace(source, network=outcome.network, provenance={**source.provenance, "crystallised": about})
        write_network(crystal, outcome.network, target)
        again = source_of(target, source.task).network
        assert again is not None
        same = agreement(outcome.network, again, source.task, most=0.0)
        self.progress("measuring")
        rows = measured(network, again, source.task)
        (target / MEASURED).write_text(as_json(rows), encoding="utf-8")
        return {**same, **about, "validation_score": score(again, source.task)}


def told(network: Network, outcome: Crystallisation, source: Source) -> dict[str, Any]:
    """What became of each layer, and what it cost."""
    return {
        "layers": [each.to_dict() for each in outcome.layers],
        "score_before": outcome.before,
        "score_after": outcome.after,
        "kept": outcome.kept,
        "test_score_before": score(network, source.task, "test"),
        "test_score_after": score(outcome.network, source.task, "test"),
        "parameters_before": _parameters(network),
        "parameters_after": _parameters(outcome.network),
        "products_per_point_before": products_per_point(network, source.task),
        "products_per_point_after": products_per_point(outcome.network, source.task),
        "steps": outcome.steps,
    }


def _parameters(network: Network) -> int:
    return sum(part.numel() for part in network.parameters())
