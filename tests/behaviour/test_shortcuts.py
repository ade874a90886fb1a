"""What is worked out in a shorter way is what the plain way gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from itnas import genes
from itnas.behaviour.examiner import Examiner
from itnas.behaviour.on_demand import OnDemand
from itnas.behaviour.orders import orders_for, shuffles
from itnas.behaviour.replacements import FAMILIES
from itnas.behaviour.replacements.content_free import contributions, least_squares, offset_maps
from itnas.behaviour.samples import Source
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.sites import listen
from itnas.behaviour.subjects import OpaqueSubject, RecurrentSubject
from itnas.behaviour.subjects.opaque import Run
from itnas.behaviour.subjects.steps import steps_of
from itnas.behaviour.thresholds import Thresholds
from itnas.models.mixers import MIXERS, Placement
from itnas.operator.domain import Domain, Sequence

B, C = 4, 6


def mixer(gene: genes.Mixer, *, causal: bool = True) -> nn.Module:
    return MIXERS[gene.mixer](gene, Placement(C, causal, 1)).double()


def torchs(kind: type[nn.GRU | nn.LSTM], **settings: object) -> nn.Module:
    return kind(C, 5, batch_first=True, **settings).double()


def saying(layer: nn.Module) -> Run:
    def run(u: Tensor, domain: Domain | None) -> Tensor:
        y: Tensor = layer(u)[0] if isinstance(layer, nn.GRU | nn.LSTM) else layer(u, domain)
        return y

    return run


def twins(layer: nn.Module) -> tuple[OpaqueSubject, RecurrentSubject]:
    """A recurrence that is only asked, and one that is walked through."""
    steps = steps_of(layer)
    assert steps is not None
    return OpaqueSubject(saying(layer), "plain"), RecurrentSubject(saying(layer), "walked", steps)


WALKED: dict[str, Callable[[], nn.Module]] = {
    "gru": lambda: mixer(genes.Gru()),
    "lstm": lambda: mixer(genes.Lstm()),
    "torch's gru": lambda: torchs(nn.GRU),
    "torch's lstm": lambda: torchs(nn.LSTM),
}
ASKED: dict[str, Callable[[], nn.Module]] = {
    "two ways": lambda: mixer(genes.Gru(), causal=False),
    "a stack": lambda: torchs(nn.GRU, num_layers=2),
    "torch's, two ways": lambda: torchs(nn.LSTM, bidirectional=True),
    "projected": lambda: torchs(nn.LSTM, proj_size=3),
    "without biases": lambda: torchs(nn.GRU, bias=False),
    "somebody's own": lambda: type("Own", (nn.GRU,), {})(C, 5, batch_first=True),
    "elman": lambda: nn.RNN(C, 5, batch_first=True),
}
SIZES = [2, 3, 13, 30]


@pytest.mark.parametrize("name", WALKED)
@pytest.mark.parametrize("length", SIZES)
@torch.no_grad()
def test_contributions_of_walks(name: str, length: int) -> None:
    plain, walked = twins(WALKED[name]())
    u = torch.randn(B, length, C, dtype=torch.float64)
    torch.testing.assert_close(walked.view(u, None).kernel, plain.view(u, None).kernel, rtol=1e-12, atol=1e-12)
    assert not walked.looks_ahead(u, None)


@pytest.mark.parametrize("name", WALKED)
@pytest.mark.parametrize("length", SIZES)
@pytest.mark.parametrize("times", [1, 3])
@torch.no_grad()
def test_crossings_of_walks(name: str, length: int, times: int) -> None:
    plain, walked = twins(WALKED[name]())
    past, futures = torch.randn(B, length, C).double(), torch.randn(times * B, length, C).double()
    for cut in {1, length // 2, length - 1}:
        u = torch.cat([past.repeat(times, 1, 1)[:, :cut], futures[:, cut:]], 1)
        for rows in (torch.arange(cut, length), torch.arange(cut, length).flip(0)[::2]):
            found = walked.futures(u, None, cut, rows, times)
            torch.testing.assert_close(found, plain.futures(u, None, cut, rows), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", WALKED)
@pytest.mark.parametrize("length", SIZES)
@torch.no_grad()
def test_walks_in_other_orders(name: str, length: int) -> None:
    plain, walked = twins(WALKED[name]())
    u, place = torch.randn(B, length, C).double(), torch.randn(1, length, C).double()
    for rearrange in shuffles(length, 1):
        orders = orders_for(length, rearrange, looks_ahead=False)
        found = walked.rearranged(u, None, place, orders)
        torch.testing.assert_close(found, plain.rearranged(u, None, place, orders), rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_walks_with_padding_are_asked() -> None:
    plain, walked = twins(mixer(genes.Gru()))
    u, domain = torch.randn(B, 9, C).double(), Sequence(valid=torch.arange(9) < torch.tensor([[9], [5], [7], [2]]))
    assert torch.equal(walked.view(u, domain).kernel, plain.view(u, domain).kernel)
    rows = torch.arange(4, 9)
    assert torch.equal(walked.futures(u, domain, 4, rows), plain.futures(u, domain, 4, rows))
    orders = orders_for(9, shuffles(9, 1)[0], looks_ahead=False)
    assert torch.equal(walked.rearranged(u, domain, 0 * u[:1], orders), plain.rearranged(u, domain, 0 * u[:1], orders))


@pytest.mark.parametrize("name", ASKED)
def test_others_are_not_walked_through(name: str) -> None:
    layer = ASKED[name]()
    assert steps_of(layer) is None
    (heard,) = listen(layer, lambda: layer(torch.randn(B, 7, C, dtype=next(layer.parameters()).dtype)))
    assert type(heard.subject) is OpaqueSubject


@pytest.mark.parametrize("name", WALKED)
def test_networks_are_walked_through(name: str) -> None:
    layer = WALKED[name]()
    (heard,) = listen(layer, lambda: layer(torch.randn(B, 7, C).double()))
    assert isinstance(heard.subject, RecurrentSubject)


def answering(*, ahead: bool, length: int = 11, samples: int = 40) -> tuple[Scene, Scene]:
    """A recurrence on some samples, and on others to fit replacements on."""
    torch.manual_seed(0)
    layer = torchs(nn.GRU, bidirectional=ahead)
    subject = OpaqueSubject(saying(layer), "gru")
    judged, reference = torch.randn(2, samples, length, C).double()
    return Scene(subject, Inputs(judged)), Scene(subject, Inputs(reference))


@pytest.mark.parametrize("ahead", [False, True])
@torch.no_grad()
def test_all_offsets_are_fitted_as_each_alone(ahead: bool) -> None:
    _, scene = answering(ahead=ahead)
    kernel, contrast, basis, length = scene.kernel, scene.view.contrast, scene.basis, scene.inputs.length
    assert contrast is not None
    expected = kernel.new_zeros(2 * length - 1, C, kernel.shape[1])
    for offset in [*range(1 - length if ahead else 1, 0), *range(1, length)]:
        x = contrast[:, max(0, -offset) : length - max(0, offset)]
        y = kernel.diagonal(-offset, dim1=-2, dim2=-1).transpose(1, 2)
        expected[offset + length - 1] = least_squares(x.flatten(0, 1), y.flatten(0, 1))
    left = scene.output - scene.view.output(contributions(expected, basis))
    expected[length - 1] = least_squares(basis.flatten(0, 1), left.flatten(0, 1))
    torch.testing.assert_close(offset_maps(scene), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_what_a_replacement_says_is_what_its_kernel_says(family: str, ahead: bool) -> None:
    scene, reference = answering(ahead=ahead)
    if not FAMILIES[family].fits(reference):
        pytest.skip(f"{family} has no meaning here")
    replacement = FAMILIES[family](reference)
    most = replacement.most(scene) if replacement.budgeted else 1
    for budget in {1, most // 2, most} - {0}:
        expected = scene.view.output(replacement.kernel(scene, budget))
        torch.testing.assert_close(replacement.output(scene, budget), expected, rtol=1e-9, atol=1e-10)
    if replacement.exact:
        torch.testing.assert_close(replacement.output(scene, most), scene.output, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("rows", [3, 40])
def test_the_order_of_a_solution_does_not_matter(rows: int) -> None:
    x, y = torch.randn(2, rows, 5).double(), torch.randn(2, rows, 9).double()
    each = torch.cat([least_squares(x, y[..., :2]), least_squares(x, y[..., 2:])], -1)
    torch.testing.assert_close(least_squares(x, y), each, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["gru", "convnet", "transformer"])
def test_names_are_those_of_whole_verdicts(name: str) -> None:
    """They come without heads and shorter lengths, and rest on the same evidence."""
    import itnas

    task = itnas.task("flip-flop/length=16")
    with torch.no_grad():
        examiner = Examiner(itnas.build(name, task), Source(task), (8, 16), Thresholds(), functional=False)
        whole, brief = examiner.verdicts(0), examiner.names(0)
    for own, named in zip(whole, brief, strict=True):
        assert own.reading == named.reading
        assert own.main.curves == named.main.curves
        assert sorted(own.by_length) == [8, 16]
        assert list(named.by_length) == [16]


def test_on_demand_asks_once_and_only_for_what_is_wanted() -> None:
    asked: list[int] = []

    def find(key: int) -> int:
        asked.append(key)
        return key**2

    found = OnDemand((3, 1, 2), find)
    assert (len(found), list(found), 2 in found, 4 in found) == (3, [3, 1, 2], True, False)
    assert asked in ([], [2])
    assert found[3] + found[3] == 18
    assert asked.count(3) == 1
    assert found.get(5) is None
    assert dict(found) == {3: 9, 1: 1, 2: 4}
    assert sorted(asked) == [1, 2, 3]
