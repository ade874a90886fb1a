"""Long sequences: how the truncation's cost grows, and a whole layer at N = 1024."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor

import itnas
from itnas.behaviour import explain
from itnas.behaviour.truncation import cuts_of, directions, truncated

LENGTHS, QUICK = (128, 256, 512, 1024, 2048), (64, 128)
BATCH, STATES, DONORS, REPEATS = 4, 16, 4, 3
WIDTH = 16


def long(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """`truncation`: shared directions at 8 cuts and the truncated kernel; `long`: `itnas.explain` of one layer."""
    lengths = QUICK if quick else LENGTHS
    seconds = {length: _truncating(length) for length in lengths}
    rows = [{"N": length, "seconds": each} for length, each in seconds.items()]
    first, last = lengths[-3:][0], lengths[-1]
    rows[-1][f"growth exponent from {first}"] = math.log(seconds[last] / seconds[first]) / math.log(last / first)
    return {"truncation": rows, "long": [_explaining(kind, max(QUICK) if quick else 1024) for kind in LAYERS]}


def _truncating(length: int) -> float:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(BATCH, 1, length, length, generator=generator).tril()
    scale = torch.ones(BATCH, 1, length)

    def futures(cut: int, rows: Tensor) -> Tensor:
        return torch.randn(DONORS, BATCH, 1, len(rows), cut, generator=generator)

    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        state = directions(kernel, scale, futures, cuts_of(length, 8), STATES)
        truncated(kernel, state, STATES // 2)
        times.append(time.perf_counter() - start)
    return min(times)


def _convolution() -> torch.nn.Module:
    return itnas.recover.from_module(torch.nn.Conv1d(WIDTH, WIDTH, 5), causal=True)


def _attention() -> torch.nn.Module:
    layer = torch.nn.MultiheadAttention(WIDTH, 2, batch_first=True)
    with torch.no_grad():
        layer.in_proj_weight[: 2 * WIDTH] *= 4
    return itnas.recover.from_module(layer, causal=True)


def _scan() -> torch.nn.Module:
    kernel = itnas.FactorisedKernel(rank=4, decay="position")
    return itnas.IntegralTransform(WIDTH, kernel=kernel, causal=True, normaliser="none")


LAYERS = {"convolution": _convolution, "softmax attention": _attention, "decaying factors": _scan}


def _explaining(kind: str, length: int) -> dict[str, Any]:
    torch.manual_seed(0)
    layer, start = LAYERS[kind](), time.process_time()
    found = explain(layer, lambda n: torch.randn(8, n, WIDTH), (length // 4, length // 2, length), copies=0)
    seconds = time.process_time() - start
    verdict = found.layers[0]
    return {"layer": kind, "N": length, "named": verdict.family, "states": str(verdict.states), "CPU seconds": seconds}
