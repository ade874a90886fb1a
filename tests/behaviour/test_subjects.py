"""Every kind of layer, taken apart into kernel and values: together they say what the layer says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import itnas
from itnas import FactorisedKernel, IntegralTransform, MLPKernel, Window, genes
from itnas.behaviour.sites import Heard, listen
from itnas.behaviour.subjects import KernelSubject, OpaqueSubject
from itnas.models.mixers import MIXERS, Placement
from itnas.models.mixers.base import Mixer
from itnas.operator.domain import Cloud, Domain, Graph, Grid, Sequence, Set
from itnas.operator.kernel import KernelSpec
from tests.operator.cases import positive_sums

B, C = 3, 6
LENGTHS = (1, 2, 3, 7, 33)
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


def mixer(gene: genes.Mixer, *, causal: bool, axes: int = 1) -> nn.Module:
    return MIXERS[gene.mixer](gene, Placement(C, causal, axes)).double()


class Around(nn.Module):
    """A layer that takes more than one input, or gives more than one output."""

    def __init__(self, layer: nn.Module, use: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.use = layer, use

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        return self.use(self.layer, u)


def multihead(*, causal: bool, **more: bool) -> nn.Module:
    def use(layer: nn.Module, u: Tensor) -> Tensor:
        mask = torch.ones(u.shape[1], u.shape[1], dtype=torch.bool).triu(1) if causal else None
        y: Tensor = layer(u, u, u, attn_mask=mask)[0]
        return y

    return Around(nn.MultiheadAttention(C, 2, batch_first=True, **more).double(), use)


def heard_by(layer: nn.Module, u: Tensor, domain: Domain | None = None) -> list[Heard]:
    return listen(layer, lambda: layer(u, domain))


@torch.no_grad()
def assert_taken_apart(layer: nn.Module, u: Tensor, domain: Domain | None = None, tolerance: float = 1e-9) -> None:
    """finish(K V) is the layer's own output, at every application."""
    (*inner, last) = heard_by(layer, u, domain)
    outputs = [*(each.inputs.u for each in [*inner, last][1:]), layer(u, domain)]
    for heard, expected in zip([*inner, last], outputs, strict=True):
        view = heard.subject.view(heard.inputs.u, heard.inputs.domain)
        assert view.kernel.shape[0] == u.shape[0]
        assert view.kernel.shape[2:] == (u.shape[1], u.shape[1])
        error = (view.output(view.kernel) - expected).abs().max()
        assert error <= tolerance * (1 + expected.abs().max())
        assert torch.isfinite(view.strength).all()


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


VALID = torch.arange(12) < torch.tensor([12, 5, 1]).unsqueeze(1)
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


class InBlocks(Mixer):
    """Each point takes the mean of its block: who looks ahead, looks no further than the block's end."""

    size = 4

    def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
        blocks = torch.unflatten(u, 1, (-1, self.size))
        return blocks.mean(2, keepdim=True).expand_as(blocks).flatten(1, 2)


def first(layer: nn.Module, u: Tensor) -> Tensor:
    y: Tensor = layer(u)[0]
    return y


ANSWERING: dict[str, Callable[[], nn.Module]] = {
    "torch's gru": lambda: Around(nn.GRU(C, 5, batch_first=True).double(), first),
    "torch's deep rnn": lambda: Around(nn.RNN(C, 5, 2, batch_first=True).double(), first),
    "torch's lstm, both ways": lambda: Around(nn.LSTM(C, 5, batch_first=True, bidirectional=True).double(), first),
    "torch's convolution": lambda: Around(
        nn.Conv1d(C, 5, 3, padding=2).double(), lambda layer, u: layer(u.mT)[..., : u.shape[1]].mT
    ),
    "gru": lambda: mixer(genes.Gru(), causal=True),
    "lstm": lambda: mixer(genes.Lstm(), causal=False),
    "selective scan": lambda: mixer(genes.SelectiveSsm(heads=2, state=4), causal=True),
    "selective scans": lambda: mixer(genes.SelectiveSsm(heads=2, state=4), causal=False),
    "recovered gru": lambda: Around(
        itnas.recover.from_module(nn.GRU(C, 5, batch_first=True).double()), lambda layer, u: layer(u)
    ),
    "recovered lstm": lambda: Around(
        itnas.recover.from_module(nn.LSTM(C, 5, batch_first=True).double()), lambda layer, u: layer(u)
    ),
}


