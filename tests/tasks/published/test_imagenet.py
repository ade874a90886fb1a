"""ImageNet-1K as a task: labels, sizes, views and augmentation."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from itnas.datasets.pictures import centre, decode
from itnas.operator import Grid
from itnas.tasks import find
from itnas.tasks.published.imagenet import ImageNet
from itnas.tasks.published.patches import cut_out, patches
from tests.datasets.test_imagenet import LABELS, SYNSETS
from tests.tasks.published.miniatures import SMALL

PLAIN = f"{SMALL['imagenet-1k']},crop=false,flip=false"


def test_splits_are_those_that_are_documented(data: Path) -> None:
    task = find("imagenet-1k")
    train, validation = set(task.rows("train")), set(task.rows("validation"))
    assert not train & validation
    assert len(train) + len(validation) == 1000
    assert 8 < len(validation) < 40
    assert task.split_size("test") == 40
    assert task.batch("test", size=40).targets.unique().tolist() == [7 * number for number in range(40)]


def test_a_point_is_a_patch_of_the_middle_of_the_picture(data: Path) -> None:
    task = find(SMALL["imagenet-1k"])
    row = task.rows("validation")[0]
    synset = SYNSETS[row]
    picture = decode(data / "imagenet-1k/train" / synset / f"{synset}_{row}.JPEG", 256)
    sample = task.load("validation", int(row))
    assert sample.label == LABELS[synset]
    assert np.array_equal(sample.picture, picture)
    batch = task.assemble([sample], "validation", np.random.default_rng(0), 16)
    assert torch.equal(batch.inputs, patches(cut_out([picture], [centre(picture)], 32), 8))
    assert batch.inputs.shape == (1, 16, 192)
    assert isinstance(batch.domain, Grid)
    assert batch.domain.shape == (4, 4)
    assert -2.2 < float(batch.inputs.min()) < float(batch.inputs.max()) < 2.7


def test_size_and_length_are_two_names_of_one_thing(data: Path) -> None:
    assert find("imagenet-1k/size=112") == find("imagenet-1k/length=49") == ImageNet(length=49)
    assert find("imagenet-1k/size=112").label == "imagenet-1k/length=49"
    assert find("imagenet-1k").length == 196
    assert find("imagenet-1k/patch=32,size=224").length == 49
    batch = find("imagenet-1k/patch=4").batch("test", size=2, length=49)
    assert batch.inputs.shape == (2, 49, 48)
    assert find("imagenet-1k").lengths == (49, 196)
    assert find("imagenet-1k").channels == 768


def test_training_alone_is_augmented(data: Path) -> None:
    augmented, plain = find(SMALL["imagenet-1k"]), find(PLAIN)
    for split in ("validation", "test"):
        assert torch.equal(augmented.batch(split, size=6).inputs, plain.batch(split, size=6).inputs)
    one, other = augmented.batch(size=6), plain.batch(size=6)
    assert torch.equal(one.targets, other.targets)
    assert not torch.equal(one.inputs, other.inputs)
    # In the next epoch the same images look different, in plain ones the same.
    for task, alike in ((augmented, False), (plain, True)):
        few = dataclasses.replace(task, examples=40)
        whole = [few.batch(size=40, step=step) for step in (0, 1)]
        first, second = ({int(label): row for row, label in enumerate(batch.targets)} for batch in whole)
        assert first.keys() == second.keys()
        pairs = [(whole[0].inputs[first[label]], whole[1].inputs[second[label]]) for label in first]
        assert all(torch.equal(*pair) == alike for pair in pairs)


def test_half_of_the_pictures_are_mirrored(data: Path) -> None:
    plain, mirrored = (find(f"{SMALL['imagenet-1k']},crop=false,flip={flip}").batch(size=60) for flip in ("no", "yes"))
    image = plain.inputs.view(60, 4, 4, 8, 8, 3)
    turned_over = image.flip(2, 4).view(60, 16, 192)
    kept = (mirrored.inputs == plain.inputs).flatten(1).all(1)
    assert bool((kept | (mirrored.inputs == turned_over).flatten(1).all(1)).all())
    assert 15 < int(kept.sum()) < 45


def test_mixup_and_smoothing_give_shares(data: Path) -> None:
    task = find(f"{PLAIN},mixup=0.4,smoothing=0.1")
    batch = task.batch(size=8)
    assert batch.targets.shape == (8, 1000)
    assert batch.targets.dtype == torch.float32
    assert torch.allclose(batch.targets.sum(-1), torch.ones(8), atol=1e-5)
    assert int((batch.targets > 1e-3).sum(-1).max()) == 2
    assert float(batch.targets.min()) >= 0.1 / 1000 * 0.99
    assert not batch.targets.isnan().any()
    assert task.batch("validation", size=4).targets.dtype == torch.int64
    smooth = find(f"{PLAIN},smoothing=0.1").batch(size=8)
    assert float(smooth.targets.max()) == pytest.approx(0.9001)
    assert torch.equal(smooth.inputs, find(PLAIN).batch(size=8).inputs)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("length=50", "a picture of 50 patches is not square: ask for 49 or 64"),
        ("size=100", "size must be a multiple of patch, got size=100 and patch=16"),
        ("size=0", "size must be a multiple of patch, got size=0"),
        ("patch=0", "patch must be at least 1, got patch=0"),
        ("mixup=-1", "mixup must be a number from 0 up, got mixup=-1.0"),
        ("smoothing=1", "0 <= smoothing < 1 must hold, got smoothing=1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find(f"imagenet-1k/{settings}")


def test_size_and_length_may_not_say_different_things() -> None:
    assert find("imagenet-1k/size=32,patch=8,length=16").length == 16
    with pytest.raises(ValueError, match="size=32 and patch=8 make 16 patches, got length=100 too: give one of them"):
        find("imagenet-1k/size=32,patch=8,length=100")
