"""The three recalls of MAD: targets against slow twins that read left to right, and the laws samples are drawn from."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats

from tests.tasks.mad import FALSE_ALARM, Labels, drawn, labels, mad


def assert_alike(first: list[int], second: list[int]) -> None:
    """Two samples of one law: chi-square over the values that came up often enough."""
    counts = [Counter(first), Counter(second)]
    values = [value for value in counts[0] | counts[1] if counts[0][value] + counts[1][value] >= 20]
    assert len(values) > 1
    assert stats.chi2_contingency([[count[value] for value in values] for count in counts]).pvalue > FALSE_ALARM


# Slow twins: the labels of one sample from its tokens alone. They never look at a later point.


def recalled(row: list[int], letters: int) -> Labels:
    known: dict[int, int] = {}
    wanted: Labels = []
    for place, token in enumerate(row):
        wanted.append(known.get(token) if place % 2 == 0 else None)
        if place % 2 and token < letters:
            assert known.setdefault(row[place - 1], token) == token
    return wanted


def fuzzily_recalled(row: list[int], vocab: int) -> Labels:
    """The label of a point is the next token of a value that is known, once the key before it is complete."""
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    wanted: Labels = [None] * len(row)
    place = len([token for token in row if token == vocab - 1])
    while place < len(row):
        key, value = (), ()
        while place < len(row) and row[place] < (vocab - 1) // 2:
            key, place = (*key, row[place]), place + 1
        end = place - 1
        while place < len(row) and row[place] >= (vocab - 1) // 2:
            value, place = (*value, row[place]), place + 1
        if key in known:  # the last token of the last value is not an input
            assert value == known[key][: len(value)]
            wanted[end : end + len(known[key])] = known[key]
        known.setdefault(key, value)
    return wanted


@pytest.mark.parametrize("settings", ["recall", "recall/vocab=17", "noisy-recall", "noisy-recall/noise=0.8"])
@pytest.mark.parametrize("length", [3, 4, 16, 33, 128])
def test_recall_asks_for_every_key_already_seen(settings: str, length: int) -> None:
    batch, task = drawn(settings, 30, length), mad(settings)
    letters = getattr(task, "letters", task.vocab)
    assert batch.mask is not None
    for sample, row in enumerate(batch.inputs.tolist()):
        assert labels(batch, sample) == recalled(row, letters)
        for place, (key, value) in enumerate(zip(row[::2], row[1::2], strict=False)):
            assert (key < letters // 2 <= value < letters) or (min(key, value) >= letters), place
    last_query = length - 1 - (length + 1) % 2
    assert bool(batch.mask[:, last_query].all())
    # Who could look ahead would read the answer off.
    assert torch.equal(batch.targets[:, :-1][batch.mask[:, :-1]], batch.inputs[:, 1:][batch.mask[:, :-1]])


def test_recall_is_drawn_as_by_hand() -> None:
    """A generator that goes pair by pair agrees in the number of scored points, and in which key is asked for last."""
    rng, scored, asked = np.random.default_rng(7), [], []
    for _ in range(3000):
        known: list[int] = []
        count, kept = 0, rng.integers(11)
        for pair in range(11):
            if pair == kept or rng.random() >= 0.4:
                key = int(rng.integers(4))
                count += key in known
                known += [key] * (key not in known)
        scored.append(count + 1)
        asked.append(int(rng.integers(len(known))))
    batch = drawn("noisy-recall/noise=0.4,vocab=12,noise_vocab=4", 6000, 24)
    assert batch.mask is not None
    assert_alike(batch.mask.sum(1).tolist(), scored)
    ranks = []
    for row in batch.inputs.tolist():
        order = list(dict.fromkeys(key for key in row[:22:2] if key < 8))
        ranks.append(order.index(row[22]))
    assert_alike(ranks, asked)


@pytest.mark.parametrize("noise", [0.2, 0.8])
def test_noise_takes_its_share_of_pairs_and_is_uniform(noise: float) -> None:
    inputs = drawn(f"noisy-recall/noise={noise}", 1000).inputs.numpy()
    silent = inputs[:, ::2] >= 16
    assert not silent[:, -1].any()
    assert not silent.all(1).any()
    # One of the first 63 pairs is free of noise for sure; the others are independent.
    assert stats.binomtest(int(silent.sum()), 62 * 1000, noise).pvalue > FALSE_ALARM
    assert stats.chisquare(np.bincount(inputs[inputs >= 16] - 16, minlength=16)).pvalue > FALSE_ALARM
    keys = inputs[:, :-2:2][~silent[:, :-1]]
    assert stats.chisquare(np.bincount(keys, minlength=8)).pvalue > FALSE_ALARM


FUZZY = [
    "fuzzy-recall",
    "fuzzy-recall/key_motif=1,value_motif=1",
    "fuzzy-recall/vocab=8,key_motif=2",
    "fuzzy-recall/small",
]


@pytest.mark.parametrize("settings", FUZZY)
@pytest.mark.parametrize("length", [18, 33, 128])
def test_fuzzy_recall_asks_for_the_values_of_motifs_already_seen(settings: str, length: int) -> None:
    batch, task = drawn(settings, 60, length), mad(settings)
    assert batch.mask is not None
    for sample, row in enumerate(batch.inputs.tolist()):
        assert labels(batch, sample) == fuzzily_recalled(row, task.vocab)
    assert bool(batch.mask[:, -1].all())  # the last point tells the last token of the last value
    padded = batch.inputs == task.vocab - 1
    assert bool(padded[:, 0].all())
    assert not bool((padded[:, 1:] & ~padded[:, :-1]).any())


def slow_fuzzy(rng: np.random.Generator, length: int) -> tuple[int, ...]:
    """Pads, scored points, size of the last key, place of its first pair and how often it came, made pair by pair."""

    def motif(choices: int) -> tuple[int, ...]:
        return tuple(rng.permutation(choices)[: rng.integers(1, 4)].tolist())

    probe, answer = motif(7), motif(8)
    room = length - 6 - len(probe) - len(answer)
    wanted = rng.integers(room - 6 + 1)
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    filled = scored = 0
    place, times = -1, 0
    while filled < room:
        key = probe if filled >= wanted and probe not in known else motif(7)
        value = known.get(key, answer if key == probe else motif(8))
        if key == probe:
            place, times = (filled if place < 0 else place), times + 1
        scored += len(value) * (key in known)
        known[key] = value
        filled += len(key) + len(value)
    size = len(probe) + len(answer)
    return length + 1 - filled - size, scored + len(answer), len(probe), place // 4, times


def test_fuzzy_recall_is_drawn_as_by_hand() -> None:
    rng = np.random.default_rng(8)
    slow = [slow_fuzzy(rng, 48) for _ in range(3000)]
    batch = drawn("fuzzy-recall", 6000, 48, seed=9)
    assert batch.mask is not None
    fast = []
    for row, scored in zip(batch.inputs.tolist(), batch.mask.sum(1).tolist(), strict=True):
        pads = row.count(15)
        tokens = row[pads:]
        text = "".join("k" if token < 7 else "v" for token in tokens).rstrip("v")
        size = len(text) - len(text.rstrip("k"))
        probe = tokens[len(text) - size : len(text)]
        places = [start for start in range(len(text) - size) if tokens[start : start + size] == probe]
        bounds = [start for start in places if text[start + size] == "v" and (start == 0 or text[start - 1] == "v")]
        fast.append((pads, scored, size, bounds[0] // 4, len(bounds)))
    for part in range(5):
        assert_alike([sample[part] for sample in fast], [sample[part] for sample in slow])
