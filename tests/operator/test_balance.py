"""The balanced measure: each kind of points has its share, however many points there are of it."""

import pytest
import torch

from itnas import Cloud, Grid, IntegralTransform, MLPKernel, Sequence, Union
from tests.operator.unions import DIM, image_and_text, layer_on, points


class TestBalance:
    @pytest.mark.parametrize("patches", [(2, 2), (4, 2), (8, 8)])
    def test_doubling_the_patches_leaves_the_share_of_the_text_unchanged(self, patches: tuple[int, int]) -> None:
        count = patches[0] * patches[1]
        domain = Union([Grid(patches), Sequence()], [count, 5], ["image", "text"])
        layer = IntegralTransform(
            DIM,
            heads=2,
            kernel=MLPKernel(features=(), modalities=2),
            measure="balanced",
            modalities=2,
            normaliser="sum",
        ).double()
        with torch.no_grad():
            layer.kernel_module.out_bias += 3
            layer.balance.logits.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
        shares = layer.balance.logits.softmax(-1)
        kernel = layer.kernel(points(length=count + 5), domain)
        text = kernel[..., count:].sum(-1)
        torch.testing.assert_close(text, shares[:, 1].view(1, 2, 1).expand_as(text))

    def test_unbalanced_it_does_not(self) -> None:
        shares = []
        for patches in ((2, 2), (4, 2)):
            count = patches[0] * patches[1]
            domain = Union([Grid(patches), Sequence()], [count, 4])
            layer = IntegralTransform(DIM, kernel=MLPKernel(layers=0, features=()), normaliser="softmax").double()
            shares.append(float(layer.kernel(points(length=count + 4), domain)[0, 0, 0, count:].sum().detach()))
        assert shares == pytest.approx([1 / 2, 1 / 3])

    def test_padding_and_weights_count(self) -> None:
        valid = torch.tensor([[True, True, False, False], [True, True, True, True]])
        domain = Union([Cloud(torch.zeros(3, 2), torch.tensor([1.0, 2.0, 5.0])), Sequence(valid=valid)], [3, 4])
        layer = IntegralTransform(DIM, kernel=MLPKernel(modalities=2), measure="balanced", modalities=2).double()
        mu = layer.problem(points(length=7), layer.geometry(points(length=7), domain)).measure
        assert mu is not None
        expected = torch.tensor([[1 / 16, 2 / 16, 5 / 16, 1 / 4, 1 / 4, 0, 0], [1 / 16, 2 / 16, 5 / 16] + 4 * [1 / 8]])
        torch.testing.assert_close(mu[:, 0], expected.double())

    def test_without_a_union_it_is_the_share_of_all_points(self) -> None:
        layer = IntegralTransform(DIM, measure="balanced", normaliser="mean", kernel=MLPKernel(features=("content",)))
        u = torch.randn(2, 8, DIM)
        mu = layer.problem(u, layer.geometry(u, None)).measure
        assert mu is not None
        torch.testing.assert_close(mu, torch.full((1, 1, 8), 1 / 8))
        assert layer(u).shape == u.shape

    def test_it_is_learned(self) -> None:
        domain = image_and_text()
        layer = layer_on(domain, measure="balanced", normaliser="softmax")
        layer(points(), domain).square().sum().backward()
        assert layer.balance.logits.grad is not None
        assert bool(layer.balance.logits.grad.abs().min() > 0)
