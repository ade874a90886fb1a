"""Predicted costs against what built networks compute and keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import log2
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from itnas.genome import Genome
from itnas.models import build_network
from itnas.models.cost import predict
from itnas.models.cost.scene import PLAN_COSTS
from itnas.models.cost.subquadratic import sorted_flops
from itnas.models.specialists import SPECIALISTS, specialist
from itnas.operator.domain import Sequence
from itnas.operator.plans import PLANS
from itnas.operator.plans.sorted_numba import BASE
from itnas.tasks import TASKS, Batch, find
from tests.models.counted import Case, check, genome, layer

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
