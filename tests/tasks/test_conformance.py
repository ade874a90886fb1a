"""What every task promises, those that are added later too."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch

from itnas.tasks import SPLITS, TASKS, Task, find
from itnas.tasks.validate import validate
from tests.tasks.published.miniatures import SMALL

NAMES = """
    local-pattern delay exponential-average recall induction flip-flop parity permutation-composition
    selective-copying mad-recall mad-fuzzy-recall mad-noisy-recall mad-selective-copying mad-compression
    mad-memorization poisson ring-transfer shape-clouds digits bytes
"""
# The defaults of MAD draw 12,800 samples before the first batch.
GENERATED = [name + ("/small" if name.startswith("mad-") else "") for name in TASKS if not TASKS[name].published]
QUICK = [*GENERATED, *SMALL.values()]

pytestmark = pytest.mark.usefixtures("data")


def rows(task: Task, split: str, **options: int) -> set[bytes]:
    batch = task.batch(split, **options)
    return {row.tobytes() for row in np.ascontiguousarray(task.identity(batch))}


def test_the_tasks_are_those_of_the_design() -> None:
    assert set(NAMES.split()) <= set(TASKS)
    assert {name for _, kind in TASKS.items() for name in kind.listed() if kind.published} == set(SMALL)


@pytest.mark.parametrize("name", list(TASKS))
def test_names_and_words(name: str) -> None:
    task = TASKS[name]()
    assert task.name == name
    assert task.label in TASKS[name].listed()
    for sentence in (task.summary, task.expects):
        assert sentence[0].isupper(), sentence
        assert sentence.endswith("."), sentence
    assert task.ceiling is None or task.chance < task.ceiling
    assert task.length in task.lengths or name == "digits"


@pytest.mark.parametrize("name", QUICK)
def test_it_keeps_its_promises(name: str) -> None:
    validate(find(name))


@pytest.mark.parametrize("name", QUICK)
def test_its_label_finds_it_again(name: str) -> None:
    task = find(name)
    assert find(task.label) == task
    for preset in task.presets:
        chosen = find(f"{task.name}/{preset}")
        assert chosen != TASKS[task.name]() or chosen.label == f"{task.name}/{preset}"
        assert find(chosen.label) == chosen


@pytest.mark.parametrize("name", QUICK)
def test_splits_share_no_sample_whatever_the_seed(name: str) -> None:
    task = find(name)
    found = {
        split: set().union(
            *(rows(task, split, seed=seed, step=step, size=64) for seed in range(2) for step in range(3))
        )
        for split in SPLITS
    }
    for one, other in itertools.combinations(SPLITS, 2):
        assert not found[one] & found[other]


@pytest.mark.parametrize("name", [name for name in GENERATED if name != "digits"])
def test_seeds_and_steps_bring_new_samples(name: str) -> None:
    task = find(name)
    first = rows(task, "train", size=32)
    assert len(first) == 32
    assert len(first & rows(task, "train", size=32, step=1)) < 4
    assert len(first & rows(task, "train", size=32, seed=1)) < 4


def test_any_process_draws_the_same_samples() -> None:
    code = (
        "import hashlib, sys; from itnas.tasks import find\n"
        "for name in sys.argv[1:]:\n"
        "    batch = find(name).batch('train', seed=3, step=5, size=4)\n"
        "    print(hashlib.sha256(batch.inputs.numpy().tobytes() + batch.targets.numpy().tobytes()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code, *QUICK], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(set(runs[0].split())) == len(QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_it_can_be_drawn_at_all_its_lengths(name: str) -> None:
    task = find(name)
    for length in task.lengths:
        batch = task.batch("validation", size=3, length=length)
        assert batch.inputs.shape[:2] == (3, length)
    with pytest.raises(ValueError, match=r"at least|not square"):
        task.batch(length=0)


@pytest.mark.parametrize("name", QUICK)
def test_guessing_scores_chance_and_knowing_scores_one(name: str) -> None:
    """The perfect answer scores 1, and a constant one no more than chance allows."""
    task = find(name)
    # Of the miniatures too few samples are for validation to be balanced.
    batch = task.batch("train" if task.published else "validation", size=64)
    if task.classifies:
        perfect = 50.0 * torch.nn.functional.one_hot(batch.targets, task.outputs).float()
    else:
        perfect = batch.targets
    assert task.score(perfect, batch)[0] == pytest.approx(1.0, abs=1e-6)
    constant = task.score(torch.zeros_like(perfect), batch)[0]
    assert constant <= task.chance + 0.2


def test_one_sample_in_a_finite_set_turns_up_once_an_epoch() -> None:
    task = find("recall/examples=96")
    epochs = [[rows(task, "train", size=32, step=3 * epoch + step) for step in range(3)] for epoch in range(2)]
    for epoch in epochs:
        assert len(set().union(*epoch)) == 96
    assert set().union(*epochs[0]) == set().union(*epochs[1])
    assert epochs[0][0] != epochs[1][0]


@pytest.mark.parametrize("settings", ["steps=0", "batch_size=0", "examples=0", "length=0"])
def test_counts_are_at_least_one(settings: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        find(f"parity/{settings}")
