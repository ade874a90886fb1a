"""What the exported network's layers became: as the sweep found, or asked afresh where it did not look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from itnas.behaviour import explain
from itnas.export.source import Source
from itnas.models import Network


class Became(NamedTuple):
    """`support`: offsets or nearest points that it takes; `states`: numbers per head."""

    family: str
    support: int | None = None
    states: int | None = None
    offsets: tuple[int, ...] = ()
    reason: str = ""


def verdicts_of(source: Source) -> dict[int, list[Became]]:
    """For each block what it became, once for every time that it is applied; blocks that could not be examined lack."""
    told, replica = source.provenance.get("verdicts") or (), source.provenance.get("replica")
    rows = [row for row in told if row["replica"] == replica]
    if not rows:
        rows = [row for row in explain(source.trained, source.task).rows() if row["head"] is None]
    by_layer = {int(row["layer"]): _of_row(row) for row in rows}
    found: dict[int, list[Became]] = {}
    for layer, block in enumerate(applications(source.trained)):
        if layer in by_layer:
            found.setdefault(block, []).append(by_layer[layer])
    return found


def applications(network: Network) -> list[int]:
    """The block of each application of a layer, in the order in which they come."""
    count = len(network.blocks)
    order = [number % count for number in range(network.depth)]
    return [block for block in order for _ in range(getattr(network.blocks[block].mixer, "iterate", 1))]


def _of_row(row: Mapping[str, Any]) -> Became:
    def whole(name: str) -> int | None:
        value = row.get(name)
        return None if value is None or value != value else int(value)

    return Became(
        row["family"],
        whole("support"),
        whole("state_size"),
        tuple(int(each) for each in row.get("offsets") or ()),
        str(row.get("sentence") or row.get("reason") or ""),
    )
