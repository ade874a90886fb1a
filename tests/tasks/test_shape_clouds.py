"""Shape clouds: points lie on their solids, spread by area; clouds are rotated in the test split and only there."""

import numpy as np
import pytest
import torch

from itnas.operator.domain import Cloud
from itnas.tasks.batch import Batch
from itnas.tasks.shape_clouds import SOLIDS, ShapeClouds, rotations, upright

POINTS = 20_000


def surface(name: str) -> np.ndarray:
    """Points before they are centred and scaled."""
    points = SOLIDS[name].surface(np.random.default_rng(1).random((1, POINTS, 3)))
    assert points.shape == (1, POINTS, 3)
    return points[0]


def positions(batch: Batch) -> np.ndarray:
    assert isinstance(batch.domain, Cloud)
    return batch.domain.positions.double().numpy()


def radius(p: np.ndarray) -> np.ndarray:
    return np.hypot(p[:, 0], p[:, 1])


def tetrahedron_planes(p: np.ndarray) -> np.ndarray:
    """Distances above the four faces: each plane is 1/3 from the centre, opposite to its corner."""
    corners = [
        [0, 0, 1],
        *([8**0.5 / 3 * np.cos(a), 8**0.5 / 3 * np.sin(a), -1 / 3] for a in (0, 2.0943951, 4.1887902)),
    ]
    return p @ np.array(corners).T + 1 / 3


# Zero on the surface and nowhere else inside its bounds.
EQUATIONS = {
    "sphere": lambda p: (p**2).sum(1) - 1,
    "cube": lambda p: np.abs(p).max(1) - 1,
    "tetrahedron": lambda p: tetrahedron_planes(p).min(1),
    "cylinder": lambda p: np.maximum(radius(p) - 1, np.abs(p[:, 2]) - 2),
    "cone": lambda p: np.maximum(radius(p) - (1 - p[:, 2] / 2), -p[:, 2]),
    "torus": lambda p: (radius(p) - 1) ** 2 + p[:, 2] ** 2 - 0.4**2,
}

# Parts of the surface, with their share of its area worked out by hand.
PARTS = {
    "sphere": [(lambda p: p[:, 2] > 0.5, 1 / 4), (lambda p: p[:, 0] > 0, 1 / 2), (lambda p: p[:, 1] < -0.8, 1 / 10)],
    "cube": [
        *(
            (lambda p, axis=axis, sign=sign: sign * p[:, axis] > 1 - 1e-9, 1 / 6)
            for axis in range(3)
            for sign in (1, -1)
        ),
        (lambda p: (p[:, 2] > 1 - 1e-9) & (p[:, 0] > p[:, 1]), 1 / 12),
        (lambda p: np.abs(p).min(1) > 0.5, 1 / 4),
        (lambda p: np.sort(np.abs(p), 1)[:, 1] < 0.5, 1 / 4),
    ],
    "tetrahedron": [
        *((lambda p, face=face: tetrahedron_planes(p)[:, face] < 1e-6, 1 / 4) for face in range(4)),
        # The upper half in height of three faces is a triangle of a quarter of their area.
        (lambda p: p[:, 2] > 1 / 3, 3 / 16),
    ],
    "cylinder": [
        (lambda p: p[:, 2] > 2 - 1e-9, 1 / 10),
        (lambda p: p[:, 2] < -2 + 1e-9, 1 / 10),
        (lambda p: np.abs(p[:, 2]) < 1, 4 / 10),
        (lambda p: radius(p) < 0.5, 2 / 10 / 4),
        (lambda p: p[:, 0] > 0, 1 / 2),
    ],
    "cone": [
        (lambda p: p[:, 2] < 1e-9, 1 / (1 + 5**0.5)),
        (lambda p: p[:, 2] > 1, 5**0.5 / (1 + 5**0.5) / 4),
        (lambda p: (p[:, 2] < 1e-9) & (radius(p) < 0.5), 1 / (1 + 5**0.5) / 4),
        (lambda p: p[:, 1] > 0, 1 / 2),
    ],
    # Outside radius 1, the tube angle v runs over a half circle: (pi + 2 * 0.4) / (2 pi) of the area.
    "torus": [
        (lambda p: radius(p) > 1, (np.pi + 0.8) / (2 * np.pi)),
        (lambda p: p[:, 2] > 0, 1 / 2),
        (lambda p: p[:, 0] > 0, 1 / 2),
        (lambda p: np.abs(p[:, 2]) < 0.2, 1 / 3),
    ],
}


@pytest.mark.parametrize("name", SOLIDS)
def test_points_lie_on_the_surface(name: str) -> None:
    assert np.abs(EQUATIONS[name](surface(name))).max() < 1e-7


@pytest.mark.parametrize("name", SOLIDS)
def test_points_are_spread_by_area(name: str) -> None:
    # Binomial shares at five standard deviations: one false alarm in 60,000 over all parts.
    points = surface(name)
    for inside, share in PARTS[name]:
        assert abs(inside(points).mean() - share) < 5 * (share * (1 - share) / POINTS) ** 0.5


@pytest.mark.parametrize("label", range(len(SOLIDS)))
def test_solids_are_centred_and_of_one_size(label: int) -> None:
    points = upright(np.array([label]), np.random.default_rng(2).random((1, POINTS, 3)))[0]
    # Coordinates and squares have a standard deviation below 1: five of them in 20,000 points are 0.035.
    assert np.abs(points.mean(0)).max() < 0.035
    assert (points**2).sum(1).mean() == pytest.approx(1, abs=0.035)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_classes_are_balanced(split: str) -> None:
    counts = np.bincount(ShapeClouds().batch(split, size=3000, length=5).targets.numpy(), minlength=len(SOLIDS))
    share = 1 / len(SOLIDS)
    assert np.abs(counts - 3000 * share).max() < 5 * (3000 * share * (1 - share)) ** 0.5