@pytest.mark.parametrize("name", ANSWERING)
@pytest.mark.parametrize("length", LENGTHS[1:])
def test_layers_known_by_their_answers(name: str, length: int) -> None:
    layer, u = ANSWERING[name](), torch.randn(B, length, C, dtype=torch.float64)
    assert_taken_apart(layer, u)


@pytest.mark.parametrize("name", ["gru", "lstm", "selective scans"])
def test_answers_with_padding(name: str) -> None:
    assert_taken_apart(ANSWERING[name](), torch.randn(B, 12, C, dtype=torch.float64), Sequence(valid=VALID))


@torch.no_grad()
def shown(layer: nn.Module, u: Tensor, start: int) -> Tensor:
    """The layer's answer where another sample's points stand before `start`."""
    mixed = torch.roll(u, 1, 0)
    mixed[:, start:] = u[:, start:]
    answer: Tensor = layer(mixed)
    return answer


@pytest.mark.parametrize("name", ["torch's gru", "torch's convolution", "lstm", "selective scan"])
def test_contributions_add_up_to_what_is_seen(name: str) -> None:
    """The contributions of the points before a cut are what the layer says less when these are another sample's."""
    layer, u = ANSWERING[name](), torch.randn(B, 9, C, dtype=torch.float64)
    subject = heard_by(layer, u)[0].subject
    assert isinstance(subject, OpaqueSubject)
    with torch.no_grad():
        kernel = subject.view(u, None).kernel
    for cut in (1, 4, 8):
        lost = (shown(layer, u, 0) - shown(layer, u, cut))[:, cut:]
        torch.testing.assert_close(kernel[:, :, cut:, :cut].sum(-1).mT, lost, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["torch's gru", "torch's convolution", "lstm", "selective scans"])
@pytest.mark.parametrize("length", [2, 7, 33])
def test_crossings_of_layers_that_answer(name: str, length: int) -> None:
    """Over many points of the past contributions are pooled: points of a portion share their mean."""
    layer, u = ANSWERING[name](), torch.randn(B, length, C, dtype=torch.float64)
    subject = heard_by(layer, u)[0].subject
    with torch.no_grad():
        own = subject.view(u, None).kernel
        for cut in {1, length // 2, length - 1}:
            late, early = torch.arange(cut, length)[::2], torch.arange(cut).flip(0)
            sizes = subject.portions(cut)
            pooled = [part.mean(-1) for part in own[:, :, late, :cut].split(sizes.tolist(), -1)]
            found = subject.futures(u, None, cut, late)
            torch.testing.assert_close(found, torch.stack(pooled, -1), rtol=1e-9, atol=1e-9)
            # The last points are the far end.
            sizes = subject.portions(length - cut).flip(0)
            pooled = [part.mean(-1) for part in own[:, :, early, cut:].split(sizes.tolist(), -1)]
            found = subject.pasts(u, None, cut, early)
            torch.testing.assert_close(found, torch.stack(pooled, -1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("length", [8, 12, 16])
def test_looking_ahead_is_seen_wherever_it_happens(length: int) -> None:
    """Of layers that work in blocks nothing crosses some places, the middle perhaps."""
    layer, u = InBlocks(), torch.randn(B, length, C, dtype=torch.float64)
    assert_taken_apart(layer, u)
    with torch.no_grad():
        view = heard_by(layer, u)[0].subject.view(u, None)
    ahead = view.kernel[:, :, 0, 1 : InBlocks.size].square().sum()
    assert ahead > 0.1 * view.kernel[:, :, 0].square().sum()


def test_layers_that_answer_need_an_order() -> None:
    class Mean(Mixer):
        def forward(self, u: Tensor, domain: Domain | None = None) -> Tensor:
            return u.mean(1, keepdim=True).expand_as(u)

    u = torch.randn(B, 12, C)
    (heard,) = heard_by(Mean(), u, Set())
    with pytest.raises(ValueError, match="a Set has no order"):
        heard.subject.view(u, Set())
