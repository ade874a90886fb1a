"""Training data made ahead in worker processes: the same data, and workers that end when they should."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import itnas
from itnas import genes
from itnas.genome import Genome
from itnas.tasks import Batch, Task, find
from itnas.training import Budget, Population, Setup, recipe, train_recipe
from itnas.training.ahead import DataAhead, DataWorkerError
from itnas.training.data import TrainingData


class UnsendableError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


@dataclass(frozen=True)
class Failing(Task):
    """Comes to an end of some sort at its third step."""

    name = "failing"
    summary = "Tokens in, tokens out."
    expects = "Nothing."
    vocabulary = 4
    outputs = 4
    chance = 0.25
    end: str = "raise"

    def batch(self, split="train", *, seed=0, step=0, size=None, length=None):
        if step == 2 and split == "train":
            if self.end == "raise":
                raise ValueError("sample 17 of step 2 is damaged: fetch it again")
            if self.end == "unsendable":
                raise UnsendableError("not", "pickled")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().batch(split, seed=seed, step=step, size=size, length=length)

    def draw(self, rng, size, length):
        tokens = torch.from_numpy(rng.integers(4, size=(size, length)))
        return Batch(tokens, tokens)


def same(one: list[Batch], other: list[Batch]) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) for a, b in zip(one, other, strict=True)
    )


@pytest.fixture
def ahead() -> Iterator[DataAhead]:
    data = DataAhead(TrainingData(find("recall/pairs=4,length=19"), (3, 4), 8), 2)
    yield data
    data.close()


def test_steps_come_in_their_order_from_wherever_one_begins(ahead: DataAhead) -> None:
    random = torch.get_rng_state()
    for step in (5, 6, 7, 8, 2, 3):
        assert same(ahead[step], ahead.data[step])
    assert torch.equal(torch.get_rng_state(), random)


def test_workers_change_no_result() -> None:
    """On a task whose batches hold domains."""
    genome = Genome(width=8, layers=(genes.Integral(kernel=genes.MlpKernel(features=("content", "product"))),))
    made = recipe(genome, find("ring-transfer/length=11,batch_size=4"), replicas=2, budget=Budget(6))
    found: list[Population] = [train_recipe(made, setup=Setup(workers=n)).training.population for n in (0, 1)]
    assert torch.equal(found[0].stack.flat, found[1].stack.flat)


@pytest.mark.parametrize(
    ("end", "kind", "message"),
    [
        ("raise", ValueError, "sample 17 of step 2 is damaged: fetch it again"),
        ("unsendable", DataWorkerError, "UnsendableError: not pickled"),
        ("die", DataWorkerError, "a process that makes training data died at step "),
    ],
)
def test_what_goes_wrong_in_a_worker_comes_out_as_one_error(end: str, kind: type[Exception], message: str) -> None:
    task = Failing(end=end, length=8, batch_size=4)
    made = recipe(Genome(width=8, layers=(genes.Gru(),)), task, replicas=1, budget=Budget(6))
    with pytest.raises(kind) as raised:
        train_recipe(made, setup=Setup(workers=1))
    assert type(raised.value) is kind
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def descendants(process: int) -> set[int]:
    """Of a process, as far as /proc tells."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(status.parent.name)] = int(fields[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {process}} - found:
        found |= more
    return found


SCRIPT = """
from itnas.tasks import find
from itnas.training.ahead import DataAhead
from itnas.training.data import TrainingData
ahead = DataAhead(TrainingData(find("parity/length=9"), (3,), 8), 2)
ahead[0]
print("up", flush=True)
input()
ahead.close()
print("closed", flush=True)
input()
ahead[0]
print("up", flush=True)
input()
"""


def gone(processes: set[int], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{each}/stat").exists() for each in processes):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_workers_end_when_they_are_not_needed_and_with_the_process_that_they_work_for() -> None:
    """However that ends."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def goes_on() -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline()

    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        first = descendants(process.pid)
        assert goes_on() == "closed\n"
        rest = descendants(process.pid)
        assert len(first - rest) == 2
        assert goes_on() == "up\n"
        again = descendants(process.pid)
        assert len(again - rest) == 2
    finally:
        process.kill()
        process.communicate()
    assert gone(again)


def test_from_python() -> None:
    options = {"budget": 4, "replicas": 1, "seed": 3}
    task = "parity/length=8,batch_size=4"
    plain = itnas.train("gru", task, **options)
    other = itnas.train("gru", task, workers=1, checkpoint_activations=True, **options)
    assert torch.equal(plain.training.population.stack.flat, other.training.population.stack.flat)
    parts = itnas.train("gru", task, accumulate=2, **options)
    pair = itnas.train("gru", task, devices=2, **options)
    assert torch.equal(parts.training.population.stack.flat, pair.training.population.stack.flat)
