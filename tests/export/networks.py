"""Small networks with planted layers, and the places that they are evaluated in."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

import itnas
from itnas.export.blueprint import arguments_of, blueprint_of, plain_network, plain_state
from itnas.export.parity import in_double
from itnas.export.source import Source
from itnas.genome import Genome
from itnas.models import Network, specialist
from itnas.models.interface import Modality
from itnas.models.network import build_network
from itnas.operator import Cloud, Domain, Graph, Grid, IntegralTransform, Sequence, Set
from itnas.tasks import Batch, find

WIDTH = 8


def mlp(*features: str, **settings: Any) -> dict[str, Any]:
    return {"kernel": {"kind": "mlp", "features": list(features), "hidden": 5, **settings}}


def factorised(**settings: Any) -> dict[str, Any]:
    return {"kernel": {"kind": "factorised", "rank": 3, **settings}}


def genome(*layers: str | dict[str, Any], **settings: Any) -> Genome:
    """A block for each layer, an integral transform where it says nothing else."""
    return Genome.from_dict({"width": WIDTH, "depth": len(layers), "layers": list(layers), **settings})


ALL = ("offset", "fourier", "distance", "position", "content", "product", "clock")
LAYERS: dict[str, str | dict[str, Any]] = {
    **{f"mlp-{feature}": mlp(feature) for feature in ALL},
    "mlp-nothing": mlp(),
    "mlp-linear": {**mlp(*ALL, layers=0), "normaliser": "softmax"},
    "mlp-deep": {**mlp(*ALL, layers=3, activation="silu", products=2), "normaliser": "sigmoid"},
    "mlp-shared": {**mlp(*ALL, layers=2, activation="sin", shared=True), "heads": 4},
    "mlp-learned-waves": mlp("fourier", fourier="learned", damped=True, activation="gelu"),
    "mlp-relu2": mlp("offset", "content", activation="relu2"),
    **{f"{name}": {**mlp("content", "product"), "normaliser": name} for name in ("none", "sum", "sigmoid", "softmax")},
    "mean-window": {**mlp("content"), "normaliser": "mean", "quadrature": {"kind": "window", "width": 3.0}},
    "softmax-window": {**mlp("product"), "normaliser": "softmax", "quadrature": {"kind": "window", "width": 2.5}},
    **{f"measure-{name}": {**mlp("content"), "measure": name} for name in ("domain", "uniform", "clock")},
    "factorised": factorised(),
    "factorised-clock": {**factorised(decay="clock", learned_rank=True), "measure": "clock"},
    "factorised-position": factorised(decay="position", layers=2, inputs=["content", "position"], output="softplus"),
    "factorised-linear-attention": {**factorised(output="elu1"), "normaliser": "sum"},
    "factorised-maps": factorised(layers=1, output=["exp", "sigmoid"]),
    "factorised-constant": factorised(inputs=[], decay="position"),
    "iterated": {**mlp("offset", "content"), "iterate": 3},
    "bare": {**mlp("content"), "rms_norm": False, "pointwise": False, "heads": 3, "value_dim": 2},
    "attention": {"mixer": "attention", "heads": 2},
    "attention-without-places": {"mixer": "attention", "heads": 1, "rotary": False},
    "convolution": {"mixer": "convolution", "taps": 3},
    "convolution-even": {"mixer": "convolution", "taps": 4},
    "gated-convolution": {"mixer": "gated-convolution", "taps": 4},
    "gru": "gru",
    "lstm": "lstm",
    "selective-ssm": {"mixer": "selective-ssm", "heads": 4, "state": 4},
}

# In whose words a network refuses points that its layers give no meaning to, or draws some of them at random.
REFUSED = re.compile(
    "does not have|has no positions|has no place|needs points|at random|sampled|unbounded|needs distances|two channels"
    "|must not know|has no form in plain torch"
)


@contextmanager
def unless_refused() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if not REFUSED.search(str(error)):
            raise


@dataclass(frozen=True)
class Place:
    """What a network has to know of a task, for points that no shipped task has."""

    position_dim: int
    causal: bool = False
    vocabulary: int | None = None
    modalities: tuple[Modality, ...] = ()
    compares: bool = False
    channels: int = 3
    outputs: int = 2
    readout: Literal["points", "pooled", "decoded"] = "points"
    label: str = "place"


def domains(length: int, batch: int) -> dict[str, tuple[int, Domain | None]]:
    """Every kind of domain with the number of its axes; those that can be padded are."""
    rng = torch.Generator().manual_seed(5)
    valid = torch.arange(length) < torch.randint(2, length, (batch, 1), generator=rng)
    holes = torch.rand(batch, length, generator=rng) < 0.7
    weights = torch.rand(batch, length, generator=rng)
    times = torch.rand(batch, length, generator=rng).cumsum(1)
    edges = [torch.randint(0, size, (2, 3 * size), generator=rng) for size in (length, length - 2, length - 3)]
    graphs = [
        Graph(each, size, normalise="row") for each, size in zip(edges, (length, length - 2, length - 3), strict=True)
    ]
    return {
        "line": (1, None),
        "line-padded": (1, Sequence(weights=weights, valid=valid)),
        "line-with-holes": (1, Sequence(valid=holes[:1])),
        "times": (1, Sequence(times, valid=valid)),
        "grid-1": (1, Grid(length, 0.3, valid=holes)),
        "grid-2": (2, Grid((4, length // 4), (0.5, 0.25))),
        "grid-3": (3, Grid((2, 2, length // 4))),
        "cloud": (2, Cloud(torch.randn(batch, length, 2, generator=rng), weights, valid=valid)),
        "cloud-1": (1, Cloud(torch.randn(length, 1, generator=rng))),
        "set": (0, Set(weights, valid=valid)),
        "graph": (0, Graph(edges[0], length, self_loops=True, normalise="symmetric")),
        "graphs": (0, Graph.batch(graphs[:batch])),
    }


def reference(network: Network) -> Network:
    """The same network in float64, every layer by the plan `dense`."""
    exact = copy.deepcopy(network).double()
    for layer in exact.modules():
        if isinstance(layer, IntegralTransform):
            layer.plan = "dense"
    return exact


def twin_of(network: Network, domain: Domain | None) -> nn.Module:
    blueprint = blueprint_of(network, domain)
    twin = plain_network(blueprint).to(next(network.parameters()).dtype)
    twin.load_state_dict(plain_state(network, blueprint))
    return twin


def batch_of(place: Place, domain: Domain | None, length: int, size: int) -> Batch:
    rng = torch.Generator().manual_seed(3)
    inputs = torch.randn(size, length, place.channels, generator=rng)
    return Batch(inputs, inputs, domain=domain)


def placed(settings: Genome, name: str, *, length: int = 12, size: int = 3, **about: Any) -> tuple[Network, Batch]:
    """A network for one of the `domains`, and inputs there; its weights are not those of a fresh layer."""
    axes, domain = domains(length, size)[name]
    place = Place(axes, **about)
    return reference(shaken(build_network(settings, place))), in_double(batch_of(place, domain, length, size))


def shaken(network: Network) -> Network:
    """Every weight moved, so that biases, gates and skips that begin at 0 or 1 are somewhere else."""
    rng = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for part in network.parameters():
            part += 0.1 * torch.randn(part.shape, generator=rng)
    return network


def assert_same_function(network: Network, batch: Batch, value: float = 1e-9, gradient: float = 1e-8) -> None:
    """The plain twin's outputs, and the gradient of a fixed weighting of them in every weight and in the inputs."""
    blueprint = blueprint_of(network, batch.domain)
    twin = twin_of(network, batch.domain)
    given = arguments_of(blueprint, batch)
    found, expected = _asked(twin, given["inputs"], {**given}), _asked(network, batch.inputs, batch.domain)
    _assert_close(found[0], expected[0], value, "outputs")
    if expected[1] is not None and found[1] is not None:
        _assert_close(found[1], expected[1], gradient, "gradient of the inputs")
    gradients = copy.deepcopy(network)
    for part, own in zip(gradients.parameters(), network.parameters(), strict=True):
        part.data = torch.zeros_like(own) if own.grad is None else own.grad
    wanted = plain_state(gradients, blueprint)
    largest = max(float(part.abs().max()) for part in wanted.values() if part.numel())
    for name, part in twin.named_parameters():
        own = torch.zeros_like(part) if part.grad is None else part.grad
        # Softmax makes some gradients exactly 0; what is left of those is rounding.
        _assert_close(own, wanted[name], gradient, name, least=1e-2 * largest)


