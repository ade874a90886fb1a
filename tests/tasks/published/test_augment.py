"""What augmentation may do and may not do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from itnas.tasks import Batch
from itnas.tasks.published.augment import Mates, flipped, jittered, random_boxes, smoothed, turned
from itnas.tasks.published.patches import DEVIATION, MEAN, patches


@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, 2**20))
def test_crops_stay_within_the_picture(height: int, width: int, seed: int) -> None:
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    for box in random_boxes(np.random.default_rng(seed), [picture] * 5):
        assert box.width >= 1
        assert box.height >= 1
        assert 0 <= box.left <= box.left + box.width <= width
        assert 0 <= box.top <= box.top + box.height <= height


def test_crops_have_the_areas_and_shapes_they_should() -> None:
    picture = np.zeros((256, 340, 3), dtype=np.uint8)
    boxes = random_boxes(np.random.default_rng(0), [picture] * 2000)
    areas = np.array([box.width * box.height for box in boxes]) / picture[..., 0].size
    shapes = np.array([box.width / box.height for box in boxes])
    assert areas.min() > 0.075
    assert 0.4 < areas.mean() < 0.55
    assert shapes.min() > 0.74
    assert shapes.max() < 1.36
    assert np.median(shapes) == pytest.approx(1.0, abs=0.1)
    assert {box.left + box.width for box in boxes} >= {340}


def test_a_picture_flipped_twice_is_itself() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    chosen = np.array([True, False, True, True])
    once = flipped(pictures, chosen)
    assert np.array_equal(once[1], pictures[1])
    assert np.array_equal(once[0, :, 0], pictures[0, :, -1])
    assert np.array_equal(flipped(once, chosen), pictures)


@given(st.integers(1, 30), st.floats(0.05, 5), st.integers(0, 2**20))
def test_shares_of_mixed_targets_add_up_to_one(size: int, alpha: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = torch.from_numpy(rng.normal(size=(size, 3, 2)).astype(np.float32))
    targets = smoothed(torch.from_numpy(rng.integers(0, 7, size)), 7, 0.1)
    every = np.arange(size)
    made = Mates.drawn(rng, size, alpha).blended(Batch(inputs, targets), every, every)
    blended, shares = made.inputs, made.targets
    assert shares.sum(-1).numpy() == pytest.approx(np.ones(size), abs=1e-5)
    assert float(shares.min()) >= 0
    assert float(blended.abs().max()) <= float(inputs.abs().max()) * (1 + 1e-5)


def test_inputs_and_targets_are_mixed_alike() -> None:
    """Each sample's input tells its share, so the target must tell the same."""
    targets = torch.eye(6)
    every = np.arange(6)
    made = Mates.drawn(np.random.default_rng(1), 6, 1.0).blended(Batch(targets.clone(), targets), every, every)
    blended, shares = made.inputs, made.targets
    assert torch.equal(blended, shares)
    assert not torch.equal(shares, targets)


def test_smoothing_leaves_the_class_on_top() -> None:
    shares = smoothed(torch.tensor([2, 0]), 4, 0.2)
    assert shares.flatten().tolist() == pytest.approx([0.05, 0.05, 0.85, 0.05, 0.85, 0.05, 0.05, 0.05])


@pytest.mark.parametrize("kind", ["z", "so3"])
def test_rotations_keep_lengths_and_angles(kind: str) -> None:
    rng = np.random.default_rng(0)
    points, normals = rng.normal(size=(2, 5, 20, 3))
    rotated, turned_too = turned(rng, kind, [points, normals])
    assert np.allclose(rotated @ np.moveaxis(rotated, 1, 2), points @ np.moveaxis(points, 1, 2))
    assert np.allclose((rotated * turned_too).sum(-1), (points * normals).sum(-1))
    assert not np.allclose(rotated[..., :2], points[..., :2])
    assert np.allclose(rotated[..., 2], points[..., 2]) == (kind == "z")


def test_no_rotation_is_none() -> None:
    points = np.ones((2, 3, 3))
    assert turned(np.random.default_rng(0), "none", [points])[0] is points


def test_jitter_is_bounded() -> None:
    moved = jittered(np.random.default_rng(0), np.zeros((50, 400, 3)), 0.02)
    assert moved.std() == pytest.approx(0.02, rel=0.02)
    assert np.abs(moved).max() <= 0.1


def test_patches_are_in_the_order_that_is_documented() -> None:
    """Rows of patches; within a patch row, column, colour."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3), dtype=np.uint8)
    found = patches(pictures, 4)
    assert found.shape == (2, 9, 48)
    for row, column, down, across, colour in ((0, 0, 0, 0, 0), (1, 2, 3, 1, 2), (2, 0, 0, 3, 1)):
        value = pictures[1, 4 * row + down, 4 * column + across, colour] / 255
        expected = (value - MEAN[colour]) / DEVIATION[colour]
        assert float(found[1, 3 * row + column, 12 * down + 3 * across + colour]) == pytest.approx(expected, abs=1e-5)