def tallest_axis(split: str) -> np.ndarray:
    """Of every cylinder of a batch, how upright its longest axis stands: |cos| of the angle to z."""
    batch = ShapeClouds().batch(split, size=600, length=200)
    points = positions(batch)[batch.targets.numpy() == list(SOLIDS).index("cylinder")]
    centred = points - points.mean(1, keepdims=True)
    return np.abs(np.linalg.eigh(np.einsum("bni,bnj->bij", centred, centred))[1][:, 2, -1])


@pytest.mark.parametrize("split", ["train", "validation"])
def test_clouds_of_training_and_validation_stand_upright(split: str) -> None:
    assert tallest_axis(split).min() > 0.95


def test_clouds_of_the_test_split_point_anywhere() -> None:
    # |cos| to a fixed axis is uniform on (0, 1): mean 1/2, standard deviation 12^-0.5; five of them.
    upness = tallest_axis("test")
    assert upness.mean() == pytest.approx(0.5, abs=5 / (12 * len(upness)) ** 0.5)
    assert (upness < 0.2).mean() == pytest.approx(0.2, abs=5 * (0.16 / len(upness)) ** 0.5)


def test_the_test_rotation_keeps_distances_and_labels() -> None:
    task = ShapeClouds()
    rotated, plain = task.batch("test", step=3), super(ShapeClouds, task).batch("test", step=3)
    for step in range(2):
        other = task.batch("test", step=3 + step)
        assert torch.equal(other.targets, rotated.targets) == (step == 0)
    assert torch.equal(rotated.targets, plain.targets)
    before, after = (torch.from_numpy(positions(batch)) for batch in (plain, rotated))
    assert (before - after).abs().amax((1, 2)).min() > 1e-3
    torch.testing.assert_close(torch.cdist(after, after), torch.cdist(before, before), atol=1e-5, rtol=0)


def test_rotations_are_proper_and_uniform() -> None:
    matrices = rotations(np.random.default_rng(3), 20_000)
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), matrices.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1)
    # Every entry is uniform on (-1, 1), and their products average out: E[R_ij R_kl] = [i = k][j = l] / 3.
    flat = matrices.reshape(-1, 9)
    assert np.abs(flat.mean(0)).max() < 5 * (1 / 3 / 20_000) ** 0.5
    np.testing.assert_allclose(flat.T @ flat / 20_000, np.eye(9) / 3, atol=5 * (1 / 5 / 20_000) ** 0.5)


def test_clouds_turn_about_the_z_axis_in_training() -> None:
    # Corners of the cube at angle a: cos(4 a) of its points averages to a fixed number times cos(4 turn).
    batch = ShapeClouds(noise=0.0).batch(size=2000, length=100)
    points = positions(batch)[batch.targets.numpy() == list(SOLIDS).index("cube")]
    points -= points.mean(1, keepdims=True)
    plane = points[..., 0] + 1j * points[..., 1]
    turns = np.angle((plane**4).mean(1))
    resultant = np.abs(np.exp(1j * turns).mean())
    assert resultant < 4 / len(turns) ** 0.5  # Rayleigh: exp(-16) by chance


def test_noise_leaves_the_surface_by_as_much_as_it_says() -> None:
    # Spheres again: after fitting centre and radius by least squares what is left is the jitter along the radius.
    batch = ShapeClouds(noise=0.05).batch(size=300, length=400)
    points = positions(batch)[batch.targets.numpy() == 0]
    left = []
    for cloud in points:
        system = np.column_stack([2 * cloud, np.ones(len(cloud))])
        *centre, rest = np.linalg.lstsq(system, (cloud**2).sum(1), rcond=None)[0]
        size = (rest + np.square(centre).sum()) ** 0.5
        left.append((np.linalg.norm(cloud - centre, axis=1) - size).std())
        assert 0.88 < size < 1.12
        assert np.abs(centre).max() < 0.6
    assert np.mean(left) == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("split", ["train", "test"])
def test_inputs_are_ones_and_coordinates_where_asked_for(split: str) -> None:
    bare, full = ShapeClouds(coordinates=False).batch(split), ShapeClouds(coordinates=True).batch(split)
    assert torch.equal(bare.inputs, torch.ones(32, 64, 1))
    assert torch.equal(full.inputs[..., :1], bare.inputs)
    assert isinstance(full.domain, Cloud)
    assert torch.equal(full.inputs[..., 1:], full.domain.positions)
    assert full.domain.weights is not None
    assert float(full.domain.weights.sum()) == pytest.approx(1)


def test_splits_share_no_cloud_and_finite_sets_repeat_theirs() -> None:
    task = ShapeClouds(examples=64)
    epochs = [np.concatenate([positions(task.batch(step=2 * epoch + half)) for half in (0, 1)]) for epoch in (0, 1)]
    first, second = (np.sort(epoch.reshape(64, -1)[:, 0]) for epoch in epochs)
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 64


def test_batches_are_there_at_all_lengths_and_are_the_same_again() -> None:
    assert ShapeClouds().lengths == (32, 64, 128)
    for split in ("train", "validation", "test"):
        for length in ShapeClouds().lengths:
            first, again = (ShapeClouds().batch(split, seed=4, step=2, length=length) for _ in range(2))
            assert positions(first).shape == (32, length, 3)
            np.testing.assert_array_equal(positions(first), positions(again))


def test_negative_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="noise must be a number from 0 up, got noise=-1"):
        ShapeClouds(noise=-1.0)
