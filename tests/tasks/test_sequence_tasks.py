"""What holds for each of the eight synthetic sequence tasks. What is special to one stands in its own file."""

import math
import time
from typing import Any

import pytest
import torch

from itnas.tasks import Task, find
from itnas.tasks.delay import Delay
from itnas.tasks.exponential_average import ExponentialAverage
from itnas.tasks.flip_flop import FlipFlop
from itnas.tasks.induction import Induction
from itnas.tasks.local_pattern import LocalPattern
from itnas.tasks.parity import Parity
from itnas.tasks.permutation_composition import PermutationComposition
from itnas.tasks.selective_copying import SelectiveCopying
from itnas.tasks.stream import SPLITS, generator
from itnas.tasks.validate import validate
from tests.tasks.naive_sequences import RULES

DEFAULTS: list[Task] = [find(name) for name in RULES]
VARIANTS: list[Task] = [
    LocalPattern(width=1, vocab=5, classes=3),
    LocalPattern(width=4, vocab=2, classes=16, pattern_seed=7),
    Delay(delay=1, vocab=2),
    Delay(delay=47),
    ExponentialAverage(half_life=0.5, averages=5),
    ExponentialAverage(half_life=300.0),
    Induction(length=64),
    Induction(triggers=5, vocab=2),
    Induction(triggers=10),
    FlipFlop(ignore=0.0),
    FlipFlop(ignore=1.0),
    Parity(flip=0.1),
    Parity(flip=0.9),
    PermutationComposition(items=3, moves=6),
    PermutationComposition(items=4, moves=3),
    PermutationComposition(items=5),
    PermutationComposition(items=5, moves=120),
    SelectiveCopying(tokens=1, vocab=2),
    SelectiveCopying(tokens=32),
]
TASKS = DEFAULTS + VARIANTS
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.label)


def shortest(task: Task) -> int:
    """The least length that is not refused."""
    for length in range(1, task.length + 1):
        try:
            task.check_length(length)
        except ValueError:
            continue
        return length
    raise AssertionError("every length is refused")


@each_task
def test_targets_follow_from_the_past_by_the_naive_rule(task: Task) -> None:
    rule: Any = RULES[task.name]
    least = shortest(task)
    for length in sorted({least, least + 1, max(least, 63), 64, 65}):
        batch = task.draw(generator("naive", length), 3, length)
        assert batch.inputs.shape[:2] == (3, length)
        for sample in range(3):
            inputs, targets = batch.inputs[sample].tolist(), batch.targets[sample].tolist()
            scored = [True] * length if batch.mask is None else batch.mask[sample].tolist()
            wanted = [rule(task, inputs[: point + 1]) for point in range(length)]
            assert [answer is not None for answer in wanted] == scored
            for answer, target in zip(wanted, targets, strict=True):
                assert answer is None or answer == pytest.approx(target, abs=1e-5)


@each_task
def test_keeps_the_promises_of_a_task(task: Task) -> None:
    validate(task)
    assert task.causal
    assert find(task.label) == task
    for length in task.lengths:
        task.check_length(length)
    assert task.lengths[-1] == task.length


@each_task
def test_every_point_counts_and_every_token_and_class_occurs(task: Task) -> None:
    batch = task.draw(generator("range"), 3000, task.length)
    if not task.classifies:
        assert batch.mask is None
        return
    scored = batch.targets if batch.mask is None else batch.targets[batch.mask]
    assert set(scored.unique().tolist()) == set(range(task.outputs))
    never = {FlipFlop(ignore=0.0): {3}, SelectiveCopying(tokens=32): {8}}.get(task, set())  # nothing ignored, no blanks
    assert set(batch.inputs.unique().tolist()) == set(range(task.vocabulary or 0)) - never


@each_task
def test_the_same_key_gives_the_same_batch_and_another_key_another(task: Task) -> None:
    keys: list[dict[str, Any]] = [{"split": split} for split in SPLITS] + [{"seed": 1}, {"step": 1}]
    batches = [task.batch(**key, size=8) for key in keys]
    for key, batch in zip(keys, batches, strict=True):
        again = task.batch(**key, size=8)
        assert torch.equal(batch.inputs, again.inputs)
        assert torch.equal(batch.targets, again.targets)
    for one in range(len(keys)):
        for other in range(one):
            assert not torch.equal(batches[one].inputs, batches[other].inputs)


@pytest.mark.parametrize("task", DEFAULTS, ids=lambda task: task.label)
def test_samples_of_a_batch_differ(task: Task) -> None:
    inputs = task.draw(generator("distinct"), 16, task.length).inputs
    assert len(inputs.unique(dim=0)) == 16


