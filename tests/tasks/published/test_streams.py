"""What the streams of all published tasks have in common: order, epochs, resumption, purity, portions."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from itnas.models import specialist
from itnas.tasks import Batch, Task, find
from itnas.tasks.base import take
from itnas.tasks.published.base import Published
from itnas.training.population import Population
from tests.tasks.published.miniatures import SMALL

pytestmark = pytest.mark.usefixtures("data")
ONE_EACH = [SMALL[name] for name in ("imagenet-1k", "glue/cola", "glue/mnli", "modelnet40", "vqa-v2", "nlvr2")]


def parts(batch: Batch) -> dict[str, torch.Tensor]:
    placed = {} if batch.domain is None else batch.domain.per_sample()
    return {"inputs": batch.inputs, "targets": batch.targets, **placed}


def same(one: Batch, other: Batch) -> bool:
    first, second = parts(one), parts(other)
    return first.keys() == second.keys() and all(torch.equal(part, second[name]) for name, part in first.items())


class Seen:
    """Notes which samples of a task are read."""

    def __init__(self, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        load = type(task).load

        def noted(task: Published, split: str, row: int) -> object:
            self.rows.append(row)
            return load(task, split, row)

        monkeypatch.setattr(type(task), "load", noted)


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_batch_is_a_function_of_its_arguments(name: str) -> None:
    task = find(name)
    first = task.batch(seed=3, step=5, size=4)
    task.batch(seed=1, step=9, size=7)
    assert same(first, find(name).batch(seed=3, step=5, size=4))
    assert not same(first, task.batch(seed=3, step=6, size=4))
    assert not same(first, task.batch(seed=4, step=5, size=4))
    assert same(first, pickle.loads(pickle.dumps(first)))


AUGMENTED = [*ONE_EACH, f"{SMALL['imagenet-1k']},mixup=0.8,smoothing=0.1", f"{SMALL['modelnet40']},rotate=so3"]


@pytest.mark.parametrize("wanted", [slice(0, 3), slice(3, 7), slice(6, 7), slice(None)])
@pytest.mark.parametrize("name", AUGMENTED)
def test_a_share_is_that_part_of_the_whole_and_reads_no_more(
    name: str, wanted: slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = find(name)
    whole = task.batch(seed=2, step=3, size=7)
    seen = Seen(task, monkeypatch)
    assert same(task.share(wanted, seed=2, step=3, size=7), take(whole, np.arange(7)[wanted]))
    count = len(np.arange(7)[wanted])
    assert len(seen.rows) <= min(7, 2 * count if "mixup" in name else count)


@pytest.mark.parametrize("name", ONE_EACH)
def test_only_what_a_batch_needs_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = find(name)
    seen = Seen(task, monkeypatch)
    task.batch(size=5)
    assert len(seen.rows) == 5


@pytest.mark.parametrize("name", ONE_EACH)
def test_an_epoch_meets_every_sample_once_wherever_batches_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = find(f"{name},examples=10" if "=" in name else f"{name}/examples=10")
    seen = Seen(task, monkeypatch)
    for step in range(10):
        task.batch(seed=2, step=step, size=3)
    epochs = [seen.rows[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == sorted(set(epochs[0])) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_examples_are_among_those_to_train_on_and_never_more() -> None:
    few, all_of_it = find("nlvr2/size=32,patch=8,examples=5"), find("nlvr2/size=32,patch=8")
    assert set(few._rows("train")) < set(all_of_it._rows("train"))
    assert len(set(few._rows("train"))) == 5
    assert np.array_equal(few._rows("validation"), all_of_it._rows("validation"))
    with pytest.raises(ValueError, match="task nlvr2 has 24 training samples, got examples=25"):
        find("nlvr2/size=32,patch=8,examples=25").batch()


@pytest.mark.parametrize("name", ONE_EACH)
def test_the_test_split_is_scored_whole_and_validation_as_far_as_asked(name: str) -> None:
    task = find(name)
    counts = {split: sum(map(len, task.portions(split, 3))) for split in ("validation", "test")}
    assert counts == {"validation": min(3, task.split_size("validation")), "test": task.split_size("test")}
    assert all(same(*pair) for pair in zip(task.portions("test", 1), task.portions("test", 9), strict=True))


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_resumed_training_sees_what_an_uninterrupted_one_sees(name: str) -> None:
    """In the middle of an epoch, and in a network's weights."""
    genome = specialist("transformer", width=16, depth=1)

    def trained(populations: list[Population], steps: list[range]) -> torch.Tensor:
        for population, part in zip(populations, steps, strict=True):
            for step in part:
                population.step(step, 1.0)
        return populations[-1].stack.flat

    whole = trained([Population(genome, find(name), [0], batch_size=3)], [range(4)])
    population = Population(genome, find(name), [0], batch_size=3)
    # What any process would draw at step 2 does not depend on who drew steps 0 and 1.
    find(name).batch(seed=0, step=2, size=3)
    assert torch.equal(whole, trained([population, population], [range(2), range(2, 4)]))


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    task = find(SMALL["imagenet-1k"])
    alone = task.batch(size=12)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert same(alone, task.batch(size=12))


def test_the_cache_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (SMALL["imagenet-1k"], SMALL["modelnet40"]):
        task = find(name)
        kept = task.batch(size=4)
        monkeypatch.setenv("ITNAS_CACHE", "none")
        assert same(kept, task.batch(size=4))
        monkeypatch.setenv("ITNAS_CACHE", str(tmp_path / "cache"))
        assert same(kept, task.batch(size=4))
        assert same(kept, task.batch(size=4))
    assert len(list((tmp_path / "cache").rglob("*.array"))) == 8
