"""Textured shapes: a plain painter paints the same pictures, and shapes are where their split wants them."""

import math

import numpy as np
import pytest
import torch

from itnas.operator.domain import Grid
from itnas.tasks import find
from itnas.tasks.stream import splits_of
from itnas.tasks.textured_shapes import SHAPES, TEXTURES, TexturedShapes, paint

SKETCH = TexturedShapes().sketch(np.random.default_rng(5), 400, 64)


def covered(shape: str, u: float, v: float) -> bool:
    """Whether a shape around 0 and of radius 1 covers the point u to the right and v down."""
    if shape == "disc":
        return math.hypot(u, v) < 0.9**0.5
    if shape == "triangle":
        # On the inner side of its three edges: corners at the top, at the bottom left and at the bottom right.
        corners = [(0.0, -1.0), (1.75 / 1.7, 0.75), (-1.75 / 1.7, 0.75)]
        turns = [
            (bx - ax) * (v - ay) - (by - ay) * (u - ax)
            for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
        ]
        return min(turns) > 0
    return (abs(u) < 1 and abs(v) < 0.4) or (abs(v) < 1 and abs(u) < 0.4)


def pixel(number: int, row: int, column: int) -> np.ndarray:
    """The colour of one pixel of one picture of the sketch, worked out by itself."""
    one = {name: part[number] for name, part in SKETCH.items()}
    shape, texture = list(SHAPES)[one["class"] // 2], TEXTURES[one["class"] % 2]
    x, y = column + 0.5 - one["centre"][0], row + 0.5 - one["centre"][1]
    if covered(shape, x / one["radius"], y / one["radius"]):
        angle, phase = one["stripes"]
        dark = (
            texture == "striped" and math.sin(math.pi / 2 * (math.cos(angle) * x + math.sin(angle) * y) + 2 * phase) > 0
        )
        return one["colour"] * (0.3 if dark else 1)
    return one["ground"] * (1 + 0.5 * math.sin(one["waves"] @ [x, y]))


def test_a_plain_painter_paints_the_same() -> None:
    images = paint(SKETCH, 32)
    rng = np.random.default_rng(0)
    places = list(zip(rng.integers(400, size=3000), *rng.integers(32, size=(2, 3000)), strict=True))
    off = [np.abs(images[place] - pixel(*place)).max() > 1e-4 for place in places]
    assert np.mean(off) < 0.003  # pixels on an edge, to rounding


def test_patches_are_cut_row_by_row_and_noisy() -> None:
    batch = TexturedShapes().batch(size=200)
    assert isinstance(batch.domain, Grid)
    assert batch.domain.shape == (8, 8)
    sketch = {name: part[:200] for name, part in SKETCH.items()}
    images = paint(sketch, 32)
    points = TexturedShapes().paint(np.random.default_rng(0), sketch, 64).inputs.numpy()
    noise = np.stack(
        [
            points[:, 8 * row + column].reshape(200, 4, 4, 3)
            - images[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            for row in range(8)
            for column in range(8)
        ]
    )
    assert noise.std() == pytest.approx(0.1, rel=0.01)
    assert abs(noise.mean()) < 5 * 0.1 / noise.size**0.5


def test_classes_are_balanced() -> None:
    counts = np.bincount(TexturedShapes().sketch(np.random.default_rng(1), 12_000, 64)["class"], minlength=6)
    assert np.abs(counts - 2000).max() < 4 * (12_000 * 5 / 36) ** 0.5


def shown(task: TexturedShapes, split: str) -> np.ndarray:
    """Where the shapes of a batch are, in pixels from the left: the mean place of the brightest pixels."""
    inputs = task.batch(split, size=200).inputs.numpy()
    images = inputs.reshape(200, 8, 8, 4, 4, 3).transpose(0, 1, 3, 2, 4, 5).reshape(200, 32, 32, 3)
    bright = np.maximum(images.max(-1) - 0.55, 0)
    return (bright.sum(1) * (np.arange(32) + 0.5)).sum(1) / bright.sum((1, 2))


def test_shapes_are_in_the_left_half_until_the_test_where_asked_for() -> None:
    for split, low, high in (("train", 8, 14), ("validation", 8, 14), ("test", 18, 24)):
        places = shown(TexturedShapes(shifted=True), split)
        assert low - 1 < np.quantile(places, 0.03) < low + 1.5
        assert high - 1.5 < np.quantile(places, 0.97) < high + 1
    for split in ("train", "test"):
        places = shown(TexturedShapes(), split)
        assert np.quantile(places, 0.05) < 9
        assert np.quantile(places, 0.95) > 23


def test_the_split_of_a_sample_follows_from_its_sketch() -> None:
    task, drawn = TexturedShapes(), []

    class Watched(TexturedShapes):
        def arranged(self, split: str, sketch: dict[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
            rows = np.concatenate([part.reshape(len(part), -1).astype(float) for part in sketch.values()], 1)
            drawn.append((split, splits_of(rows)))
            return sketch

    for split in ("train", "validation", "test"):
        batch = Watched().batch(split, size=100)
        assert torch.equal(batch.inputs, task.batch(split, size=100).inputs)
    for number, (split, found) in enumerate(drawn):
        assert split == ("train", "validation", "test")[number]
        assert (found == number).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("length=50", "pictures are square, got length=50, which is not square"),
        ("length=9", "a sample has at least 16 points with these settings, got length=9"),
        ("shifted=true,length=25", "a sample has at least 36 points with these settings, got length=25"),
        ("shifted=perhaps", "textured-shapes: shifted"),
    ],
)
def test_settings_that_name_no_pictures_are_refused(settings: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        find(f"textured-shapes/{settings}")
