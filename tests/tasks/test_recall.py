"""Associative recall: what a sample looks like, its targets read point by point, and the laws it is drawn from."""

import numpy as np
import pytest
import torch
from scipy import stats

from itnas.tasks import SPLITS, Batch, find
from itnas.tasks.recall import Recall
from itnas.tasks.stream import splits_of
from itnas.tasks.validate import validate

FALSE_ALARM = 1e-4  # of every statistical test here; seeds are fixed, so a pass stays a pass
LENGTHS = (4, 16, 33, 64, 127, 512)


def recall(settings: str = "vocab=64") -> Recall:
    task = find(f"recall/{settings}")
    assert isinstance(task, Recall)
    return task


def answers(row: list[int], pairs: int) -> list[int | None]:
    """The slow twin, which reads from left to right: what each point must answer, knowing no later one."""
    values: dict[int, int] = {}
    wanted: list[int | None] = []
    for place, token in enumerate(row):
        if place < 2 * pairs:
            wanted.append(None)
            if place % 2:
                values[row[place - 1]] = token
        else:
            wanted.append(values.get(token))
    return wanted


def told(batch: Batch, sample: int) -> list[int | None]:
    assert batch.mask is not None
    return [
        target if scored else None
        for target, scored in zip(batch.targets[sample].tolist(), batch.mask[sample].tolist(), strict=True)
    ]


