"""Conv1d and Conv2d: one head per tap. A hat function of the offset selects it, O holds its weights."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor, nn

from itnas.operator import IntegralTransform
from itnas.recover.hat import CONE, HAT, select_offsets, select_offsets_2d
from itnas.recover.weights import write, write_identity_value

Convolution: TypeAlias = nn.Conv1d | nn.Conv2d


def conv1d(m: nn.Conv1d, causal: bool = False) -> IntegralTransform:
    """y_i = sum_t W_t u_(i - tap_t) + b, from [B, N, C_in] to [B, N, C_out] on a Sequence, with zeros outside.

    `causal=True` takes the module as left-padded and cut to N points: taps (k - 1) d, ..., d, 0.
    """
    _refuse(m)
    lead = _causal_lead(m) if causal else _preserving_lead(m)[0]
    taps = [lead - t * m.dilation[0] for t in range(m.kernel_size[0])]
    layer = IntegralTransform(
        m.in_channels,
        out_dim=m.out_channels,
        heads=len(taps),
        kernel=HAT,
        value_dim=m.in_channels,
        causal=causal,
        pointwise=False,
        bias=m.bias is not None,
    ).to(m.weight.device, m.weight.dtype)
    select_offsets(layer, taps)
    return _with_weights(layer, m)


def conv2d(m: nn.Conv2d) -> IntegralTransform:
    """The same for images, from [B, H W, C_in] to [B, H W, C_out] on the domain `Grid((H, W))`."""
    _refuse(m)
    leads = _preserving_lead(m)
    offsets = (
        [lead - t * step for t in range(size)]
        for lead, step, size in zip(leads, m.dilation, m.kernel_size, strict=True)
    )
    taps = [(down, right) for down, right in product(*offsets)]
    layer = IntegralTransform(
        m.in_channels,
        out_dim=m.out_channels,
        heads=len(taps),
        kernel=CONE,
        value_dim=m.in_channels,
        pointwise=False,
        bias=m.bias is not None,
    ).to(m.weight.device, m.weight.dtype)
    select_offsets_2d(layer, taps)
    return _with_weights(layer, m)


def _with_weights(layer: IntegralTransform, m: Convolution) -> IntegralTransform:
    write_identity_value(layer)
    write(layer.out.weight, _full_weight(m).flatten(2).transpose(1, 2).flatten(1))
    if m.bias is not None:
        write(layer.out.bias, m.bias)
    return layer


def _full_weight(m: Convolution) -> Tensor:
    """The weight with its groups as blocks of a full matrix, [C_out, C_in, *kernel_size]."""
    weight = m.weight.detach()
    full = weight.new_zeros(m.out_channels, m.in_channels, *m.kernel_size)
    outs, ins = m.out_channels // m.groups, m.in_channels // m.groups
    for group in range(m.groups):
        rows, columns = slice(group * outs, (group + 1) * outs), slice(group * ins, (group + 1) * ins)
        full[rows, columns] = weight[rows]
    return full


def _refuse(m: Convolution) -> None:
    name = type(m).__name__
    if any(step != 1 for step in m.stride):
        raise ValueError(
            f"{name} with stride={m.stride} drops points, and an integral transform keeps them: "
            "use stride 1 and pick every n-th point of the output"
        )
    if m.padding_mode != "zeros":
        raise ValueError(f"{name} with padding_mode={m.padding_mode!r} is not recovered: use padding_mode='zeros'")
    if m.weight.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise ValueError(f"{name} has weights in {m.weight.dtype}: only real floating-point weights are recovered")


def _preserving_lead(m: Convolution) -> list[int]:
    """How many zeros stand before the first point along each axis, for a module that keeps the number of points."""
    totals = [step * (size - 1) for step, size in zip(m.dilation, m.kernel_size, strict=True)]
    if m.padding == "same":
        # For an odd total torch puts the extra zero at the end.
        return [total // 2 for total in totals]
    given = [0] * len(totals) if isinstance(m.padding, str) else list(m.padding)
    if any(2 * pad != total for pad, total in zip(given, totals, strict=True)):
        advice = ", or causal=True for a convolution that looks back only" if isinstance(m, nn.Conv1d) else ""
        raise ValueError(
            f"{type(m).__name__} with padding={m.padding!r} changes the number of points for kernel_size="
            f"{m.kernel_size} and dilation={m.dilation}: use padding='same'{advice}"
        )
    return given


def _causal_lead(m: nn.Conv1d) -> int:
    """The same for taps that look back only: the output at i is the one whose last tap falls on i."""
    reach = m.dilation[0] * (m.kernel_size[0] - 1)
    if reach and m.padding not in ((0,), "valid", (reach,)):
        raise ValueError(
            f"Conv1d with padding={m.padding!r} looks ahead, which causal=True forbids: use padding=0 "
            f"(zeros are put before the first point) or padding={reach} (the last {reach} outputs are cut)"
        )
    return reach
