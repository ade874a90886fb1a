"""What is measured of kernels: by offset, by frequency, by rank, by origin, over training."""

import numpy as np
import pytest

from itnas.figures.kernels import change, profile, ranks, shares, spectrum
from tests.figures.kernels.planted import N, by_offset, fading, low_rank, shift


def test_the_profile_of_a_shift_is_one_offset() -> None:
    mean, offsets = by_offset(shift())
    info = profile.prepare(np.stack([mean, 0 * mean]), np.zeros((2, len(mean))), offsets)
    assert info.remark == "no point sees a later one"
    assert info.places.tolist() == list(range(N))
    assert info.places[info.mean > 0].tolist() == [1]
    band, line = profile.draw(info).data
    assert (len(band.x), len(line.x)) == (2 * N, N)
    assert profile.prepare(np.stack([mean, 0 * mean]), None, offsets, head=1).mean.max() == 0


def test_the_profile_of_a_fading_memory_falls_by_half() -> None:
    mean, offsets = by_offset(fading())
    info = profile.prepare(mean[None], np.full((1, len(mean)), 0.25), offsets)
    np.testing.assert_allclose(info.mean[info.places >= 0], 0.5 ** np.arange(N), rtol=1e-5)
    assert info.places[0] < 0  # something scatters there: it is shown
    band = profile.draw(info).data[0]
    assert max(band.y) == pytest.approx(1.25)


def test_profiles_of_other_domains() -> None:
    grid = np.array([[0, 0], [3, 4], [0, -1]])
    info = profile.prepare([[1.0, 2.0, 3.0]], None, grid)
    assert (info.places.tolist(), info.mean.tolist()) == ([0, 1, 5], [1, 3, 2])
    assert info.axis == "distance, in points"
    assert [trace.mode for trace in profile.draw(info).data] == [None, "markers"]
    assert profile.prepare([[1.0, 2.0]], None).axis.startswith("class of pairs")


def test_long_profiles_show_the_nearest_offsets() -> None:
    offsets = np.arange(-9_999, 10_000)
    info = profile.prepare(np.ones((1, offsets.size)), np.ones((1, offsets.size)), offsets)
    assert (info.places.min(), info.places.max()) == (-2000, 2000)
    assert info.remark == "4,001 of 19,999 offsets, the nearest"
    assert len(profile.draw(info).to_json()) < 2**20


@pytest.mark.parametrize("mean", [None, [], [[]], np.zeros((1, 3, 3)), [[np.nan, np.inf, 1.0]]])
def test_awkward_profiles(mean: object) -> None:
    profile.draw(profile.prepare(mean, None, [1, 2, 3])).to_json()
    assert profile.draw(profile.prepare(mean, None, head=7)).layout.annotations


def test_a_shift_passes_every_frequency_and_a_mean_only_the_lowest() -> None:
    frequencies = np.fft.rfftfreq(N)
    flat = np.abs(np.fft.rfft(np.roll(np.eye(N)[0], 1)))
    low = np.abs(np.fft.rfft(np.full(N, 1 / N)))
    info = spectrum.prepare(np.stack([flat, low]), frequencies)
    np.testing.assert_allclose(info.sizes, 1, rtol=1e-5)
    lowest = spectrum.prepare(np.stack([flat, low]), frequencies, head=1)
    assert lowest.sizes[0] == pytest.approx(1)
    assert lowest.sizes[1:].max() < 1e-6
    assert spectrum.draw(info).data[0].x[-1] == 0.5


def test_spectra_of_grids_are_means_over_directions() -> None:
    first, second = np.fft.fftfreq(16), np.fft.rfftfreq(16)
    size = np.hypot.outer(first, second)
    info = spectrum.prepare(size[None], first, second)
    np.testing.assert_allclose(info.sizes, info.frequencies, rtol=1e-5)
    assert info.remark == "mean over all directions"


def test_no_spectrum() -> None:
    for given in (None, np.ones((1, 4))):
        assert spectrum.draw(spectrum.prepare(given, np.arange(5.0))).layout.annotations
    long = spectrum.prepare(np.ones((1, 10_000)), np.linspace(0, 0.5, 10_000))
    assert long.remark == "4,001 of 10,000 frequencies, evenly spaced"


def test_ranks_of_planted_kernels() -> None:
    kernels = np.stack([low_rank(3), shift(), 0 * shift()])
    info = ranks.prepare_singular(np.linalg.svd(kernels, compute_uv=False))
    assert np.isfinite(info.values).sum(1).tolist() == [3, N - 1, 0]
    assert info.ranks[1:] == [pytest.approx(N - 1, rel=1e-4), 0.0]
    figure = ranks.draw_singular(info)
    assert figure.layout.yaxis.type == "log"
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 3
    np.testing.assert_allclose(ranks.prepare_singular(None, kernels).values, info.values, rtol=1e-3)


def test_what_crosses_cuts() -> None:
    cuts = np.arange(1, N, 2)
    info = ranks.prepare_crossing(np.ones((12, len(cuts))), cuts)
    assert info.remark == "8 of 12 heads, the first"
    assert len(ranks.draw_crossing(info).data) == 8


@pytest.mark.parametrize("given", [None, [], [[]], np.zeros((2, 3)), np.full((1, 3), np.nan)])
def test_awkward_ranks(given: object) -> None:
    assert ranks.draw_singular(ranks.prepare_singular(given)).layout.annotations
    assert ranks.draw_singular(ranks.prepare_singular(None, given)).layout.annotations
    assert ranks.draw_crossing(ranks.prepare_crossing(given, [1])).layout.annotations


def test_shares_add_up() -> None:
    about = {
        "content_share": {"layer": 0.5, "heads": [0.0, 1.0, None, 0.2]},
        "toeplitz_share": {"layer": 0.5, "heads": [1.0, None, 0.5, None]},
    }
    rows = {row.name: row for row in shares.prepare(about).rows}
    assert list(rows) == ["layer", "head 1", "head 2", "head 4"]
    assert rows["layer"] == ("layer", 0.5, 0.25, 0.25, 0.0)
    assert rows["head 1"].offset == 1.0
    assert rows["head 4"].fixed == pytest.approx(0.8)
    assert all(sum(row[1:]) == pytest.approx(1) for row in rows.values())
    figure = shares.draw(shares.prepare(about))
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 4
    assert all(trace.orientation == "h" for trace in figure.data)


@pytest.mark.parametrize(
    "measure", [None, [], {}, {"layer": None, "heads": []}, {"layer": float("nan"), "heads": None}, {"heads": "x"}]
)
def test_layers_without_shares(measure: object) -> None:
    assert shares.draw(shares.prepare({"content_share": measure})).layout.annotations


def test_many_heads() -> None:
    many = {"content_share": {"layer": 0.5, "heads": [0.5] * 100}}
    assert shares.prepare(many).remark == "32 of 100 heads, the first"


def test_change_over_training() -> None:
    mean, offsets = by_offset(shift())
    info = change.prepare([mean, 0 * mean], [200, 100], offsets)
    assert info.steps == [100, 200]
    assert info.offsets[info.profiles[1] > 0].tolist() == [1]
    assert list(change.draw(info).data[0].y) == ["100", "200"]
    assert change.draw(change.prepare(None)).layout.annotations[0].text == "not recorded during training"
    assert change.draw(change.prepare([[1.0], [1.0, 2.0]], [1, 2])).layout.annotations
    long = change.prepare([np.ones(9999)] * 500, range(500), np.arange(-4999, 5000))
    assert "64 of 500 rungs" in long.remark
    assert len(change.draw(long).to_json()) < 2**20
