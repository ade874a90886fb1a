"""`gather` against `dense`: value and every gradient, wherever only some points are seen. Its cost goes by edges."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap
from torch.utils._python_dispatch import TorchDispatchMode

from itnas import Cloud, FactorisedKernel, Graph, Grid, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Window
from itnas.operator import Domain
from itnas.operator.kernel import KernelSpec
from itnas.operator.plans import PLANS
from itnas.operator.plans.gather import edge_count, edge_list, masked_lists
from itnas.operator.quadrature import Quadrature
from tests.operator.cases import assert_same, positive_sums, value_and_gradients

DIM, BATCH = 6, 2
Tensors = dict[str, Tensor]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-4}
NORMALISERS = ("none", "mean", "sum", "sigmoid", "softmax")
FEATURES = ("offset", "fourier", "distance", "position", "content", "product", "clock")


def one_feature(feature: str, layers: int) -> MLPKernel:
    learned = {"fourier": "learned", "damped": True} if feature == "fourier" else {}
    return MLPKernel(hidden=4, layers=layers, activation="silu", features=(feature,), products=2, **learned)


KERNELS: dict[str, KernelSpec] = {
    **{f"{name}-{depth % 3}": one_feature(name, depth % 3) for depth, name in enumerate(FEATURES)},
    "all": MLPKernel(hidden=4, features=FEATURES[:-1]),
    "all-clocked": MLPKernel(hidden=4, layers=2, features=FEATURES),
    "product-0": MLPKernel(layers=0, features=("product",)),
    "constant": MLPKernel(features=()),
    "low-rank": FactorisedKernel(rank=3, output="softplus", layers=1, hidden=4, inputs=("content", "position")),
    "low-rank-content": FactorisedKernel(rank=3, output="elu1"),
    "low-rank-position": FactorisedKernel(rank=3, output="softplus", decay="position"),
    "low-rank-clock": FactorisedKernel(rank=3, output=("sigmoid", "softplus"), decay="clock"),
}


def random_graph(nodes: int, *, signed: bool = False) -> Graph:
    """Three edges a node, some of them twice; the last third of the nodes sees nothing."""
    index = torch.randint(0, nodes, (2, 3 * nodes))
    index[1] = index[1] * 2 // 3
    index = torch.cat([index, index[:, :nodes]], 1)
    weight = torch.rand(index.shape[1]) + 0.1
    return Graph(index, nodes, -weight if signed else weight)


def irregular(points: int) -> Sequence:
    valid = torch.rand(BATCH, points) > 0.2
    return Sequence(torch.rand(BATCH, points).cumsum(1), weights=torch.rand(BATCH, points) + 0.1, valid=valid)


def cloud(points: int) -> Cloud:
    valid = torch.arange(points) < torch.tensor([[points], [points - points // 3]])
    return Cloud(torch.rand(BATCH, points, 2), torch.rand(points) + 0.1, valid=valid)


def graphs(points: int) -> Graph:
    """One graph per sample; the second is smaller, so its nodes and edges are padded."""
    return Graph.batch([random_graph(points), random_graph(max(points // 2, 1))])


# What a point may see: domain for a number of points, quadrature, causal.
CASES: dict[str, tuple[Callable[[int], Domain], Quadrature | str, bool]] = {
    "sequence": (lambda n: Sequence(), Window(4.5), False),
    "causal-sequence": (lambda n: Sequence(valid=torch.rand(BATCH, n) > 0.2), Window(4.5), True),
    "wide-window": (lambda n: Sequence(), Window(1000.0), True),
    "irregular": (irregular, Window(2.0), False),
    "causal-irregular": (irregular, Window(2.0), True),
    "grid": (lambda n: Grid((n // 9, 9) if n > 2 else (1, n), (0.1, 0.25)), Window(0.3), False),
    "cloud": (cloud, Window(0.3), False),
    "graph": (random_graph, "full", False),
    "graphs": (graphs, "full", False),
}


def fitting(domain: Domain, points: int) -> Iterator[tuple[str, KernelSpec]]:
    """The kernels that this domain offers the features for."""
    geometry = domain.geometry(BATCH, points, torch.device("cpu"))
    for name, spec in KERNELS.items():
        try:
            spec.build(DIM, 1).check(geometry)
        except ValueError:
            continue
        yield name, spec


def make(
    spec: KernelSpec, normaliser: str, quadrature: Quadrature | str, *, causal: bool, dtype: torch.dtype
) -> IntegralTransform:
    layer = IntegralTransform(
        DIM, heads=2, kernel=spec, normaliser=normaliser, quadrature=quadrature, causal=causal, value_dim=3
    )
    if normaliser == "sum" and isinstance(spec, MLPKernel):
        positive_sums(layer)
    return layer.to(dtype)


def call(layer: IntegralTransform, u: Tensor, domain: Domain, parameters: Tensors, buffers: Tensors) -> Tensor:
    return functional_call(layer, (parameters, buffers), (u, domain))


def assert_gathers(layer: IntegralTransform, u: Tensor, domain: Domain | None, what: str) -> None:
    expected = value_and_gradients(layer, u, domain, "dense")
    found = value_and_gradients(layer, u, domain, "gather")
    assert_same(found, expected, TOLERANCE[u.dtype], f"gather, {what}")


@pytest.mark.parametrize("case", list(CASES))
class TestParity:
    def test_every_kernel_and_normaliser(self, case: str) -> None:
        domain_of, quadrature, causal = CASES[case]
        domain = domain_of(63)
        tried = set()
        for (name, spec), normaliser in itertools.product(fitting(domain, 63), NORMALISERS):
            layer = make(spec, normaliser, quadrature, causal=causal, dtype=torch.float64)
            u = torch.randn(BATCH, 63, DIM, dtype=torch.float64)
            assert_gathers(layer, u, domain, f"{name}, {normaliser}")
            tried.add(name)
        assert len(tried) >= 5

    @pytest.mark.parametrize("points", [1, 2])
    def test_few_points(self, case: str, points: int) -> None:
        domain_of, quadrature, causal = CASES[case]
        domain = domain_of(points)
        for (name, spec), normaliser in itertools.product(fitting(domain, points), ("none", "mean", "softmax")):
            layer = make(spec, normaliser, quadrature, causal=causal, dtype=torch.float64)
            u = torch.randn(BATCH, points, DIM, dtype=torch.float64)
            assert_gathers(layer, u, domain, f"{name}, {normaliser}")

    def test_single_precision(self, case: str) -> None:
        domain_of, quadrature, causal = CASES[case]
        domain = domain_of(63)
        for (name, spec), normaliser in itertools.product(fitting(domain, 63), NORMALISERS):
            if name in ("all", "content-1", "product-0", "low-rank-content"):
                layer = make(spec, normaliser, quadrature, causal=causal, dtype=torch.float32)
                assert_gathers(layer, torch.randn(BATCH, 63, DIM), domain, f"{name}, {normaliser}")

    def test_stacked_replicas_equal_each_alone(self, case: str) -> None:
        domain_of, quadrature, causal = CASES[case]
        domain = domain_of(18)
        spec = KERNELS["content-1"] if case.startswith("graph") else KERNELS["all"]
        u = torch.randn(BATCH, 18, DIM, dtype=torch.float64)
        for normaliser in NORMALISERS:
            layers = [make(spec, normaliser, quadrature, causal=causal, dtype=torch.float64) for _ in range(3)]
            for layer in layers:
                layer.plan = "gather"
            parameters, buffers = stack_module_state(layers)
            stacked = vmap(partial(call, layers[0], u, domain))(parameters, buffers)
            stacked.sin().sum().backward()
            for replica, layer in enumerate(layers):
                y = layer(u, domain)
                torch.testing.assert_close(stacked[replica], y, rtol=1e-10, atol=1e-10)
                y.sin().sum().backward()
                for name, part in layer.named_parameters():
                    if part.grad is not None:
                        torch.testing.assert_close(parameters[name].grad[replica], part.grad, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", ["causal-sequence", "irregular", "cloud", "graphs"])
def test_padding_does_not_leak(case: str) -> None:
    domain_of, quadrature, causal = CASES[case]
    domain = domain_of(18)
    valid = domain.geometry(BATCH, 18, torch.device("cpu")).valid
    assert valid is not None
    spec = KERNELS["content-1"] if case.startswith("graph") else KERNELS["all"]
    layer = make(spec, "none", quadrature, causal=causal, dtype=torch.float64)
    layer.plan, layer.pointwise = "gather", None
    u = torch.randn(BATCH, 18, DIM, dtype=torch.float64)
    garbage = torch.where(valid.unsqueeze(-1), u, 1e3 * torch.randn_like(u)).requires_grad_()
    torch.testing.assert_close(layer(garbage, domain), layer(u, domain))
    (slope,) = torch.autograd.grad(layer(garbage, domain).sum(), garbage)
    assert slope[~valid].abs().max() == 0


def test_negative_edge_weights() -> None:
    domain, u = random_graph(20, signed=True), torch.randn(BATCH, 20, DIM, dtype=torch.float64)
    for normaliser in ("none", "sigmoid", "mean", "softmax"):
        layer = make(KERNELS["content-1"], normaliser, "full", causal=False, dtype=torch.float64)
        assert_gathers(layer, u, domain, normaliser)


def test_a_graph_without_edges_leaves_the_pointwise_term() -> None:
    for normaliser in NORMALISERS:
        layer = IntegralTransform(DIM, kernel=KERNELS["content-1"], normaliser=normaliser, plan="gather", bias=False)
        u = torch.randn(BATCH, 5, DIM)
        torch.testing.assert_close(layer(u, Graph(torch.zeros(2, 0), 5)), layer.pointwise(u))


def test_a_window_is_the_same_everywhere_on_a_lattice() -> None:
    """2 x 0.1 < 0.3 but 3 x 0.1 >= 0.3, wherever the differences of positions round to."""
    layer = IntegralTransform(1, kernel=MLPKernel(features=()), quadrature=Window(0.3)).double()
    domain, u = Grid(100, 0.1), torch.ones(1, 100, 1, dtype=torch.float64)
    seen = (layer.kernel(u, domain) != 0).sum(-1).flatten()
    assert (seen[2:-2] == 5).all()
    problem = layer.problem(u, layer.geometry(u, domain))
    assert torch.equal(edge_list(problem).weight.sum(-1).flatten().long(), seen)


def test_masked_lists_give_back_the_mask() -> None:
    for shape in ((3, 17), (1, 5), (4, 0), (0, 4)):
        mask = torch.rand(shape) > 0.6
        index, counts = masked_lists(mask)
        rebuilt = torch.zeros(shape).scatter_add(1, index, counts.float()) if mask.numel() else torch.zeros(shape)
        assert torch.equal(rebuilt, mask.float())
        assert index.shape[1] == (int(mask.sum(1).max()) if mask.shape[0] else 0)


class LargestFloats(TorchDispatchMode):
    """The size of the largest floating-point tensor that any operation makes."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for made in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(made, Tensor) and made.is_floating_point():
                self.largest = max(self.largest, made.untyped_storage().nbytes() // made.element_size())
        return out


def test_memory_goes_by_edges() -> None:
    points, hidden = 1800, 4
    star = torch.stack([torch.arange(points), torch.zeros(points, dtype=torch.long)])
    cases: list[tuple[Domain, Quadrature | str]] = [
        (Sequence(), Window(4.0)),
        (Sequence(torch.arange(points) * 1.5), Window(4.0)),
        (Grid((30, 60)), Window(1.5)),
        (Graph(star, points), "full"),
    ]
    for domain, quadrature in cases:
        features = ("content", "product") if isinstance(domain, Graph) else ("offset", "content", "product")
        spec = MLPKernel(hidden=hidden, features=features, product_dim=hidden)
        layer = IntegralTransform(4, kernel=spec, quadrature=quadrature, plan="gather")
        u = torch.randn(1, points, 4)
        edges = edge_count(layer.problem(u, layer.geometry(u, domain)))
        with LargestFloats() as floats:
            layer(u, domain).sum().backward()
        # 2**20: distances are looked at in chunks of that size.
        assert floats.largest <= max(2 * edges * hidden, 2**20 + points) < points**2


def test_cost_follows_the_edges() -> None:
    gather, dense = PLANS["gather"], PLANS["dense"]
    u = torch.randn(1, 4000, DIM)

    def costs(quadrature: Quadrature, domain: Domain | None = None) -> tuple[float, float]:
        layer = IntegralTransform(DIM, quadrature=quadrature)
        problem = layer.problem(u, layer.geometry(u, domain))
        return gather.cost(problem), dense.cost(problem)

    narrow, everything = costs(Window(4))
    assert narrow < everything / 10
    assert costs(Window(400))[0] > 50 * narrow
    listed, _ = costs(Window(4), Sequence(torch.arange(4000.0) * 1.01))
    assert narrow < listed < everything / 3


def test_refusals() -> None:
    u = torch.randn(1, 5, DIM)
    with pytest.raises(ValueError, match=r"plan 'gather' cannot compute this layer: .*neither a window nor a Graph"):
        IntegralTransform(DIM, plan="gather")(u)
    with pytest.raises(ValueError, match=r"plan 'gather' cannot compute this layer: .*'sampled'"):
        IntegralTransform(DIM, plan="gather", quadrature=MonteCarlo(3))(u)
