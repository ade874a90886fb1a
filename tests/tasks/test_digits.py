"""Digits: the images are scikit-learn's, the splits disjoint and stratified, epochs whole."""

import importlib.util
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from itnas.operator.domain import Grid
from itnas.tasks import digits
from itnas.tasks.digits import Digits, pixels, splits


def rows_of(inputs: torch.Tensor) -> list[int]:
    """Which image of scikit-learn's each sample is (no two are equal)."""
    places = {image.tobytes(): place for place, image in enumerate(load_digits().images)}
    return [places[(sample.double() * 16).numpy().reshape(8, 8).tobytes()] for sample in inputs]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_samples_are_scikit_learns_images_and_labels(split: str) -> None:
    batch, truth = Digits().batch(split, size=50), load_digits()
    rows = rows_of(batch.inputs)
    assert set(rows) <= set(splits()[split].tolist())
    assert batch.targets.tolist() == truth.target[rows].tolist()
    assert batch.inputs.shape == (50, 64, 1)
    assert 0 <= float(batch.inputs.min()) < float(batch.inputs.max()) <= 1


def test_without_the_file_scikit_learn_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = digits._rows()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert np.array_equal(digits._rows(), rows)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ValueError, match="task digits: its images come with scikit-learn, which is missing"):
        digits._rows()


def test_splits_are_disjoint_cover_everything_and_keep_the_classes() -> None:
    parts, labels = splits(), load_digits().target
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(1797))
    for split, share in {"train": 0.7, "validation": 0.15, "test": 0.15}.items():
        counts = np.bincount(labels[parts[split]], minlength=10)
        assert np.abs(counts - share * np.bincount(labels)).max() <= 1


def test_chance_is_the_largest_class_share() -> None:
    counts = np.bincount(load_digits().target)
    assert Digits().chance == counts.max() / counts.sum()


def test_an_epoch_meets_every_training_image_at_most_once_and_each_epoch_in_its_own_order() -> None:
    task, size = Digits(), 100
    steps = len(splits()["train"]) // size
    epochs = [
        [row for step in range(steps) for row in rows_of(task.batch(step=e * steps + step, size=size).inputs)]
        for e in (0, 1)
    ]
    for epoch in epochs:
        assert len(set(epoch)) == steps * size
    assert epochs[0] != epochs[1]
    assert rows_of(task.batch(seed=1, size=size).inputs) != epochs[0][:size]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_images_come_round_and_round(split: str) -> None:
    task, count = Digits(), len(splits()[split])
    once = rows_of(task.batch(split, size=count).inputs)
    assert sorted(once) == sorted(splits()[split].tolist())
    assert rows_of(task.batch(split, size=2 * count + 3).inputs) == [*once, *once, *once[:3]]
    assert rows_of(task.batch(split, size=20, step=2).inputs) == once[40:60]
    assert rows_of(task.batch(split, size=count, seed=1).inputs) != once


def test_few_examples_are_the_only_ones_met() -> None:
    task = Digits(examples=40)
    met = {row for step in range(30) for row in rows_of(task.batch(step=step, size=16).inputs)}
    assert met == set(splits()["train"][:40].tolist())
    held_out = splits()["test"].tolist()
    assert set(rows_of(task.batch("test", size=len(held_out)).inputs)) == set(held_out)
    with pytest.raises(ValueError, match=f"has {len(splits()['train'])} training images, got examples=5000"):
        Digits(examples=5000).batch()
    with pytest.raises(ValueError, match="examples must be at least 1, got examples=0"):
        Digits(examples=0)


def test_batches_are_the_same_again() -> None:
    first, again = Digits().batch(step=7, seed=3), Digits().batch(step=7, seed=3)
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.targets, again.targets)


def test_halving_the_side_smooths() -> None:
    """A triangle as wide as two new pixels, written out: weights 1/8, 3/8, 3/8, 1/8, and less at the border."""
    weights = np.zeros((4, 8))
    for new in range(4):
        for old, weight in zip(range(2 * new - 1, 2 * new + 3), (1, 3, 3, 1), strict=True):
            if 0 <= old < 8:
                weights[new, old] = weight
    weights /= weights.sum(1, keepdims=True)
    expected = weights @ (load_digits().images / 16) @ weights.T
    np.testing.assert_allclose(pixels(4).reshape(-1, 4, 4), expected, atol=1e-6)


def test_doubling_the_side_interpolates_between_neighbours() -> None:
    """Bilinear, written out: a new pixel a quarter off an old one takes 3/4 of it and 1/4 of the next."""
    mix = np.zeros((16, 8))
    for new in range(16):
        near, next_ = new // 2, new // 2 + (1 if new % 2 else -1)
        mix[new, near] += 0.75
        mix[new, min(max(next_, 0), 7)] += 0.25
    expected = mix @ (load_digits().images / 16) @ mix.T
    np.testing.assert_allclose(pixels(16).reshape(-1, 16, 16), expected, atol=1e-6)


@pytest.mark.parametrize("length", [1, 16, 25, 64, 144])
def test_the_grid_covers_the_same_area_at_any_length(length: int) -> None:
    batch = Digits().batch(length=length, size=4)
    assert batch.inputs.shape == (4, length, 1)
    assert isinstance(batch.domain, Grid)
    geometry = batch.domain.geometry(4, length, torch.device("cpu"))
    weights = torch.ones(1, length) if geometry.weights is None else geometry.weights
    assert float(weights.sum()) == pytest.approx(64)


def test_the_sequence_view_has_the_same_pixels_on_a_line() -> None:
    line, grid = Digits(view="sequence"), Digits()
    assert line.batch().domain is None
    assert torch.equal(line.batch("test").inputs, grid.batch("test").inputs)
    assert (line.position_dim, grid.position_dim) == (1, 2)


def test_lengths_are_squares_and_others_are_refused() -> None:
    assert Digits().lengths == (36, 64, 144)
    assert Digits(length=1).lengths == (1,)
    assert Digits(length=25).lengths == (9, 25, 49)
    with pytest.raises(ValueError, match="length=60 points is not square: ask for 49 or 64"):
        Digits().batch(length=60)
    with pytest.raises(ValueError, match=r"unknown view of task digits 'gird'.*did you mean 'grid'"):
        Digits(view="gird")  # type: ignore[arg-type]
