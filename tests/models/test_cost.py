"""Predicted costs against what built networks compute and keep.

Flops are counted where torch's kernels are reached: matrix products by torch's own formulas, everything else by its
numbers. What a forward pass keeps is what autograd saves, each piece of memory once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import log2, prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from itnas.genome import Genome
from itnas.models import Network, build_network
from itnas.models.cost import Cost, predict
from itnas.models.cost import integral as integral_cost
from itnas.models.cost import network as network_cost
from itnas.models.cost.scene import PLAN_COSTS
from itnas.models.cost.subquadratic import sorted_flops
from itnas.models.interface import Modality
from itnas.models.specialists import SPECIALISTS, specialist
from itnas.operator import IntegralTransform
from itnas.operator.domain import Domain, Sequence
from itnas.operator.plans import PLANS
from itnas.operator.plans.dense import Dense
from itnas.operator.plans.sorted_numba import BASE
from itnas.tasks import TASKS, Batch, Task, find

MOVES = """
_to_copy clone copy_ cat stack constant_pad_nd flip roll index_select gather index tril triu zeros ones zeros_like
ones_like full full_like empty empty_like new_zeros new_ones new_empty new_full arange fill_ zero_ embedding
_unsafe_view scatter nonzero index_put _local_scalar_dense lift_fresh scalar_tensor searchsorted
"""
# What is added up or searched: the argument whose numbers count.
SEARCHES = {"sum": 0, "mean": 0, "amax": 0, "any": 0, "max": 0, "cumsum": 0, "linalg_vector_norm": 0, "topk": 0}
SEARCHES |= {"argmax": 0, "scatter_add": 3, "index_add": 3, "scatter_reduce": 3, "sort": 0}
DOUBLE = {"addcmul", "addcmul_", "lerp"}


class Flops(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.total = 0.0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        first = result[0] if isinstance(result, (tuple, list)) and len(result) else result
        name = function.overloadpacket.__name__
        if isinstance(first, Tensor) and not function.is_view and name not in MOVES.split():
            self.total += self._count(function.overloadpacket, name, args, kwargs or {}, result, first)
        return result

    def _count(self, packet: Any, name: str, args: Any, kwargs: Any, result: Any, first: Tensor) -> float:
        if name == "_scaled_dot_product_flash_attention_for_cpu":
            batch, heads, rows, width = args[0].shape
            return batch * heads * rows * args[1].shape[2] * (4.0 * width + 4)
        if name == "baddbmm_":
            return 2.0 * args[1].numel() * args[2].shape[2] + first.numel()
        if packet in flop_registry:
            return float(flop_registry[packet](*args, **kwargs, out_val=result) + first.numel() * (name == "addmm"))
        if name in ("_fft_r2c", "_fft_c2r"):
            real = args[0] if name == "_fft_r2c" else first
            return 2.5 * real.numel() * log2(prod(real.shape[axis] for axis in args[1]))
        if name in SEARCHES:
            return float(args[SEARCHES[name]].numel())
        return first.numel() * (6.0 if first.is_complex() else 2.0 if name in DOUBLE else 1.0)


@dataclass(frozen=True)
class Case:
    """A genome on a task, perhaps by a plan that "auto" would not take at this size."""

    name: str
    genome: Genome
    task: str = "recall"
    length: int = 16
    plan: str | None = None


def layer(**settings: Any) -> dict[str, Any]:
    return {"mixer": "integral", **settings}


def genome(layers: Any, *, channels: str = "none", **settings: Any) -> Genome:
    return Genome.from_dict(
        {"width": 16, "depth": 1, "layers": layers, "channel_mixing": {"kind": channels}, **settings}
    )


@contextmanager
def by_plan(name: str | None) -> Iterator[None]:
    """Let predictions take this plan."""
    chosen = integral_cost.plan_of
    network_cost.block_cost.cache_clear()
    if name is not None:
        integral_cost.plan_of = lambda *_: name  # type: ignore[assignment]
    try:
        yield
    finally:
        integral_cost.plan_of = chosen
        network_cost.block_cost.cache_clear()


def transforms(network: Network) -> list[IntegralTransform]:
    return [module for module in network.modules() if isinstance(module, IntegralTransform)]


def kept_bytes(network: Network, batch: Batch) -> int:
    given = {part.untyped_storage().data_ptr() for part in [*network.parameters(), batch.inputs]}
    kept: dict[int, Tensor] = {}

    def pack(part: Tensor) -> Tensor:
        kept.setdefault(part.untyped_storage().data_ptr(), part)
        return part

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda part: part):
        network(batch.inputs, batch.domain)
    return sum(part.untyped_storage().nbytes() for place, part in kept.items() if place not in given)


def flops(network: Network, batch: Batch, domain: Domain | None) -> float:
    """Of one sample. Layers of the plan `fused` are counted by `dense`, on the pairs that `fused` visits."""
    u = torch.zeros(1, batch.inputs.shape[1], transforms(network)[0].dim) if transforms(network) else torch.zeros(0)
    shares: dict[int, float] = {}
    for module in transforms(network):
        if module.chosen_plan(u, domain) == "fused":
            shares[id(module.kernel_module)] = (u.shape[1] + 1) / (2 * u.shape[1]) if module.causal else 1.0
            module.plan, module.causal = "dense", False
    with Flops() as counter, pytest.MonkeyPatch.context() as patch:

        def visible(plan: Dense, problem: Any) -> Tensor:
            problem.form  # noqa: B018 (made before pairs are counted)
            before = counter.total
            y = dense(plan, problem)
            counter.total -= (1 - shares.get(id(problem.kernel), 1.0)) * (counter.total - before)
            return y

        dense = Dense.__call__
        patch.setattr(Dense, "__call__", visible)
        network(batch.inputs, domain)
    return counter.total


def check(case: Case, tolerance: float = 0.1, *, task: Task | None = None) -> None:
    task = task or find(case.task)
    network = build_network(case.genome, task)
    for module in transforms(network):
        module.plan = case.plan or "auto"
    with by_plan(case.plan):
        pair, single = (predict(case.genome, case.length, task, batch_size=size) for size in (2, 1))
    two, one = (task.batch("validation", size=size, length=case.length) for size in (2, 1))
    assert pair.parameters == sum(part.numel() for part in network.parameters()), case
    found: list[tuple[str, float, float]] = [("bytes", pair.activation_bytes, kept_bytes(network, two))]
    if case.plan != "sorted":
        found.append(("flops", single.flops_per_token * case.length, flops(network, one, one.domain)))
    for what, predicted, measured in found:
        ratio = predicted / measured
        assert abs(ratio - 1) <= tolerance, f"{case}: {predicted:.0f} {what} predicted, {measured:.0f} measured"


FEATURES = ("offset", "fourier", "distance", "position", "content", "product", "clock")
ACTIVATIONS = ("relu", "relu2", "silu", "gelu", "sin")
NORMALISERS = ("none", "sum", "softmax", "sigmoid")


def kernels() -> Iterator[Case]:
    """Features x depth, activations x normalisers, heads, sharing, measures, iteration: by `auto`, in both lengths."""
    for (number, features), length in product(
        enumerate([[name] for name in FEATURES] + [list(FEATURES), []]), (16, 64)
    ):
        kernel = {"features": features, "layers": (number + length // 64) % 4}
        yield Case(f"features {features}", genome(layer(kernel=kernel)), length=length)
    for (number, normaliser), activation in product(enumerate(NORMALISERS), ACTIVATIONS):
        kernel = {"activation": activation, "layers": 1 + number % 2}
        heads = (1, 2, 4)[number % 3]
        task = ("recall", "poisson")[number % 2]
        yield Case("normaliser", genome(layer(kernel=kernel, normaliser=normaliser, heads=heads)), task)
    waves = {"features": ["fourier", "product"], "fourier": "learned", "damped": True, "products": 2, "shared": True}
    yield Case("learned waves", genome(layer(kernel=waves)), length=64)
    yield Case(
        "clock measure", genome(layer(measure="clock", normaliser="sum", value_dim=5, pointwise=False)), length=64
    )
    yield Case("iterated", genome(layer(iterate=3, rms_norm=False)), "poisson", 64)
    yield Case("mean", genome(layer(normaliser="mean", kernel={"features": ["distance", "content"]})), "shape-clouds")


def factorised() -> Iterator[Case]:
    for number, (decay, rank, length) in enumerate(product(("none", "position", "clock"), (1, 6), (16, 100, 512))):
        kernel = {
            "kind": "factorised",
            "rank": rank,
            "decay": decay,
            "layers": number % 3,
            "learned_rank": number % 2 == 0,
            "output": [("identity", "elu1", "softplus", "exp", "sigmoid")[number % 5], "elu1"],
            "inputs": [["content"], ["content", "position"]][number % 2],
        }
        settings = layer(kernel=kernel, normaliser=("none", "sum")[number % 2], heads=1 + number % 2)
        task = ("recall", "poisson")[number % 2]
        yield Case("factorised", genome(settings), task, length, plan=("scan", "scan", "dense")[length == 16])


def plans() -> Iterator[Case]:
    """Every plan, at sizes at which it is not always the fastest."""
    near = {"kind": "window", "width": 3.0}
    some = {"kind": "monte_carlo", "samples": 8, "tile": 8}
    important = {"kind": "importance", "samples": 8, "tile": 8, "near": 3.0}
    tasks = (("recall", "none"), ("poisson", "sum"), ("digits", "mean"), ("digits", "softmax"), ("poisson", "sigmoid"))
    split, stationary = {"features": ["offset", "content"]}, {"features": ["offset", "fourier"], "layers": 2}
    for (task, normaliser), length in product(tasks, (16, 64)):
        settings = {"normaliser": normaliser, "kernel": split}
        yield Case("window", genome(layer(**settings, quadrature=near)), task, length, "gather")
        yield Case("monte carlo", genome(layer(**settings, quadrature=some)), task, length, "sampled")
        yield Case("importance", genome(layer(**settings, quadrature=important)), task, length, "sampled")
        if normaliser != "softmax":
            yield Case("fourier", genome(layer(normaliser=normaliser, kernel=stationary)), task, length, "fourier")
        if normaliser in ("none", "mean"):
            yield Case("sorted", genome(layer(**settings)), task, length, "sorted")
        kernel = {"features": ["product"], "layers": 0, "product_dim": 6 + 4 * (length == 64)}
        measure = "clock" if task == "recall" else "domain"
        yield Case("sdpa", genome(layer(normaliser="softmax", measure=measure, kernel=kernel)), task, length, "sdpa")
    for normaliser in (*NORMALISERS, "mean"):
        kernel = {"features": ["content", "product"]}
        yield Case("graph", genome(layer(kernel=kernel, normaliser=normaliser)), "ring-transfer", 16, "gather")
    cloud = layer(kernel={"features": ["distance", "content"]}, quadrature={"kind": "window", "width": 0.8})
    yield Case("cloud", genome(cloud), "shape-clouds", 32, "gather")
    yield Case("cloud", genome({**cloud, "normaliser": "softmax"}), "shape-clouds", 48, "gather")
    yield Case("cloud", genome(cloud), "shape-clouds", 48)
    mixed = {"features": ["offset", "fourier", "content", "product", "modality"]}
    for measure, task in product(("domain", "balanced"), ("shape-questions", "entailment")):
        union = layer(kernel=mixed, measure=measure, normaliser="softmax")
        yield Case(f"union {measure}", genome(union), task, find(task).length)
        yield Case(f"union {measure}", genome(union), task, find(task).length, "dense")
    yield Case("fourier far", genome(layer(kernel=stationary)), "recall", 512, "fourier")
    yield Case("scan far", genome(layer(kernel={"kind": "factorised", "decay": "clock"})), "recall", 1500, "scan")


def mixers() -> Iterator[Case]:
    lines = product((name for name in SPECIALISTS if name != "point-network"), ("recall", "digits/view=sequence"))
    for (name, task), length in product([*lines, ("point-network", "digits")], (16, 64)):
        yield Case(name, specialist(name, width=16), task, length)
    for name, channels in product(("attention", "gru", "lstm"), ("mlp", "none")):
        striped = genome([{"mixer": name}, {"mixer": "convolution", "taps": 1}], depth=2, width=18, channels=channels)
        yield Case("striped", striped, "mad-compression", 40)
    yield Case("on a grid", genome([{"mixer": "attention"}, {"mixer": "convolution"}], depth=2), "digits", 64)
    yield Case("attention along edges", genome({"mixer": "attention"}), "ring-transfer", 12)
    yield Case("attention without places", genome({"mixer": "attention", "rotary": False}), "shape-clouds", 20)
    yield Case("tied", genome(layer(), depth=3, tied=True, channels="swiglu"))
    yield Case(
        "one way", genome({"mixer": "selective-ssm", "state": 5, "taps": 2, "heads": 2}, causal=True), "delay", 130
    )


def named(case: Case) -> str:
    return f"{case.name} {case.task} {case.length} {case.plan or ''}".strip()


@pytest.mark.parametrize("case", [*kernels(), *factorised(), *plans(), *mixers()], ids=named)
def test_costs_are_those_of_the_network(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("name", [name for name in TASKS if not TASKS[name].published])
def test_every_task_has_its_encoder_readout_and_domain(name: str) -> None:
    task = find(name)
    features = [] if task.position_dim == 0 else ["distance"]
    check(Case(name, genome(layer(kernel={"features": [*features, "content"]}), channels="mlp"), name, task.lengths[0]))


SOME = st.sampled_from
MLP_KERNELS = st.fixed_dictionaries(
    {"features": st.lists(SOME(FEATURES), unique=True, max_size=4), "layers": st.integers(0, 3)},
    optional={
        "hidden": SOME((4, 8, 32)),
        "activation": SOME(ACTIVATIONS),
        "products": SOME((1, 2)),
        "product_dim": SOME((4, 16)),
        "frequencies": SOME((1, 6)),
        "fourier": SOME(("fixed", "learned")),
        "damped": st.booleans(),
        "shared": st.booleans(),
    },
)
FACTORISED_KERNELS = st.fixed_dictionaries(
    {"kind": st.just("factorised"), "rank": SOME((1, 4, 16)), "decay": SOME(("none", "position", "clock"))},
    optional={
        "layers": st.integers(0, 2),
        "learned_rank": st.booleans(),
        "inputs": SOME((["content"], ["position"], ["content", "position"], [])),
        "output": st.lists(SOME(("identity", "elu1", "softplus", "exp", "sigmoid")), min_size=2, max_size=2),
    },
)
QUADRATURES = SOME(
    (
        {"kind": "full"},
        {"kind": "window", "width": 2.5},
        {"kind": "monte_carlo", "samples": 6},
        {"kind": "importance", "samples": 6, "near": 2.0, "tile": 4},
    )
)
INTEGRALS = st.fixed_dictionaries(
    {"mixer": st.just("integral"), "kernel": st.one_of(MLP_KERNELS, FACTORISED_KERNELS), "quadrature": QUADRATURES},
    optional={
        "heads": SOME((1, 2, 3)),
        "value_dim": SOME((None, 3, 8)),
        "normaliser": SOME((*NORMALISERS, "mean")),
        "measure": SOME(("domain", "uniform", "clock")),
        "iterate": SOME((1, 2)),
        "rms_norm": st.booleans(),
        "pointwise": st.booleans(),
    },
)
CLASSICAL = SOME(("attention", "convolution", "gru", "lstm", "selective-ssm", "gated-convolution"))
GENOMES = st.fixed_dictionaries(
    {
        "width": SOME((8, 16, 24)),
        "layers": st.lists(
            st.one_of(INTEGRALS, INTEGRALS, CLASSICAL.map(lambda name: {"mixer": name})), min_size=1, max_size=2
        ),
        "channel_mixing": st.fixed_dictionaries(
            {"kind": SOME(("none", "mlp", "swiglu"))},
            optional={"expand": SOME((1, 3)), "activation": SOME(ACTIVATIONS)},
        ),
    }
)
DRAWN_ON = ("recall", "poisson", "digits", "ring-transfer", "shape-clouds", "mad-compression", "delay")


@settings(max_examples=60)
@given(data=GENOMES, task=SOME(DRAWN_ON), length=SOME((16, 36, 64)))
def test_any_genome_costs_what_its_network_does_or_is_refused_like_it(data: Any, task: str, length: int) -> None:
    drawn = Genome.from_dict({**data, "depth": len(data["layers"])})
    case = Case(str(data), drawn, task, length)
    try:
        batch = find(task).batch("validation", size=1, length=length)
        build_network(drawn, find(task))(batch.inputs, batch.domain)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 (whose sentence it is does not matter)
            predict(drawn, length, find(task))
        return
    check(case)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("length", "power", "width"), [(64, 1, 8), (500, 2, 4)])
def test_sorting_costs_what_its_naive_twin_counts(length: int, power: int, width: int, causal: bool) -> None:
    """The same steps as `sorted_numba.active_moments`, one count at a time."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, length))
    moments = (power + 1) * width
    count = 0.0

    def sweep(receivers: list[int], senders: list[int]) -> float:
        joined = sum(b[sender] > min(-a[i] for i in receivers) for sender in senders)
        return joined * (2 * moments + power + 1) + len(receivers) * moments

    everyone = list(range(length))
    if causal:
        for start in range(0, length, BASE):
            run = everyone[start : start + BASE]
            active = sum(b[j] > -a[i] for i in run for j in run if j <= i)
            swaps = sum(keys[i] > keys[j] for keys in (-a, b) for j in run for i in run if i < j)
            count += active * (2 * moments + power + 1) + swaps + 2 * len(run)
        half = BASE
        while half < length:
            for start in range(0, length - half, 2 * half):
                early, late = everyone[start : start + half], everyone[start + half : start + 2 * half]
                count += sweep(late, early) + 2 * (len(early) + len(late))
            half *= 2
    else:
        count += sweep(everyone, everyone) + 2 * length * log2(length)
    count += length * width * (4 if power == 1 else 7)
    assert sorted_flops(length, width, power, causal=causal) == pytest.approx(count, rel=0.1)


