"""The integral transform: y_i = (1/Z_i) sum_j M_ij mu_j k(i, j) V u_j, summed over heads through O, plus W u_i."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from itnas.operator.balance import Balance
from itnas.operator.domain import Domain, Geometry, geometry_of, without_padding
from itnas.operator.kernel import Clock, FactorisedKernelModule, KernelSpec, MLPKernel, running
from itnas.operator.normaliser import NORMALISERS
from itnas.operator.plans import PLANS, Problem, choose, effective_kernel
from itnas.operator.quadrature import Importance, MonteCarlo, Quadrature, as_quadrature
from itnas.operator.random import SampleKey
from itnas.operator.refusals import check_domain, check_settings
from itnas.operator.steady import linear
from itnas.registry import check_choice

MEASURES = ("domain", "uniform", "clock", "balanced")


class IntegralTransform(nn.Module):
    """One learnable integral transform, from [B, N, dim] to [B, N, out_dim].

    `kernel`: an `MLPKernel` or a `FactorisedKernel`. `normaliser`: none, mean, sum, sigmoid, softmax. `measure`:
    "domain" (what the domain says a point weighs), "uniform" (1 each), "clock" (steps of the learned clock, per head)
    or "balanced" (each part of a union weighs what is learned per head, however many points it has; all together 1).
    `quadrature`: "full", or a `Window`, `MonteCarlo` or `Importance`. `value_dim`: width of V per head (default
    dim / heads). `iterate` applies the layer that many times with the same weights. `rms_norm` divides the sum over
    heads by its root mean square, which keeps unnormalised kernels trainable. `pointwise` adds W u_i. `plan` says how
    it is computed.

    Sampled quadratures draw from (seed, step, index): `index` tells layers of one network apart, and the buffer `step`
    moves on by one at every forward pass in training mode.
    """

    def __init__(
        self,
        dim: int,
        *,
        out_dim: int | None = None,
        heads: int = 1,
        kernel: KernelSpec | None = None,
        normaliser: str = "none",
        measure: str = "domain",
        quadrature: Quadrature | str = "full",
        value_dim: int | None = None,
        causal: bool = False,
        iterate: int = 1,
        plan: str = "auto",
        rms_norm: bool = False,
        pointwise: bool = True,
        bias: bool = True,
        modalities: int = 1,
        seed: int = 0,
        index: int = 0,
    ) -> None:
        super().__init__()
        out_dim = dim if out_dim is None else out_dim
        value_dim = -(-dim // heads) if value_dim is None and heads else value_dim
        for name, count in {
            "dim": dim,
            "out_dim": out_dim,
            "heads": heads,
            "value_dim": value_dim,
            "iterate": iterate,
            "modalities": modalities,
        }.items():
            if count is None or count < 1:
                raise ValueError(f"{name} must be at least 1, got {name}={count}")
        assert value_dim is not None
        if iterate > 1 and out_dim != dim:
            raise ValueError(
                f"iterate={iterate} feeds the output back, which needs out_dim = dim, got {out_dim} and {dim}"
            )
        check_choice("measure", measure, MEASURES)
        check_choice("plan", plan, ["auto", *PLANS])
        self.dim, self.out_dim, self.heads, self.value_dim = dim, out_dim, heads, value_dim
        self.normaliser, self.measure, self.quadrature = NORMALISERS[normaliser], measure, as_quadrature(quadrature)
        self.causal, self.iterate, self.plan = causal, iterate, plan
        check_settings(normaliser, measure, self.quadrature, causal=causal)
        spec = MLPKernel() if kernel is None else kernel
        if not isinstance(spec, KernelSpec):
            raise TypeError(f"kernel must be an itnas.MLPKernel or an itnas.FactorisedKernel, got {kernel!r}")
        self.kernel_module = spec.build(dim, heads)
        self.clock = Clock(dim, heads) if spec.needs_clock or measure == "clock" else None
        self.balance = Balance(heads, modalities) if measure == "balanced" else None
        self.value = nn.Parameter(torch.randn(heads * value_dim, dim) / dim**0.5)
        self.out = nn.Linear(heads * value_dim, out_dim, bias=bias)
        self.pointwise = nn.Linear(dim, out_dim, bias=False) if pointwise else None
        self.norm = nn.RMSNorm(out_dim) if rms_norm else None
        self.index = index
        self.register_buffer("seed", torch.tensor(seed))
        self.register_buffer("step", torch.tensor(0))

    seed: Tensor
    step: Tensor

    def forward(
        self, u: Float[Tensor, "batch points dim"], domain: Domain | None = None
    ) -> Float[Tensor, "batch points out_dim"]:
        geometry = self.geometry(u, domain)
        for application in range(self.iterate):
            u = self.transform(u, geometry, application)
        if self.training and isinstance(self.quadrature, (MonteCarlo, Importance)):
            # Out of place: under functional_call the caller's stacked buffer stays as the caller set it.
            self.step = self.step + 1
        return u

    def kernel(
        self, u: Float[Tensor, "batch points dim"], domain: Domain | None = None
    ) -> Float[Tensor, "batch heads points points"]:
        """The effective kernel K, with head outputs y = K V u: normalised, masked, measure included.

        With `iterate` > 1 it is the kernel of the last application. Of a sampled quadrature it is the expectation.
        """
        return self.kernels(u, domain)[-1]

    def kernels(
        self, u: Float[Tensor, "batch points dim"], domain: Domain | None = None
    ) -> list[Float[Tensor, "batch heads points points"]]:
        """The effective kernel of each application."""
        geometry = self.geometry(u, domain)
        found = []
        for application in range(self.iterate):
            found.append(effective_kernel(self.problem(u, geometry, application)).expand(u.shape[0], -1, -1, -1))
            if application + 1 < self.iterate:
                u = self.transform(u, geometry, application)
        return found

    def chosen_plan(self, u: Float[Tensor, "batch points dim"], domain: Domain | None = None) -> str:
        """The name of the plan that evaluates this input."""
        return choose(self.plan, self.problem(u, self.geometry(u, domain))).name

    def effective_rank(self) -> Tensor:
        """Rank per head, [H]: of a learned rank, the number of open gates."""
        kernel = self._factorised("has a rank")
        if kernel.gates is None:
            return torch.full((self.heads,), kernel.phi.biases[-1].shape[1])
        return kernel.gates.effective_rank()

    def rank_penalty(self) -> Tensor:
        """What to add to the loss, times a weight, so that ranks that are not needed close."""
        kernel = self._factorised("has a rank penalty")
        if kernel.gates is None:
            raise ValueError("the rank is fixed: pass FactorisedKernel(learned_rank=True) to learn it")
        return kernel.gates.penalty()

    def slice(self) -> IntegralTransform:
        """A smaller layer with the same output: the ranks whose gates are shut are gone."""
        self._factorised("can be sliced")
        smaller = copy.deepcopy(self)
        assert isinstance(smaller.kernel_module, FactorisedKernelModule)
        smaller.kernel_module.slice()
        return smaller

    def extra_repr(self) -> str:
        return (
            f"{self.dim}, out_dim={self.out_dim}, heads={self.heads}, value_dim={self.value_dim}, "
            f"normaliser={self.normaliser.name!r}, measure={self.measure!r}, quadrature={self.quadrature}, "
            f"causal={self.causal}, iterate={self.iterate}, plan={self.plan!r}"
        )

    def _factorised(self, what: str) -> FactorisedKernelModule:
        if not isinstance(self.kernel_module, FactorisedKernelModule):
            raise ValueError(f"only a layer with a FactorisedKernel {what}")
        return self.kernel_module

    def transform(self, u: Tensor, geometry: Geometry, application: int = 0) -> Tensor:
        """One application: what `forward` does `iterate` times."""
        problem = self.problem(u, geometry, application)
        empty = 0 in u.shape[:2]
        y = problem.values if empty else problem.finish(choose(self.plan, problem)(problem))
        return self.combine(y, problem.u)

    def combine(self, y: Float[Tensor, "batch heads points value"], u: Tensor) -> Tensor:
        """The output of an application from what its heads say and its input, [B, N, out_dim]."""
        out = self.out(y.transpose(1, 2).flatten(2))
        if self.norm is not None:
            out = self.norm(out)
        total: Tensor = out if self.pointwise is None else out + self.pointwise(u)
        return total

    def problem(self, u: Tensor, geometry: Geometry, application: int = 0) -> Problem:
        """All that a plan needs to evaluate one application."""
        u = without_padding(u, geometry.valid)
        values = torch.unflatten(linear(u, self.value), -1, (self.heads, self.value_dim)).transpose(1, 2)
        steps = None if self.clock is None else self.clock.steps(u)
        return Problem(
            u=u,
            values=values,
            kernel=self.kernel_module,
            geometry=geometry,
            normaliser=self.normaliser,
            quadrature=self.quadrature,
            causal=self.causal,
            measure=self._measure(geometry, steps, u.dtype),
            clock=None if steps is None else running(steps),
            key=SampleKey(self.seed, self.step, self.index, application),
        )

    def _measure(self, geometry: Geometry, steps: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        """mu, [B|1, H|1, N], 0 at padding."""
        mu: Tensor | None = None
        if self.measure == "domain" and geometry.weights is not None:
            mu = geometry.weights.to(dtype).unsqueeze(1)
        elif self.measure == "clock":
            mu = steps
        elif self.balance is not None:
            balanced: Tensor = self.balance(geometry, dtype)
            return balanced
        if geometry.valid is not None:
            valid = geometry.valid.to(dtype).unsqueeze(1)
            mu = valid if mu is None else mu * valid
        return mu

    def geometry(self, u: Tensor, domain: Domain | None) -> Geometry:
        """What the domain says of this input's points; refuses what does not fit the layer."""
        if u.dim() != 3 or u.shape[-1] != self.dim:
            raise ValueError(f"the input must be [batch, points, {self.dim}], got shape {tuple(u.shape)}")
        geometry = geometry_of(u, domain)
        self.kernel_module.check(geometry)
        if self.balance is not None:
            self.balance.check(geometry)
        check_domain(geometry, self.normaliser.name, self.measure, self.quadrature, causal=self.causal)
        return geometry
