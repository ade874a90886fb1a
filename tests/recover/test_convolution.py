"""Conv1d and Conv2d against torch."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from itnas import Grid, IntegralTransform, recover
from tests.recover.agreement import DTYPES, assert_agrees, assert_parameters_learn, largest, seeds

shapes = st.fixed_dictionaries(
    {
        "size": st.integers(1, 5),
        "dilation": st.integers(1, 3),
        "groups": st.integers(1, 3),
        "ins": st.integers(1, 2),
        "outs": st.integers(1, 2),
        "bias": st.booleans(),
    }
)
lengths = st.integers(1, 17)


def channels_last(m: nn.Module, u: Tensor) -> Tensor:
    with warnings.catch_warnings():
        # torch remarks that an even kernel copies its input.
        warnings.filterwarnings("ignore", "Using padding='same'")
        out: Tensor = m(u.mT).mT
    return out


def conv1d(dtype: torch.dtype, shape: dict[str, int], padding: str | int) -> nn.Conv1d:
    groups = shape["groups"]
    return nn.Conv1d(
        groups * shape["ins"],
        groups * shape["outs"],
        shape["size"],
        padding=padding,
        dilation=shape["dilation"],
        groups=groups,
        bias=bool(shape["bias"]),
    ).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=15)
@given(seed=seeds, shape=shapes, n=lengths)
def test_conv1d_of_the_same_length(seed: int, dtype: torch.dtype, shape: dict[str, int], n: int) -> None:
    torch.manual_seed(seed)
    m = conv1d(dtype, shape, "same")
    assert_agrees(recover.from_module(m), lambda u: channels_last(m, u), torch.randn(2, n, m.in_channels, dtype=dtype))


@pytest.mark.parametrize("padded", [False, True])
@settings(max_examples=15)
@given(seed=seeds, shape=shapes, n=lengths)
def test_causal_conv1d_is_the_left_padded_one(seed: int, padded: bool, shape: dict[str, int], n: int) -> None:
    """However the module came by its zeros: put there by the caller, or both sides by itself and the end cut off."""
    torch.manual_seed(seed)
    reach = shape["dilation"] * (shape["size"] - 1)
    m = conv1d(torch.float64, shape, reach if padded else 0)

    def expected(u: Tensor) -> Tensor:
        u = u if padded else nn.functional.pad(u, (0, 0, reach, 0))
        return channels_last(m, u)[:, :n]

    layer = recover.from_module(m, causal=True)
    assert isinstance(layer, IntegralTransform)
    assert layer.causal
    assert_agrees(layer, expected, torch.randn(2, n, m.in_channels, dtype=torch.float64))


def test_an_explicit_padding_that_keeps_the_length() -> None:
    m = nn.Conv1d(3, 4, 5, padding=6, dilation=3).double()
    assert_agrees(recover.from_module(m), lambda u: channels_last(m, u), torch.randn(2, 20, 3, dtype=torch.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=12)
@given(
    seed=seeds,
    size=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    image=st.tuples(st.integers(1, 6), st.integers(1, 5)),
    groups=st.integers(1, 2),
)
def test_conv2d(
    seed: int, dtype: torch.dtype, size: tuple[int, int], dilation: tuple[int, int], image: tuple[int, int], groups: int
) -> None:
    torch.manual_seed(seed)
    m = nn.Conv2d(2 * groups, groups, size, padding="same", dilation=dilation, groups=groups).to(dtype)
    layer = recover.from_module(m)

    def expected(u: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Using padding='same'")
            out: Tensor = m(u.mT.unflatten(-1, image)).flatten(2).mT
        return out

    u = torch.randn(2, image[0] * image[1], m.in_channels, dtype=dtype)
    assert_agrees(lambda u: layer(u, Grid(image)), expected, u)


def test_the_kernel_picks_one_tap_per_head() -> None:
    layer = recover.from_module(nn.Conv1d(2, 2, 3, padding=2, dilation=2).double())
    assert isinstance(layer, IntegralTransform)
    u = torch.randn(1, 7, 2, dtype=torch.float64)
    expected = torch.stack([torch.diag(torch.ones(7 - abs(tap), dtype=torch.float64), -tap) for tap in (2, 0, -2)])
    assert torch.equal(layer.kernel(u), expected.unsqueeze(0))


def test_parameters_learn_and_are_copies() -> None:
    m = nn.Conv1d(2, 3, 3, padding=1)
    layer = recover.from_module(m)
    u = torch.randn(2, 9, 2)
    before = layer(u)
    assert_parameters_learn(layer, u)
    with torch.no_grad():
        m.weight.zero_()
    assert largest(layer(u) - before) == 0


@pytest.mark.parametrize(
    ("settings", "causal", "message"),
    [
        ({"stride": 2}, False, "stride=.2,. drops points"),
        ({"padding": 1, "padding_mode": "circular"}, False, "padding_mode='circular'"),
        ({"padding": 0}, False, "changes the number of points"),
        ({"padding": 2}, False, "changes the number of points"),
        ({"padding": "valid"}, False, "changes the number of points"),
        ({"padding": 1}, True, "looks ahead"),
        ({"padding": "same"}, True, "looks ahead"),
        ({"padding": 1, "dtype": torch.complex64}, False, "complex64"),
    ],
)
def test_what_is_no_integral_transform_here_is_refused(settings: dict[str, object], causal: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recover.from_module(nn.Conv1d(2, 2, 3, **settings), causal=causal)


def test_conv2d_refusals() -> None:
    with pytest.raises(ValueError, match="changes the number of points"):
        recover.from_module(nn.Conv2d(2, 2, (3, 5), padding=1))
    with pytest.raises(ValueError, match="no meaning for Conv2d"):
        recover.from_module(nn.Conv2d(2, 2, 3, padding=1), causal=True)
