"""The kernel k(i, j) as an MLP over features of two points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from itnas.export.plain.activation import activate
from itnas.export.plain.points import Points, offsets


class MlpKernel(nn.Module):
    """k(i, j) = MLP(pair features) per head. The first layer is a sum over features, each with weights of its own.

    Parameters begin with the head axis [H, ...], of length 1 where all heads share them.
    """

    frequency: Tensor

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        features: Sequence[str],
        layers: int,
        hidden: int = 1,
        activation: str = "relu",
        axes: int = 1,
        shared: bool = False,
        products: int = 1,
        product_dim: int = 1,
        frequencies: int = 1,
        learned_frequencies: bool = False,
        damped: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.features, self.layers, self.activation = heads, frozenset(features), layers, activation
        self.products = products
        own = 1 if shared else heads

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(shape))

        self.bias = weight(own, hidden)
        if "offset" in features:
            self.offset = weight(own, hidden, axes)
        if "distance" in features:
            self.distance = weight(own, hidden)
        if "position" in features:
            self.position_row, self.position_col = weight(own, hidden, axes), weight(own, hidden, axes)
        if "content" in features:
            self.content_row, self.content_col = weight(heads, hidden, width), weight(heads, hidden, width)
        if "clock" in features:
            self.clock_weight = weight(own, hidden)
        if "fourier" in features:
            self.waves = weight(own, hidden, axes, frequencies, 2)
            if learned_frequencies:
                self.frequency = weight(heads, axes, frequencies)
            else:
                self.register_buffer("frequency", torch.zeros(heads, axes, frequencies))
            self.damping = weight(heads, axes, frequencies) if damped else None
        if "product" in features:
            self.product = weight(own, products, hidden)
            self.query, self.key = (weight(heads, products * product_dim, width) for _ in range(2))
            self.query_bias, self.key_bias = (weight(heads, products * product_dim) for _ in range(2))
        if layers > 1:
            self.hidden, self.hidden_bias = weight(own, layers - 1, hidden, hidden), weight(own, layers - 1, hidden)
        if layers > 0:
            self.out, self.out_bias = weight(own, hidden), weight(own)

    def forward(self, u: Tensor, points: Points, time: Tensor | None) -> Tensor:
        """k, [B|1, H, N, N], of points with features u [B, N, C] at times [B, H, N]."""
        z = self.each_head(self.bias)[None, :, None, None]  # [B|1, H, N, N, hidden]
        if "content" in self.features:
            z = z + torch.einsum("bic,hkc->bhik", u, self.content_row).unsqueeze(3)
            z = z + torch.einsum("bjc,hkc->bhjk", u, self.content_col).unsqueeze(2)
        if "position" in self.features and points.positions is not None:
            z = z + self.placed(points.positions, self.position_row).unsqueeze(3)
            z = z + self.placed(points.positions, self.position_col).unsqueeze(2)
        if self.features & {"offset", "distance", "fourier"}:
            z = z + self.apart(offsets(points))
        if "clock" in self.features and time is not None:
            elapsed = (time.unsqueeze(3) - time.unsqueeze(2)).to(u.dtype)
            z = z + torch.einsum("bhij,hk->bhijk", elapsed, self.each_head(self.clock_weight))
        if "product" in self.features:
            query = self.projected(u, self.query, self.query_bias)
            key = self.projected(u, self.key, self.key_bias)
            products = torch.einsum("bhiqd,bhjqd->bhijq", query, key)
            z = z + torch.einsum("bhijq,hqk->bhijk", products, self.each_head(self.product))
        return self.tail(z).expand(-1, -1, u.shape[1], u.shape[1])

    def apart(self, offset: Tensor) -> Tensor:
        """The features of the offset p_i - p_j, float64 [B|1, N, N, P]: [B|1, 1|H, N, N, hidden]."""
        dtype = self.bias.dtype
        parts: list[Tensor] = []
        if "offset" in self.features:
            parts.append(torch.einsum("bijp,hkp->bhijk", offset.to(dtype), self.each_head(self.offset)))
        if "distance" in self.features:
            length = torch.linalg.vector_norm(offset, dim=-1).to(dtype)
            parts.append(torch.einsum("bij,hk->bhijk", length, self.each_head(self.distance)))
        if "fourier" in self.features:
            offset = offset[:, None, :, :, :, None]  # [B|1, 1, N, N, P, 1]
            phase = offset * self.frequency.double()[:, None, None]
            waves = torch.stack([phase.sin(), phase.cos()], -1)
            if self.damping is not None:
                fading = torch.exp(-offset.abs() * self.damping.double().abs()[:, None, None])
                waves = waves * fading.unsqueeze(-1)
            parts.append(torch.einsum("bhijpfs,hkpfs->bhijk", waves.to(dtype), self.each_head(self.waves)))
        return sum(parts[1:], parts[0])

    def placed(self, positions: Tensor, weight: Tensor) -> Tensor:
        """Positions float64 [B|1, N, P] through weights [H, hidden, P]: [B|1, H, N, hidden]."""
        return torch.einsum("bnp,hkp->bhnk", positions, self.each_head(weight).double()).to(weight.dtype)

    def projected(self, u: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Queries or keys, [B, H, N, products, width of a product]."""
        projected = torch.einsum("bnc,hdc->bhnd", u, weight) + bias.unsqueeze(1)
        split: Tensor = projected.unflatten(-1, (self.products, -1))
        return split

    def tail(self, z: Tensor) -> Tensor:
        """The MLP after its first, linear layer. Without hidden layers that layer's one output is k."""
        if self.layers == 0:
            return z.squeeze(-1)
        z = activate(self.activation, z)
        for layer in range(self.layers - 1):
            weight, bias = self.each_head(self.hidden[:, layer]), self.each_head(self.hidden_bias[:, layer])
            z = activate(self.activation, torch.einsum("bhijk,hok->bhijo", z, weight) + bias[:, None, None])
        out, bias = self.each_head(self.out), self.each_head(self.out_bias)
        return torch.einsum("bhijk,hk->bhij", z, out) + bias[:, None, None]

    def each_head(self, part: Tensor) -> Tensor:
        """Parameters that all heads share, once for each of them."""
        return part.expand(self.heads, *part.shape[1:])
