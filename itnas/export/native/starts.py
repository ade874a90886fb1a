"""The stand-in that a verdict asks for, with the weights that follow from the layer itself.

Values, outputs, norm and pointwise term are the layer's own. Of the kernel, what can be said exactly is said exactly: a
content-free kernel's mean gives a convolution's taps, a product under a softmax gives queries and keys, decays in
learned time give a recurrence's gates. What cannot be is drawn at random, and learned from the layer's answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from itnas.export.native.exact import exact_gates, exact_keys, split
from itnas.export.native.observe import Watched
from itnas.export.native.verdicts import Became
from itnas.export.pieces import PIECES, Spec
from itnas.export.plain.content_attention import ContentAttention, WindowAttention
from itnas.export.plain.gated_recurrence import GatedRecurrence, Gates
from itnas.export.plain.stand_in import Pointwise, Silent, StandIn
from itnas.export.plain.taps import TapConvolution
from itnas.operator import IntegralTransform
from itnas.registry import Registry

KEYS = 15  # channels of queries and keys, where the layer says nothing of them; with a slope's one, a round number
HEADS = 4  # where it has none
MOST_STATES = 16


class StaysError(ValueError):
    """Why a layer is left as it is."""


class Layer(NamedTuple):
    """A trained mixer, what it became, and how it answers."""

    mixer: nn.Module
    became: Became
    watched: Watched
    width: int
    causal: bool
    ordered: bool  # points in a regular line: offsets mean something


Start = Callable[[Layer], tuple[Spec, StandIn]]
STARTS: Registry[Start] = Registry("family that has a classical layer")


def starts(family: str) -> Callable[[Start], Start]:
    """Make known how a family's stand-in begins."""
    return lambda start: STARTS.add(family, start)


@starts("none")
def _none(layer: Layer) -> tuple[Spec, StandIn]:
    spec, piece = _made(layer, "Silent")
    assert isinstance(piece, Silent)
    if isinstance(layer.mixer, IntegralTransform) and layer.mixer.out.bias is not None:
        piece.bias.data.copy_(layer.mixer.out.bias.data)
    return spec, piece


@starts("pointwise")
def _pointwise(layer: Layer) -> tuple[Spec, StandIn]:
    spec, piece = _made(layer, "Pointwise")
    assert isinstance(piece, Pointwise)
    if isinstance(layer.mixer, IntegralTransform):
        kernel = _mean_kernel(layer)
        piece.map.weight.data.copy_(_through(layer.mixer, kernel.diagonal(dim1=1, dim2=2).mean(1)))
        _bias(layer.mixer, piece.map)
    return spec, piece


@starts("convolution")
def _convolution(layer: Layer) -> tuple[Spec, StandIn]:
    if not layer.ordered:
        raise StaysError("its offsets are not those of a line")
    offsets = sorted(layer.became.offsets) or list(range(layer.became.support or 1))
    spec, piece = _made(layer, "TapConvolution", offsets=offsets)
    assert isinstance(piece, TapConvolution)
    if isinstance(layer.mixer, IntegralTransform):
        kernel = _mean_kernel(layer)
        taps = [
            _through(layer.mixer, kernel.diagonal(-offset, dim1=1, dim2=2).mean(1)) for offset in piece.offsets
        ]  # the furthest first
        weight = torch.stack(taps, -1) if piece.even else torch.cat(taps, 1).unsqueeze(-1)
        piece.convolution.weight.data.copy_(weight)
        _bias(layer.mixer, piece.convolution)
    return spec, piece


@starts("local")
def _local(layer: Layer) -> tuple[Spec, StandIn]:
    if not layer.ordered:
        raise StaysError("its neighbourhoods are not those of a line")
    reach = max(layer.became.support or 1, 1)
    heads, value_dim = _sizes(layer)
    spec, piece = _made(
        layer, "WindowAttention", heads=heads, key_dim=KEYS, value_dim=value_dim, reach=reach, causal=layer.causal
    )
    assert isinstance(piece, WindowAttention)
    _values(layer, piece)
    return spec, piece


