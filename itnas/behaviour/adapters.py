"""How each kind of layer that can be examined is called: what it is given, and how an answer is handed back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from itnas.behaviour.subjects import IntegralSubject, OpaqueSubject, RecurrentSubject, Subject
from itnas.behaviour.subjects.attention import AttentionSubject, MultiheadSubject
from itnas.behaviour.subjects.convolution import ConvolutionSubject
from itnas.behaviour.subjects.gated_convolution import GatedConvolutionSubject
from itnas.behaviour.subjects.opaque import Run
from itnas.behaviour.subjects.steps import steps_of
from itnas.models.mixers import MIXERS  # noqa: F401  (loads the mixers)
from itnas.models.mixers.attention import Attention
from itnas.models.mixers.base import Mixer
from itnas.models.mixers.convolution import Convolution
from itnas.models.mixers.gated_convolution import GatedConvolution
from itnas.operator import IntegralTransform
from itnas.operator.domain import Domain
from itnas.recover.recurrence import Recurrence

RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)


class UnexaminableError(ValueError):
    """A layer is called in a way that no kernel stands for; the message says what would do."""


@dataclass(frozen=True)
class Call:
    """The arguments of a call, and what to call for the layer's own answer."""

    original: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    number: int


class Adapter:
    """How a kind of module is called: reads [B, N, C] and the domain from the arguments, wraps an answer."""

    def __init__(self, module: Any) -> None:
        self.module = module

    method = "forward"

    def read(self, call: Call) -> tuple[Tensor, Domain | None]:
        bound = inspect.signature(call.original).bind(*call.args, **call.kwargs).arguments
        values = list(bound.values())
        domain = next((each for each in values[1:] if isinstance(each, Domain)), None)
        return values[0], domain

    def wrap(self, y: Tensor, call: Call) -> Any:
        return y

    def subject(self, call: Call) -> Subject:
        return _answering(self.module, call.original)


class IntegralAdapter(Adapter):
    """Applications of an integral transform; `domain` is that of the `forward` that they are part of."""

    method = "transform"
    domain: Domain | None = None

    def read(self, call: Call) -> tuple[Tensor, Domain | None]:
        return call.args[0], self.domain

    def subject(self, call: Call) -> Subject:
        return IntegralSubject(self.module, call.args[2] if len(call.args) > 2 else 0)


class _Attention(Adapter):
    def subject(self, call: Call) -> Subject:
        return AttentionSubject(self.module)


class _GatedConvolution(Adapter):
    def subject(self, call: Call) -> Subject:
        return GatedConvolutionSubject(self.module)


class _Convolution(Adapter):
    def subject(self, call: Call) -> Subject:
        return ConvolutionSubject(self.module)


class _Recovered(Adapter):
    """A recovered recurrence takes no domain."""

    def subject(self, call: Call) -> Subject:
        return OpaqueSubject(lambda u, _domain: call.original(u), type(self.module).__name__)


class _Multihead(Adapter):
    def read(self, call: Call) -> tuple[Tensor, Domain | None]:
        query, key, value = _arguments(call, "query", "key", "value")
        if key is not query or value is not query:
            raise UnexaminableError(
                "this nn.MultiheadAttention attends to another input: only self-attention is examined"
            )
        if query.dim() != 3:
            raise UnexaminableError(
                f"nn.MultiheadAttention is examined on batches, got an input of shape {tuple(query.shape)}"
            )
        return (query if self.module.batch_first else query.transpose(0, 1)), None

    def wrap(self, y: Tensor, call: Call) -> Any:
        """The weights, where they are asked for, stay as they were."""
        weights = call.original(*call.args, **call.kwargs)[1]
        return (y if self.module.batch_first else y.transpose(0, 1)), weights

    def subject(self, call: Call) -> Subject:
        if self.module.bias_k is not None or self.module.add_zero_attn:
            raise UnexaminableError("nn.MultiheadAttention with add_bias_kv or add_zero_attn is not examined")
        mask, hidden, causal = _arguments(call, "attn_mask", "key_padding_mask", "is_causal")
        if hidden is not None and bool(hidden.any()):
            raise UnexaminableError(
                "nn.MultiheadAttention with padded keys is not examined: give samples of full length"
            )
        return MultiheadSubject(self.module, causal=bool(causal) or (mask is not None and _is_causal(mask)))


