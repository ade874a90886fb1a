"""Unions: several kinds of points as one domain, against the same numbers worked out pair by pair."""

import itertools
from math import prod

import pytest
import torch

from itnas import FactorisedKernel, Graph, Grid, IntegralTransform, MLPKernel, MonteCarlo, Sequence, Set, Union, Window
from itnas.operator import Domain
from itnas.operator.plans import PLANS
from itnas.operator.plans.base import distances
from itnas.operator.symmetry import symmetries
from tests.operator.cases import assert_plan_agrees, positive_sums
from tests.operator.unions import CPU, DIM, DOMAINS, FEATURES, image_and_text, layer_on, points, two_images


@pytest.mark.parametrize("name", DOMAINS)
class TestUnion:
    def test_kernel_is_the_mlp_of_the_pair_features(self, name: str) -> None:
        """Pair by pair, from the definition: offsets within a part, none between parts, a number per pair of tags."""
        domain = DOMAINS[name]()
        layer, u = layer_on(domain), points()
        geometry, k = domain.geometry(2, 17, CPU), layer.kernel_module
        tags, p = geometry.modalities.tags(CPU).tolist(), geometry.positions.expand(2, -1, -1)
        problem = layer.problem(u, layer.geometry(u, domain))
        u, found = problem.u, problem.form.block(problem.form.rows, problem.form.cols)
        for b, h in itertools.product(range(2), range(2)):
            for i, j in ((0, 0), (0, 1), (3, 14), (14, 3), (16, 12), (13, 13), (11, 5), (5, 11)):
                delta = (p[b, i] - p[b, j]) if tags[i] == tags[j] else torch.zeros(geometry.axes, dtype=torch.float64)
                z = k.bias[h] + k.offset[h] @ delta + k.distance[h] * delta.norm()
                z = z + k.position_row[h] @ p[b, i] + k.position_col[h] @ p[b, j]
                z = z + k.content_row[h] @ u[b, i] + k.content_col[h] @ u[b, j]
                phase = delta[:, None] * k.frequency[h]
                z = z + torch.einsum("kpfs,pfs->k", k.waves[h], torch.stack([phase.sin(), phase.cos()], -1))
                q, key = k.query[h] @ u[b, i] + k.query_bias[h], k.key[h] @ u[b, j] + k.key_bias[h]
                z = z + k.product[h, 0] * (q @ key) + k.modality[h, :, tags[i], tags[j]]
                expected = k.out[h] @ z.relu() + k.out_bias[h]
                torch.testing.assert_close(found.expand(2, -1, -1, -1)[b, h, i, j], expected)

    @pytest.mark.parametrize("measure", ["domain", "balanced"])
    def test_every_plan_that_can_agrees_with_dense(self, name: str, measure: str) -> None:
        tried = 0
        for plan, normaliser, features in itertools.product(
            ("fused", "sorted", "sdpa", "gather"),
            ("none", "sum", "softmax", "sigmoid"),
            (FEATURES, ("content",), ("product",), ("modality",)),
        ):
            domain = DOMAINS[name]()
            layer = layer_on(domain, features, normaliser=normaliser, measure=measure)
            if normaliser == "sum":
                positive_sums(layer)
            layer.quadrature = Window(1.6) if plan == "gather" else layer.quadrature
            u = points()
            if PLANS[plan].refusal(layer.problem(u, layer.geometry(u, domain))) is None:
                assert_plan_agrees(layer, u, domain, plan)
                tried += 1
        assert tried >= 8

    def test_padding_reaches_nobody(self, name: str) -> None:
        domain = DOMAINS[name]()
        valid = domain.geometry(2, 17, CPU).valid
        if valid is None:
            pytest.skip("nothing is padded here")
        layer, u = layer_on(domain, measure="balanced"), points()
        spoilt = torch.where(valid.unsqueeze(-1), u, torch.nan)
        torch.testing.assert_close(layer(spoilt, domain), layer(u, domain))

    def test_samples_are_taken_with_their_part_of_the_domain(self, name: str) -> None:
        domain = DOMAINS[name]()
        layer, u = layer_on(domain), points()
        second = torch.tensor([1])
        torch.testing.assert_close(layer(u[1:], domain.samples(second)), layer(u, domain)[1:])

    def test_parts_stand_where_they_stood(self, name: str) -> None:
        domain = DOMAINS[name]()
        whole = domain.geometry(2, 17, CPU)
        for number, (part, place) in enumerate(zip(domain.parts, whole.modalities.slices, strict=True)):
            own = part.geometry(2, domain.sizes[number], CPU)
            if own.positions is not None:
                axes = whole.modalities.own_axes(number)
                assert torch.equal(whole.positions[:, place, axes], own.positions.expand(len(whole.positions), -1, -1))
                rest = [axis for axis in range(whole.axes) if axis not in range(axes.start, axes.stop)]
                assert not whole.positions[:, place][..., rest].any()


def test_axes_are_shared_by_parts_with_equally_many() -> None:
    assert two_images().geometry(1, 17, CPU).axes == 3
    assert image_and_text().geometry(1, 17, CPU).axes == 3
    assert Union([Sequence(), Sequence()], [3, 4]).geometry(1, 7, CPU).axes == 1


