"""The Triton engine of the `fused` plan against a dense reference in float64, value and every gradient.

Without a GPU the kernels run in Triton's interpreter, and are compiled for Hopper as far as machine code. Both need a
process of their own, since Triton decides at its import whether to interpret: this file is also the script they run.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import pytest
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
# Largest error allowed, relative to the largest number of a quantity: some 100 roundings in float32 and float64, and a
# few in half precision, whose results are rounded once more when they are stored.
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 5e-3, "bfloat16": 4e-2}
KERNELS = ("forward_kernel", "rows_kernel", "cols_kernel", "table_kernel")

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")


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


def errors(case: Case, device: str) -> dict[str, float]:
    """Largest relative error of y, lse and every gradient."""
    from itnas.operator.plans import fused_triton

    given = draw(case, device)
    leaves = {
        name: value.detach().double().requires_grad_(name != "positions")
        for name, value in vars(given).items()
        if isinstance(value, Tensor) and value.is_floating_point()
    }
    expected, lse = reference(dataclasses.replace(given, **leaves))
    y, found_lse = fused_triton.forward(given)
    grad = torch.randn_like(y)
    found = fused_triton.backward(given, None, y, found_lse, grad)
    if device == "cuda":
        again = fused_triton.backward(given, None, y, found_lse, grad)
        assert all(torch.equal(found[name], again[name]) for name in found), "gradients are not reproducible"
    wanted = {name: leaf for name, leaf in leaves.items() if name not in ("positions", "hidden", "hidden_bias")}
    assert found.keys() == wanted.keys()
    gradients = torch.autograd.grad(expected, list(wanted.values()), grad.double(), allow_unused=True)
    result = {"y": distance(y, expected), "lse": 0.0 if found_lse is None else distance(found_lse, lse)}
    for (name, leaf), gradient in zip(wanted.items(), gradients, strict=True):
        assert found[name].shape == leaf.shape
        assert found[name].dtype == getattr(given, name).dtype
        result[name] = distance(found[name], torch.zeros_like(leaf) if gradient is None else gradient)
    return result


def distance(found: Tensor, expected: Tensor) -> float:
    if not found.numel():
        return 0.0
    same = found == expected  # infinities
    error = torch.where(same, 0.0, (found.double() - expected).abs()).max().item()
    size = expected.abs().where(expected.isfinite(), 0.0).max().item()
    return error / max(size, 1.0)


class Hopper:
    """What Triton asks of a driver before it compiles."""

    def get_current_target(self) -> Any:
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def compile_all(case: Case) -> dict[str, dict[str, int]]:
    """Bytes of each stage of each kernel that a case would launch."""
    import triton

    from itnas.operator.plans import fused_triton

    triton.runtime.driver.set_active(Hopper())
    stages: dict[str, dict[str, int]] = {}

    class Compiled:
        def __init__(self, kernel: Any) -> None:
            self.kernel = kernel

        def __getitem__(self, grid: tuple[int]) -> Any:
            def launch(*arguments: Any, **options: Any) -> None:
                made = self.kernel.warmup(*arguments, grid=grid, **options)
                stages[self.kernel.__name__] = {stage: len(made.asm[stage]) for stage in ("ptx", "cubin")}

            return launch

    for name in KERNELS:
        setattr(fused_triton, name, Compiled(getattr(fused_triton, name)))
    given = draw(case)
    y, lse = fused_triton.forward(given)
    fused_triton.backward(given, None, y, lse, torch.zeros_like(y))
    for name in KERNELS:
        setattr(fused_triton, name, getattr(fused_triton, name).kernel)
    return stages


def main(mode: str) -> None:
    """Print what became of each case, an error as text."""
    torch.set_num_threads(1)
    # Fills fresh memory with NaN: a number that no kernel writes shows.
    torch.use_deterministic_algorithms(True, warn_only=True)
    results: list[Any] = []
    for case in COMPILED if mode == "compile" else CASES:
        try:
            results.append(compile_all(case) if mode == "compile" else errors(case, mode))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    print(json.dumps(results))  # noqa: T201


def run(mode: str, cache: Path, **variables: str) -> list[Any]:
    environment = {**os.environ, "TRITON_CACHE_DIR": str(cache), **variables}
    done = subprocess.run(
        [sys.executable, __file__, mode], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert isinstance(results, list)
    return results


def check(case: Case, found: dict[str, float] | str) -> None:
    assert isinstance(found, dict), found
    assert {name: error for name, error in found.items() if not error <= TOLERANCE[case.dtype]} == {}


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return run("cpu", tmp_path_factory.mktemp("cache"), TRITON_INTERPRET="1")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return run("compile", tmp_path_factory.mktemp("cache"), TRITON_INTERPRET="0")


@pytest.fixture(scope="module")
def on_device(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return run("cuda", tmp_path_factory.mktemp("cache"), TRITON_INTERPRET="0")


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_interpreted_kernels_agree_with_the_reference(number: int, interpreted: list[Any]) -> None:
    check(CASES[number], interpreted[number])


@pytest.mark.gpu
@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_kernels_on_a_device_agree_with_the_reference(number: int, on_device: list[Any]) -> None:
    check(CASES[number], on_device[number])


@pytest.mark.parametrize("number", range(len(COMPILED)), ids=[case.name for case in COMPILED])
def test_kernels_compile_for_hopper_without_a_device(number: int, compiled: list[Any]) -> None:
    stages = compiled[number]
    assert isinstance(stages, dict), stages
    expected = KERNELS if "table" in COMPILED[number].features else KERNELS[:-1]
    assert tuple(stages) == expected
    assert all(size > 0 for kernel in stages.values() for size in kernel.values())


@pytest.mark.parametrize("wrong", [{"activation": "tanh"}, {"link": "exp"}])
def test_unknown_activations_and_links_are_refused(wrong: dict[str, str]) -> None:
    from itnas.operator.plans import fused_triton

    with pytest.raises(ValueError, match=r"the CUDA kernels know the .*, got"):
        fused_triton.forward(dataclasses.replace(draw(Case()), **wrong))


if __name__ == "__main__":
    main(sys.argv[1])
