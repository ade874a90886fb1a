"""Reading a safetensors file without a package: eight bytes of size, a JSON header, and the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file by its name."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, part in header.items():
        begin, end = (8 + size + offset for offset in part["data_offsets"])
        numbers = torch.frombuffer(data[begin:end] or bytearray(1), dtype=torch.uint8)[: end - begin]
        tensors[name] = numbers.view(DTYPES[part["dtype"]]).view(part["shape"])
    return tensors