class _Recurrent(Adapter):
    def read(self, call: Call) -> tuple[Tensor, Domain | None]:
        given = call.args[0] if call.args else call.kwargs["input"]
        if not isinstance(given, Tensor) or given.dim() != 3:
            raise UnexaminableError(
                f"{type(self.module).__name__} is examined on batches of equal length, not packed ones"
            )
        start = call.args[1] if len(call.args) > 1 else call.kwargs.get("hx")
        parts = () if start is None else start if isinstance(start, tuple) else (start,)
        if any(bool(part.any()) for part in parts):
            raise UnexaminableError(
                f"{type(self.module).__name__} is examined from a state of zeros, not one that is handed in"
            )
        return (given if self.module.batch_first else given.transpose(0, 1)), None

    def wrap(self, y: Tensor, call: Call) -> Any:
        """The last layer's final states are outputs; lower layers' states, and cells, stay as they were."""
        state = call.original(*call.args, **call.kwargs)[1]
        final = y[:, -1:]
        if self.module.bidirectional:
            ahead, back = y.chunk(2, -1)
            final = torch.stack([ahead[:, -1], back[:, 0]], 1)
        own = state[0] if isinstance(state, tuple) else state
        changed = torch.cat([own[: len(own) - final.shape[1]], final.transpose(0, 1)])
        state = (changed, state[1]) if isinstance(state, tuple) else changed
        return (y if self.module.batch_first else y.transpose(0, 1)), state

    def subject(self, call: Call) -> Subject:
        def run(u: Tensor, _domain: Domain | None) -> Tensor:
            given = u if self.module.batch_first else u.transpose(0, 1)
            y: Tensor = call.original(given)[0]
            return y if self.module.batch_first else y.transpose(0, 1)

        return _answering(self.module, run)


class _TorchConvolution(Adapter):
    """[B, C, N]; where it makes more outputs than there are points, the first N count."""

    def read(self, call: Call) -> tuple[Tensor, Domain | None]:
        given: Tensor = call.args[0] if call.args else call.kwargs["input"]
        if given.dim() != 3 or self.module.stride != (1,):
            raise UnexaminableError("nn.Conv1d is examined on batches [B, C, N] and with stride 1")
        return given.transpose(1, 2), None

    def wrap(self, y: Tensor, call: Call) -> Any:
        own = call.original(*call.args, **call.kwargs)
        return torch.cat([y.transpose(1, 2), own[..., y.shape[1] :]], -1)

    def subject(self, call: Call) -> Subject:
        given: Tensor = call.args[0] if call.args else call.kwargs["input"]
        if call.original(given[:1]).shape[-1] < given.shape[-1]:
            raise UnexaminableError(
                f"nn.Conv1d with padding={self.module.padding} drops points: use padding that keeps them"
            )

        def run(u: Tensor, _domain: Domain | None) -> Tensor:
            y: Tensor = call.original(u.transpose(1, 2))
            return y[..., : u.shape[1]].transpose(1, 2)

        return OpaqueSubject(run, "Conv1d")


_ADAPTERS: tuple[tuple[Any, type[Adapter]], ...] = (
    (IntegralTransform, IntegralAdapter),
    (Attention, _Attention),
    (GatedConvolution, _GatedConvolution),
    (Convolution, _Convolution),
    (Mixer, Adapter),
    (Recurrence, _Recovered),
    (nn.MultiheadAttention, _Multihead),
    (RECURRENT, _Recurrent),
    (nn.Conv1d, _TorchConvolution),
)


def adapter_for(module: nn.Module) -> type[Adapter] | None:
    return next((adapter for kind, adapter in _ADAPTERS if isinstance(module, kind)), None)


def _answering(module: nn.Module, run: Run) -> Subject:
    steps, kind = steps_of(module), type(module).__name__
    return OpaqueSubject(run, kind) if steps is None else RecurrentSubject(run, kind, steps)


def _arguments(call: Call, *names: str) -> list[Any]:
    signature = inspect.signature(call.original).bind(*call.args, **call.kwargs)
    signature.apply_defaults()
    return [signature.arguments[name] for name in names]


def _is_causal(mask: Tensor) -> bool:
    """Whether a mask hides exactly what comes later."""
    if mask.dtype != torch.bool and not bool(((mask == 0) | (mask == -torch.inf)).all()):
        raise UnexaminableError("nn.MultiheadAttention with a bias for its mask is not examined")
    hidden = mask if mask.dtype == torch.bool else mask == -torch.inf
    if not bool(hidden.any()):
        return False
    if not torch.equal(hidden, torch.ones_like(hidden).triu(1)):
        raise UnexaminableError("nn.MultiheadAttention with a mask that is not the causal one is not examined")
    return True