def test_every_plan_has_a_cost() -> None:
    assert set(PLAN_COSTS) == set(PLANS)


def test_without_a_task_the_blocks_and_the_final_norm_remain() -> None:
    drawn = genome(layer(), depth=2, channels="mlp")
    network = build_network(drawn, find("recall"))
    blocks = [part for name, part in network.named_parameters() if not name.startswith(("encoder", "readout"))]
    cost, whole = predict(drawn, 16), predict(drawn, 16, find("recall"))
    assert cost.parameters == sum(part.numel() for part in blocks)
    assert cost.flops_per_token < whole.flops_per_token
    # The first input is the caller's, and the readout keeps its own.
    assert whole.activation_bytes - cost.activation_bytes == 2 * 16 * 16 * 4
    acausal = predict(drawn.model_copy(update={"causal": False}), 64)
    assert acausal.flops_per_token > predict(drawn, 64).flops_per_token


@dataclass(frozen=True)
class Padded(type(find("delay"))):  # type: ignore[misc]
    """Every second sample ends early."""

    def draw(self, rng: np.random.Generator, size: int, length: int) -> Batch:
        batch = super().draw(rng, size, length)
        valid = torch.arange(length) < torch.where(torch.arange(size) % 2 == 0, length, length // 2).unsqueeze(1)
        return Batch(batch.inputs, batch.targets, batch.mask, Sequence(valid=valid))


@pytest.mark.parametrize("mixer", ["integral", "attention", "convolution", "gru", "lstm", "selective-ssm"])
def test_padding_costs_too(mixer: str) -> None:
    check(Case(mixer, genome({"mixer": mixer}), length=32), task=Padded())


def test_predicting_builds_nothing_and_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a module was built")

    task = find("recall")
    predict(Genome(), 64, task)
    monkeypatch.setattr(Network, "__init__", refuse)
    monkeypatch.setattr(IntegralTransform, "__init__", refuse)
    state, start = torch.get_rng_state(), time.perf_counter()
    for heads in range(1, 21):
        predict(genome(layer(heads=heads), width=20), 64, task, batch_size=32)
    # 1 ms each without the type checks of the test run; the limit only catches what is of another kind.
    assert time.perf_counter() - start < 20 * 0.05
    assert torch.equal(state, torch.get_rng_state())


def test_a_cost_is_plain_data() -> None:
    assert Cost(1, 2.0, 3.0).to_dict() == {"parameters": 1, "flops_per_token": 2.0, "activation_bytes": 3.0}


@pytest.mark.parametrize(("length", "batch_size"), [(0, 1), (16, 0)])
def test_sizes_are_checked(length: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match=r"must be at least 1, got .*=0"):
        predict(Genome(), length, batch_size=batch_size)


def test_a_network_that_would_refuse_its_points_has_no_cost() -> None:
    with pytest.raises(ValueError, match="walks along its points in order"):
        predict(genome({"mixer": "gru"}), 16, find("ring-transfer"))
    with pytest.raises(ValueError, match="has no positions"):
        predict(genome(layer(kernel={"features": ["distance"]})), 16, find("ring-transfer"))


@dataclass
class Bare:
    """An interface without data, and not hashable."""

    position_dim: int
    label: str = "bare"
    vocabulary: int | None = None
    modalities: tuple[Modality, ...] = ()
    compares: bool = False
    channels: int = 2
    outputs: int = 3
    readout: str = "pooled"
    causal: bool = False


@pytest.mark.parametrize(("axes", "features"), [(0, []), (1, ["offset"]), (2, ["offset"]), (3, ["distance"])])
def test_an_interface_without_data_gets_a_domain_of_its_axes(axes: int, features: list[str]) -> None:
    cost = predict(genome(layer(kernel={"features": [*features, "product"]})), 16, Bare(axes))
    assert cost.flops_per_token > 0


def test_a_genome_knows_its_cost() -> None:
    task = find("recall")
    assert Genome().cost(16, task, batch_size=2) == predict(Genome(), 16, task, batch_size=2)
    assert Genome().cost(16) == predict(Genome(), 16)
