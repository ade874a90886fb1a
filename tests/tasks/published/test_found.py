"""A set that is found can be read: what is there in name only is told of before anything is trained."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from itnas.datasets.location import lacking
from tests.tasks.published.miniatures import write_glue, write_imagenet, write_nlvr2, write_vqa


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def archives(root: Path) -> None:
    """As ILSVRC2012_img_train.tar unpacks: an archive for each class."""
    train = root / "imagenet-1k/train"
    names = [each.name for each in train.iterdir()]
    emptied(train)
    for name in names:
        (train / f"{name}.tar").touch()


def raw_mrpc(root: Path) -> None:
    """As MRPC is published, without GLUE's list of who is in which split."""
    mrpc = root / "glue/MRPC"
    (mrpc / "train.tsv").rename(mrpc / "msr_paraphrase_train.txt")
    (mrpc / "dev.tsv").unlink()


@pytest.mark.parametrize(
    ("write", "damage", "name", "told"),
    [
        (write_imagenet, archives, "imagenet-1k", "lacks the folders of classes in train"),
        (write_glue, raw_mrpc, "glue/mrpc", "lacks MRPC/dev_ids.tsv:"),
        (write_nlvr2, lambda root: emptied(root / "nlvr2/images/dev"), "nlvr2", "lacks images/dev:"),
        (write_vqa, lambda root: emptied(root / "vqa-v2/train2014"), "vqa-v2", "lacks train2014:"),
    ],
)
def test_what_cannot_be_read_is_not_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], object],
    damage: Callable[[Path], None],
    name: str,
    told: str,
) -> None:
    monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
    write(tmp_path)
    assert lacking(name) is None
    damage(tmp_path)
    assert told in str(lacking(name))
