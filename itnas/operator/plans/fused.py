"""`fused`: kernel MLP and sum over j in one compiled pass. O(N^2 h) work, O(N h) memory.

numba on the CPU (depths 0 to 3), Triton on CUDA (depths 0 and 1). The normalisers reduce to three links: `sum` appends
a column of ones to the values and divides by what comes out; `mean` divides by the visible measure; the measure
multiplies the values, or enters softmax as its logarithm.
"""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from itnas.operator.kernel import POSITIONAL, MLPKernelModule, PairForm, Relation
from itnas.operator.normaliser import reciprocal
from itnas.operator.plans.base import Plan, Problem, log_measure, negative_measure, register
from itnas.operator.plans.compiled import Tensors, run
from itnas.operator.plans.dense import pair_work
from itnas.operator.plans.fused_arguments import FusedArguments
from itnas.operator.plans.visible import visible_measure
from itnas.operator.quadrature import Full

DTYPES = {"cpu": (torch.float32, torch.float64), "cuda": (torch.float32, torch.float64, torch.float16, torch.bfloat16)}
ENGINES = {"cpu": "itnas.operator.plans.fused_cpu", "cuda": "itnas.operator.plans.fused_triton"}
CODES = ("row_code", "col_code")
TENSORS = [part.name for part in fields(FusedArguments) if "Tensor" in str(part.type) and part.name not in CODES]
CHOICES = [part.name for part in fields(FusedArguments) if part.name not in TENSORS]


@register
class Fused(Plan):
    name = "fused"

    def refusal(self, problem: Problem) -> str | None:
        kernel, geometry, device = problem.kernel, problem.geometry, problem.u.device.type
        if not isinstance(kernel, MLPKernelModule):
            return f"it evaluates kernel MLPs, and this kernel is a {type(kernel).__name__}"
        if not isinstance(problem.quadrature, Full) or geometry.edges is not None:
            return "it visits all pairs, and a window, a sample or a graph's edges leave most of them out"
        tabled = geometry.lattice is not None or (geometry.modalities is not None and geometry.modalities.coded)
        if not tabled and "fourier" in kernel.features:
            return "it reads Fourier features from a table of offsets, which irregular points do not have"
        if geometry.modalities is not None and not tabled and kernel.features & (POSITIONAL | {"modality"}):
            return "it looks points of a union up in a table of offsets, which irregular points do not have"
        if not tabled and kernel.features & {"offset", "distance"} and _moves(geometry.positions):
            return "it gives positions no gradient, and these ask for one"
        if device not in ENGINES:
            return f"it has no kernel for the device {device!r}"
        if problem.values.dtype not in DTYPES[device]:
            return f"it computes {' and '.join(map(str, DTYPES[device]))} on {device}, not {problem.values.dtype}"
        if device == "cuda" and kernel.spec.layers > 1:
            return f"its CUDA kernel has one hidden layer at most, and the kernel MLP has {kernel.spec.layers}"
        if problem.normaliser.link == "exp" and negative_measure(problem):
            return "under softmax the measure enters as its logarithm, and some weights of the domain are negative"
        return None

    def cost(self, problem: Problem) -> float:
        pairs = problem.batch * problem.heads * problem.length**2 * (0.55 if problem.causal else 1.0)
        return 1000 + pairs * (0.0004 * pair_work(problem) + 0.00005 * problem.width)

    def __call__(self, problem: Problem) -> Tensor:
        arguments, normaliser, measure = fused_arguments(problem), problem.normaliser, problem.measure
        if normaliser.link != "exp" and measure is not None:
            arguments = replace(arguments, values=arguments.values * measure.unsqueeze(-1))
        if normaliser.name == "sum":
            ones = torch.ones_like(arguments.values[..., :1]) if measure is None else measure.unsqueeze(-1)
            ones = ones.expand(*arguments.values.shape[:3], 1)
            y = evaluate(replace(arguments, values=torch.cat([arguments.values, ones], -1)))
            return y[..., :-1] * reciprocal(y[..., -1:])
        y = evaluate(arguments)
        return y * reciprocal(visible_measure(problem)).unsqueeze(-1) if normaliser.name == "mean" else y


