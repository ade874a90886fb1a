"""Which torch module is rebuilt by what."""

from __future__ import annotations

from torch import nn

from itnas.operator import IntegralTransform
from itnas.recover.attention import multihead_attention
from itnas.recover.convolution import conv1d, conv2d
from itnas.recover.multilayer import IteratedMLP, mlp
from itnas.recover.recurrence import Recurrence, recurrence

KNOWN = "nn.Conv1d, nn.Conv2d, nn.MultiheadAttention, nn.RNN, nn.GRU, nn.LSTM, nn.Sequential of Linear and activations"

ADVICE: dict[type[nn.Module], str] = {
    nn.Linear: "wrap it in nn.Sequential",
    nn.RNNCell: "use nn.RNN, which goes through the points itself",
    nn.GRUCell: "use nn.GRU, which goes through the points itself",
    nn.LSTMCell: "use nn.LSTM, which goes through the points itself",
    nn.ConvTranspose1d: "its outputs are more points than its inputs; use nn.Conv1d",
    nn.ConvTranspose2d: "its outputs are more points than its inputs; use nn.Conv2d",
}


def from_module(m: nn.Module, causal: bool = False) -> IntegralTransform | Recurrence | IteratedMLP:
    """The torch module `m` rebuilt from integral transforms, with copies of its weights, in its precision and place.

    | module                                 | call, channels last                             | equals |
    |----------------------------------------|-------------------------------------------------|--------|
    | nn.Conv1d, length-preserving           | layer(u), u [B, N, C]                           | m(u.mT).mT |
    | nn.Conv2d, length-preserving           | layer(u, Grid((H, W))), u [B, H W, C]           | the same over images |
    | nn.MultiheadAttention(batch_first)     | layer(u), u [B, N, C]                           | m(u, u, u)[0] |
    | nn.RNN, nn.GRU, nn.LSTM (batch_first)  | layer(u), u [B, N, C]                           | m(u)[0] |
    | nn.Sequential, Linear and activations  | layer(u), u [B, N, C] or [B, C]                 | m(u)   |

    `causal=True` makes attention causal, and takes a Conv1d as left-padded; recurrences and MLPs never look ahead.
    Each has `kernel(u)`, what it did with this input, and `kernels(u)`, the same per layer or iteration.
    """
    if isinstance(m, nn.Conv1d):
        return conv1d(m, causal)
    if isinstance(m, nn.Conv2d):
        if causal:
            raise ValueError("causal=True has no meaning for Conv2d, whose points are in no order: leave it out")
        return conv2d(m)
    if isinstance(m, nn.MultiheadAttention):
        return multihead_attention(m, causal)
    if isinstance(m, (nn.RNN, nn.GRU, nn.LSTM)):
        return recurrence(m)
    if isinstance(m, nn.Sequential):
        return mlp(m)
    advice = ADVICE.get(type(m), f"choose from {KNOWN}")
    raise TypeError(f"{type(m).__name__} is not recovered: {advice}")
