"""Constraints are upper bounds on the predicted cost."""

import pytest

from itnas.genome import Genome
from itnas.space import Space
from itnas.space.constraints import memory_text

GENOME = Genome()


def said(constraints: str, task: str = "recall") -> str | None:
    return Space.parse(f"constraints: {constraints}\nwidth: 32").violation(GENOME, task)


def test_the_first_one_broken_is_told_with_figures() -> None:
    count = GENOME.cost(64, "recall").parameters
    assert said(f"{{parameters: {count}}}") is None
    assert said(f"{{parameters: {count - 1}}}") == f"parameters: {count:,} > {count - 1:,}"
    assert said("{parameters: 1, flops: 1}").startswith("parameters: ")
    assert said("{}") is None


def test_flops_hold_at_the_length_given_or_at_the_tasks_own() -> None:
    at = {length: GENOME.cost(length, "recall").flops_per_token for length in (32, 64)}
    between = sum(at.values()) / 2
    assert said(f"{{flops: {between}}}") == f"flops per point at length 64: {at[64]:,.0f} > {between:,.0f}"
    assert said(f"{{flops: {between}, length: 32}}") is None
    assert said(f"{{flops: {between}}}", "recall/length=32") is None


def test_memory_is_that_of_a_training_batch() -> None:
    count = GENOME.cost(64, "recall", batch_size=32).activation_bytes
    assert said(f"{{memory: {count}}}") is None
    expected = f"memory at length 64 in batches of 32: {memory_text(count)} > 1 kB"
    assert said("{memory: 1 kB}") == said("{memory: 1000}") == expected


@pytest.mark.parametrize(
    ("written", "count"),
    [("200 MB", 2e8), ("1.5GB", 1.5e9), ("2 KiB", 2048.0), ("7 B", 7.0), ("1 MiB", 2.0**20), ("3e3", 3000.0)],
)
def test_memory_in_words(written: str, count: float) -> None:
    assert Space.parse(f"constraints: {{memory: {written}}}").constraints.memory == count


@pytest.mark.parametrize(
    ("layers", "task", "reason"),
    [
        ("gru", "ring-transfer", "a gru layer walks along its points in order, which a Graph does not have"),
        ("{normaliser: mean}", "recall", "normaliser 'mean' divides by the measure of what a point sees"),
        ("{kernel: {features: [clock]}}", "digits", "a clock runs along an order, which Grid(8, 8) does not have"),
        ("{mixer: attention, heads: 16}", "digits", "rotary positions need two channels per head and axis"),
    ],
)
def test_what_a_task_cannot_hold_is_told_with_the_reason(layers: str, task: str, reason: str) -> None:
    space = Space.parse(f"layers: {layers}")
    told = space.violation(space.genome({}), task)
    assert told is not None
    assert told.startswith(f"cannot be built for {task}: {reason}")
