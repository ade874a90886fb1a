"""ModelNet40's tree, in miniature: every class, one or two meshes each."""

from pathlib import Path

import numpy as np
import pytest

from itnas.datasets.modelnet import CLASSES, entries
from itnas.datasets.off import read_mesh, sample

TRIANGLE = "OFF3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """As the archive unpacks, with what a Mac leaves in it."""
    for name in CLASSES:
        for split, number in (("train", 1), ("train", 2), ("test", 627)):
            path = tmp_path / "ModelNet40" / name / split / f"{name}_{number:04}.off"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(TRIANGLE)
        (path.parent / f"._{path.name}").write_text("")
        (path.parent / ".DS_Store").write_text("")
    (tmp_path / "__MACOSX").mkdir()
    return tmp_path


def test_classes_are_the_forty_in_order() -> None:
    assert len(CLASSES) == 40
    assert list(CLASSES) == sorted(set(CLASSES))
    assert (CLASSES[0], CLASSES[8], CLASSES[39]) == ("airplane", "chair", "xbox")


def test_meshes_come_by_class_and_name(tree: Path) -> None:
    train, test = entries(tree, "train"), entries(tree / "ModelNet40", "test")
    assert [label for _, label in train] == [label for label in range(40) for _ in range(2)]
    assert [path.name for path, _ in train[:3]] == ["airplane_0001.off", "airplane_0002.off", "bathtub_0001.off"]
    assert [path.name for path, _ in test] == [f"{name}_0627.off" for name in CLASSES]
    points, _ = sample(read_mesh(test[0][0]), 8, np.random.default_rng(0))
    assert points.shape == (8, 3)


def test_what_is_missing_is_said_once(tree: Path, tmp_path: Path) -> None:
    for name in CLASSES[30:35]:
        (tree / "ModelNet40" / name / "test" / f"{name}_0627.off").unlink()
    sofa = "sofa/test, stairs/test, stool/test and 2 more"
    with pytest.raises(ValueError, match=sofa):
        entries(tree, "test")
    assert len(entries(tree, "train")) == 80
    with pytest.raises(ValueError, match=r"airplane/train, .* and 37 more: unpack ModelNet40.zip"):
        entries(tmp_path / "nowhere", "train")
    with pytest.raises(ValueError, match="no split 'val': choose train or test"):
        entries(tree, "val")
