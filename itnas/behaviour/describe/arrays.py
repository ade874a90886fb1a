"""Descriptions of several replicas in one file of NumPy arrays."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from itnas.behaviour.describe.description import Description


def packed_arrays(described: Mapping[int, Sequence[Description]]) -> bytes:
    """.npz: arrays named `replica.layer.name`, and the numbers as JSON under `about`."""
    arrays: dict[str, Any] = {}
    about: dict[str, Any] = {}
    for replica, layers in described.items():
        for number, layer in enumerate(layers):
            key = f"{replica}.{number}"
            about[key] = layer.to_dict()
            arrays |= {f"{key}.{name}": part for name, part in layer.arrays().items()}
    content = io.BytesIO()
    np.savez_compressed(content, about=np.array(json.dumps(about)), **arrays)
    return content.getvalue()