@each_task
def test_chance_is_the_best_blind_guess(task: Task) -> None:
    """The guess is chosen per point on one half of many samples and scored on the other."""
    size = 2000
    halves = [task.draw(generator("chance", half), size, task.length) for half in range(2)]
    if not task.classifies:
        guess = halves[0].targets.mean(0).expand(size, -1, -1)
        # The explained share errs by the squared error of the guess: a variance of at most 1 / size at each point.
        assert task.score(guess, halves[1])[0] == pytest.approx(task.chance, abs=10 / size)
        return
    masks = [torch.ones(size, task.length, dtype=torch.bool) if half.mask is None else half.mask for half in halves]
    classes = torch.nn.functional.one_hot(halves[0].targets, task.outputs) * masks[0][..., None]
    guess = classes.sum(0).argmax(-1)
    hits = ((halves[1].targets == guess) & masks[1]).sum(1).double()
    counts = masks[1].sum(1).double()
    # Points of one sample may go together, so samples are the unit. 5 standard errors: one false alarm in 2 million.
    error = float((hits - task.chance * counts).std()) / math.sqrt(size) / float(counts.mean())
    assert float(hits.sum() / counts.sum()) == pytest.approx(task.chance, abs=5 * error)


@each_task
def test_knowing_the_targets_reaches_the_ceiling(task: Task) -> None:
    batch = task.batch("test")
    perfect = torch.nn.functional.one_hot(batch.targets, task.outputs).float() if task.classifies else batch.targets
    assert task.score(perfect, batch)[0] == task.ceiling == 1
    assert task.score(-perfect, batch)[0] < task.ceiling


@pytest.mark.parametrize("task", DEFAULTS, ids=lambda task: task.label)
def test_a_training_batch_is_drawn_within_a_millisecond(task: Task) -> None:
    rng, spent = generator("speed"), []
    for _ in range(30):
        start = time.thread_time()
        task.draw(rng, 32, 64)
        spent.append(time.thread_time() - start)
    assert min(spent) < 1e-3


BAD: list[tuple[type[Task], dict[str, Any], str]] = [
    (LocalPattern, {"width": 0}, "width must be at least 1"),
    (LocalPattern, {"vocab": 1}, "vocab at least 2"),
    (LocalPattern, {"width": 8}, r"vocab\^width must be at most"),
    (LocalPattern, {"width": 10**9, "length": 10**9}, r"vocab\^width must be at most"),
    (LocalPattern, {"classes": 1}, "classes must be 2 to vocab"),
    (LocalPattern, {"vocab": 2, "width": 2, "classes": 5}, r"classes must be 2 to vocab\^width = 4, got classes=5"),
    (LocalPattern, {"length": 2}, "at least 3 points with these settings, got length=2"),
    (Delay, {"delay": 0}, "delay must be at least 1"),
    (Delay, {"vocab": 1}, "vocab at least 2"),
    (Delay, {"delay": 64}, "at least 65 points with these settings, got length=64"),
    (ExponentialAverage, {"half_life": 0.0}, "half_life must be finite and above 0"),
    (ExponentialAverage, {"half_life": math.nan}, "half_life must be finite and above 0"),
    (ExponentialAverage, {"half_life": math.inf}, "half_life must be finite and above 0"),
    (ExponentialAverage, {"averages": 0}, "averages 1 to 16"),
    (ExponentialAverage, {"averages": 17}, "averages 1 to 16"),
    (ExponentialAverage, {"length": 0}, "at least 1 points"),
    (Induction, {"triggers": 0}, "triggers must be at least 1"),
    (Induction, {"vocab": 1}, "vocab at least 2"),
    (Induction, {"triggers": 11}, "at least 33 points with these settings, got length=32"),
    (FlipFlop, {"ignore": -0.1}, "ignore must be a probability"),
    (FlipFlop, {"ignore": 1.1}, "ignore must be a probability"),
    (FlipFlop, {"ignore": math.nan}, "ignore must be a probability"),
    (FlipFlop, {"length": 2}, "at least 3 points with these settings, got length=2"),
    (Parity, {"flip": 0.0}, "flip must lie between 0 and 1"),
    (Parity, {"flip": 1.0}, "flip must lie between 0 and 1"),
    (Parity, {"length": 0}, "at least 1 points"),
    (PermutationComposition, {"items": 2}, "items must be 3 to 6"),
    (PermutationComposition, {"items": 7}, "items must be 3 to 6"),
    (PermutationComposition, {"moves": 1}, "moves must be 2 to items! ="),
    (PermutationComposition, {"items": 3, "moves": 7}, "moves must be 2 to items! = 6, got moves=7"),
    (PermutationComposition, {"length": 0}, "at least 1 points"),
    (SelectiveCopying, {"tokens": 0}, "tokens must be at least 1"),
    (SelectiveCopying, {"vocab": 1}, "vocab at least 2"),
    (SelectiveCopying, {"tokens": 33}, "at least 66 points with these settings, got length=64"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), BAD, ids=lambda part: str(part)[:40])
def test_bad_settings_are_refused(kind: type[Task], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"task {kind.name}.*: .*{message}"):
        kind(**settings)


@each_task
def test_too_short_a_batch_is_refused(task: Task) -> None:
    if shortest(task) > 1:
        with pytest.raises(ValueError, match=f"task {task.name}.*: .*length={shortest(task) - 1}"):
            task.batch(length=shortest(task) - 1)
