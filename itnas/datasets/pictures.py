"""Photographs as arrays of bytes: decoded whatever they are, and cut out."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Picture = NDArray[np.uint8]  # [height, width, 3]

MOST_PIXELS = 2**27
# The shorter side that a centre crop of 224 pixels is taken from, as is usual.
RESIZED, CROPPED = 256, 224

_opening = threading.Lock()


class CorruptFileError(ValueError):
    """A file that should hold a sample, and holds none."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} is corrupt: {self.reason}"


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


def decode(path: Path, shorter: int) -> Picture:
    """The picture in a file, upright, in RGB, its shorter side scaled to `shorter` pixels.

    JPEG or PNG, whatever the name says; grey, with a palette or in CMYK; turned as its EXIF entry says.
    """
    try:
        with path.open("rb") as file, _opened(file) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels are too many")
            upright = _in_rgb(image)
    # Damaged files end in whatever their format's decoder trips over.
    except Exception as error:
        raise CorruptFileError(path, _reason(error)) from error
    scale = shorter / min(upright.size)
    size = (max(round(upright.width * scale), shorter), max(round(upright.height * scale), shorter))
    if size[0] * size[1] > MOST_PIXELS:
        raise CorruptFileError(path, f"{upright.width} x {upright.height} pixels are too long a strip")
    scaled = upright if size == upright.size else upright.resize(size, Image.Resampling.BILINEAR)
    return np.array(scaled)


def _opened(file: object) -> Image.Image:
    """Pillow warns of odd EXIF entries and of large pictures; the filters of warnings are the whole process's."""
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(file, formats=("JPEG", "PNG", "GIF", "BMP", "WEBP"))  # type: ignore[arg-type]
        image.getexif()
    return image


def _in_rgb(image: Image.Image) -> Image.Image:
    image.load()
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        # Grey in 16 bits, of which Pillow would cut off all above the lowest eight.
        grey = np.asarray(upright, dtype=np.float64)
        upright = Image.fromarray((grey * (255 / max(grey.max(), 65535.0))).astype(np.uint8))
    if upright.mode in ("P", "PA", "LA"):
        upright = upright.convert("RGBA")
    return upright.convert("RGB")


def _reason(error: Exception) -> str:
    # What the system says is told without the path, which the message begins with.
    told = (error.strerror if isinstance(error, OSError) else None) or str(error)
    said = " ".join(told.split()) or type(error).__name__
    return "it is no picture" if said.startswith("cannot identify image file") else said


def cut(picture: Picture, box: Box, size: int) -> Picture:
    """A part of a picture at size x size pixels."""
    edges = (box.left, box.top, box.left + box.width, box.top + box.height)
    found = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR, box=edges)
    return np.array(found)


def centre(picture: Picture) -> Box:
    """The square in the middle: its sides are to the shorter side as 224 to 256."""
    height, width = picture.shape[:2]
    side = max(round(min(height, width) * CROPPED / RESIZED), 1)
    return Box((width - side) // 2, (height - side) // 2, side, side)


def whole(picture: Picture) -> Box:
    """All of it."""
    return Box(0, 0, picture.shape[1], picture.shape[0])


def working_side(size: int) -> int:
    """Shorter side at which pictures are kept, of which views of size x size pixels are cut."""
    return max(RESIZED, -(-size * RESIZED // CROPPED))
