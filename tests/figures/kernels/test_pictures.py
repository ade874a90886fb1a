"""Kernels as pictures, large and tiny."""

import base64
import json
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from itnas.figures.kernels import heatmap, limit_of, replaced, thumbnail
from tests.figures.kernels.planted import UGLY, N, fading, low_rank, shift


def pixels(uri: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A thumbnail read back: colours [rows, columns, 3] and opacities."""
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(content):
        (size,) = struct.unpack_from(">I", content, place)
        name, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", content, place + 8 + size) == (zlib.crc32(name + body),)
        chunks[name] = body
        place += 12 + size
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return palette[lines[:, 1:]], np.frombuffer(chunks[b"tRNS"], np.uint8)[lines[:, 1:]]


def test_a_shift_is_one_line_below_the_diagonal() -> None:
    info = heatmap.prepare(shift(), np.arange(N))
    assert (info.limit, info.remark) == (1.0, "")
    trace = heatmap.draw(info).data[0]
    assert np.argwhere(np.asarray(trace.z)).tolist() == [[i + 1, i] for i in range(N - 1)]


def test_colours_are_centred_on_zero_and_can_be_shared() -> None:
    shared = limit_of(shift(), 4 * shift())
    info = heatmap.prepare(shift(), limit=shared)
    axis = heatmap.draw(info).layout.coloraxis
    assert (axis.cmin, axis.cmax) == (-4.0, 4.0)
    assert list(axis.colorbar.ticktext) == ["-4", "0", "4"]


def test_what_lies_beyond_the_colours_is_said() -> None:
    kernel = np.full((64, 64), 0.1)
    kernel[0, 0] = 0.9
    info = heatmap.prepare(kernel)
    assert info.limit == pytest.approx(0.1)
    assert info.remark == "colours are full from ±0.1 on: 1 of 4,096 entries lie beyond"


def test_large_kernels_are_thinned_and_say_so() -> None:
    info = heatmap.prepare(np.ones((1000, 1000)), np.arange(1000))
    assert info.kernel.shape == (192, 192)
    assert (info.points[0], info.points[-1]) == (0, 999)
    assert info.remark == "192 of 1,000 rows and columns, evenly spaced"
    assert len(heatmap.draw(info).to_json()) < 2**21


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_no_number_is_drawn_as_nothing(bad: float) -> None:
    kernel = shift().astype(float)
    kernel[0, 0] = bad
    info = heatmap.prepare(kernel)
    assert np.isfinite(info.kernel).all()
    assert "entries" in info.remark
    json.loads(heatmap.draw(info).to_json())
    assert thumbnail.data_uri(kernel)


@pytest.mark.parametrize("kernel", [None, [], np.zeros((0, 0)), np.zeros((2, 3, 3))])
def test_no_kernel(kernel: object) -> None:
    assert "no kernel" in heatmap.draw(heatmap.prepare(kernel)).layout.annotations[0].text
    assert pixels(thumbnail.data_uri(kernel))[1].tolist() == [[0]]


def test_one_point_and_only_zeros() -> None:
    assert heatmap.prepare(np.zeros((1, 1)), limit=float("nan")).limit == 1.0
    assert heatmap.draw(heatmap.prepare(np.zeros((4, 4)))).data


def test_a_thumbnail_adds_in_orange_takes_in_blue_and_is_clear_at_zero() -> None:
    colours, opacity = pixels(thumbnail.data_uri(shift(8) - 0.5 * shift(8).T))
    assert opacity.shape == (8, 8)
    assert colours[1, 0].tolist() == [213, 94, 0]
    assert colours[0, 1].tolist() == [0, 114, 178]
    assert (opacity[1, 0], opacity[0, 0]) == (255, 0)
    assert int(opacity[0, 1]) == pytest.approx(128, abs=5)


def test_thumbnails_are_small() -> None:
    uri = thumbnail.data_uri(low_rank(n=500))
    assert pixels(uri)[1].shape == (64, 64)
    assert len(uri) < 6000
    assert pixels(thumbnail.data_uri(shift(8), limit=2.0))[1].max() in range(123, 133)


def test_what_a_family_leaves_over() -> None:
    own = 2 * shift() + low_rank(1)
    info = replaced.prepare(own, 2 * shift(), np.arange(N), family="convolution", budget=1, enough=False)
    assert info.title == "convolution, 1 offset"
    expected = np.square(low_rank(1)).sum() / np.square(own).sum()
    assert info.left == pytest.approx(expected, rel=1e-4)
    assert info.told == f"{expected:.1%} of the kernel's energy is left over; too little of what the layer does is kept"
    np.testing.assert_allclose(info.residual, low_rank(1), atol=1e-6)
    figure = replaced.draw(info)
    assert [trace.coloraxis for trace in figure.data] == ["coloraxis"] * 3
    assert figure.layout.coloraxis.cmax == pytest.approx(limit_of(own, 2 * shift()))
    assert len(figure.to_json()) < 2**21


def test_words_for_residuals() -> None:
    def told(own: object, other: object, enough: bool | None = None) -> str:
        return replaced.prepare(own, other, family="dense", enough=enough).told

    assert told(shift(), shift(), True) == "nothing is left over; enough of what the layer does is kept"
    assert told(shift(), 0.99 * shift()) == "less than 0.1 % of the kernel's energy is left over"
    assert told(shift(), 3 * shift()) == "more is left over than there was: 4.0 times its energy"
    assert told(0 * shift(), shift()).startswith("more is left over")
    assert told(0 * shift(), 0 * shift()) == "nothing is left over"


@pytest.mark.parametrize(("own", "other"), [(None, None), (shift(), None), (shift(), shift(8))])
def test_kernels_that_do_not_fit_together(own: object, other: object) -> None:
    info = replaced.prepare(own, other, family=UGLY, budget=None)
    assert "<" not in info.title
    assert replaced.draw(info).layout.annotations[0].text == "no replaced kernel is kept"


def test_large_replaced_kernels_stay_within_bounds() -> None:
    info = replaced.prepare(fading(n=600), shift(600), family="recurrence", budget=2)
    assert info.original.shape == (192, 192)
    assert info.remark.startswith("192 of 600")
    assert len(replaced.draw(info).to_json()) < 2**21


class TestKindsOfPoints:
    def test_borders_and_names_stand_between_and_amid_them(self) -> None:
        info = heatmap.prepare(np.eye(9), parts=[["image", 4], ["question", 5]])
        assert info.parts == (("image", 4), ("question", 9))
        drawn = heatmap.draw(info).to_dict()["layout"]
        assert list(drawn["xaxis"]["tickvals"]) == [1.5, 6.0]
        assert list(drawn["yaxis"]["ticktext"]) == ["image", "question"]
        assert [shape.get("x0") for shape in drawn["shapes"]] == [3.5, 0]
        assert [shape.get("y0") for shape in drawn["shapes"]] == [0, 3.5]

    @pytest.mark.parametrize("parts", [None, [], "image", [["image"]], [["image", "4"]], [["image", -1]], {"image": 4}])
    def test_what_is_none_of_that_is_passed_over(self, parts: object) -> None:
        info = heatmap.prepare(np.eye(3), parts=parts)
        assert info.parts == ()
        assert not heatmap.draw(info).to_dict()["layout"].get("shapes")

    def test_names_are_texts(self) -> None:
        drawn = heatmap.draw(heatmap.prepare(np.eye(2), parts=[["<b>a</b>", 1], ["b", 1]])).to_dict()["layout"]
        assert next(iter(drawn["xaxis"]["ticktext"])) == "&lt;b&gt;a&lt;/b&gt;"
