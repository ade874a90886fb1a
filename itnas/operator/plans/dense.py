"""`dense`: the readable reference. k for all pairs, normalised, times the values. O(N^2 h) time and memory."""

from __future__ import annotations

import torch
from torch import Tensor

from itnas.operator.kernel import FactorisedKernelModule, MLPKernelModule
from itnas.operator.plans.base import Plan, Problem, register
from itnas.operator.quadrature import Importance, MonteCarlo


def effective_kernel(problem: Problem, *, glance: bool = False) -> Tensor:
    """K with y = K v, [B|1, H, N, N]: normalised, masked, measure in. Of a sampled quadrature, the expectation.

    `glance`: by the fastest way, which knows neither gradients nor vmap.
    """
    form = problem.form
    k = (form.glance if glance else form.block)(form.rows, form.cols)
    return problem.finish(problem.normaliser.normalise(k, problem.weights()))


@register
class Dense(Plan):
    name = "dense"

    def refusal(self, problem: Problem) -> str | None:
        if isinstance(problem.quadrature, (MonteCarlo, Importance)):
            return "it visits every point, and the quadrature is sampled: that needs the plan 'sampled'"
        return None

    def cost(self, problem: Problem) -> float:
        pairs = problem.heads * problem.length**2
        per_kernel = problem.kernel_batch * 0.004 * pair_work(problem)
        return 500 + pairs * (per_kernel + problem.batch * 0.0001 * problem.width)

    def __call__(self, problem: Problem) -> Tensor:
        kernel, values = effective_kernel(problem), problem.values
        if kernel.shape[0] == 1 < problem.batch:
            # One kernel for all samples: a single product per head, not a copy of the kernel per sample.
            joint = kernel[0] @ values.permute(1, 2, 0, 3).flatten(2)
            return torch.unflatten(joint, -1, (problem.batch, problem.width)).permute(2, 0, 1, 3)
        return kernel @ values


FOREIGN = 16.0  # what a pair is taken to cost under a kernel that is not itnas's own


def pair_work(problem: Problem) -> float:
    """How much one pair costs, in units of one hidden unit of a kernel MLP: what pairwise plans are proportional to."""
    kernel = problem.kernel
    if isinstance(kernel, MLPKernelModule):
        products = kernel.spec.products * kernel.spec.product_dim if "product" in kernel.features else 0
        hidden, layers = kernel.spec.hidden, kernel.spec.layers
        return 1 + products / 2 + hidden * min(layers, 1) + hidden**2 / 4 * max(layers - 1, 0)
    if isinstance(kernel, FactorisedKernelModule):
        return 0.1 * kernel.spec.rank if kernel.rate is None else kernel.spec.rank
    return FOREIGN
