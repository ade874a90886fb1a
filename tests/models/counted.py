"""Small genomes, and what their built networks compute and keep: what is predicted must be near it.

Flops are counted where torch's kernels are reached: matrix products by torch's own formulas, everything else by its
numbers. What a forward pass keeps is what autograd saves, each piece of memory once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import log2, prod
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from itnas.genome import Genome
from itnas.models import Network, build_network
from itnas.models.cost import integral as integral_cost
from itnas.models.cost import network as network_cost
from itnas.models.cost import predict
from itnas.operator import IntegralTransform
from itnas.operator.domain import Domain
from itnas.operator.plans.dense import Dense
from itnas.tasks import Batch, Task, find

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