@pytest.mark.parametrize("settings", ["", "pairs=16", "pairs=1", "vocab=18", "vocab=19,pairs=8,length=35"])
@pytest.mark.parametrize("length", LENGTHS)
def test_every_key_returns_once_and_asks_for_its_value(settings: str, length: int) -> None:
    task = recall(settings)
    batch = task.batch("train", size=20, length=length)
    assert batch.mask is not None
    pairs = task.pairs_at(length)
    for sample, row in enumerate(batch.inputs.tolist()):
        keys, values = row[0 : 2 * pairs : 2], row[1 : 2 * pairs : 2]
        assert len(set(keys)) == len(set(values)) == pairs
        assert all(1 <= key < task.vocab // 2 for key in keys)
        assert all(task.vocab // 2 <= value < task.vocab for value in values)
        assert sorted(filter(None, row[2 * pairs :])) == sorted(keys)
        assert told(batch, sample) == answers(row, pairs)
    places = batch.mask.nonzero()[:, 1]
    assert bool((places % 2 == 0).all())
    assert int(places.min()) >= 2 * pairs


def test_pairs_grow_with_the_length_while_there_are_keys() -> None:
    assert [recall().pairs_at(length) for length in (4, 16, 32, 64, 128, 512)] == [1, 2, 4, 8, 16, 31]
    assert [recall("vocab=512").pairs_at(length) for length in (33, 256, 512)] == [4, 32, 64]


@pytest.mark.parametrize("end", [0, 7])
@pytest.mark.parametrize(("first", "count"), [(0, 31), (1, 32)], ids=["keys", "values"])
def test_keys_and_values_are_uniform(first: int, count: int, end: int) -> None:
    drawn = recall().draw(np.random.default_rng(1), 20000, 64).inputs.numpy()[:, 2 * end + first]
    seen = np.bincount(drawn - (1 if first == 0 else 32), minlength=count)
    assert len(seen) == count
    assert stats.chisquare(seen).pvalue > FALSE_ALARM


def slots_of(task: Recall, size: int, seed: int) -> np.ndarray:
    """The slot of every key, [B, pairs]."""
    batch = task.draw(np.random.default_rng(seed), size, task.length)
    inputs, keys = batch.inputs.numpy(), batch.inputs.numpy()[:, 0 : 2 * task.pairs : 2]
    rest = inputs[:, 2 * task.pairs :]
    places = (rest[:, None, :] == keys[:, :, None]).argmax(2)
    assert not (places % 2).any()
    return places // 2


@pytest.mark.parametrize("power", [0.01, 0.5, 1.0, 2.0])
def test_the_first_key_returns_by_the_power_law(power: float) -> None:
    task = recall(f"power={power},pairs=4,length=48")
    seen = np.bincount(slots_of(task, 20000, 2)[:, 0], minlength=20)
    law = power * np.arange(1, 21) ** (power - 1)
    assert stats.chisquare(seen, law / law.sum() * seen.sum()).pvalue > FALSE_ALARM


def test_later_keys_take_what_is_left_as_in_draws_one_by_one() -> None:
    task = recall("pairs=3,length=18")
    fast = slots_of(task, 20000, 3)
    rng, law = np.random.default_rng(4), np.arange(1, 7) ** (task.power - 1)
    slow = []
    for _ in range(8000):
        free = list(range(6))
        sample = []
        for _key in range(3):
            weights = law[free]
            sample.append(free.pop(int(rng.choice(len(free), p=weights / weights.sum()))))
        slow.append(sample)
    codes = [np.bincount(np.asarray(drawn) @ [36, 6, 1], minlength=216) for drawn in (fast, slow)]
    table = np.stack(codes)[:, (codes[0] + codes[1]) >= 20]
    assert stats.chi2_contingency(table).pvalue > FALSE_ALARM


def test_random_filler_may_be_any_token_and_leaves_the_rest_alone() -> None:
    task = recall("vocab=64,filler=random")
    batch = task.draw(np.random.default_rng(5), 2000, 64)
    assert batch.mask is not None
    filler = batch.inputs[:, 16:][~batch.mask[:, 16:]].numpy()
    assert stats.chisquare(np.bincount(filler, minlength=64)).pvalue > FALSE_ALARM
    plain = recall().draw(np.random.default_rng(5), 2000, 64)
    assert plain.mask is not None
    assert torch.equal(plain.mask, batch.mask)
    assert torch.equal(plain.targets, batch.targets)
    assert torch.equal(plain.inputs[plain.inputs > 0], batch.inputs[plain.inputs > 0])


def test_chance_is_what_a_blind_guess_scores() -> None:
    task = recall()
    seen, unseen = task.batch("train", size=1000), task.batch("test", size=1000)
    assert seen.mask is not None
    counts = torch.nn.functional.one_hot(seen.targets, 64) * seen.mask[:, :, None]
    guess = counts.sum(0).double().expand(1000, -1, -1)
    assert task.score(guess, unseen)[0] == pytest.approx(task.chance, abs=4 * (1 / 32 / 8000) ** 0.5)
    assert task.chance == 1 / 32


@pytest.mark.parametrize("preset", list(Recall.presets))
def test_presets_are_the_settings_of_figure_2(preset: str) -> None:
    task = recall(f"{preset},examples=none")
    validate(task)
    expected = {"64": (4, 512, 12480), "128": (8, 512, 12480), "256": (16, 256, 24960), "512": (64, 128, 49984)}
    assert (task.pairs, task.batch_size, task.steps) == expected[preset.removeprefix("zoology-")]
    assert (task.vocab, task.length) == (8192, int(preset.removeprefix("zoology-")))
    assert Recall.presets[preset]["examples"] == 100_000


@pytest.mark.parametrize("length", [16, 33, 64, 512])
def test_splits_are_kept_apart_and_repeat(length: int) -> None:
    task = recall()
    for index, split in enumerate(SPLITS):
        batch, again = (task.batch(split, seed=3, step=5, length=length) for _ in range(2))
        assert torch.equal(batch.inputs, again.inputs)
        assert torch.equal(batch.targets, again.targets)
        assert (splits_of(batch.inputs.numpy()) == index).all()
        assert not torch.equal(batch.inputs, task.batch(split, seed=3, step=6, length=length).inputs)
        assert not torch.equal(batch.inputs, task.batch(split, seed=4, step=5, length=length).inputs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("pairs=17", "4 x pairs <= length must hold, got pairs=17, length=64"),
        ("length=31", "4 x pairs <= length must hold, got pairs=8, length=31"),
        ("pairs=0", "pairs must lie between 1 and the number of keys"),
        ("vocab=16", "vocab // 2 - 1 = 7, got pairs=8"),
        ("power=0", "power must be positive and finite, got power=0.0"),
        ("power=nan", "power must be positive and finite"),
        ("filler=noise", "unknown task recall: filler 'noise'"),
        ("zoology", "unknown variant of task recall 'zoology'"),
    ],
)
def test_bad_settings_are_refused(settings: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recall(settings)


def test_lengths_without_room_for_a_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 points with these settings, got length=3"):
        recall().batch(length=3)
