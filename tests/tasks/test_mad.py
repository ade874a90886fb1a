"""The six tasks of MAD: what holds of all, and the targets and laws of those that recall no pairs."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats

from itnas.tasks import SPLITS, TASKS, find
from itnas.tasks.mad import MadTask, distinct, earliest
from itnas.tasks.mad_memorization import MadMemorization, dictionary
from itnas.tasks.stream import splits_of
from itnas.tasks.validate import validate
from tests.tasks.mad import FALSE_ALARM, Labels, drawn, labels, mad

NAMES = [name for name in TASKS if name.startswith("mad-")]


# A slow twin: the labels of one sample from its tokens alone.


def copied(row: list[int], vocab: int) -> Labels:
    wanted: Labels = []
    kept: list[int] = []
    recalling = False
    for token in row:
        wanted.append(kept.pop(0) if recalling else None)
        if token == vocab - 1:
            recalling = True
        elif token != vocab - 2:
            assert not recalling
            kept.append(token)
    assert recalling
    assert not kept
    return wanted


def test_selective_copying_repeats_the_tokens_in_order() -> None:
    for length in (34, 35, 64, 257):
        batch = drawn("selective-copying", 30, length)
        for sample, row in enumerate(batch.inputs.tolist()):
            assert labels(batch, sample) == copied(row, 16)
            assert row.index(15) == length - 17
            assert row[-16:] == [14] * 16
            assert sum(token < 14 for token in row) == 16
            assert row[length - 18] < 14


def test_blanks_fall_before_tokens_independently() -> None:
    """As in mad-lab: the number of blanks before the first token, or before the last, is binomial."""
    batch = drawn("selective-copying/copied=4", 5000, 29)
    inputs = batch.inputs.numpy()
    law = stats.binom.pmf(np.arange(21), 20, 1 / 4)
    places = np.sort(np.argsort(inputs[:, :24] == 14, axis=1, kind="stable")[:, :4], axis=1)
    for gap in (places[:, 0], places[:, 3] - places[:, 2] - 1):
        seen = np.bincount(gap, minlength=21)[:12]
        expected = 5000 * law[:12]
        assert stats.chisquare(seen, expected / expected.sum() * seen.sum()).pvalue > FALSE_ALARM
    tokens = inputs[inputs < 14]
    assert stats.chisquare(np.bincount(tokens, minlength=14)).pvalue > FALSE_ALARM


def test_compression_asks_for_everything_from_the_last_point() -> None:
    batch = drawn("compression", 2000)
    assert mad("compression").readout == "decoded"
    assert batch.mask is None
    assert torch.equal(batch.inputs, batch.targets)
    assert batch.inputs.data_ptr() != batch.targets.data_ptr()
    assert bool((batch.inputs[:, -1] == 15).all())
    assert stats.chisquare(np.bincount(batch.inputs[:, :-1].flatten(), minlength=15)).pvalue > FALSE_ALARM


@pytest.mark.parametrize("length", [2, 9, 32])
def test_memorization_has_one_dictionary(length: int) -> None:
    meaning: dict[int, int] = {}
    for split in SPLITS:
        batch = mad("memorization/examples=none").batch(split, size=200, length=length)
        for sample, row in enumerate(batch.inputs.tolist()):
            for place, wanted in enumerate(labels(batch, sample)):
                assert (row[place] == 255) == (wanted is not None) == (place % 2 == 1)
                if wanted is not None:
                    assert meaning.setdefault(row[place - 1], wanted) == wanted
    assert set(meaning) <= set(range(127))
    assert set(meaning.values()) <= set(range(127, 255))
    assert len(set(meaning.values())) == len(meaning) > 100
    assert meaning == {key: int(dictionary(256, 12345)[key]) for key in meaning}
    assert not np.array_equal(dictionary(256, 12345), dictionary(256, 1))


def test_keys_of_memorization_are_uniform() -> None:
    assert stats.chisquare(np.bincount(drawn("memorization", 500).inputs[:, ::2].flatten())).pvalue > FALSE_ALARM


def test_the_ceiling_of_memorization_is_the_share_of_keys_in_the_training_set() -> None:
    ceilings = [MadMemorization(vocab=2**power).ceiling for power in range(8, 14)]
    assert np.mean(ceilings) == pytest.approx(0.913, abs=0.001)  # the known ceiling over MAD's settings
    assert MadMemorization(vocab=8192, examples=None).ceiling == 1.0
    for seed in range(2):
        task = MadMemorization(vocab=4096)
        trained = {
            key for step in range(2) for key in task.batch(seed=seed, step=step).inputs[:, ::2].flatten().tolist()
        }
        asked = task.batch("test", seed=seed, size=2000).inputs[:, ::2].flatten()
        met = np.mean([key in trained for key in asked.tolist()])
        assert met == pytest.approx(task.ceiling, abs=0.02)  # four standard errors, of 2047 keys and 32,000 queries


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_the_baselines(name: str) -> None:
    task = TASKS[name]()
    assert (task.metric, task.causal, task.batch_size) == ("macro-accuracy", True, 128)
    lengths = {"mad-selective-copying": 256, "mad-compression": 32, "mad-memorization": 32}
    assert task.length == lengths.get(name, 128)
    assert task.vocabulary == task.outputs == {"mad-noisy-recall": 32, "mad-memorization": 256}.get(name, 16)
    assert task.examples == (256 if name == "mad-memorization" else 12800)
    assert task.steps == 200 * task.examples // task.batch_size


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_tasks_with_enough_samples_at_all_their_lengths(name: str) -> None:
    for preset in ("", *TASKS[name].presets):
        task = find(f"{name}/{preset},examples=none")
        validate(task)
        assert len(task.lengths) >= 2
        assert max(task.lengths) == task.length
        for length in task.lengths:
            for index, split in enumerate(SPLITS):
                batch = task.batch(split, length=length)
                assert batch.inputs.shape == (task.batch_size, length)
                assert (splits_of(batch.inputs.numpy()) == index).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [36, 129, 512])
def test_batches_repeat_and_differ_between_steps_and_seeds(name: str, length: int) -> None:
    task = find(f"{name}/examples=300")
    batches = [
        task.batch("train", seed=seed, step=step, size=16, length=length) for seed, step in ((0, 3), (0, 4), (1, 3))
    ]
    again = find(f"{name}/examples=300").batch("train", seed=0, step=3, size=16, length=length)
    assert torch.equal(batches[0].inputs, again.inputs)
    assert torch.equal(batches[0].targets, again.targets)
    assert not torch.equal(batches[0].inputs, batches[1].inputs)
    assert not torch.equal(batches[0].inputs, batches[2].inputs)


@pytest.mark.parametrize("name", NAMES)
def test_chance_is_what_a_blind_guess_scores(name: str) -> None:
    """The most frequent target of each point, learned on other samples: no blind guess knows more."""
    task = find(f"{name}/examples=none,length=36,{'copied=8' if 'copying' in name else ''}")
    seen, unseen = task.batch("train", size=500), task.batch("test", size=2000)
    mask = torch.ones_like(seen.targets) if seen.mask is None else seen.mask
    counts = (torch.nn.functional.one_hot(seen.targets, task.outputs) * mask[:, :, None]).sum(0)
    score, _ = task.score(counts.float().expand(2000, -1, -1), unseen)
    assert score == pytest.approx(task.chance, abs=0.1 * task.chance)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("recall/vocab=3", "task mad-recall: vocab must be at least 4, got vocab=3"),
        ("recall/length=2", "at least 3 points with these settings, got length=2"),
        ("noisy-recall/noise=1", "0 <= noise < 1 must hold, got noise=1.0"),
        ("noisy-recall/noise=-0.1", "0 <= noise < 1 must hold"),
        ("noisy-recall/noise=nan", "0 <= noise < 1 must hold"),
        ("noisy-recall/vocab=19", "vocab must be at least 20, got vocab=19"),
        ("noisy-recall/noise_vocab=0", "noise_vocab must be at least 1"),
        ("fuzzy-recall/key_motif=8", "vocab must be at least 17, got vocab=16"),
        ("fuzzy-recall/value_motif=0", "value_motif must be at least 1"),
        ("fuzzy-recall/length=17", "at least 18 points with these settings, got length=17"),
        ("selective-copying/copied=128", "at least 258 points with these settings, got length=256"),
        ("selective-copying/copied=0", "copied must be at least 1"),
        ("compression/vocab=2", "vocab must be at least 3"),
        ("compression/length=3", "at least 4 points"),
        ("memorization/vocab=4", "vocab must be at least 5"),
        ("memorization/tiny", "unknown variant of task mad-memorization 'tiny'"),
    ],
)
def test_bad_settings_are_refused(settings: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mad(settings)


@pytest.mark.parametrize("name", NAMES)
def test_too_short_batches_are_refused(name: str) -> None:
    task = TASKS[name]()
    assert isinstance(task, MadTask)
    assert task.draw(np.random.default_rng(0), 50, task.shortest).inputs.shape == (50, task.shortest)
    with pytest.raises(ValueError, match=f"at least {task.shortest} points"):
        task.batch(length=task.shortest - 1)


def test_earliest_finds_the_first_of_equals() -> None:
    codes = np.random.default_rng(0).integers(-3, 4, (200, 9))
    assert earliest(codes).tolist() == [[row.index(code) for code in row] for row in codes.tolist()]


@pytest.mark.parametrize(("count", "choices"), [(3, 5), (4, 4), (1, 6)])
def test_distinct_draws_all_orders_alike(count: int, choices: int) -> None:
    rows = distinct(np.random.default_rng(1), 12000, count, choices)
    seen = Counter(map(tuple, rows.tolist()))
    assert all(len(set(row)) == count and set(row) <= set(range(choices)) for row in seen)
    expected = int(np.prod(np.arange(choices - count + 1, choices + 1)))
    assert len(seen) == expected
    assert stats.chisquare(list(seen.values())).pvalue > FALSE_ALARM
