"""Verdicts on the blocks of a union: layers whose blocks were planted one by one."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from itnas import IntegralTransform, MLPKernel, Sequence, Union, explain
from itnas.behaviour.budget import Curve
from itnas.behaviour.describe import describe_network, profiles
from itnas.behaviour.evidence import Evidence
from itnas.behaviour.fidelity import Span
from itnas.behaviour.places import places_of
from itnas.behaviour.subjects import BlockSubject, IntegralSubject, blocks_of
from itnas.behaviour.thresholds import Thresholds
from itnas.behaviour.verdict import Trends
from itnas.models import build_network
from itnas.models.specialists import specialist
from itnas.operator import Grid
from itnas.operator.normaliser import NORMALISERS
from itnas.tasks import Batch, find

DIM = 8
SIZES = (20, 12)
FAR = 60.0  # so low a unit never fires, so high it always does


def domain() -> Union:
    return Union([Sequence(), Sequence()], SIZES, ["first", "second"])


def sample(n: int, generator: torch.Generator) -> Batch:
    assert n == sum(SIZES)
    inputs = torch.randn(96, n, DIM, generator=generator)
    return Batch(inputs, inputs.new_zeros(96), domain=domain())


def gated(own: Callable[[int], float], units: list[tuple[str, float, float, Callable[[int], float]]]) -> nn.Module:
    """k(i, j) = sum of out * relu(feature + shift), each unit switched on or off by the pair of parts 2 a + b."""
    hidden = len(units)
    kernel = MLPKernel(hidden=hidden, features=("offset", "product", "modality"), modalities=2, position_dim=1)
    layer = IntegralTransform(DIM, kernel=kernel, modalities=2, pointwise=False, bias=False)
    found = layer.kernel_module
    with torch.no_grad():
        for part in found.parameters():
            part.zero_()
        found.query.copy_(torch.eye(DIM).unsqueeze(0))
        found.key.copy_(torch.eye(DIM).roll(1, 0).unsqueeze(0))
        for number, (feature, shift, out, on) in enumerate(units):
            weight = {"offset": found.offset[0, number], "product": found.product[0, :, number]}.get(feature)
            if weight is not None:
                weight.fill_(1.0)
            found.bias[0, number] = shift
            found.out[0, number] = out
            switched = [0.0 if on(pair) else -FAR for pair in range(4)]
            found.modality[0, number] = torch.tensor(switched).view(2, 2)
        found.out_bias.fill_(own(0))
    return layer


def hat(at: float, on: Callable[[int], float]) -> list[tuple[str, float, float, Callable[[int], float]]]:
    """1 at one offset, 0 at all others."""
    return [("offset", 1 - at, 1.0, on), ("offset", -at, -2.0, on), ("offset", -1 - at, 1.0, on)]


def looked_up(on: Callable[[int], float]) -> list[tuple[str, float, float, Callable[[int], float]]]:
    """The product itself, lifted so that its unit always fires, and let down again."""
    return [("product", 40.0, 0.05, on), ("constant", 40.0, -0.05, on)]


def within(pair: int) -> bool:
    return pair in (0, 3)


def across(pair: int) -> bool:
    return pair in (1, 2)


def from_second(pair: int) -> bool:
    """Rows of the first part, columns of the second."""
    return pair == 1


class TestPlanted:
    def test_shifts_within_and_look_ups_across(self) -> None:
        layer = gated(lambda _: 0.0, [*hat(1.0, within), *looked_up(across)])
        found = explain(layer, sample, lengths=[sum(SIZES)], copies=0)
        (verdict,) = found.layers
        told = {block.block: block for block in verdict.blocks}
        assert list(told) == ["first", "second", "first -> second", "second -> first"]
        assert {name: each.family for name, each in told.items()} == {
            "first": "convolution",
            "second": "convolution",
            "first -> second": "attention",
            "second -> first": "attention",
        }
        assert told["first"].offsets == told["second"].offsets == (1,)
        assert verdict.family not in ("convolution", "pointwise", "none")

    def test_one_direction_only(self) -> None:
        layer = gated(lambda _: 0.0, [*hat(2.0, within), *looked_up(from_second)])
        (verdict,) = explain(layer, sample, lengths=[sum(SIZES)], copies=0).layers
        told = {block.block: block.family for block in verdict.blocks}
        assert told == {
            "first": "convolution",
            "second": "convolution",
            "first -> second": "none",
            "second -> first": "attention",
        }

    def test_what_is_handed_over_whatever_it_says(self) -> None:
        """A constant between parts is content-free: a mean of the other part."""
        layer = gated(lambda _: 0.0, [("constant", 1.0, 0.1, across)])
        (verdict,) = explain(layer, sample, lengths=[sum(SIZES)], copies=0).layers
        told = {block.block: block.family for block in verdict.blocks}
        assert told == {"first": "none", "second": "none", "first -> second": "dense", "second -> first": "dense"}

    def test_blocks_that_share_a_denominator(self) -> None:
        """What a row says of one part does not make its shift along the other look at contents."""
        shift = [(feature, at, 8 * out, on) for feature, at, out, on in hat(1.0, lambda pair: pair == 0)]
        look_up = [(feature, at, 40 * out, on) for feature, at, out, on in looked_up(from_second)]
        layer = gated(lambda _: 0.0, [*shift, *look_up])
        layer.normaliser = NORMALISERS["softmax"]
        (verdict,) = explain(layer, sample, lengths=[sum(SIZES)], copies=0).layers
        told = {block.block: block for block in verdict.blocks}
        assert (told["first"].family, told["first"].offsets) == ("convolution", (1,))
        assert (told["first -> second"].family, told["second -> first"].family) == ("dense", "attention")

    @pytest.mark.parametrize("normaliser", ["none", "softmax"])
    def test_what_is_handed_over_by_samples_of_different_lengths(self, normaliser: str) -> None:
        """How many points there are is no content."""

        def padded(n: int, generator: torch.Generator) -> Batch:
            batch = sample(n, generator)
            lengths = torch.randint(3, SIZES[1] + 1, (len(batch), 1), generator=generator)
            text = Sequence(valid=torch.arange(SIZES[1]) < lengths)
            return Batch(batch.inputs, batch.targets, domain=Union([Sequence(), text], SIZES, ["first", "second"]))

        layer = gated(lambda _: 0.0, [("constant", 1.0, 0.1, across)])
        layer.normaliser = NORMALISERS[normaliser]
        (verdict,) = explain(layer, padded, lengths=[sum(SIZES)], copies=0).layers
        told = {block.block: block.family for block in verdict.blocks}
        assert told["first -> second"] == told["second -> first"] == "dense"

    def test_a_part_without_points_has_no_blocks(self) -> None:
        def alone(n: int, generator: torch.Generator) -> Batch:
            inputs = torch.randn(96, n, DIM, generator=generator)
            return Batch(inputs, inputs.new_zeros(96), domain=Union([Sequence(), Sequence()], [n, 0]))

        layer = gated(lambda _: 0.0, hat(1.0, within))
        (verdict,) = explain(layer, alone, lengths=[20], copies=0).layers
        assert [(block.block, block.family) for block in verdict.blocks] == [("0", "convolution")]

    def test_rows_and_sentences(self) -> None:
        layer = gated(lambda _: 0.0, [*hat(1.0, within), *looked_up(across)])
        found = explain(layer, sample, lengths=[sum(SIZES)], copies=0)
        frame = found.to_frame()
        assert frame["block"].isna()[0]
        assert frame["block"].dropna().tolist() == ["first", "second", "first -> second", "second -> first"]
        assert any(sentence.startswith("Layer 1, first -> second, became attention") for sentence in found.sentences())
        assert [each["family"] for each in found.layers[0].to_dict()["blocks"]] == frame["family"].tolist()[1:5]


def test_a_block_without_replacement_leaves_the_layer_as_it_is() -> None:
    torch.manual_seed(0)
    layer = IntegralTransform(
        DIM, heads=2, kernel=MLPKernel(modalities=2, position_dim=1), normaliser="softmax", modalities=2, rms_norm=True
    )
    u, where = torch.randn(3, sum(SIZES), DIM), domain()
    subject = IntegralSubject(layer)
    for block in blocks_of(where):
        own = BlockSubject(subject, u, where, block)
        view = own.view(own.given, own.part)
        torch.testing.assert_close(view.output(view.kernel), layer(u, where))
        torch.testing.assert_close(view.output(0 * view.kernel), own.silence(u, where))
        raw = own.raw(own.given, own.part, torch.arange(view.kernel.shape[-1]))
        torch.testing.assert_close(own.normalised(raw, own.given, own.part), view.kernel)


@pytest.mark.parametrize(("own", "trend"), [((8, 8, 8), "undecided"), ((8, 16, 32), "grows")])
def test_a_block_grows_over_points_of_its_own(own: tuple[int, ...], trend: str) -> None:
    """Where a part has as many points in all samples, nobody knows how its state would grow."""
    span, needs = Span(1.0, 0.0, 0.0, 0.0), (2, 2, 2) if trend == "undecided" else (2, 4, 8)
    by_length = {
        total: Evidence(length, span, 1.0, True, False, 1, {"recurrence": Curve(needed=need)})
        for total, length, need in zip((40, 48, 64), own, needs, strict=True)
    }
    found = Trends(by_length).state
    assert found is not None
    assert found.trend(Thresholds()) == trend


def test_padding_has_no_place_to_move_to() -> None:
    torch.manual_seed(0)
    layer = IntegralTransform(DIM, kernel=MLPKernel(features=("position",), modalities=2, position_dim=1))
    valid = torch.arange(SIZES[1]) < torch.tensor([[4], [12]])
    where, u = Union([Sequence(), Sequence(valid=valid)], SIZES), torch.randn(2, sum(SIZES), DIM)
    own = BlockSubject(IntegralSubject(layer), u, where, blocks_of(where)[2])
    raw = own.raw(own.given, own.part, torch.arange(SIZES[0]))
    assert torch.equal(raw.isnan(), ~valid[:, None, :, None].expand_as(raw))


def test_points_change_places_within_their_part_alone() -> None:
    torch.manual_seed(0)
    layer = IntegralTransform(DIM, kernel=MLPKernel(features=("offset",), modalities=2, position_dim=1))
    u, where = torch.randn(2, sum(SIZES), DIM), domain()
    order = torch.cat([torch.randperm(SIZES[0]), SIZES[0] + torch.randperm(SIZES[1])])
    moved = IntegralSubject(layer).raw(u, where, order)
    own = IntegralSubject(layer).raw(u, where, torch.arange(sum(SIZES)))
    torch.testing.assert_close(moved, own[:, :, order][:, :, :, order])


def test_classes_of_a_union() -> None:
    where = Union([Grid((2, 3)), Sequence()], [6, 4], ["image", "text"])
    places = places_of(where.geometry(1, 10, torch.device("cpu")))
    (classes,) = places.classes
    assert len(classes[:6, 6:].unique()) == len(classes[6:, :6].unique()) == 1
    kinds = [classes[:6, :6], classes[6:, 6:], classes[:6, 6:], classes[6:, :6]]
    own = classes.diagonal()
    assert own.unique().tolist() == [places.centre]
    different = [set(kind[kind != places.centre].tolist()) for kind in kinds]
    assert sum(map(len, different)) == len(set.union(*different))
    assert int(classes.max()) < places.count
    assert classes[6, 7] == classes[7, 8] != classes[7, 6]
    assert classes[0, 4] == classes[1, 5]


@pytest.mark.parametrize("name", ["transformer"])
def test_mixers_on_unions_are_examined(name: str) -> None:
    task = find("entailment")
    network = build_network(specialist(name, width=16, depth=1), task)
    found = explain(network, task, copies=1)
    assert [block.block for block in found.layers[0].blocks][:2] == [each.name for each in task.modalities]


def shown(layer: IntegralTransform, u: Tensor) -> Tensor:
    return layer.kernel(u, domain())[0, 0]


def test_planted_kernels_are_what_they_say() -> None:
    layer = gated(lambda _: 0.0, [*hat(1.0, within), *looked_up(across)])
    kernel = shown(layer, torch.randn(1, sum(SIZES), DIM)).detach()
    torch.testing.assert_close(kernel[:20, :20], torch.ones(19).diag(-1))
    assert float(kernel[:20, 20:].abs().min()) > 0


def test_what_is_described_of_a_union() -> None:
    """Offsets order nothing between kinds of points, so there are no profiles, nor how they changed."""
    task = find("entailment")
    network = build_network(specialist("transformer", width=16, depth=1), task)
    (found,) = describe_network(network, task, task.length)
    sizes = task.batch("validation", size=1).domain.sizes
    assert found.locality is None
    assert found.translation_error is None
    assert found.permutation_error is not None
    assert found.to_dict()["parts"] == [[each.name, size] for each, size in zip(task.modalities, sizes, strict=True)]
    assert {"averaged", "examples"} <= set(found.arrays())
    assert "profile_mean" not in found.arrays()
    assert profiles(network, task, task.length) == {}
