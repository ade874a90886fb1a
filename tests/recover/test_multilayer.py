"""An MLP as an iterated map."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from itnas import recover
from itnas.recover.multilayer import ELEMENTWISE, IteratedMLP
from tests.recover.agreement import DTYPES, assert_agrees, assert_parameters_learn, largest, seeds


def chain(widths: list[int], activation: nn.Module, bias: bool = True) -> nn.Sequential:
    parts: list[nn.Module] = []
    for ins, outs in pairwise(widths):
        parts += [nn.Linear(ins, outs, bias=bias), activation]
    return nn.Sequential(*parts[:-1])


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=15)
@given(seed=seeds, widths=st.lists(st.integers(1, 7), min_size=2, max_size=5), flat=st.booleans(), bias=st.booleans())
def test_it_agrees_with_torch(dtype: torch.dtype, seed: int, widths: list[int], flat: bool, bias: bool) -> None:
    torch.manual_seed(seed)
    m = chain(widths, nn.GELU(), bias).to(dtype)
    layer = recover.from_module(m)
    u = torch.randn(*((3,) if flat else (2, 5)), widths[0], dtype=dtype)
    assert_agrees(layer, m, u)
    assert isinstance(layer, IteratedMLP)
    assert layer.iterations == len(widths) - 1


@pytest.mark.parametrize("kind", ELEMENTWISE, ids=lambda kind: kind.__name__)
def test_every_activation(kind: type[nn.Module]) -> None:
    m = chain([3, 6, 4, 2], kind()).double()
    assert_agrees(recover.from_module(m), m, torch.randn(2, 5, 3, dtype=torch.float64))


def test_activations_anywhere() -> None:
    """Before the first layer, several in a row, none between two layers, in place, nested, and dropout that is off."""
    inner = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2), nn.ReLU(inplace=True), nn.Tanh())
    m = nn.Sequential(nn.Tanh(), nn.Linear(3, 4), inner, nn.Dropout(0.5), nn.Sigmoid()).double().eval()
    assert_agrees(recover.from_module(m), m, torch.randn(2, 5, 3, dtype=torch.float64))


def test_the_kernel_is_one_block_per_layer() -> None:
    layer = recover.from_module(chain([3, 4, 2, 5], nn.ReLU()).double())
    kernel = layer.kernel(torch.randn(2, 6, 3, dtype=torch.float64))
    assert kernel.shape == (12, 3, 4, 4)
    expected = torch.zeros(3, 4, 4, dtype=torch.float64)
    expected[range(3), range(1, 4), range(3)] = 1
    assert torch.equal(kernel, expected.expand_as(kernel))
    assert len(layer.kernels(torch.randn(2, 6, 3, dtype=torch.float64))) == 3


def test_parameters_learn_and_are_copies() -> None:
    m = chain([3, 4, 2], nn.ReLU())
    layer, u = recover.from_module(m), torch.randn(2, 6, 3)
    before = layer(u)
    assert_parameters_learn(layer, u)
    with torch.no_grad():
        for parameter in m.parameters():
            parameter.zero_()
    assert largest(layer(u) - before) == 0


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([nn.Linear(3, 4), nn.LayerNorm(4)], "LayerNorm inside a Sequential"),
        ([nn.Linear(3, 4), nn.Softmax(-1)], "Softmax inside a Sequential"),
        ([nn.Linear(3, 4), nn.Dropout(0.1)], "Dropout.p=0.1. in training mode"),
        ([nn.Linear(3, 4), nn.Linear(5, 4)], "their widths must agree"),
        ([nn.ReLU()], "without any Linear"),
    ],
)
def test_what_is_no_mlp_is_refused(parts: list[nn.Module], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recover.from_module(nn.Sequential(*parts))


def test_a_wrong_width_is_named() -> None:
    with pytest.raises(ValueError, match="must end in 3 channels"):
        recover.from_module(chain([3, 4], nn.ReLU()))(torch.zeros(2, 4))
