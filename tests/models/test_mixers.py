"""What every classical mixer promises: shapes, causality, padding, replicas, domains."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from itnas import genes
from itnas.models.mixers import MIXERS, Placement
from itnas.operator import Domain
from itnas.operator.domain import Cloud, Graph, Grid, Sequence, Set

GENES = {
    "attention": genes.Attention(heads=1),
    "convolution": genes.Convolution(taps=3),
    "gru": genes.Gru(),
    "lstm": genes.Lstm(),
    "selective-ssm": genes.SelectiveSsm(heads=2, state=3, taps=3),
    "gated-convolution": genes.GatedConvolution(taps=3),
}
WALKERS = ("gru", "lstm", "selective-ssm", "gated-convolution")
kinds = pytest.mark.parametrize("kind", list(GENES))
ways = pytest.mark.parametrize("causal", [True, False])


def build(kind: str, width: int, causal: bool, axes: int = 1) -> nn.Module:
    return MIXERS[kind](GENES[kind], Placement(width, causal, axes))


def test_every_registered_mixer_is_tested_here() -> None:
    assert set(MIXERS) == {"integral", *GENES}


@kinds
@ways
@pytest.mark.parametrize(("width", "length"), [(2, 1), (3, 2), (5, 5), (32, 63), (32, 64), (4, 100)])
def test_the_shape_stays(kind: str, causal: bool, width: int, length: int) -> None:
    y = build(kind, width, causal)(torch.randn(2, length, width))
    assert y.shape == (2, length, width)
    assert torch.isfinite(y).all()


@kinds
@ways
def test_one_channel_is_enough(kind: str, causal: bool) -> None:
    gene = GENES[kind]
    gene = genes.Attention(heads=1, rotary=False) if kind == "attention" else gene
    u = torch.randn(2, 5, 1, requires_grad=True)
    y = MIXERS[kind](gene, Placement(1, causal, 1))(u)
    y.square().sum().backward()
    assert y.shape == u.shape
    assert u.grad is not None
    assert torch.isfinite(u.grad).all()


@kinds
@pytest.mark.parametrize("length", [7, 37])
def test_causal_mixers_do_not_look_ahead_and_others_do(kind: str, length: int) -> None:
    place, u = length // 2, torch.randn(1, length, 4)
    changed = u.clone()
    changed[:, place] += 1.0
    for causal in (True, False):
        mixer = build(kind, 4, causal)
        moved = (mixer(changed) - mixer(u)).abs().amax((0, 2))
        assert moved[place : place + 2].min() > 0
        if causal:
            assert moved[:place].max() == 0
        else:
            assert moved[place - 1] > 0


@kinds
@ways
def test_what_stands_in_padding_reaches_nothing(kind: str, causal: bool) -> None:
    u, valid = torch.randn(2, 9, 4), torch.ones(2, 9, dtype=torch.bool)
    valid[0, 6:], valid[1, 0], valid[1, 4] = False, False, False
    spoiled = torch.where(valid.unsqueeze(-1), u, torch.nan)
    found = []
    for inputs in (u, spoiled):
        torch.manual_seed(1)
        mixer = build(kind, 4, causal)
        inputs = inputs.clone().requires_grad_()
        mixer(inputs, Sequence(valid=valid))[valid].square().sum().backward()
        assert inputs.grad is not None
        assert (inputs.grad[~valid] == 0).all()
        found.append([mixer(inputs, Sequence(valid=valid))[valid], inputs.grad, *(p.grad for p in mixer.parameters())])
    for clean, other in zip(*found, strict=True):
        assert torch.isfinite(clean).all()
        assert torch.equal(clean, other)


@kinds
@ways
@pytest.mark.parametrize("width", [4, 5])
def test_a_padded_sample_equals_the_shorter_one(kind: str, causal: bool, width: int) -> None:
    mixer, u = build(kind, width, causal).double(), torch.randn(3, 20, width, dtype=torch.float64)
    valid = torch.arange(20) < torch.tensor([[20], [17], [2]])
    y = mixer(u, Sequence(valid=valid))
    for sample, length in enumerate((20, 17, 2)):
        torch.testing.assert_close(y[sample, :length], mixer(u[sample : sample + 1, :length])[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["gru", "lstm", "selective-ssm"])
@ways
def test_states_skip_points_that_are_not_valid(kind: str, causal: bool) -> None:
    mixer, u = build(kind, 5, causal).double(), torch.randn(1, 8, 5, dtype=torch.float64)
    valid = torch.tensor([0, 1, 1, 0, 1, 0, 1, 1]).bool()
    found, expected = mixer(u, Sequence(valid=valid))[:, valid], mixer(u[:, valid])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def outputs_and_gradients(members: list[nn.Module], u: Tensor, domain: Domain | None) -> list[Tensor]:
    """Forward under vmap, backward outside, as in training."""
    parameters, buffers = stack_module_state(members)
    parameters = {name: part.detach().requires_grad_() for name, part in parameters.items()}
    u = u.clone().requires_grad_()
    run = vmap(lambda own, kept, x: functional_call(members[0], (own, kept), (x, domain)))
    y = run(parameters, buffers, u)
    (y.square() * torch.linspace(-1, 1, y[0].numel()).view(y.shape[1:])).sum().backward()
    found = [y.detach(), u.grad, *(part.grad for part in parameters.values())]
    assert all(part is not None for part in found)
    return [part for part in found if part is not None]


@kinds
@ways
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("batch", "length", "width"), [(1, 5, 4), (2, 19, 5), (3, 64, 32)])
def test_a_replica_in_a_stack_equals_the_one_alone_bit_for_bit(
    kind: str, causal: bool, padded: bool, batch: int, length: int, width: int
) -> None:
    members = [build(kind, width, causal) for _ in range(3)]
    u = torch.randn(3, batch, length, width)
    domain = Sequence(valid=torch.arange(length) < length - 2) if padded else None
    together = outputs_and_gradients(members, u, domain)
    for number, member in enumerate(members):
        alone = outputs_and_gradients([member], u[number : number + 1], domain)
        for joint, own in zip(together, alone, strict=True):
            assert torch.equal(joint[number], own[0])


@kinds
@ways
@pytest.mark.parametrize("shared_input", [True, False])
def test_stacked_equals_plain_and_gradients_may_be_taken_inside(kind: str, causal: bool, shared_input: bool) -> None:
    members = [build(kind, 5, causal).double() for _ in range(3)]
    u = torch.randn(3, 2, 19, 5, dtype=torch.float64)
    u = u[0] if shared_input else u
    skeleton = copy.deepcopy(members[0])
    parameters, _ = stack_module_state(members)
    detached = {name: part.detach() for name, part in parameters.items()}
    axes = (0, None if shared_input else 0)

    def loss(own: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(skeleton, own, (x,)).square().sum()

    inside = vmap(grad(loss), in_dims=axes)(detached, u)
    values = vmap(loss, in_dims=axes)(detached, u)
    for number, member in enumerate(members):
        value = member(u if shared_input else u[number]).square().sum()
        value.backward()
        torch.testing.assert_close(values[number], value.detach(), rtol=1e-12, atol=0)
        for name, part in member.named_parameters():
            assert part.grad is not None
            size = float(part.grad.abs().max()) + 1
            torch.testing.assert_close(inside[name][number], part.grad, rtol=0, atol=1e-12 * size)


@kinds
def test_a_jacobian_by_vmapped_gradients(kind: str) -> None:
    """Here only the backward pass is stacked."""
    mixer, u = build(kind, 4, True).double(), torch.randn(1, 6, 4, dtype=torch.float64)
    found = torch.func.jacrev(lambda x: mixer(x))(u)
    step = 1e-6 * torch.randn_like(u)
    change = (mixer(u + step) - mixer(u - step)) / 2
    torch.testing.assert_close(torch.einsum("bnwcmv,cmv->bnw", found, step), change, rtol=1e-6, atol=1e-13)


@kinds
def test_a_dead_replica_touches_no_other(kind: str) -> None:
    members = [build(kind, 4, True) for _ in range(3)]
    with torch.no_grad():
        for part in members[1].parameters():
            part.fill_(torch.nan)
    found = outputs_and_gradients(members, torch.randn(3, 2, 7, 4), None)
    for part in found:
        assert torch.isnan(part[1]).any()
        assert torch.isfinite(part[[0, 2]]).all()


POINTS = 12
PLACES = torch.rand(POINTS, 2, dtype=torch.float64)
RING = Graph(torch.stack([torch.arange(POINTS), (torch.arange(POINTS) + 1) % POINTS]))
UNORDERED = {"Cloud": Cloud(PLACES), "Set": Set(), "Graph": RING}
TIMES = Sequence(torch.arange(POINTS).double().square())


@pytest.mark.parametrize("kind", WALKERS)
@ways
def test_walkers_follow_the_index_order(kind: str, causal: bool) -> None:
    """Raster order on a grid, and the order of irregular times."""
    mixer, u = build(kind, 4, causal, 2), torch.randn(2, POINTS, 4)
    for domain in (Grid(POINTS), Grid((3, 4)), Grid((2, 3, 2)), TIMES):
        assert torch.equal(mixer(u, domain), mixer(u))


@pytest.mark.parametrize("kind", WALKERS)
@pytest.mark.parametrize("domain", list(UNORDERED))
def test_walkers_refuse_points_without_an_order(kind: str, domain: str) -> None:
    with pytest.raises(ValueError, match=f"a {kind} layer walks along its points in order, which a {domain}"):
        build(kind, 4, False)(torch.randn(2, POINTS, 4), UNORDERED[domain])


PARAMETERS = {
    "attention": 3 * 64 + 72,
    "convolution": 3 * 64 + 8,
    "gru": 3 * (64 + 64 + 16) + 72,
    "lstm": 4 * (64 + 64 + 16) + 72,
    # x, B, C; gate; delta; taps and their bias; three numbers a head; norm; out
    "selective-ssm": 8 * 22 + 8 * 16 + 8 * 2 + 22 * 4 + 3 * 2 + 16 + 16 * 8,
    "gated-convolution": 3 * 64 + 3 * 8 + 72,
}


@kinds
def test_parameter_counts(kind: str) -> None:
    assert sum(part.numel() for part in build(kind, 8, True).parameters()) == PARAMETERS[kind]
