"""Every layer with a kernel of its own, taken apart: kernel and values say what the layer says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from itnas import FactorisedKernel, IntegralTransform, MLPKernel, Window, genes
from itnas.behaviour.subjects import KernelSubject
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set
from itnas.operator.kernel import KernelSpec
from tests.behaviour.taken_apart import LENGTHS, VALID, Around, B, C, assert_taken_apart, heard_by, mixer
from tests.operator.cases import positive_sums

EVERYTHING = MLPKernel(
    hidden=5,
    activation="gelu",
    features=("offset", "fourier", "distance", "position", "content", "product", "clock"),
    fourier="learned",
    damped=True,
    products=2,
)
PLACELESS: dict[str, KernelSpec] = {
    "constant": MLPKernel(features=()),
    "product": MLPKernel(layers=0, features=("product",)),
    "deep": MLPKernel(hidden=4, layers=3, activation="silu", features=("content", "product"), shared=True),
    "factorised": FactorisedKernel(rank=3, output=("elu1", "exp")),
}
SPATIAL: dict[str, KernelSpec] = {
    "offset": MLPKernel(hidden=5, features=("offset", "distance")),
    "fourier": MLPKernel(hidden=5, features=("fourier", "content"), damped=True),
    "position": FactorisedKernel(rank=3, layers=1, inputs=("content", "position")),
}
ORDERED: dict[str, KernelSpec] = {
    "everything": EVERYTHING,
    "clock": MLPKernel(hidden=5, features=("clock", "content")),
    "decay": FactorisedKernel(rank=3, decay="position"),
    "learned time": FactorisedKernel(rank=3, decay="clock", learned_rank=True),
}
KERNELS = PLACELESS | SPATIAL | ORDERED


def integral(kernel: KernelSpec, normaliser: str = "none", **more: object) -> IntegralTransform:
    settings: dict[str, object] = {"heads": 2, "value_dim": 4, **more}
    layer = IntegralTransform(C, kernel=kernel, normaliser=normaliser, **settings)  # type: ignore[arg-type]
    return (positive_sums(layer) if normaliser == "sum" and isinstance(kernel, MLPKernel) else layer).double()


def multihead(*, causal: bool, **more: bool) -> nn.Module:
    def use(layer: nn.Module, u: Tensor) -> Tensor:
        mask = torch.ones(u.shape[1], u.shape[1], dtype=torch.bool).triu(1) if causal else None
        y: Tensor = layer(u, u, u, attn_mask=mask)[0]
        return y

    return Around(nn.MultiheadAttention(C, 2, batch_first=True, **more).double(), use)


@torch.no_grad()
def assert_answers_agree(layer: nn.Module, u: Tensor, domain: Domain | None = None) -> None:
    """What can be asked of a kernel, each against the slow way: really moving points, really working out all pairs."""
    subject, length = heard_by(layer, u, domain)[0].subject, u.shape[1]
    assert isinstance(subject, KernelSubject)
    own, identity = subject.view(u, domain).kernel, torch.arange(length)
    unmoved = subject.normalised(subject.raw(u, domain, identity).nan_to_num(0.0), u, domain)
    torch.testing.assert_close(unmoved, own, rtol=1e-9, atol=1e-9)

    order = torch.randperm(length)
    # A place of padding makes nothing of a point that is moved there for real.
    padded = domain is not None and domain.geometry(B, length, torch.device("cpu")).valid is not None
    for moved in () if padded else (order, length - 1 - order):
        there = torch.empty_like(u)
        there[:, moved] = u
        slow = subject.raw(there, domain, identity)[:, :, moved][:, :, :, moved]
        torch.testing.assert_close(subject.raw(u, domain, moved), slow, rtol=1e-9, atol=1e-9, equal_nan=True)

    for cut in {1, length // 2, length - 1} - {0, length}:
        late, early = torch.arange(cut, length)[::2], torch.arange(cut).flip(0)
        found = subject.futures(u, domain, cut, late)
        torch.testing.assert_close(found, own[:, :, late, :cut], rtol=1e-9, atol=1e-9)
        found = subject.pasts(u, domain, cut, early)
        torch.testing.assert_close(found, own[:, :, early, cut:], rtol=1e-9, atol=1e-9)


@torch.no_grad()
def assert_strength(layer: nn.Module, u: Tensor, domain: Domain | None = None) -> None:
    """How far the output moves where a kernel says 1 once."""
    view = heard_by(layer, u, domain)[0].subject.view(u, domain)
    heads, length = view.kernel.shape[1:3]
    nothing = torch.zeros_like(view.kernel)
    for head, point in ((0, 0), (heads - 1, length - 1)):
        once = nothing.clone()
        once[:, head, length // 2, point] = 1
        moved = (view.output(once) - view.output(nothing)).flatten(1).norm(dim=1)
        torch.testing.assert_close(moved, view.strength[:, head, point], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("normaliser", ["none", "sum", "sigmoid", "softmax"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_integrals(kernel: str, normaliser: str, causal: bool) -> None:
    layer = integral(KERNELS[kernel], normaliser, causal=causal)
    for length in LENGTHS:
        u = torch.randn(B, length, C, dtype=torch.float64)
        assert_taken_apart(layer, u)
        assert_answers_agree(layer, u)
    assert_strength(layer, u)


SETTINGS: dict[str, Callable[[], IntegralTransform]] = {
    "window": lambda: integral(EVERYTHING, quadrature=Window(3), causal=True),
    "window, mean": lambda: integral(SPATIAL["fourier"], "mean", quadrature=Window(4)),
    "window, softmax": lambda: integral(SPATIAL["fourier"], "softmax", quadrature=Window(2)),
    "measured by a clock": lambda: integral(ORDERED["learned time"], measure="clock", causal=True),
    "clock, softmax": lambda: integral(PLACELESS["product"], "softmax", measure="clock", causal=True),
    "no pointwise term": lambda: integral(SPATIAL["offset"], pointwise=False, bias=False),
    "other width": lambda: integral(SPATIAL["offset"], out_dim=3, heads=3, value_dim=1),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("length", LENGTHS)
def test_integrals_with_other_settings(name: str, length: int) -> None:
    layer, u = SETTINGS[name](), torch.randn(B, length, C, dtype=torch.float64)
    assert_taken_apart(layer, u)
    assert_answers_agree(layer, u)
    assert_strength(layer, u)


@pytest.mark.parametrize("length", LENGTHS)
def test_norms_and_iterations(length: int) -> None:
    """A norm divides what the heads say together; an iterated layer has a kernel for each application."""
    for layer in (
        integral(EVERYTHING, rms_norm=True),
        integral(PLACELESS["product"], "softmax", rms_norm=True, iterate=3, causal=True),
        integral(EVERYTHING, "sigmoid", iterate=2),
    ):
        assert_taken_apart(layer, torch.randn(B, length, C, dtype=torch.float64))


def ring(n: int) -> Graph:
    following = (torch.arange(n) + 1) % n
    weights = torch.linspace(0.5, 2, n)
    return Graph(torch.stack([torch.arange(n), following]), n, weights, self_loops=True)


WEIGHTS = torch.linspace(0.5, 2, 12)
DOMAINS: dict[str, tuple[Callable[[], Domain], dict[str, KernelSpec]]] = {
    "times": (lambda: Sequence(torch.rand(B, 12).cumsum(1), weights=WEIGHTS), KERNELS),
    "padded sequence": (lambda: Sequence(valid=VALID), KERNELS),
    "line": (lambda: Grid(12, 0.25), KERNELS),
    "grid": (lambda: Grid((3, 4), (0.5, 0.25), valid=VALID), PLACELESS | SPATIAL),
    "cloud": (lambda: Cloud(torch.rand(12, 2), WEIGHTS), PLACELESS | SPATIAL),
    "clouds": (lambda: Cloud(torch.rand(B, 12, 3), valid=VALID), PLACELESS | SPATIAL),
    "set": (lambda: Set(WEIGHTS.expand(B, -1), valid=VALID), PLACELESS),
    "graph": (lambda: ring(12), PLACELESS),
    "graphs": (lambda: Graph.batch([ring(12), ring(5), ring(2)]), PLACELESS),
}


@pytest.mark.parametrize("normaliser", ["none", "sum", "softmax"])
@pytest.mark.parametrize("name", DOMAINS)
def test_integrals_on_every_domain(name: str, normaliser: str) -> None:
    make, kernels = DOMAINS[name]
    domain, u = make(), torch.randn(B, 12, C, dtype=torch.float64)
    for kernel in kernels.values():
        layer = integral(kernel, normaliser)
        assert_taken_apart(layer, u, domain)
        assert_answers_agree(layer, u, domain)


@pytest.mark.parametrize("name", ["padded sequence", "grid", "clouds", "set", "graphs"])
def test_what_stands_at_padding_does_not_matter(name: str) -> None:
    domain, u = DOMAINS[name][0](), torch.randn(B, 12, C, dtype=torch.float64)
    layer = integral(PLACELESS["deep"], "softmax")
    valid = domain.geometry(B, 12, torch.device("cpu")).valid
    assert valid is not None
    spoilt = u.masked_fill(~valid.unsqueeze(-1), torch.nan)
    with torch.no_grad():
        subject = heard_by(layer, u, domain)[0].subject
        torch.testing.assert_close(subject.view(spoilt, domain).kernel, subject.view(u, domain).kernel)


EXACT: dict[str, Callable[[], nn.Module]] = {
    "attention": lambda: mixer(genes.Attention(rotary=False), causal=False),
    "causal attention": lambda: mixer(genes.Attention(heads=3, rotary=False), causal=True),
    "rotary attention": lambda: mixer(genes.Attention(), causal=False),
    "causal rotary attention": lambda: mixer(genes.Attention(), causal=True),
    "torch's attention": lambda: multihead(causal=False),
    "torch's causal attention": lambda: multihead(causal=True),
    "attention without biases": lambda: multihead(causal=True, bias=False),
    "causal convolution": lambda: mixer(genes.Convolution(taps=4), causal=True),
    "centred convolution": lambda: mixer(genes.Convolution(taps=5), causal=False),
    "even convolution": lambda: mixer(genes.Convolution(taps=2), causal=False),
    "one tap": lambda: mixer(genes.Convolution(taps=1), causal=True),
    "gated convolution": lambda: mixer(genes.GatedConvolution(taps=4), causal=True),
    "centred gated convolution": lambda: mixer(genes.GatedConvolution(taps=4), causal=False),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("length", LENGTHS)
def test_layers_with_kernels_of_their_own(name: str, length: int) -> None:
    layer, u = EXACT[name](), torch.randn(B, length, C, dtype=torch.float64)
    assert_taken_apart(layer, u)
    assert_answers_agree(layer, u)
    assert_strength(layer, u)


@pytest.mark.parametrize("name", ["attention", "rotary attention", "centred convolution", "gated convolution"])
def test_mixers_with_padding(name: str) -> None:
    domain, u = Sequence(valid=VALID), torch.randn(B, 12, C, dtype=torch.float64)
    assert_taken_apart(EXACT[name](), u, domain)
    assert_answers_agree(EXACT[name](), u, domain)


def test_mixers_on_grids_and_graphs() -> None:
    u = torch.randn(B, 12, C, dtype=torch.float64)
    for taps in (2, 3):
        layer = mixer(genes.Convolution(taps=taps), causal=False, axes=2)
        assert_taken_apart(layer, u, Grid((3, 4)))
        assert_answers_agree(layer, u, Grid((3, 4)))
    rotary, plain = mixer(genes.Attention(heads=1), causal=False, axes=2), EXACT["attention"]()
    assert_taken_apart(rotary, u, Grid((3, 4), valid=VALID))
    assert_answers_agree(rotary, u, Grid((3, 4)))
    for domain in (Set(), ring(12), Graph.batch([ring(12), ring(5), ring(2)]), Cloud(torch.rand(B, 12, 2))):
        assert_taken_apart(plain, u, domain)
        assert_answers_agree(plain, u, domain)
