"""An MLP as one iterated map: blocks are points, and block l sees block l - 1 alone."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itnas.operator import IntegralTransform
from itnas.recover.hat import CELL, select_cells
from itnas.recover.weights import write, write_identity_out

ELEMENTWISE: tuple[type[nn.Module], ...] = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.Identity, nn.LeakyReLU, nn.Mish, nn.ReLU,
    nn.ReLU6, nn.SELU, nn.Sigmoid, nn.SiLU, nn.Softplus, nn.Softsign, nn.Tanh, nn.Tanhshrink,
)  # fmt: skip


class IteratedMLP(nn.Module):
    """x <- activation(T x), L times with the same weights, on the points 0 (the input), 1, ..., L (the output).

    T is an integral transform with one head per linear layer: head l has V = [W_l, b_l], which acts on a channel that
    is always 1 too, and the kernel relu(1 - abs(i - l) - abs(j - (l - 1))). So T is strictly block lower triangular,
    and after L iterations block L is exact. Channels are padded to the widest layer. (arXiv 2404.00880.)
    """

    def __init__(self, linears: list[nn.Linear], activations: list[nn.Sequential]) -> None:
        super().__init__()
        weight = linears[0].weight
        self.dim, self.out_dim, self.iterations = linears[0].in_features, linears[-1].out_features, len(linears)
        self.width = max(self.dim, *(linear.out_features for linear in linears))
        self.activations = nn.ModuleList(copy.deepcopy(activation) for activation in activations)
        self.transform = IntegralTransform(
            self.width + 1,
            out_dim=self.width,
            heads=len(linears),
            kernel=CELL,
            value_dim=self.width,
            pointwise=False,
            bias=False,
        ).to(weight.device, weight.dtype)
        select_cells(self.transform, [(block + 1, block) for block in range(len(linears))])
        write(self.transform.value, torch.cat([_padded(linear, self.width) for linear in linears]))
        write_identity_out(self.transform)

    def forward(self, u: Float[Tensor, "*points dim"]) -> Float[Tensor, "*points out_dim"]:
        return self._blocks(u)[:, -1, : self.out_dim].reshape(*u.shape[:-1], self.out_dim)

    def kernel(self, u: Float[Tensor, "*points dim"]) -> Float[Tensor, "points layers blocks blocks"]:
        """Which block sees which, per head: [points, L, L + 1, L + 1]. It does not depend on the input."""
        return self.transform.kernel(self._blocks(u))

    def kernels(self, u: Float[Tensor, "*points dim"]) -> list[Float[Tensor, "points layers blocks blocks"]]:
        """The kernel of each iteration: L times the same."""
        return [self.kernel(u)] * self.iterations

    def _blocks(self, u: Tensor) -> Tensor:
        """The fixed point, [points, L + 1, width + 1]."""
        if u.shape[-1:] != (self.dim,):
            raise ValueError(f"the input must end in {self.dim} channels, got shape {tuple(u.shape)}")
        first = self._padded_input(self.activations[0](u.reshape(-1, self.dim)))
        ones = u.new_ones(first.shape[0], self.iterations + 1, 1)
        rest = first.new_zeros(first.shape[0], self.iterations, self.width)
        state = torch.cat([torch.cat([first.unsqueeze(1), rest], 1), ones], -1)
        for _ in range(self.iterations):
            sums = self.transform(state)
            blocks = [first] + [act(sums[:, block + 1]) for block, act in enumerate(self.activations[1:])]
            state = torch.cat([torch.stack(blocks, 1), ones], -1)
        return state

    def _padded_input(self, u: Tensor) -> Tensor:
        return nn.functional.pad(u, (0, self.width - self.dim))


def mlp(m: nn.Sequential) -> IteratedMLP:
    """Rebuild a chain of Linear and elementwise activations; nested Sequentials count as one chain."""
    linears: list[nn.Linear] = []
    activations: list[nn.Sequential] = [nn.Sequential()]
    for part in _chain(m):
        if isinstance(part, nn.Linear):
            linears.append(part)
            activations.append(nn.Sequential())
        else:
            activations[-1].append(_out_of_place(part))
    if not linears:
        raise ValueError("a Sequential without any Linear is a pointwise map already: there is nothing to recover")
    for before, after in pairwise(linears):
        if before.out_features != after.in_features:
            raise ValueError(
                f"Linear({after.in_features}, {after.out_features}) follows a Linear with {before.out_features} "
                "outputs: their widths must agree"
            )
    return IteratedMLP(linears, activations)


def _chain(m: nn.Sequential) -> list[nn.Module]:
    parts: list[nn.Module] = []
    for part in m:
        if isinstance(part, nn.Sequential):
            parts += _chain(part)
        elif isinstance(part, nn.Dropout) and (part.p == 0 or not part.training):
            continue
        elif isinstance(part, (nn.Linear, *ELEMENTWISE)):
            parts.append(part)
        elif isinstance(part, nn.Dropout):
            raise ValueError(f"Dropout(p={part.p}) in training mode is not recovered: call .eval() first")
        else:
            names = ", ".join(kind.__name__ for kind in ELEMENTWISE)
            raise ValueError(
                f"{type(part).__name__} inside a Sequential is not recovered: use Linear and elementwise "
                f"activations ({names})"
            )
    return parts


def _out_of_place(activation: nn.Module) -> nn.Module:
    """A copy that leaves its argument alone: the argument is a slice of the state."""
    activation = copy.deepcopy(activation)
    if hasattr(activation, "inplace"):
        setattr(activation, "inplace", False)  # noqa: B010
    return activation


def _padded(linear: nn.Linear, width: int) -> Tensor:
    """[W, b] with zeros for the channels that the layer lacks, [width, width + 1]."""
    padded = linear.weight.new_zeros(width, width + 1)
    padded[: linear.out_features, : linear.in_features] = linear.weight.detach()
    if linear.bias is not None:
        padded[: linear.out_features, -1] = linear.bias.detach()
    return padded
