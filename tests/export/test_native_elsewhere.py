"""Crystallised networks leave in every form, whatever stands in for their layers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import itnas
from itnas.export.entry import written
from itnas.export.formats import FORMATS, Format
from itnas.export.native.layers import Crystallised
from itnas.export.pieces import Spec, built
from itnas.export.source import Source
from itnas.genome import Genome

COMMON = {"width": 12, "rms_norm": True, "pointwise": True}
STAND_INS: list[Spec] = [
    {"piece": "TapConvolution", **COMMON, "offsets": [0, 1, 2]},
    {"piece": "TapConvolution", **COMMON, "offsets": [5, 1, 0]},
    {"piece": "ContentAttention", **COMMON, "heads": 2, "key_dim": 3, "value_dim": 5, "causal": True, "slopes": True},
    {"piece": "WindowAttention", **COMMON, "heads": 2, "key_dim": 3, "value_dim": 5, "reach": 3, "causal": True},
    {"piece": "GatedRecurrence", **COMMON, "heads": 2, "states": 2, "value_dim": 4, "timed": True},
    {"piece": "Pointwise", **COMMON},
    {"piece": "Silent", **COMMON},
]
BOTH_WAYS: list[Spec] = [
    {"piece": "TapConvolution", **COMMON, "offsets": [-3, 2]},
    {"piece": "GatedRecurrence", **COMMON, "heads": 2, "states": 1, "value_dim": 4, "both": True},
    {"piece": "ContentAttention", **COMMON, "heads": 3, "key_dim": 4, "value_dim": 4},
]
WAYS = {
    "causal": (STAND_INS, "recall/pairs=2,vocab=8,length=16"),
    "both ways": (BOTH_WAYS, "local-pattern/length=16"),
}
SLOW = {("causal", "onnx"), ("both ways", "torch")}


def crystal(specs: list[Spec], task: str) -> Source:
    """A network of stand-ins with weights drawn at random, and one discovered layer that stayed."""
    genome = Genome(width=12, depth=len(specs) + 1)
    network = itnas.build(genome, task).eval()
    torch.manual_seed(1)
    for block, spec in zip(network.blocks, specs, strict=False):
        piece = built(spec)
        for part in piece.parameters():
            nn.init.normal_(part, std=0.3)
        block.mixer = Crystallised(piece, spec)
    return Source(genome, itnas.task(task), {"task": task}, network)


@pytest.mark.parametrize(
    ("specs", "task", "name"),
    [
        pytest.param(*about, name, id=f"{way}-{name}", marks=[pytest.mark.slow] if (way, name) in SLOW else [])
        for way, about in WAYS.items()
        for name in ("weights", "module", "torch", "onnx")
    ],
)
def test_every_stand_in_elsewhere(specs: list[Spec], task: str, name: str, tmp_path: Path) -> None:
    form = FORMATS[name]
    assert isinstance(form, Format)
    out = tmp_path / (f"out.{form.suffixes[0]}" if form.suffixes else "out")
    done = written(crystal(specs, task), form, out)
    assert done.compared["largest_difference"] <= {"weights": 0.0, "module": 1e-6, "torch": 1e-5, "onnx": 1e-4}[name]
    assert len(done.compared["lengths"]) == 2
