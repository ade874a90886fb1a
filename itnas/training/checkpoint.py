"""Tensors and plain data in one file that is whole or absent (safetensors, no pickle)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor


def packed(tensors: dict[str, Tensor], data: dict[str, Any]) -> bytes:
    """Tensors, and beside them anything that JSON can say."""
    return as_safetensors(tensors, {"data": json.dumps(data, allow_nan=True)})


def as_safetensors(tensors: Mapping[str, Tensor], about: dict[str, str]) -> bytes:
    """A file's content: the same bytes for the same tensors, wherever they are and however they lie in memory."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    return safetensors.torch.save(plain, about)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What a file holds that `packed` made."""
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
            return tensors, json.loads((file.metadata() or {})["data"])
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it to start again") from error