@starts("attention")
def _attention(layer: Layer) -> tuple[Spec, StandIn]:
    heads, value_dim = _sizes(layer)
    keys = exact_keys(layer.mixer, alike=layer.watched.domain is None)
    spec, piece = _made(
        layer,
        "ContentAttention",
        heads=heads,
        key_dim=KEYS if keys is None else keys.shape[2],
        value_dim=value_dim,
        causal=layer.causal,
        slopes=layer.ordered and layer.causal and keys is None,
    )
    assert isinstance(piece, ContentAttention)
    _values(layer, piece)
    if keys is not None:
        for part, (weight, bias) in zip((piece.query, piece.key), split(keys), strict=True):
            part.weight.data.copy_(weight)
            part.bias.data.copy_(bias)
    return spec, piece


@starts("recurrence")
def _recurrence(layer: Layer) -> tuple[Spec, StandIn]:
    if not layer.ordered:
        raise StaysError("its points have no order to walk along")
    heads, value_dim = _sizes(layer)
    exact = exact_gates(layer.mixer, alike=layer.watched.domain is None)
    states = min(max(layer.became.states or 1, 1), MOST_STATES) if exact is None else exact.phi.shape[1]
    spec, piece = _made(
        layer,
        "GatedRecurrence",
        heads=heads,
        states=states,
        value_dim=value_dim,
        timed=exact is not None and exact.timed,
        both=not layer.causal,
    )
    assert isinstance(piece, GatedRecurrence)
    _values(layer, piece)
    for gates in piece.gates:
        assert isinstance(gates, Gates)
        if exact is None:
            # As fresh factorised kernels begin: memories of 1 to 64 points, everything taken in and read off.
            gates.rate.data.copy_((64.0 ** -torch.linspace(0, 1, max(states, 2))[:states]).expand(heads, -1))
            gates.clock.bias.data.fill_(0.5413)  # softplus of it is 1
            for part in (gates.gain, gates.reading):
                part.bias.data.fill_(states**-0.5)
        else:
            exact.give(gates)
    return spec, piece


# ---- what the layer says itself


def _made(layer: Layer, name: str, **sizes: Any) -> tuple[Spec, StandIn]:
    """A stand-in with the layer's own norm and pointwise term."""
    mixer = layer.mixer
    norm, pointwise = (getattr(mixer, part, None) for part in ("norm", "pointwise"))
    spec: Spec = {
        "piece": name, "width": layer.width, **sizes, "rms_norm": norm is not None, "pointwise": pointwise is not None,
    }  # fmt: skip
    piece = PIECES[name](**{key: value for key, value in spec.items() if key != "piece"})
    assert isinstance(piece, StandIn)
    for own, given in ((piece.norm, norm), (piece.pointwise, pointwise)):
        if own is not None and given is not None:
            own.load_state_dict(given.state_dict())
    return spec, piece


def _sizes(layer: Layer) -> tuple[int, int]:
    """Heads, and the width of a value."""
    mixer = layer.mixer
    if isinstance(mixer, IntegralTransform):
        return mixer.heads, mixer.value_dim
    heads = HEADS if layer.width % HEADS == 0 else 1
    return heads, layer.width // heads


def _values(layer: Layer, piece: ContentAttention | WindowAttention | GatedRecurrence) -> None:
    if isinstance(layer.mixer, IntegralTransform):
        piece.value.weight.data.copy_(layer.mixer.value.data)
        piece.out.weight.data.copy_(layer.mixer.out.weight.data)
        _bias(layer.mixer, piece.out)


def _bias(mixer: IntegralTransform, part: nn.Linear | nn.Conv1d) -> None:
    own: Tensor | None = mixer.out.bias
    assert part.bias is not None
    if own is None:
        part.bias.data.zero_()
    else:
        part.bias.data.copy_(own.data)


def _mean_kernel(layer: Layer) -> Tensor:
    """The kernel of each head, [H, N, N], averaged over samples."""
    assert isinstance(layer.mixer, IntegralTransform)
    with torch.no_grad():
        return layer.mixer.kernel(layer.watched.inputs, layer.watched.domain).mean(0)


def _through(mixer: IntegralTransform, weights: Tensor) -> Tensor:
    """sum_h w_h O_h V_h, [C, C], for a weight per head."""
    value = mixer.value.data.unflatten(0, (mixer.heads, mixer.value_dim))  # [H, D, C]
    out = mixer.out.weight.data.unflatten(1, (mixer.heads, mixer.value_dim))  # [C, H, D]
    return torch.einsum("ohd,h,hdc->oc", out, weights, value)
