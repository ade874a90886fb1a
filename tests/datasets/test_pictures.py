"""Photographs as they come: every sort of file is upright RGB in the end, and what is none is called corrupt."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from itnas.datasets.pictures import Box, CorruptFileError, centre, cut, decode, whole, working_side
from tests.tasks.published.miniatures import encoded, odd_pictures, picture, write


@pytest.mark.parametrize("kind", list(odd_pictures()))
def test_every_sort_of_picture_is_decoded(tmp_path: Path, kind: str) -> None:
    """The same colours as those of the plain picture, but for what a format loses."""
    found = decode(write(tmp_path / "one.JPEG", odd_pictures()[kind]), 30)
    assert found.dtype == np.uint8
    assert found.shape == ((40, 30, 3) if kind == "turned" else (30, 40, 3))
    number = list(odd_pictures()).index(kind) + 1
    plain = picture(number)
    if kind == "turned":
        plain = plain.transpose(Image.Transpose.ROTATE_270)
    elif kind == "grey":
        plain = plain.convert("L").convert("RGB")
    if kind != "sixteen bits":
        most = {"palette": 60, "png named jpeg": 0, "transparent": 0}.get(kind, 45)
        assert np.abs(found.astype(int) - np.asarray(plain)).max() <= most


def test_sixteen_bits_keep_their_contrast(tmp_path: Path) -> None:
    found = decode(write(tmp_path / "one.png", odd_pictures()["sixteen bits"]), 30)
    assert found[0, 0, 0] == 0
    assert found[-1, -1, 0] == pytest.approx(1199 * 50 / 257, abs=1)
    assert np.diff(found[:, 0, 0].astype(int)).min() >= 6


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is no picture"),
        (b"no image at all", "it is no picture"),
        (b"<!DOCTYPE html><html>Not found</html>", "it is no picture"),
        (encoded(picture(1, 400, 300))[:3000], "truncated"),
        (encoded(picture(1), "PNG")[:400], r"."),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, r"."),
    ],
    ids=["empty", "text", "web page", "half a jpeg", "half a png", "only a beginning"],
)
def test_what_is_no_picture_is_corrupt(tmp_path: Path, content: bytes, words: str) -> None:
    path = write(tmp_path / "odd.JPEG", content)
    with pytest.raises(CorruptFileError, match=words) as raised:
        decode(path, 30)
    assert raised.value.path == path
    assert str(raised.value).startswith(f"{path} is corrupt: ")
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_corrupt_too(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="No such file"):
        decode(tmp_path / "gone.JPEG", 30)


def test_odd_exif_entries_do_no_harm(tmp_path: Path) -> None:
    """Some of ImageNet's are broken, of which Pillow warns; warnings are errors here."""
    plain = encoded(picture(1))
    broken = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\xff\xff\xff\xff\xff"
    segment = b"\xff\xe1" + (len(broken) + 2).to_bytes(2, "big") + broken
    found = decode(write(tmp_path / "one.JPEG", plain[:2] + segment + plain[2:]), 30)
    assert np.array_equal(found, decode(write(tmp_path / "two.JPEG", plain), 30))


@pytest.mark.parametrize(("width", "height"), [(40, 30), (30, 40), (31, 31), (500, 7), (1, 1)])
def test_the_shorter_side_is_scaled(tmp_path: Path, width: int, height: int) -> None:
    found = decode(write(tmp_path / "one.png", encoded(picture(1, width, height), "PNG")), 20)
    assert min(found.shape[:2]) == 20
    assert max(found.shape[:2]) == pytest.approx(20 * max(width, height) / min(width, height), abs=1)


def test_boxes_are_parts_of_the_picture() -> None:
    ramp = np.arange(256, dtype=np.uint8)[:, None, None] * np.ones((1, 300, 3), dtype=np.uint8)
    box = centre(ramp)
    assert (box.width, box.height, box.left, box.top) == (224, 224, 38, 16)
    assert np.array_equal(cut(ramp, box, 224), ramp[16:240, 38:262])
    assert np.array_equal(cut(ramp, Box(0, 10, 4, 4), 4), ramp[10:14, :4])
    assert (whole(ramp).width, whole(ramp).height) == (300, 256)
    assert [working_side(size) for size in (32, 224, 225, 448)] == [256, 256, 258, 512]


def test_a_strip_that_would_fill_the_memory_is_corrupt(tmp_path: Path) -> None:
    """A pixel high and 60,000 wide: at 256 pixels of height it would take 12 gigabytes."""
    path = tmp_path / "strip.png"
    Image.new("RGB", (60_000, 1)).save(path)
    with pytest.raises(CorruptFileError, match="60000 x 1 pixels are too long a strip"):
        decode(path, 256)


def test_what_the_system_says_comes_without_the_path_again(tmp_path: Path) -> None:
    path = tmp_path / "gone.png"
    with pytest.raises(CorruptFileError) as raised:
        decode(path, 256)
    assert str(raised.value) == f"{path} is corrupt: No such file or directory"
