"""Where points are, as pairs of them are looked at: codes into a table of all offsets, or positions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from itnas.operator.domain import Geometry, Modalities
from itnas.operator.kernel.form import Relation, TaggedRelation


@dataclass(frozen=True)
class Places:
    """`rows` minus `cols` is what the relation of two points is worked out from, or found in the table by."""

    rows: Tensor | None = None
    cols: Tensor | None = None
    table: Tensor | None = None  # [1, H, L, h]
    centre: int = 0
    relation: Relation | TaggedRelation | None = None


def places_for(geometry: Geometry, relation: Relation | None, tags: Tensor | None, dtype: torch.dtype) -> Places:
    """`relation`: what the kernel reads of offsets; `tags`, [H, h, T, T]: of two points' modalities."""
    if geometry.modalities is not None:
        return _of_union(geometry, geometry.modalities, relation, tags, dtype)
    if relation is None or geometry.positions is None:
        return Places()
    if geometry.lattice is None:
        place = geometry.positions.unsqueeze(1)
        return Places(place, place, relation=relation)
    device = geometry.positions.device
    offsets = geometry.lattice.offsets(device)
    table = relation.at(offsets.view(1, 1, *offsets.shape)).to(dtype)
    code = geometry.lattice.code(device).view(1, 1, -1)
    return Places(code, code, table, geometry.lattice.centre, relation)


def _of_union(
    geometry: Geometry, modalities: Modalities, relation: Relation | None, tags: Tensor | None, dtype: torch.dtype
) -> Places:
    if relation is None and tags is None:
        return Places()
    device = geometry.positions.device if geometry.positions is not None else tags.device  # type: ignore[union-attr]
    if not modalities.coded:
        assert geometry.positions is not None
        tag = (
            modalities.tags(device).to(geometry.positions.dtype).view(1, -1, 1).expand(*geometry.positions.shape[:2], 1)
        )
        rows, cols = (torch.cat([geometry.positions, each], -1) for each in (modalities.count * tag, -tag))
        return Places(rows.unsqueeze(1), cols.unsqueeze(1), relation=TaggedRelation(relation, tags, modalities.count))
    offsets, pairs = modalities.pairs(device)
    parts = []
    if relation is not None:
        parts.append(relation.at(offsets.view(1, 1, *offsets.shape)).to(dtype))
    if tags is not None:
        parts.append(tags.flatten(2).mT[:, pairs].unsqueeze(0))
    row, col = (code.view(1, 1, -1) for code in modalities.codes(device))
    return Places(row, col, sum(parts[1:], parts[0]), modalities.centre, relation)
