"""One application of the integral transform, by the plan that would evaluate it."""

from __future__ import annotations

from functools import lru_cache

from itnas import genes
from itnas.kernel_kinds import OtherKernel
from itnas.models.cost.ghost import Ghost
from itnas.models.cost.ground import Ground
from itnas.models.cost.points import affine, rms_norm
from itnas.models.cost.scene import PLAN_COSTS, Scene
from itnas.models.cost.stand_in import stand_in
from itnas.models.cost.tape import Tape, constant, parameter
from itnas.models.mixers.integral import kernel_spec, quadrature
from itnas.operator.plans import Problem, choose
from itnas.operator.refusals import check_domain, check_settings


def integral(tape: Tape, layer: genes.Integral, ground: Ground, u: Ghost) -> Ghost:
    """All applications: they cost the same, and each keeps its input."""
    once = Tape()
    application(once, layer, ground, Ghost(u.shape, given=True))
    tape.count(layer.iterate * once.flops)
    tape.keep(u)
    tape.keep_bytes(layer.iterate * once.kept_bytes + (layer.iterate - 1) * u.storage.bytes)
    return u.fresh()


def application(tape: Tape, layer: genes.Integral, ground: Ground, u: Ghost) -> Ghost:
    """`IntegralTransform.transform`."""
    problem, plan = problem_of(layer, ground, u.shape[-1]), plan_of(layer, ground, u.shape[-1])
    layer = likened(layer)
    width, heads, value_dim = u.shape[-1], layer.heads, problem.width
    inner = u
    if problem.geometry.valid is not None:
        inner = tape.where(constant(*problem.geometry.valid.shape, 1, item=1), u)
    values = tape.linear(inner, parameter(heads * value_dim, width)).unflatten(-1, (heads, value_dim)).transpose(1, 2)
    steps = clock = None
    if problem.clock is not None or layer.measure == "clock":
        steps = tape.apply("softplus", tape.linear(inner, parameter(heads, width), parameter(heads))).transpose(1, 2)
        clock = tape.running(steps.to(8))
    spec = kernel_spec(layer.kernel, ground.position_dim, ground.modalities)
    measure = _measure(tape, problem, steps, by_clock=layer.measure == "clock")
    scene = Scene(tape, problem, spec, inner, values, measure, clock)
    y = PLAN_COSTS[plan if plan in PLAN_COSTS else "dense"](scene)  # of a user's own plan nothing is known
    if problem.geometry.valid is not None:
        y = tape.mul(y, constant(problem.geometry.valid.shape[0], 1, problem.length, 1, item=4))
    out = affine(tape, y.transpose(1, 2).flatten(2), width)
    if layer.rms_norm:
        out = rms_norm(tape, out)
    return tape.add(out, affine(tape, inner, width, bias=False)) if layer.pointwise else out


def _measure(tape: Tape, problem: Problem, steps: Ghost | None, *, by_clock: bool) -> Ghost | None:
    """mu, which is the domain's or the clock's steps, and 0 at padding."""
    if problem.measure is None:
        return None
    valid = problem.geometry.valid
    given = constant(*problem.measure.shape, item=4)
    if not by_clock:
        return given
    assert steps is not None
    return steps if valid is None else tape.mul(steps, constant(valid.shape[0], 1, problem.length, item=4))


def likened(layer: genes.Integral) -> genes.Integral:
    """The layer with a kernel of which all is known: somebody else's is taken for what it says that it costs like."""
    if not isinstance(layer.kernel, OtherKernel):
        return layer
    return layer.model_copy(update={"kernel": genes.MlpKernel.from_dict(dict(layer.kernel.costs_like), "costs_like")})


@lru_cache(maxsize=4096)
def problem_of(layer: genes.Integral, ground: Ground, width: int) -> Problem:
    ground.check_causal()
    layer = likened(layer)
    value_dim = -(-width // layer.heads) if layer.value_dim is None else layer.value_dim
    problem = stand_in(
        kernel_spec(layer.kernel, ground.position_dim, ground.modalities),
        ground.geometry,
        batch=ground.batch,
        width=width,
        heads=layer.heads,
        value_dim=value_dim,
        causal=ground.causal,
        normaliser=layer.normaliser,
        measure=layer.measure,
        quadrature=quadrature(layer.quadrature),
    )
    problem.kernel.check(ground.geometry)
    check_settings(layer.normaliser, layer.measure, problem.quadrature, causal=ground.causal)
    check_domain(ground.geometry, layer.normaliser, layer.measure, problem.quadrature, causal=ground.causal)
    return problem


@lru_cache(maxsize=4096)
def plan_of(layer: genes.Integral, ground: Ground, width: int) -> str:
    """The plan that "auto" takes on a CPU."""
    if isinstance(layer.kernel, OtherKernel):
        # No other plan knows it.
        pairs = {"full": "dense", "window": "gather"}.get(layer.quadrature.kind, "sampled")
        return "gather" if ground.geometry.edges is not None else pairs
    return choose("auto", problem_of(layer, ground, width)).name
