"""The directions that states are made of: leading ones, at cuts all over the places, for futures that did not come."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from itnas import IntegralTransform
from itnas.behaviour.scene import Inputs, Scene
from itnas.behaviour.subjects import IntegralSubject
from itnas.behaviour.truncation import cuts_of, directions, late_rows, leading, truncated
from itnas.operator.domain import Domain
from tests.behaviour.ranks import B, H, decaying, found_for, planted


def test_no_choice_of_directions_keeps_much_more() -> None:
    """Where singular values are all alike, any that are nearly the leading ones will do."""
    rows = torch.randn(B, H, 40, 33, dtype=torch.float64)
    values = np.linalg.svd(rows.numpy(), compute_uv=False)
    found = leading(rows, 8, torch.Generator().manual_seed(0))
    for size in (1, 4, 8):
        best = np.square(values[..., :size]).sum(-1)
        kept = (rows @ found[..., :size]).square().sum((-1, -2)).numpy()
        assert (kept <= best * (1 + 1e-9)).all()
        assert (kept >= 0.85 * best).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [planted, lambda length, rank: torch.zeros(B, H, length, length).double()])
def test_directions_are_orthonormal(make: Callable[[int, int], Tensor], dtype: torch.dtype) -> None:
    """Also where the kernel has fewer than are asked for."""
    state = found_for(make(17, 2).to(dtype))
    for each in state.found:
        assert torch.isfinite(each).all()
        gram = each.mT @ each
        torch.testing.assert_close(gram, torch.eye(each.shape[-1], dtype=dtype).expand_as(gram), rtol=0, atol=1e-4)


def test_other_futures_need_their_own_directions() -> None:
    """One query at the end: per sample it takes one direction, but of a state that must serve any query, all."""
    keys = torch.linalg.qr(torch.randn(B, 1, 16, 16, dtype=torch.float64))[0]
    kernel = torch.zeros(B, 1, 16, 16, dtype=torch.float64)
    kernel[:, :, -1] = keys[:, :, 0]

    def asked(cut: int, rows: Tensor) -> Tensor:
        questions = torch.zeros(8, B, 1, len(rows), cut, dtype=torch.float64)
        questions[:, :, :, -1] = keys[:, :, 1:9, :cut].movedim(2, 0)
        return questions

    one = truncated(kernel, found_for(kernel), 1)
    torch.testing.assert_close(one, kernel)
    for size in (1, 4):
        kept = truncated(kernel, found_for(kernel, asked), size).square().sum((-1, -2))
        assert (kept < 0.8).all()


@pytest.mark.parametrize("number", [1, 8, 16])
@pytest.mark.parametrize("length", [2, 3, 16, 17, 18, 33, 64, 100, 1000])
def test_cuts_are_spread_over_all_places(length: int, number: int) -> None:
    cuts = cuts_of(length, number)
    assert all(0 < cut < length for cut in cuts)
    assert list(cuts) == sorted(set(cuts))
    assert len(cuts) == min(number, length - 1)
    if len(cuts) > 1:
        assert (cuts[0], cuts[-1]) == (1, length - 1)
        widest = max(late - early for early, late in itertools.pairwise(cuts))
        assert widest <= -(-(length - 2) // (len(cuts) - 1)) + 1


def test_leading_directions_are_in_order() -> None:
    rows = decaying(12, 20)
    found = leading(rows, 4, torch.Generator().manual_seed(0))
    sizes = (rows @ found).norm(dim=-2)
    torch.testing.assert_close(sizes, (0.3 ** torch.arange(4)).double().expand_as(sizes), rtol=1e-4, atol=1e-6)
    few = leading(rows[..., :2, :], 4, torch.Generator().manual_seed(0))
    assert few.shape == (B, H, 12, 4)
    torch.testing.assert_close(rows[..., :2, :] @ few @ few.mT, rows[..., :2, :])


@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 1, 7), (30, 2, 1)])
def test_a_portion_is_as_good_as_its_points(sizes: tuple[int, ...]) -> None:
    """Entries that neighbouring points share may be given once."""
    cut, portions = sum(sizes), torch.tensor(sizes)
    kernel, shared = planted(cut + 3, 2), torch.randn(5, B, H, 3, len(sizes), dtype=torch.float64)
    scale, cuts = torch.ones(kernel.shape[:3], dtype=torch.float64), (cut,)
    pooled = directions(kernel, scale, lambda *_: shared, cuts, 64, lambda _: portions)
    spelt_out = directions(kernel, scale, lambda *_: shared.repeat_interleave(portions, -1), cuts, 64)
    for size in (1, 2, 3):
        expected = truncated(kernel, spelt_out, size)
        torch.testing.assert_close(truncated(kernel, pooled, size), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("samples", [4, 8, 16, 20])
@pytest.mark.parametrize("ahead", [False, True])
def test_no_state_is_chosen_for_the_future_that_came(samples: int, ahead: bool) -> None:
    """Neither are there more donors than samples, nor is a sample its own donor."""
    layer, u = IntegralTransform(4, causal=not ahead), torch.randn(samples, 8, 4)
    shown: list[Tensor] = []

    class Overheard(IntegralSubject):
        def futures(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor, times: int = 1) -> Tensor:
            shown.append(u)
            return super().futures(u, domain, cut, rows)

        def pasts(self, u: Tensor, domain: Domain | None, cut: int, rows: Tensor) -> Tensor:
            shown.append(u)
            return super().pasts(u, domain, cut, rows)

    with torch.no_grad():
        scene = Scene(Overheard(layer), Inputs(u))
        state = scene.backward_state if ahead else scene.forward_state
    assert state.most > 0
    assert shown
    for spliced in shown:
        assert not bool((torch.unflatten(spliced, 0, (-1, samples)) == u).flatten(2).all(-1).any())


@pytest.mark.parametrize("length", [2, 9, 10, 64, 200])
def test_late_rows_begin_dense_and_reach_the_end(length: int) -> None:
    cuts = cuts_of(length)
    for cut, until in zip(cuts, (*cuts[1:], length), strict=True):
        rows = late_rows(cut, length, until).tolist()
        assert rows == sorted(set(rows))
        assert (rows[0], rows[-1]) == (cut, length - 1)
        assert set(range(cut, until)) <= set(rows)
        assert all(late - early <= 1 + (early - cut) // 8 for early, late in itertools.pairwise(rows))
