"""Scaling up changes what it says, nothing else, and the same genome in two spellings becomes the same again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import itnas
from itnas.genes import Integral
from itnas.genome import Genome
from itnas.models import DEFAULT_SPECIALISTS, build_network, specialist
from itnas.scaling import amount, scaled, with_parameters
from itnas.space import Space
from itnas.tasks import find
from tests.space.spaces import SEARCHED
from tests.test_genome import GENOMES

SPACES = {name: Space.load(name) for name in SEARCHED}


@st.composite
def _drawn(draw: st.DrawFn) -> Genome:
    """A random genome of a shipped space."""
    space = SPACES[draw(st.sampled_from(SEARCHED))]
    return space.genome(space.sample(np.random.default_rng(draw(st.integers(0, 2**32)))))


ANY = _drawn() | GENOMES | st.sampled_from([specialist(name, depth=4) for name in DEFAULT_SPECIALISTS])


def _rest(genome: Genome) -> dict[str, object]:
    """All that scaling has no business with."""
    data = genome.to_dict()
    for layer in data["layers"]:
        layer.pop("value_dim", None)
    return {name: value for name, value in data.items() if name not in ("width", "depth", "layers")}


def _without_values(genome: Genome) -> list[dict[str, object]]:
    return [{k: v for k, v in block.canonical().to_dict().items() if k != "value_dim"} for block in genome.blocks]


@given(ANY, st.sampled_from([2, 3, 4]))
def test_width_changes_the_width_and_what_is_measured_in_it(genome: Genome, factor: int) -> None:
    large = scaled(genome, width=f"{factor}x")
    assert (large.width, large.depth) == (factor * genome.width, genome.depth)
    assert _rest(large) == _rest(genome)
    assert _without_values(large) == _without_values(genome)
    for before, after in zip(genome.canonical().blocks, large.canonical().blocks, strict=True):
        if isinstance(before, Integral) and before.value_dim is not None:
            assert isinstance(after, Integral)
            assert after.value_dim == factor * before.value_dim


@given(ANY, st.sampled_from([2, 3, 4]))
def test_depth_repeats_the_stripe(genome: Genome, factor: int) -> None:
    large = scaled(genome, depth=f"{factor}x")
    assert (large.width, large.depth) == (genome.width, factor * genome.depth)
    assert large.blocks == genome.blocks * factor
    assert _rest(large) == _rest(genome)


@given(ANY)
def test_a_factor_of_one_and_there_and_back_change_nothing(genome: Genome) -> None:
    assert scaled(genome) is genome
    assert scaled(genome, width="1x", depth="1x").hash == genome.hash
    assert scaled(scaled(genome, width="4x", depth="2x"), width="0.25x", depth="0.5x").hash == genome.hash


@given(ANY, st.sampled_from(["2x", 128]), st.sampled_from(["2x", None]))
def test_genomes_that_mean_the_same_stay_the_same(genome: Genome, width: str | int, depth: str | None) -> None:
    other = Genome.from_dict(genome.canonical().to_dict())
    assert other.hash == genome.hash
    try:
        large = scaled(genome, width=width, depth=depth)
    except ValueError:
        with pytest.raises(ValueError, match="width=128 does not go with"):
            scaled(other, width=width, depth=depth)
        return
    assert scaled(other, width=width, depth=depth).hash == large.hash
    assert Genome.from_dict(large.to_dict()).hash == large.hash


def test_values_that_are_spelled_out_at_their_default_stay_at_it() -> None:
    spelled = Genome.from_dict({"width": 33, "layers": {"heads": 2, "value_dim": 17}})
    assert scaled(spelled, width="2x").hash == scaled(Genome(width=33), width="2x").hash


def test_a_tied_genome_of_one_block_is_not_tied_when_it_grows() -> None:
    """Its tie means nothing, and is lost when it is saved."""
    one = Genome(depth=1, tied=True)
    assert one.hash == Genome(depth=1).hash
    assert scaled(one, depth=3).hash == scaled(Genome(depth=1), depth=3).hash
    assert scaled(Genome(tied=True), depth="2x").tied


def test_a_stripe_in_a_listed_stripe_is_found() -> None:
    striped = specialist("gated-conv-attention", depth=4)
    assert scaled(striped, depth=6).blocks == striped.blocks[:2] * 3
    assert scaled(striped, depth="0.5x").blocks == striped.blocks[:2]
    uneven = Genome(depth=3, layers=(striped.blocks[0], striped.blocks[1], striped.blocks[0]))
    assert scaled(uneven, depth="2x").blocks == uneven.blocks * 2


def test_a_scaled_genome_is_built_and_trained() -> None:
    genome = scaled(Genome(width=8), width="2x", depth="1.5x")
    network = build_network(genome, find("parity"))
    assert len(network.blocks) == 3
    trained = itnas.train(Genome(width=8), "parity/length=8", replicas=1, budget=2, width="2x", depth=1, length="2x")
    assert trained.training.recipe.genome == scaled(Genome(width=8), width=16, depth=1)
    assert trained.training.recipe.task.length == 16


@pytest.mark.parametrize(
    ("given_amount", "meant"),
    [(7, 7), ("7", 7), ("2x", 64), ("1.5x", 48), (".5x", 16), ("0.25x", 8), ("1.03125x", 33), (" 2x ", 64), ("-3", -3)],
)
def test_amounts(given_amount: int | str, meant: int) -> None:
    assert amount(given_amount, 32, "width") == meant


@pytest.mark.parametrize(
    "text", ["", "x", "abc", "2X", "2 x", "x2", "-2x", "1e3", "2.0", "infx", "nanx", "２x", "9" * 40]
)
def test_what_is_no_amount_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="width must be a factor such as 2x or a whole number such as 64, got "):
        amount(text, 32, "width")


@pytest.mark.parametrize("value", [True, 2.0, None, b"2x"])
def test_what_is_neither_number_nor_text_is_said_so(value: object) -> None:
    with pytest.raises(ValueError, match="width must be a factor"):
        amount(value, 32, "width")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("transformer", {"width": "0x"}, "a factor must be greater than 0, got width 0x"),
        ("transformer", {"width": 0}, "genome: width: input should be greater than or equal to 1, got 0"),
        ("transformer", {"width": 33}, "heads=2 of attention: use a multiple of 2, such as width=34"),
        ("selective-ssm", {"width": "1.03125x"}, "use a multiple of 4, such as width=36"),
        ("transformer", {"depth": "0.3x"}, "depth 0.3x of 2 is 0.6, which is no whole number: ask for 1"),
        ("transformer", {"depth": "1.25x"}, "depth 1.25x of 2 is 2.5, which is no whole number: ask for 2 or 3"),
        ("transformer", {"depth": 65}, "genome: depth: input should be less than or equal to 64, got 65"),
        ("gated-conv-attention", {"depth": 3}, "use a multiple of 2, such as depth=2 or 4"),
        ("gated-conv-attention", {"depth": 1}, "use a multiple of 2, such as depth=2"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(name: str, settings: dict[str, str | int], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        scaled(specialist(name), **settings)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_width_that_values_do_not_go_with_names_one_that_they_do() -> None:
    genome = Genome.from_dict({"layers": [{"value_dim": 5}, {"mixer": "attention", "heads": 4}]})
    with pytest.raises(
        ValueError, match=r"value_dim=5 \(it grows with the width\): .* multiple of 32, such as width=64"
    ):
        scaled(genome, width=48)
    with pytest.raises(ValueError, match=r"value_dim=5 .* and heads=4 of attention: "):
        scaled(genome, width=33)
    assert scaled(genome, width=64).layers[0].value_dim == 10


@pytest.mark.parametrize(
    ("name", "task"),
    [(name, "recall") for name in ("convnet", "transformer", "gru", "selective-ssm", "gated-conv-attention")]
    + [(name, "textured-shapes") for name in ("convnet", "transformer", "point-network")]
    + [("transformer", "shape-questions")],
)
@pytest.mark.parametrize("parameters", [1, 5_000, 70_350, 1_000_000])
def test_no_other_width_is_nearer_in_parameters(name: str, task: str, parameters: int) -> None:
    found, wanted = find(task), specialist(name)
    sized = with_parameters(wanted, found, parameters)
    distance = abs(sized.cost(found.length, found).parameters - parameters)
    step = {"selective-ssm": 4, "transformer": 2, "gated-conv-attention": 2}.get(name, 1)
    wider = scaled(wanted, width=sized.width + step).cost(found.length, found).parameters
    assert abs(wider - parameters) >= distance
    try:
        narrower = scaled(wanted, width=sized.width - step).cost(found.length, found).parameters
    except ValueError:  # no channel is left, or too few for rotary positions
        assert parameters <= 5_000
    else:
        assert abs(narrower - parameters) >= distance
    assert _rest(sized) == _rest(wanted)


def test_parameters_are_as_many_as_a_network_has() -> None:
    found = find("recall")
    sized = with_parameters(specialist("transformer"), found, 20_000)
    built = sum(each.numel() for each in build_network(sized, found).parameters())
    assert built == sized.cost(found.length, found).parameters
    assert abs(built - 20_000) < 1_000


def test_no_network_has_no_parameters() -> None:
    with pytest.raises(ValueError, match="parameters must be at least 1, got 0"):
        with_parameters(specialist("convnet"), find("recall"), 0)