def test_between_parts_nothing_depends_on_where_points_are() -> None:
    """Of a layer that respects translations each part may be moved by itself."""
    features = ("offset", "fourier", "distance", "content", "product", "modality")
    still, moved = (Union([Sequence(torch.arange(5.0) + far), Sequence()], [5, 4]) for far in (0.0, 70.0))
    kernel = MLPKernel(features=features, modalities=2, position_dim=1)
    layer = IntegralTransform(DIM, kernel=kernel, modalities=2).double()
    assert "translation" in symmetries(layer)
    u = points(length=9)
    torch.testing.assert_close(layer(u, still), layer(u, moved))


class TestRefused:
    def test_a_kernel_for_another_number_of_parts(self) -> None:
        layer = IntegralTransform(DIM, kernel=MLPKernel(features=("modality",), modalities=3))
        with pytest.raises(ValueError, match="made for 3 modalities, but Union has 2: pass modalities=2"):
            layer(torch.zeros(1, 17, DIM), image_and_text())
        with pytest.raises(ValueError, match="made for 3 modalities, but Sequence has 1"):
            layer(torch.zeros(1, 17, DIM))

    def test_a_balance_for_another_number_of_parts(self) -> None:
        layer = IntegralTransform(DIM, measure="balanced", modalities=3)
        with pytest.raises(ValueError, match="balanced measure is made for 3 modalities, but Union has 2"):
            layer(torch.zeros(1, 17, DIM), image_and_text())

    def test_a_balance_that_counts_points_ahead(self) -> None:
        with pytest.raises(ValueError, match="which a causal layer must not know"):
            IntegralTransform(DIM, measure="balanced", causal=True)

    @pytest.mark.parametrize(
        ("parts", "sizes", "names", "message"),
        [
            ([], [], None, "one size and one name per part"),
            ([Sequence()], [1, 2], None, "one size and one name per part"),
            ([Sequence(), Sequence()], [1, 2], ["a", "a"], "names that differ"),
            ([Sequence(), Sequence()], [12, -2], None, "must not be negative, got 12, -2"),
        ],
    )
    def test_parts_that_do_not_fit(
        self, parts: list[Domain], sizes: list[int], names: list[str] | None, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            Union(parts, sizes, names)

    def test_points_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match=r"the Union has 12 \+ 5 = 17 points, but the input has 16"):
            image_and_text().geometry(1, 16, CPU)

    def test_graphs_and_unions_as_parts(self) -> None:
        edges = torch.tensor([[0, 1], [1, 0]])
        with pytest.raises(ValueError, match="is a Graph, which cannot be a part"):
            Union([Graph(edges), Sequence()], [2, 3]).geometry(1, 5, CPU)
        with pytest.raises(ValueError, match="is a Union, which cannot be a part"):
            Union([Union([Sequence()], [2]), Sequence()], [2, 3]).geometry(1, 5, CPU)

    def test_an_order_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="needs points in order, which Union does not have"):
            IntegralTransform(DIM, causal=True, kernel=MLPKernel(features=("content",)))(
                torch.zeros(1, 17, DIM), image_and_text()
            )
        with pytest.raises(ValueError, match="a clock runs along an order, which Union does not have"):
            IntegralTransform(DIM, kernel=FactorisedKernel(decay="clock"))(torch.zeros(1, 17, DIM), image_and_text())


def test_a_window_cuts_within_parts_and_lets_see_across() -> None:
    domain = image_and_text()
    layer = layer_on(domain, ("content", "modality"), quadrature=Window(1.0), normaliser="softmax")
    seen = layer.kernel(points(), domain)[0, 0] != 0
    assert bool(seen[:12, 12:].all())
    assert bool(seen[12:, :12].all())
    assert not bool(seen[0, 11])
    assert torch.equal(seen[12:, 12:], torch.eye(5, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(5, 5), (7,)])
def test_a_window_means_in_a_part_what_it_means_on_the_part_alone(shape: tuple[int, ...]) -> None:
    """Steps of 1/3 do not add up to 1 in floating point."""
    count = prod(shape)
    part = Grid(shape, 1 / 3)
    union = Union([Sequence(), part, Set()], [2, count, 3]).geometry(1, count + 5, CPU)
    alone = distances(part.geometry(1, count, CPU))
    inside = slice(2, 2 + count)
    assert torch.equal(distances(union)[:, inside, inside], alone)
    some = torch.tensor([0, 2, 4, count + 1, count + 4])
    assert torch.equal(distances(union, some), distances(union)[:, some])


def test_parts_without_places_ask_for_no_axes() -> None:
    kernel, domain = MLPKernel(features=("content",), position_dim=1), Union([Set(), Set()], [2, 3])
    with pytest.raises(ValueError, match="Union has 0: pass position_dim=None"):
        IntegralTransform(DIM, kernel=kernel)(points(length=5).float(), domain)
    kernel = MLPKernel(features=("content", "modality"), modalities=2)
    assert IntegralTransform(DIM, kernel=kernel, modalities=2)(points(length=5).float(), domain).shape == (2, 5, DIM)


def test_sampled_quadratures_estimate_the_whole() -> None:
    domain = image_and_text()
    layer = layer_on(domain, measure="balanced")
    exact = layer(points(), domain)
    layer.quadrature = MonteCarlo(samples=6, tile=4)
    layer.train()
    with torch.no_grad():
        estimates = torch.stack([layer(points(), domain) for _ in range(600)])
    error = (estimates.mean(0) - exact).abs() / (estimates.std(0) / 600**0.5 + 1e-9)
    assert float((error < 4).double().mean()) > 0.99