def _moves(positions: Tensor | None) -> bool:
    return positions is not None and positions.requires_grad and torch.is_grad_enabled()


def fused_arguments(problem: Problem) -> FusedArguments:
    """What the engines read, from the kernel's form."""
    form = problem.form
    assert isinstance(form, PairForm)
    tail, softmax = form.tail, problem.normaliser.link == "exp"
    relation = form.relation if form.table is None and isinstance(form.relation, Relation) else None
    positions = problem.geometry.positions
    assert form.rows.linear is not None
    assert form.cols.linear is not None
    shift = log_measure(problem.measure, -torch.inf) if softmax and problem.measure is not None else None
    return FusedArguments(
        values=problem.values,
        row=form.rows.linear,
        col=form.cols.linear,
        table=form.table,
        query=form.rows.factor,
        key=form.cols.factor,
        product_weight=_with_sample_axis(form.product_weight),
        positions=None if relation is None or positions is None else positions.unsqueeze(1),
        offset_weight=None if relation is None or relation.offset is None else relation.offset.mT.unsqueeze(0),
        distance_weight=None if relation is None else _with_sample_axis(relation.distance),
        clock=form.rows.clock,
        clock_weight=_with_sample_axis(form.clock_weight),
        hidden=tail.hidden.unsqueeze(0) if tail.activation else problem.values.new_empty(1, problem.heads, 0, 1, 1),
        hidden_bias=tail.hidden_bias.unsqueeze(0)
        if tail.activation
        else problem.values.new_empty(1, problem.heads, 0, 1),
        out=tail.out.unsqueeze(0),
        out_bias=tail.out_bias.unsqueeze(0),
        shift=shift,
        row_code=None if form.table is None or form.rows.place is None else form.rows.place[0, 0],
        col_code=None if form.table is None or form.cols.place is None else form.cols.place[0, 0],
        centre=form.centre,
        activation=tail.activation or "identity",
        link={"identity": "identity", "sigmoid": "sigmoid", "exp": "softmax"}[problem.normaliser.link],
        causal=problem.causal,
    )


def _with_sample_axis(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.unsqueeze(0)


def evaluate(arguments: FusedArguments) -> Tensor:
    """y [B, H, N, D], differentiable once in every floating-point field but positions."""
    choices = {name: getattr(arguments, name) for name in CHOICES}
    return run(FusedKernel(), choices, [getattr(arguments, name) for name in TENSORS])


class FusedKernel:
    """The engine for the tensors' device, as a `CompiledKernel`. One object serves one evaluation."""

    name = "fused"

    def __init__(self) -> None:
        self.shape: torch.Size | None = None  # of the values that `prepared` belongs to
        self.prepared: Any = None  # what the forward pass made of the arguments, for the backward pass

    def forward(self, choices: Any, tensors: Tensors) -> tuple[Tensor, Tensor | None]:
        arguments = _pack(choices, tensors)
        engine = _engine(arguments)
        self.shape, self.prepared = arguments.values.shape, engine.prepare(arguments)
        y, lse = engine.forward(arguments, self.prepared)
        return y, lse

    def backward(self, choices: Any, tensors: Tensors, y: Tensor, kept: Tensor | None, grad: Tensor) -> Tensors:
        arguments = _pack(choices, tensors)
        engine = _engine(arguments)
        # Replicas may be folded in for the backward pass alone (a vmapped gradient): then the arguments are others.
        prepared = self.prepared if arguments.values.shape == self.shape else engine.prepare(arguments)
        found = engine.backward(arguments, prepared, y, kept, grad)
        return [found.get(name) for name in TENSORS]


def _pack(choices: dict[str, Any], tensors: Tensors) -> FusedArguments:
    fields_by_name: dict[str, Any] = dict(zip(TENSORS, tensors, strict=True))
    return FusedArguments(**fields_by_name, **choices)


def _engine(arguments: FusedArguments) -> Any:
    """The module with `prepare`, `forward` and `backward`, imported when first needed."""
    return importlib.import_module(ENGINES[arguments.values.device.type])
