"""A kernel kind of somebody else's: points that are alike see each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from itnas.kernel_kinds import OtherKernel
from itnas.operator.domain import Geometry
from itnas.operator.kernel import Form, Kernel, KernelSpec
from itnas.operator.kernel.form import Side


@dataclass(frozen=True)
class Nearness(KernelSpec):
    width: int
    needs_clock: ClassVar[bool] = False

    def build(self, dim: int, heads: int) -> Kernel:
        return NearnessModule(self, dim, heads)


class NearnessModule(Kernel):
    def __init__(self, spec: Nearness, dim: int, heads: int) -> None:
        super().__init__()
        self.spec, self.heads, self.features = spec, heads, frozenset({"content"})
        self.weight = nn.Parameter(torch.randn(heads, spec.width, dim) / dim**0.5)

    def form(self, u: Tensor, geometry: Geometry, clock: Tensor | None, *, split: bool = False) -> Form:
        own = Side(factor=torch.einsum("bnc,hdc->bhnd", u, self.weight))
        return NearnessForm(own, own)


@dataclass(frozen=True)
class NearnessForm(Form):
    rows: Side
    cols: Side

    def block(self, rows: Side, cols: Side) -> Tensor:
        assert rows.factor is not None
        assert cols.factor is not None
        return torch.exp(-(rows.factor.unsqueeze(-2) - cols.factor.unsqueeze(-3)).square().sum(-1))

    def pairs(self, rows: Side, cols: Side) -> Tensor:
        assert rows.factor is not None
        assert cols.factor is not None
        return torch.exp(-(rows.factor - cols.factor).square().sum(-1))


class NearnessKernel(OtherKernel):
    kind: Literal["nearness"] = "nearness"
    width: Annotated[int, Field(ge=1)] = 4

    def reads(self) -> set[str]:
        return {"content"}

    def spec(self, position_dim: int | None, modalities: int) -> KernelSpec:
        return Nearness(self.width)
