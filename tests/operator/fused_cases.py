"""Arguments of many kinds for the kernels of the `fused` plan, and what they come to: all pairs at once."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from itnas import Grid, Union
from itnas.operator.plans.fused_arguments import FusedArguments

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "relu2": lambda z: torch.relu(z).square(),
    "silu": F.silu,
    "gelu": F.gelu,
    "sin": torch.sin,
}
LINKS = ("identity", "sigmoid", "softmax")
FEATURES: tuple[tuple[str, ...], ...] = (
    (),
    ("table",),
    ("product",),
    ("clock",),
    ("distance",),
    ("offset",),
    ("table", "product", "clock"),
    ("product", "offset", "distance", "clock"),
)


@dataclass(frozen=True)
class Case:
    activation: str = "silu"
    link: str = "softmax"
    causal: bool = False
    features: tuple[str, ...] = ("table", "product")
    points: int = 17
    width: int = 3
    hidden: int = 5
    batch: int = 2
    heads: int = 2
    products: int = 1
    product_width: int = 4
    axes: int = 2
    grid: tuple[int, ...] = ()  # of the table; a sequence unless given
    parts: tuple[tuple[int, ...], ...] = ()  # of the table, grids in a union: rows and columns have different codes
    shared: bool = False  # one sample's row, col, query, key, positions and shift for all, and one head's shift
    masked: str = ""  # "some": a few points are visible to nobody; "all": none is, in the first sample
    shift: bool = True
    far: float = 0.0  # where positions and clocks begin
    dtype: str = "float64"

    @property
    def name(self) -> str:
        """What differs from the defaults."""
        changed = {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        return " ".join(f"{name}={value}" for name, value in changed.items()).replace("'", "")


def covering() -> list[Case]:
    """Every activation with every link, causal or not; the rest drawn at random but alike in every run."""
    rng = random.Random(0)
    cases: list[Case] = []
    for number, activation in enumerate(ACTIVATIONS):
        for link in LINKS:
            for causal in (False, True):
                points = rng.choice((1, 2, 17, 33))
                cases.append(
                    Case(
                        activation,
                        link,
                        causal,
                        FEATURES[len(cases) % len(FEATURES)],
                        points=points,
                        width=rng.choice((1, 3, 8)),
                        # The interpreter takes its time for every hidden unit of every tile.
                        hidden=1 if activation == "identity" else rng.choice((1, 5) if points == 33 else (1, 5, 16)),
                        batch=1 if points == 33 else rng.choice((1, 2)),
                        heads=rng.choice((1, 2)),
                        products=rng.choice((1, 2)),
                        axes=rng.choice((1, 3)),
                        shared=rng.random() < 0.3,
                        shift=rng.random() < 0.7,
                        dtype=("float64", "float32")[number % 2],
                    )
                )
    return cases


CASES = [
    *covering(),
    Case(causal=True, masked="some", batch=1),
    Case(masked="all", points=33, heads=1, hidden=1, features=("product",)),
    Case(link="sigmoid", masked="all", heads=1, features=("clock",)),
    Case(grid=(3, 4), points=12, batch=1, causal=True),
    Case(grid=(2, 2, 5), points=20, heads=1, link="identity", activation="relu"),
    Case(parts=((3, 4), (5,)), points=17, heads=1, activation="relu"),
    Case(parts=((2,), (0,), (2, 3), (9,)), points=17, batch=1, link="identity", features=("table",), dtype="float32"),
    Case(features=("offset", "distance", "clock"), far=1e7, heads=1, dtype="float32"),
    Case(features=("product",), products=3, product_width=20, width=40, hidden=3, batch=1, dtype="float32"),
    Case(features=("table",), points=40, heads=1, hidden=2, shared=True, link="sigmoid"),
    Case(features=("table", "product"), points=33, hidden=16, batch=1, heads=1, causal=True, dtype="float32"),
    Case(heads=1, dtype="float16"),
    Case(features=("product", "offset", "distance", "clock"), heads=1, causal=True, dtype="bfloat16"),
    Case(batch=0),
    Case(points=0, link="identity"),
]
COMPILED = [
    Case(points=64, width=16, hidden=16, activation="relu", link="identity", causal=True, dtype="float32"),
    # Sizes of 1 are constants to the compiler.
    Case(points=1, width=1, hidden=1, batch=1, heads=1, features=("table", "product", "clock"), dtype="float32"),
    Case(features=FEATURES[-1], products=2, width=64, hidden=64, activation="gelu", dtype="bfloat16"),
    Case(features=(), activation="relu2", link="sigmoid", shift=False),
]


def codes(case: Case) -> tuple[Tensor, Tensor, int, int]:
    """Of rows and of columns, how many entries the table has, and its centre."""
    if case.parts:
        domain = Union([Grid(shape) for shape in case.parts], [prod(shape) for shape in case.parts])
        modalities = domain.geometry(1, case.points, torch.device("cpu")).modalities
        assert modalities is not None
        return *modalities.codes(torch.device("cpu")), modalities.size, modalities.centre
    shape, code = case.grid or (case.points,), torch.zeros((), dtype=torch.long)
    for extent in shape:
        code = code.unsqueeze(-1) * (2 * extent - 1) + torch.arange(extent)
    entries = prod(max(2 * extent - 1, 1) for extent in shape)
    return code.flatten(), code.flatten(), entries, entries // 2


def draw(case: Case, device: str = "cpu") -> FusedArguments:
    """Arguments of a case, of moderate size: k stays where the links still have slope."""
    torch.manual_seed(0)
    dtype = getattr(torch, case.dtype)
    batch, heads, points = case.batch, case.heads, case.points
    samples = 1 if case.shared else batch
    features, hidden = case.features, case.hidden

    def normal(*size: int, of: torch.dtype = dtype, scale: float = 0.7) -> Tensor:
        return (torch.randn(*size, dtype=torch.float64) * scale).to(of).to(device)

    def maybe(feature: str, *size: int) -> Tensor | None:
        return normal(*size) if feature in features else None

    rows, cols, entries, centre = codes(case)
    shift = normal(samples, 1 if case.shared else heads, points)
    if case.masked == "some":
        shift[:, :, :3] = -torch.inf
    elif case.masked == "all":
        shift[0] = -torch.inf
    placed = "offset" in features or "distance" in features
    return FusedArguments(
        # Strides as a projection leaves them, with heads inside points.
        values=normal(batch, points, heads, case.width).transpose(1, 2),
        row=normal(samples, heads, points, hidden),
        col=normal(samples, points, heads, hidden).transpose(1, 2),
        table=maybe("table", 1, heads, int(entries), hidden),
        query=maybe("product", samples, heads, points, case.products, case.product_width),
        key=maybe("product", batch, heads, points, case.products, case.product_width),
        product_weight=maybe("product", 1, heads, case.products, hidden),
        positions=normal(samples, 1, points, case.axes, of=torch.float64) + case.far if placed else None,
        offset_weight=maybe("offset", 1, heads, case.axes, hidden),
        distance_weight=maybe("distance", 1, heads, hidden),
        clock=normal(batch, heads, points, of=torch.float64).abs().cumsum(-1) + case.far
        if "clock" in features
        else None,
        clock_weight=maybe("clock", 1, heads, hidden),
        hidden=normal(1, heads, 0, hidden, hidden),
        hidden_bias=normal(1, heads, 0, hidden),
        out=normal(1, heads, hidden, scale=hidden**-0.5),
        out_bias=normal(1, heads),
        shift=shift if case.shift or case.masked else None,
        row_code=rows.to(device) if "table" in features else None,
        col_code=cols.to(device) if "table" in features else None,
        centre=centre,
        activation=case.activation,
        link=case.link,
        causal=case.causal,
    )


def reference(given: FusedArguments) -> tuple[Tensor, Tensor]:
    """y and lse from all pairs at once."""
    channels: list[Tensor] = []
    if given.query is not None and given.key is not None:
        channels += torch.einsum("bhnpd,bhmpd->bhnmp", given.query, given.key).unbind(-1)
    if given.positions is not None:
        delta = given.positions.unsqueeze(3) - given.positions.unsqueeze(2)
        channels += delta.unbind(-1) if given.offset_weight is not None else []
        channels += [torch.linalg.vector_norm(delta, dim=-1)] if given.distance_weight is not None else []
    if given.clock is not None:
        channels += [given.clock.unsqueeze(3) - given.clock.unsqueeze(2)]
    single = [part.unsqueeze(2) for part in (given.distance_weight, given.clock_weight) if part is not None]
    weights = [part for part in (given.product_weight, given.offset_weight) if part is not None] + single
    z = given.row.unsqueeze(3) + given.col.unsqueeze(2)
    for channel, weight in zip(channels, torch.cat(weights, 2).unbind(2) if weights else [], strict=True):
        z = z + channel.unsqueeze(-1) * weight[:, :, None, None]
    if given.table is not None and given.row_code is not None and given.col_code is not None:
        z = z + given.table[:, :, given.row_code.unsqueeze(1) - given.col_code + given.centre]
    k = torch.einsum("bhnmc,bhc->bhnm", ACTIVATIONS[given.activation](z), given.out.expand(z.shape[0], -1, -1))
    k = k + given.out_bias[..., None, None]
    if given.shift is not None:
        k = k + given.shift.unsqueeze(2)
    seen = torch.ones(k.shape[-2:], dtype=torch.bool, device=k.device)
    seen = seen.tril() if given.causal else seen
    lse = k.masked_fill(~seen, -torch.inf).logsumexp(-1)
    if given.link == "softmax":
        shown = k.masked_fill(~seen, -torch.inf)
        top = shown.detach().amax(-1, keepdim=True).clamp_min(-1e300) if shown.numel() else 0
        mass = torch.exp(shown - top)
        total = mass.sum(-1, keepdim=True)
        weight = mass / torch.where(total == 0, 1.0, total)
    else:
        weight = (torch.sigmoid(k) if given.link == "sigmoid" else k).masked_fill(~seen, 0)
    return weight @ given.values, lse