def _asked(network: nn.Module, inputs: Tensor, given: Any) -> tuple[Tensor, Tensor | None]:
    network.zero_grad()
    leaf = inputs.clone().requires_grad_() if inputs.is_floating_point() else inputs
    outputs = network(**{**given, "inputs": leaf}) if isinstance(given, dict) else network(leaf, given)
    weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    (outputs * weights).sum().backward()
    return outputs.detach(), leaf.grad


def _assert_close(found: Tensor, expected: Tensor, most: float, what: str, least: float = 1e-12) -> None:
    assert found.shape == expected.shape
    if expected.numel():
        error = float((found - expected).abs().max() / expected.abs().max().clamp_min(least))
        assert error <= most, f"{what} is off by {error:.1e}"


def source(settings: Genome, task: str, seed: int = 0) -> Source:
    """Something to export. Its weights are drawn, not trained."""
    chosen = find(task)
    network = shaken(itnas.build(settings, chosen, seed=seed)).eval()
    told = {"run": "first", "trial": 3, "metric": chosen.metric, "chance": chosen.chance}
    return Source(settings, chosen, {**told, "score": {"mean": 0.75, "low": 0.5, "high": 1.0, "replicas": 3}}, network)


# What programs must be able to say, two layers at a time: tracing takes seconds.
PROGRAMS: dict[str, tuple[Genome, str]] = {
    "softmax, and factorised with a clock": (
        genome(
            {**mlp("clock", "fourier", "product"), "normaliser": "softmax", "measure": "clock"},
            factorised(decay="clock", learned_rank=True),
        ),
        "recall/pairs=3,vocab=12",
    ),
    "cells both ways": (genome("gru", "lstm"), "poisson"),
    "selective scan, and a window": (
        genome(LAYERS["selective-ssm"], LAYERS["mean-window"]),
        "selective-copying",
    ),
    "transformer": (specialist("transformer", width=WIDTH, depth=1), "bytes"),
}


def small(settings: Genome) -> Genome:
    """A genome of any space, made narrow and shallow."""
    data = settings.to_dict()
    layers = data.get("layers", [{}])
    depth = min(data.get("depth", 2), 2)
    kept = layers if len(layers) == 1 else layers[:depth]
    return Genome.from_dict({**data, "width": 16, "depth": depth, "layers": kept, "training": {}})


def sampled(space: str, seed: int) -> Genome:
    chosen = itnas.Space.load(space)
    return small(chosen.genome(chosen.sample(np.random.default_rng(seed))))
