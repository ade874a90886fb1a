"""The small parts of training: schedule, intervals, memory, metrics, devices, curves."""

import dataclasses
import errno
import math
import os
import platform
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from itnas.allowance import ran_out
from itnas.genome import Genome
from itnas.tasks import find
from itnas.training import Budget, Replica, recipe, setup_for, train_recipe
from itnas.training.checkpoint import as_safetensors
from itnas.training.curves import Curves
from itnas.training.folder import TrainingFolder
from itnas.training.interval import interval
from itnas.training.memory import free_memory, parts_needed
from itnas.training.result import best_rate, best_replica, leading_score, rate_interval
from itnas.training.schedule import Clock, rate_factor


def test_the_rate_rises_and_falls() -> None:
    steps = 200
    factors = [rate_factor(step / steps, 0.1, 1 / steps) for step in range(steps)]
    assert factors[0] == pytest.approx(1 / 20)
    assert factors[19] == pytest.approx(1)
    assert factors[20] == pytest.approx(1)
    assert all(late < early for early, late in pairwise(factors[20:]))
    assert 0 < factors[-1] < 0.001
    middle = 20 + 90
    assert factors[middle] == pytest.approx(0.5)


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_the_rate_never_exceeds_its_peak(progress: float, warmup: float) -> None:
    assert 0 <= rate_factor(progress, warmup, 0.01) <= 1


def test_no_warm_up_starts_at_the_peak() -> None:
    assert rate_factor(0.0, 0.0, 0.01) == 1


def test_budgets() -> None:
    assert Budget(100).steps(8) == 100
    assert Budget(100, "samples").steps(8) == 13
    assert Budget(1.5, "seconds").steps(8) is None
    with pytest.raises(ValueError, match="must be positive and finite, got 0 steps"):
        Budget(0)
    with pytest.raises(ValueError, match="did you mean 'steps'"):
        Budget(1, "step")


def test_seconds_go_on_where_they_were() -> None:
    clock = Clock(Budget(10.0, "seconds"), 8, seconds=5.0)
    assert 0.5 <= clock.progress(0) < 0.6
    assert Clock(Budget(10.0, "seconds"), 8, seconds=50.0).progress(0) == 1


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """95 % of 4,000 intervals from five normal scores: 3 standard errors are 1 %."""
    rng = np.random.default_rng(0)
    found = [interval(list(rng.normal(0.3, 0.1, 5))) for _ in range(4000)]
    share = np.mean([each.low <= 0.3 <= each.high for each in found])
    assert abs(share - 0.95) < 0.0104


def test_an_interval_ends_at_the_best_score() -> None:
    found = interval([0.99, 1.0, 1.0])
    assert found.high == 1.0
    assert found.low == pytest.approx(0.9967 - 4.3027 * 0.0057735 / math.sqrt(3), abs=1e-4)
    one = interval([0.5])
    assert (one.mean, one.low, one.high, one.replicas) == (0.5, None, None, 1)


def test_only_a_lock_that_is_held_means_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    with TrainingFolder(tmp_path), pytest.raises(ValueError, match="in use by another"), TrainingFolder(tmp_path):
        pass

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(ValueError, match=r"cannot be locked \(No locks"), TrainingFolder(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


def test_the_same_tensors_are_the_same_bytes() -> None:
    part = torch.arange(6.0).view(2, 3)
    whole = as_safetensors({"b": part, "a": part.T.contiguous()}, {"format": "pt"})
    assert as_safetensors({"a": part.T, "b": part}, {"format": "pt"}) == whole


def test_the_best_rate_is_best_on_average() -> None:
    rates, scores = [0.1, 0.2] * 3, [0.9, 0.8, 0.1, 0.7, 0.2, 0.6]
    alive = [True] * 6
    assert best_rate(rates, scores, alive) == 0.2
    assert leading_score(rates, scores, alive) == pytest.approx(0.7)
    assert rate_interval(0.2, rates, scores).mean == pytest.approx(0.7)
    assert best_rate(rates, [0.5] * 6, alive) == 0.1


def test_a_dead_rate_is_never_the_best() -> None:
    """The dead score what guessing does, 0.5, and the living may do worse."""
    rates, scores = [0.1, 0.2] * 2, [0.4, 0.5, 0.3, 0.5]
    assert best_rate(rates, scores, [True, False, True, False]) == 0.1
    assert best_rate(rates, scores, [False] * 4) == 0.2


def test_a_dead_replica_is_never_the_best() -> None:
    result = train_recipe(recipe(Genome(), find("delay/length=16"), replicas=3, budget=Budget(1))).result
    rate = result.learning_rate
    rows = [
        Replica(seed, rate, score, 1.0, died) for seed, score, died in ((0, 0.9, 5), (1, 0.2, None), (2, 0.3, None))
    ]
    assert best_replica(dataclasses.replace(result, replicas=tuple(rows))) == 2


def test_parts() -> None:
    assert parts_needed(100, None, 8) == 1
    assert parts_needed(100, 1000, 8) == 1
    assert parts_needed(501, 1000, 8) == 2
    assert parts_needed(1e9, 1000, 8) == 8
    free = free_memory(torch.device("cpu"))
    assert free is None or 2**20 < free < 2**50
    assert ran_out(torch.OutOfMemoryError("CUDA out of memory"))
    assert ran_out(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."))
    assert not ran_out(RuntimeError("shapes do not match"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "unknown device 'gpu': use auto, cpu, cuda"),
        ({"device": "mps"}, "device 'mps' is not supported"),
        ({"device": "cuda:99"}, "asked for, but torch sees"),
        ({"device": "cpu", "capture": True}, "needs a CUDA device"),
    ],
)
def test_bad_devices(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        setup_for(**options)


def test_curves_are_means_between_records_and_survive_a_break() -> None:
    curves = Curves(2)
    curves.add(torch.tensor([1.0, 3.0]))
    curves.add(torch.tensor([2.0, torch.nan]))
    losses = curves.record(2, 0.1, [0.5, 0.25])
    assert losses[0] == 1.5
    assert math.isnan(losses[1])
    curves.add(torch.tensor([4.0, 0.1]))
    again = Curves.from_dict(curves.to_dict(), curves.sums)
    for each in (curves, again):
        each.add(torch.tensor([0.3, 0.2]))
        each.record(4, 0.2, None)
    assert again.rows == curves.rows
    frame = curves.to_frame([7, 7], [0.1, 0.2], [None, 1])
    assert list(frame.columns) == ["step", "seconds", "replica", "seed", "learning_rate", "loss", "score", "alive"]
    assert frame["alive"].tolist() == [True, False, True, False]
    assert frame["score"].isna().tolist() == [False, False, True, True]
    assert curves.last_scores() == [0.5, 0.25]


FAULTS = """
import resource
import torch
from itnas.training.memory import keep_freed
keep_freed()
def step():
    parts = [torch.ones(500_000) for _ in range(20)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(**environment: str) -> int:
    words = [sys.executable, "-c", FAULTS]
    return int(subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="asks glibc")
def test_what_a_step_freed_is_there_for_the_next() -> None:
    """Five times 40 MB are 50,000 pages. Who has told glibc how to behave is left in peace.

    The heap takes up to four of the 20 parts anew until, by the third step, its holes fit them.
    """
    assert page_faults() < 1_000
    assert page_faults(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 40_000
