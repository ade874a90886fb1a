"""`sorted`: kernels sum_c o_c relu(a_ic + b_jc) evaluated exactly in O(N log N), by sorting. CPU.

Depth 1, relu or relu2, and features that split into a part of i and a part of j: offset, position, content, clock.
Everything from the first layer on is computed in float64.
"""

from __future__ import annotations

from math import log2
from typing import Any

from torch import Tensor
from torch.nn.functional import pad

from itnas.operator.kernel import MLPKernelModule, PairForm
from itnas.operator.normaliser import reciprocal
from itnas.operator.plans.base import Plan, Problem, register
from itnas.operator.plans.compiled import Tensors, run
from itnas.operator.plans.team import compiled_worker, run_tasks
from itnas.operator.plans.visible import visible_measure
from itnas.operator.quadrature import Full

SPLITTING = frozenset({"offset", "position", "content", "clock"})
POWERS = {"relu": 1, "relu2": 2}
GROUPS = 4  # hidden units are summed in this many groups, in parallel; a constant, so that sums keep their order
LANES = 8  # float64 lanes of the compiled sums


@register
class Sorted(Plan):
    name = "sorted"

    def refusal(self, problem: Problem) -> str | None:
        kernel = problem.kernel
        if not isinstance(kernel, MLPKernelModule):
            return f"it sorts the hidden units of a kernel MLP, and this kernel is a {type(kernel).__name__}"
        if kernel.spec.layers != 1 or kernel.spec.activation not in POWERS:
            return "it needs one hidden layer with relu or relu2, whose units are polynomials where they are active"
        if not kernel.features <= SPLITTING:
            return f"{', '.join(sorted(kernel.features - SPLITTING))} does not split into a part of i and a part of j"
        if problem.geometry.modalities is not None and "offset" in kernel.features:
            return "between points of a union's parts there is no offset, so that it does not split"
        if problem.normaliser.name not in ("none", "mean"):
            return f"normaliser {problem.normaliser.name!r} needs every k(i, j), and it only knows their sums"
        if not isinstance(problem.quadrature, Full) or problem.geometry.edges is not None:
            return "it sums over all points, and a window, a sample or a graph's edges leave most of them out"
        if problem.u.device.type != "cpu":
            return f"it is written for the CPU, not for {problem.u.device.type}"
        return None

    def cost(self, problem: Problem) -> float:
        kernel = problem.kernel
        units = problem.batch * problem.heads * (kernel.spec.hidden if isinstance(kernel, MLPKernelModule) else 1)
        levels = max(log2(problem.length), 4) - 2 if problem.causal else 4
        return 1000 + units * problem.length * levels * 0.08 * (1 + problem.width / 16)

    def __call__(self, problem: Problem) -> Tensor:
        form = problem.double_form(split=True)
        assert isinstance(form, PairForm)
        assert form.rows.linear is not None
        assert form.cols.linear is not None
        values = problem.values.double()
        if problem.measure is not None:
            values = values * problem.measure.unsqueeze(-1).double()
        tensors = [values, form.rows.linear, form.cols.linear, form.tail.out.unsqueeze(0)]
        y = run(SortedKernel(), (POWERS[form.tail.activation or ""], problem.causal), tensors)
        seen = values.cumsum(2) if problem.causal else values.sum(2, keepdim=True)
        y = y + form.tail.out_bias.view(1, -1, 1, 1) * seen
        if problem.normaliser.name == "mean":
            y = y * reciprocal(visible_measure(problem)).unsqueeze(-1)
        return y.to(problem.values.dtype)


class SortedKernel:
    """sum_j sum_c out_c relu(a_ic + b_jc)^power v_j for tensors (v, a, b, out), as a `CompiledKernel`."""

    name = "sorted"

    def forward(self, choices: Any, tensors: Tensors) -> tuple[Tensor, Tensor | None]:
        parts = _arrays(tensors)
        batch, heads, points, width = parts[3].shape
        y = parts[3].new_empty(batch, heads, GROUPS, points, width)
        run_tasks(
            compiled_worker("sorted_numba", "forward"), batch * heads * GROUPS, [*parts, y], _numbers(parts, choices)
        )
        return y.sum(2)[..., : _width(tensors)], None

    def backward(self, choices: Any, tensors: Tensors, y: Tensor, kept: Tensor | None, grad: Tensor) -> Tensors:
        parts = _arrays(tensors)
        out, values = parts[2:]
        batch, heads, points, width = values.shape
        grad = _padded(grad)
        a_grad, b_grad = (values.new_empty(batch, heads, out.shape[1], points) for _ in range(2))
        out_grad = values.new_empty(batch, heads, out.shape[1])
        values_grad = values.new_empty(batch, heads, GROUPS, points, width)
        arrays = [*parts, grad, a_grad, b_grad, out_grad, values_grad]
        worker = compiled_worker("sorted_numba", "backward")
        run_tasks(worker, batch * heads * GROUPS, arrays, _numbers(parts, choices))
        found = [values_grad.sum(2)[..., : _width(tensors)], a_grad.mT, b_grad.mT, out_grad]
        return [part.sum_to_size(like.shape) for part, like in zip(found, tensors, strict=True) if like is not None]


def _arrays(tensors: Tensors) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """a, b [B|1, H, h, N], out [H, h] and values [B, H, N, D padded], contiguous."""
    values, a, b, out = (part.detach() for part in tensors if part is not None)
    return a.mT.contiguous(), b.mT.contiguous(), out[0].contiguous(), _padded(values)


def _numbers(parts: tuple[Tensor, ...], choices: tuple[int, bool]) -> list[int]:
    """What the compiled worker reads after its arrays."""
    a, b, out, values = parts
    batch, heads, points, width = values.shape
    power, causal = choices
    return [batch, heads, GROUPS, points, width, out.shape[1], a.shape[0], b.shape[0], -power if causal else power]


def _padded(values: Tensor) -> Tensor:
    """Values with a whole number of vectors per point."""
    return pad(values.detach(), (0, -values.shape[-1] % LANES)).contiguous()


def _width(tensors: Tensors) -> int:
    assert tensors[0] is not None
    return tensors[0].shape[-1]
