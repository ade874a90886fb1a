"""The `mlp` kernel kind: k(i, j) = MLP(pair features), with a first layer that is linear and therefore splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from itnas.features import FEATURES
from itnas.operator.activation import ACTIVATIONS
from itnas.operator.domain import Geometry
from itnas.operator.kernel.base import POSITIONAL, Axes, Kernel, KernelSpec, head_linear
from itnas.operator.kernel.form import PairForm, Relation, Side, Tail, Waves
from itnas.operator.kernel.places import places_for
from itnas.registry import check_choice

FOURIER_KINDS = ("fixed", "learned")


@dataclass(frozen=True)
class MLPKernel(KernelSpec):
    """A kernel MLP of `layers` hidden layers (0 to 3) of width `hidden` over the pair `features`.

    Features: `offset` p_i - p_j; `fourier`: sin and cos of the offset at `frequencies` frequencies per axis, `fourier=
    "fixed"` (geometric) or `"learned"`, optionally `damped`; `distance`; `position` (p_i and p_j themselves); `content`
    (projections of u_i and of u_j); `product`: `products` bilinear forms q_i . k_j of width `product_dim`; `clock`:
    S_i - S_j; `modality`: which of the `modalities` parts of a union the two points belong to. No features at all make
    a constant kernel. `shared=True` gives all heads the same MLP; projections stay per head.
    """

    hidden: int = 16
    layers: int = 1
    activation: str = "relu"
    features: tuple[str, ...] = ("offset", "content", "product")
    products: int = 1
    product_dim: int = 8
    frequencies: int = 6
    fourier: str = "fixed"
    damped: bool = False
    shared: bool = False
    position_dim: int | None = None
    modalities: int = 1

    def __post_init__(self) -> None:
        for feature in self.features:
            check_choice("pair feature", feature, FEATURES)
        if len(set(self.features)) != len(self.features):
            raise ValueError(f"features must not repeat, got {self.features}")
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("kind of fourier features", self.fourier, FOURIER_KINDS)
        if not 0 <= self.layers <= 3:
            raise ValueError(f"a kernel MLP has 0 to 3 hidden layers, got layers={self.layers}")
        for name in ("hidden", "products", "product_dim", "frequencies", "modalities"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={getattr(self, name)}")
        if self.position_dim is not None and self.position_dim < 1:
            raise ValueError(f"position_dim must be at least 1, got position_dim={self.position_dim}")
        if "fourier" not in self.features and (self.fourier != "fixed" or self.damped):
            raise ValueError("fourier= and damped= have no effect without 'fourier' among the features: add it")

    @property
    def needs_clock(self) -> bool:
        return "clock" in self.features

    def build(self, dim: int, heads: int) -> MLPKernelModule:
        return MLPKernelModule(self, dim, heads)


class MLPKernelModule(Kernel):
    """Parameters of an `MLPKernel`. Weights start with the head axis (of size 1 where shared)."""

    def __init__(self, spec: MLPKernel, dim: int, heads: int) -> None:
        super().__init__()
        self.spec, self.heads, self.features = spec, heads, frozenset(spec.features)
        self.axes = Axes(spec.position_dim)
        width = spec.hidden if spec.layers else 1
        own, axes = 1 if spec.shared else heads, self.axes.count

        def weight(*shape: int, fan_in: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape) / fan_in**0.5)

        def maybe(feature: str, *shape: int, fan_in: float = 1.0) -> nn.Parameter | None:
            return weight(*shape, fan_in=fan_in) if feature in self.features else None

        self.bias = nn.Parameter(torch.empty(own, width).uniform_(-1, 1) if spec.layers else torch.zeros(own, width))
        self.offset = maybe("offset", own, width, axes, fan_in=4 * axes)
        self.distance = maybe("distance", own, width, fan_in=4)
        self.position_row = maybe("position", own, width, axes, fan_in=4 * axes)
        self.position_col = maybe("position", own, width, axes, fan_in=4 * axes)
        self.content_row = maybe("content", heads, width, dim, fan_in=dim)
        self.content_col = maybe("content", heads, width, dim, fan_in=dim)
        self.clock_weight = maybe("clock", own, width)
        self.modality = maybe("modality", own, width, spec.modalities, spec.modalities)
        self.waves = maybe("fourier", own, width, axes, spec.frequencies, 2, fan_in=axes * spec.frequencies)
        self._init_fourier(heads, axes)
        self.product = maybe("product", own, spec.products, width, fan_in=spec.products)
        self.query = maybe("product", heads, spec.products * spec.product_dim, dim, fan_in=dim * spec.product_dim**0.5)
        self.key = maybe("product", heads, spec.products * spec.product_dim, dim, fan_in=dim * spec.product_dim**0.5)
        for name in ("query_bias", "key_bias"):
            zeros = torch.zeros(heads, spec.products * spec.product_dim)
            self.register_parameter(name, nn.Parameter(zeros) if self.product is not None else None)
        if spec.layers:
            self._init_hidden(own, spec.layers - 1, width)
            self.out = weight(own, width, fan_in=width)
            self.out_bias = nn.Parameter(torch.zeros(own))

    query_bias: nn.Parameter | None
    key_bias: nn.Parameter | None

    def _init_hidden(self, own: int, layers: int, width: int) -> None:
        """Weights between hidden layers; none at depth 1."""
        weight = torch.randn(own, layers, width, width) / (width / 2) ** 0.5
        self.hidden = nn.Parameter(weight) if layers else None
        self.hidden_bias = nn.Parameter(torch.zeros(own, layers, width)) if layers else None

    def _init_fourier(self, heads: int, axes: int) -> None:
        """Wavelengths 2, 4, 8, ... units of position; damping lengths likewise."""
        spec = self.spec
        self.frequency: Tensor | None = None
        self.damping: nn.Parameter | None = None
        if "fourier" not in self.features:
            return
        frequency = math.pi * 0.5 ** torch.arange(spec.frequencies, dtype=torch.float32)
        frequency = frequency.expand(heads, axes, -1).clone()
        if spec.fourier == "learned":
            self.frequency = nn.Parameter(frequency)
        else:
            del self.frequency
            self.register_buffer("frequency", frequency)
        if spec.damped:
            self.damping = nn.Parameter(frequency / 4)

    def form(self, u: Tensor, geometry: Geometry, clock: Tensor | None, *, split: bool = False) -> PairForm:
        self.axes.check(geometry)
        dtype, heads, axes = self.bias.dtype, self.heads, geometry.axes

        def each_head(part: Tensor) -> Tensor:
            return part.expand(heads, *part.shape[1:])

        rows = [each_head(self.bias).view(1, heads, 1, -1)]
        cols: list[Tensor] = []
        if self.content_row is not None and self.content_col is not None:
            rows.append(head_linear(u, self.content_row))
            cols.append(head_linear(u, self.content_col))
        if geometry.positions is not None and self.position_row is not None and self.position_col is not None:
            rows.append(_place_linear(geometry.positions, each_head(self.position_row)[..., :axes]))
            cols.append(_place_linear(geometry.positions, each_head(self.position_col)[..., :axes]))
        if split and geometry.positions is not None and self.offset is not None:
            moved = _place_linear(geometry.positions, each_head(self.offset)[..., :axes])
            rows.append(moved)
            cols.append(-moved)
        if split and clock is not None and self.clock_weight is not None:
            ticked = torch.einsum("bhn,hk->bhnk", clock.to(dtype), each_head(self.clock_weight))
            rows.append(ticked)
            cols.append(-ticked)

        if self.modality is not None and geometry.modalities is None:
            # All points are of one kind: one number for all pairs.
            rows.append(each_head(self.modality)[..., 0, 0].view(1, heads, 1, -1))
        relation = self._relation(axes, split=split)
        tags = None if self.modality is None else each_head(self.modality)
        places = places_for(geometry, relation, tags, dtype)
        query = key = None
        if self.query is not None and self.key is not None:
            split_products = (self.spec.products, self.spec.product_dim)
            query = torch.unflatten(head_linear(u, self.query, self.query_bias), -1, split_products)
            key = torch.unflatten(head_linear(u, self.key, self.key_bias), -1, split_products)
        use_clock = self.clock_weight is not None and not split
        ticks = clock if use_clock else None
        row_part = sum(rows[1:], rows[0])
        col_part = sum(cols[1:], cols[0]) if cols else row_part.new_zeros(1, heads, 1, 1)
        return PairForm(
            rows=Side(_spanning(row_part, geometry.length), query, places.rows, ticks),
            cols=Side(
                _spanning(col_part, geometry.length).expand(-1, -1, -1, row_part.shape[-1]), key, places.cols, ticks
            ),
            tail=self._tail(),
            table=places.table,
            centre=places.centre,
            relation=places.relation,
            clock_weight=each_head(self.clock_weight) if use_clock and self.clock_weight is not None else None,
            product_weight=None if self.product is None else each_head(self.product),
        )

    def check(self, geometry: Geometry) -> None:
        super().check(geometry)
        count = 1 if geometry.modalities is None else geometry.modalities.count
        if "modality" in self.features and count != self.spec.modalities:
            raise ValueError(
                f"the kernel is made for {self.spec.modalities} modalities, but {geometry.name} has {count}: "
                f"pass modalities={count} to the kernel"
            )

    def _relation(self, axes: int, *, split: bool) -> Relation | None:
        """The offset features' weights for a space of `axes` axes; with `split` the offset itself stands elsewhere."""
        heads, offset = self.heads, None if split or self.offset is None else self.offset[..., :axes]
        waves = None
        if self.waves is not None and self.frequency is not None:
            damping = None if self.damping is None else self.damping[:, :axes]
            weight = self.waves[:, :, :axes]
            waves = Waves(self.frequency[:, :axes], damping, weight.expand(heads, *weight.shape[1:]))
        if offset is None and self.distance is None and waves is None:
            return None
        return Relation(
            None if offset is None else offset.expand(heads, *offset.shape[1:]),
            None if self.distance is None else self.distance.expand(heads, -1),
            waves,
        )

    def _tail(self) -> Tail:
        if not self.spec.layers:
            empty = self.bias.new_zeros(self.heads, 0)
            return Tail(None, empty, empty, self.bias.new_ones(self.heads, 1), self.bias.new_zeros(self.heads))
        width = self.spec.hidden
        hidden = self.out.new_empty(1, 0, width, width) if self.hidden is None else self.hidden
        hidden_bias = self.out.new_empty(1, 0, width) if self.hidden_bias is None else self.hidden_bias
        parts = (hidden, hidden_bias, self.out, self.out_bias)
        return Tail(self.spec.activation, *(part.expand(self.heads, *part.shape[1:]) for part in parts))

    def reads_only_offsets(self) -> bool:
        """Whether k depends on p_i - p_j alone (then it is a convolution, whatever else the layer does)."""
        return self.features <= POSITIONAL - {"position"}


def _place_linear(positions: Tensor, weight: Tensor) -> Tensor:
    """Positions float64 [B|1, N, P] through weight [H, h, P], summed in float64: [B|1, H, N, h]."""
    return torch.einsum("bnp,hkp->bhnk", positions, weight.double()).to(weight.dtype)


def _spanning(part: Tensor, length: int) -> Tensor:
    """Give a part that is the same for all points its N."""
    return part.expand(-1, -1, length, -1) if part.shape[2] == 1 else part
