"""States that cross cuts, against numpy's singular vectors, sample by sample, head by head, cut by cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from itnas import FactorisedKernel, IntegralTransform
from itnas.behaviour.replacements.recurrence import Recurrence
from itnas.behaviour.scene import Scene
from itnas.behaviour.sites import listen
from itnas.behaviour.truncation import Futures, cuts_of, directions, flipped, late_rows, truncated
from tests.behaviour.ranks import B, H, decaying, found_for, planted

Array = NDArray[np.float64]


def slow(kernel: Tensor, scale: Tensor, futures: Futures | None, cuts: tuple[int, ...], size: int) -> Array:
    """`truncated`, one block at a time."""
    found: Array = kernel.numpy().copy()
    length = kernel.shape[-1]
    for cut, end in zip(cuts, (*cuts[1:], length), strict=True):
        late = late_rows(cut, length, end)
        # Each row stands for those that are left out behind it.
        stands_for = np.sqrt(np.diff(late.numpy(), append=length))
        others = kernel[:, :, late, :cut].unsqueeze(0) if futures is None else futures(cut, late)
        for sample in range(kernel.shape[0]):
            for head in range(kernel.shape[1]):
                weights = scale[sample, head, :cut].numpy()
                rows = np.concatenate([stands_for[:, None] * each[sample, head].numpy() for each in others])
                kept = np.linalg.svd(rows * weights, full_matrices=False)[2][:size].T
                block = kernel[sample, head, cut:end, :cut].numpy() * weights
                found[sample, head, cut:end, :cut] = block @ kept @ kept.T / weights
    return found


def crossing(kernel: Tensor, cuts: tuple[int, ...]) -> Tensor:
    """What crosses some cut; all else is left alone."""
    row, column = torch.meshgrid(*(torch.arange(kernel.shape[-1]),) * 2, indexing="ij")
    last = torch.stack([torch.where(row >= cut, cut, 0) for cut in cuts]).amax(0)
    return column < last


@pytest.mark.parametrize("length", [2, 3, 4, 5, 7, 33])
@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_the_slow_twin_agrees(length: int, size: int) -> None:
    kernel, scale = decaying(length), torch.rand(B, H, length, dtype=torch.float64) + 0.5
    state = found_for(kernel, scale=scale)
    expected = torch.from_numpy(slow(kernel, scale, None, state.cuts, size))
    torch.testing.assert_close(truncated(kernel, state, size), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [4, 7, 33])
@pytest.mark.parametrize("size", [1, 3])
def test_directions_come_from_the_futures_that_are_given(length: int, size: int) -> None:
    """What did come has no say in them: it would know what is going to be asked."""
    kernel = planted(length, length)
    others: dict[int, Tensor] = {}

    def futures(cut: int, rows: Tensor) -> Tensor:
        return others.setdefault(cut, torch.stack(decaying(cut, 4 * len(rows)).chunk(4, 2)))

    state = found_for(kernel, futures)
    expected = torch.from_numpy(slow(kernel, torch.ones(B, H, length), futures, state.cuts, size))
    torch.testing.assert_close(truncated(kernel, state, size), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rank", [1, 2, 3, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_planted_rank_is_found(rank: int, dtype: torch.dtype) -> None:
    kernel = planted(24, rank).to(dtype)
    state = found_for(kernel)
    scale = kernel.abs().amax()
    assert (truncated(kernel, state, rank) - kernel).abs().amax() < (1e-4 if dtype == torch.float32 else 1e-9) * scale
    lost = (truncated(kernel, state, rank - 1) - kernel).square().sum((-1, -2)) / kernel.square().sum((-1, -2))
    assert (lost > 1e-4).all()


def lag(length: int) -> Tensor:
    index = torch.arange(length)
    return (index.unsqueeze(1) - index).expand(B, H, -1, -1)


@pytest.mark.parametrize("length", [20, 128])
def test_a_fading_memory_is_one_number(length: int) -> None:
    kernel = 0.9 ** lag(length).double() * (lag(length) >= 0)
    state = found_for(kernel)
    torch.testing.assert_close(truncated(kernel, state, 1), kernel)
    assert (truncated(kernel, state, 0) - kernel).abs().amax() > 0.1


@pytest.mark.parametrize("cuts", [8, 16])
@pytest.mark.parametrize(("length", "delay"), [(20, 3), (64, 6), (64, 12), (128, 6), (128, 12)])
def test_a_delay_is_as_many_points_as_it_is_long(length: int, delay: int, cuts: int) -> None:
    kernel = (lag(length) == delay).double()
    state = directions(kernel, torch.ones(B, H, length, dtype=torch.float64), None, cuts_of(length, cuts), 32)
    torch.testing.assert_close(truncated(kernel, state, delay), kernel)


def test_what_is_between_cuts_stays() -> None:
    kernel = torch.randn(B, H, 40, 40, dtype=torch.float64)
    state = found_for(kernel)
    across = crossing(kernel, state.cuts)
    nothing = truncated(kernel, state, 0)
    torch.testing.assert_close(nothing, kernel.masked_fill(across, 0.0))
    for size in (1, 3):
        torch.testing.assert_close(truncated(kernel, state, size)[..., ~across], kernel[..., ~across], rtol=0, atol=0)


@pytest.mark.parametrize("length", [5, 12])
def test_reversal_is_its_own_inverse_and_swaps_past_and_future(length: int) -> None:
    kernel = torch.randn(B, H, length, length, dtype=torch.float64)
    torch.testing.assert_close(flipped(flipped(kernel)), kernel, rtol=0, atol=0)
    assert bool((flipped(kernel.tril(-1)) == flipped(kernel.tril(-1)).triu(1)).all())
    ahead = planted(length, 2).triu(1)
    backwards = truncated(flipped(ahead), found_for(flipped(ahead)), 2)
    torch.testing.assert_close(flipped(backwards), ahead, rtol=0, atol=1e-9)


def test_points_that_say_nothing_take_no_room() -> None:
    """Half the points carry values of size 0: their columns may be what they like."""
    kernel, noise = planted(24, 1), 100 * planted(24, 24)
    silent = torch.arange(24) % 2 == 0
    scale = torch.where(silent, 0.0, 1.0).double().expand(B, H, -1)
    mixed = torch.where(silent, noise, kernel)
    found = truncated(mixed, found_for(mixed, scale=scale), 1)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[..., ~silent], kernel[..., ~silent], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_size_of_kernels_and_values_does_not_matter(factor: float) -> None:
    kernel, scale = decaying(20), torch.rand(B, H, 20, dtype=torch.float64) + 0.5
    expected = truncated(kernel, found_for(kernel, scale=scale), 2)
    torch.testing.assert_close(truncated(kernel, found_for(kernel, scale=factor * scale), 2), expected)
    larger = truncated(factor * kernel, found_for(factor * kernel, scale=scale), 2)
    torch.testing.assert_close(larger / factor, expected)


def test_dead_kernels_and_dead_values() -> None:
    nothing, ones = torch.zeros(B, H, 9, 9), torch.ones(B, H, 9)
    assert not bool(truncated(nothing, found_for(nothing, scale=ones), 1).any())
    unheard = nothing + 1
    assert torch.isfinite(truncated(unheard, found_for(unheard, scale=0 * ones), 1)).all()


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_the_shortest(length: int) -> None:
    kernel = torch.randn(B, H, length, length)
    state = found_for(kernel)
    assert state.cuts == tuple(range(1, length))
    assert state.most == length - 1
    torch.testing.assert_close(truncated(kernel, state, length), kernel)
    torch.testing.assert_close(truncated(kernel, state, 0).tril(-1), torch.zeros_like(kernel))


@pytest.mark.parametrize("length", [8, 33])
@pytest.mark.parametrize("rank", [1, 2, 4])
def test_a_layer_of_that_rank_needs_as_many_states(rank: int, length: int) -> None:
    """Directions found from other samples' futures serve the own one."""
    layer = IntegralTransform(6, kernel=FactorisedKernel(rank=rank), causal=True).double()
    u = torch.randn(16, length, 6, dtype=torch.float64)
    with torch.no_grad():
        (heard,) = listen(layer, lambda: layer(u))
        scene = Scene(heard.subject, heard.inputs)
        replacement = Recurrence(scene)
        kept, less = replacement.kernel(scene, rank), replacement.kernel(scene, rank - 1)
    scale = scene.kernel.square().sum()
    assert (kept - scene.kernel).square().sum() < 1e-6 * scale
    assert (less - scene.kernel).square().sum() > 1e-3 * scale
