"""ModelNet40 as a task: points, normals, rotations, and what is kept of a mesh."""

from pathlib import Path

import numpy as np
import pytest
import torch

from itnas.datasets.modelnet import CLASSES
from itnas.tasks import Batch, find
from itnas.tasks.published.modelnet import DRAWN, drawn
from tests.tasks.published.miniatures import mesh, write


def positions(batch: Batch) -> torch.Tensor:
    return batch.domain.positions


def distances(points: torch.Tensor) -> torch.Tensor:
    return torch.cdist(points.double(), points.double())


def test_splits_are_those_that_are_documented(data: Path) -> None:
    task = find("modelnet40")
    train, validation = set(task.rows("train")), set(task.rows("validation"))
    assert not train & validation
    assert len(train) + len(validation) == 3 * len(CLASSES)
    assert sorted(task.batch("test", size=40).targets.tolist()) == list(range(40))


def test_points_lie_in_the_unit_sphere_and_weigh_the_same(data: Path) -> None:
    batch = find("modelnet40/length=500,normals=true").batch("test", size=4)
    norms = positions(batch).norm(dim=-1)
    assert float(norms.max()) <= 1 + 1e-5
    assert float(norms.max(1).values.min()) > 0.7
    assert batch.domain.weights.tolist() == pytest.approx([1 / 500] * 500)
    assert batch.inputs.shape == (4, 500, 7)
    assert torch.equal(batch.inputs[..., 0], torch.ones(4, 500))
    assert torch.equal(batch.inputs[..., 1:4], positions(batch))
    assert torch.allclose(batch.inputs[..., 4:].norm(dim=-1), torch.ones(4, 500), atol=1e-5)


def test_channels_are_chosen(data: Path) -> None:
    assert find("modelnet40/length=9,coordinates=false").batch(size=2).inputs.shape == (2, 9, 1)
    assert find("modelnet40/length=9,coordinates=false,normals=true").batch(size=2).inputs.shape == (2, 9, 4)


@pytest.mark.parametrize("rotation", ["none", "z", "so3"])
def test_test_clouds_are_rotated_as_asked(data: Path, rotation: str) -> None:
    still = find("modelnet40/length=30,rotate_test=none").batch("test", size=8)
    batch = find(f"modelnet40/length=30,rotate_test={rotation}").batch("test", size=8)
    one, other = positions(still), positions(batch)
    assert torch.allclose(distances(one), distances(other), atol=1e-5)
    assert torch.allclose(one[..., 2], other[..., 2], atol=1e-6) == (rotation != "so3")
    assert torch.allclose(one, other, atol=1e-6) == (rotation == "none")
    same = find("modelnet40/length=30,rotate_test=none,rotate=so3").batch("test", size=8)
    assert torch.equal(positions(same), one)


def test_training_takes_other_points_each_epoch_and_jitters(data: Path) -> None:
    task = find("modelnet40/length=16,rotate=none,jitter=0,examples=1,batch_size=1")
    first, second = positions(task.batch(step=0))[0], positions(task.batch(step=1))[0]
    assert not torch.isclose(first[:, None], second[None]).all(-1).all()
    row = int(task._rows("train")[0])
    surface = torch.from_numpy(task.load("train", row).points[:, :3])
    nearest = torch.cdist(first.double(), surface.double()).min(1).values
    assert float(nearest.max()) < 1e-6
    shaken = positions(find("modelnet40/length=16,rotate=none,jitter=0.02,examples=1,batch_size=1").batch())[0]
    assert 0 < float((torch.cdist(shaken.double(), surface.double()).min(1).values).max()) < 0.11


def test_fewer_points_are_among_more_outside_of_training(data: Path) -> None:
    task = find("modelnet40/rotate=none")
    few, many = (positions(task.batch("validation", size=3, length=length)) for length in (20, 400))
    assert torch.equal(few, many[:, :20])


def test_a_mesh_is_drawn_from_by_area_and_once(tmp_path: Path) -> None:
    """A square of two triangles, one of them four times as large: its share of the points is that of its area."""
    flat = "OFF\n6 2 0\n0 0 0\n2 0 0\n0 2 0\n5 0 0\n6 0 0\n5 1 0\n3 0 1 2\n3 3 4 5\n"
    points = drawn(write(tmp_path / "flat_0001.off", flat))
    assert points.shape == (DRAWN, 6)
    assert points.dtype == np.float32
    assert np.allclose(np.abs(points[:, 3:]), [0, 0, 1])
    left = points[:, 0] < np.median([points[:, 0].min(), points[:, 0].max()])
    assert left.mean() == pytest.approx(0.8, abs=0.03)
    assert np.array_equal(points, drawn(tmp_path / "flat_0001.off"))
    other = drawn(write(tmp_path / "flat_0002.off", flat))
    assert not np.array_equal(points, other)


def test_headers_without_a_line_end_are_read(tmp_path: Path) -> None:
    one, other = (
        drawn(write(tmp_path / name / "a_0001.off", mesh(5, head))) for name, head in (("x", "OFF"), ("y", "OFF\n"))
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("length=5000", "4096 points are drawn from each mesh, got length=5000"),
        ("rotate=y", "rotate must be|unknown task modelnet40: rotate 'y'"),
        ("jitter=-1", "jitter must be a number from 0 up, got jitter=-1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find(f"modelnet40/{settings}")
