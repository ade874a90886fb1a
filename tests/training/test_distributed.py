"""Several processes that train one population: real ones, on the CPU."""

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from itnas import genes
from itnas.genome import Genome
from itnas.tasks import Batch, Task, find
from itnas.training import (
    Budget,
    DeviceLostError,
    Population,
    Recipe,
    Setup,
    TrainingFolder,
    check_devices,
    device_group,
    launched,
    recipe,
    setup_for,
    train_recipe,
)
from itnas.training.group import Group
from itnas.training.train import InterruptedTrainingError

SAMPLED = genes.Integral(quadrature=genes.MonteCarlo(samples=4))
RANKED = genes.Integral(kernel=genes.FactorisedKernel(learned_rank=True))
CASES = {
    # Masked, sampled by counters, a penalty that counts once, and a batch that does not halve.
    "sequence": ("recall/pairs=4,length=19,batch_size=7", (SAMPLED, RANKED), {}),
    # Edges of different numbers; what is computed in bfloat16 is added up in float32.
    "graph, bfloat16": (
        "ring-transfer/length=11,batch_size=6",
        (genes.Integral(kernel=genes.MlpKernel(features=("content", "product"))), genes.Attention()),
        {"precision": "bfloat16"},
    ),
}


def made(case: str = "sequence", steps: float = 6, unit: str = "steps") -> Recipe:
    label, layers, options = CASES[case]
    genome = Genome(width=12, depth=2, layers=layers, training=genes.Training(rank_penalty=0.1))
    return recipe(genome, find(label), replicas=2, budget=Budget(steps, unit), **options)


def alone(what: Recipe, **setup: object) -> Population:
    return train_recipe(what, setup=Setup(**setup)).training.population


def together(what: Recipe, devices: int, **setup: object) -> Population:
    with device_group(what, Setup(**setup), devices) as own:
        return train_recipe(what, setup=own).training.population


@pytest.mark.parametrize("case", CASES)
def test_two_processes_equal_one_with_twice_the_batch(case: str) -> None:
    """Bit for bit where that one adds up two halves, else up to rounding: the sum of two does not depend on its order.
    Neither recomputed blocks nor data made ahead change that."""
    what = made(case)
    pair = together(what, 2, recompute=True, workers=int(case != "sequence"))
    halves = alone(what, parts=2)
    assert torch.equal(pair.stack.flat, halves.stack.flat)
    assert torch.equal(pair.optimiser.square, halves.optimiser.square)
    assert pair.optimiser.square.dtype == torch.float32
    assert not dist.is_initialized()
    if what.precision == "float32":
        whole, start = alone(what), Population(what.genome, what.task, what.seeds)
        moved = (whole.stack.flat - start.stack.flat).abs().max()
        assert (pair.stack.flat - whole.stack.flat).abs().max() < 1e-3 * moved


def test_three_processes_with_a_clock_end_together() -> None:
    """What time it is differs from process to process; the leading one's is what counts."""
    what = made(steps=1.0, unit="seconds")
    hook = sys.excepthook
    with device_group(what, Setup(parts=2), 3) as own:
        result = train_recipe(what, setup=own).result
    assert result.provenance["devices"] == 3
    assert result.steps >= 1
    assert sys.excepthook is hook


def test_all_stop_at_the_same_step_and_go_on_exactly(tmp_path: Path) -> None:
    what = made(steps=10)
    asked = iter(range(100))
    with TrainingFolder(tmp_path) as folder:
        with device_group(what, Setup(), 2) as own, pytest.raises(InterruptedTrainingError):
            train_recipe(what, setup=own, folder=folder, stop=lambda: next(asked) >= 4)
        state = folder.state()
        assert state is not None
        assert state[1]["step"] == 5  # after the one at which all learnt of it
        with device_group(what, Setup(), 2) as own:
            again = train_recipe(what, setup=own, folder=folder).training
    halves = train_recipe(what, setup=Setup(parts=2)).training
    assert torch.equal(again.population.stack.flat, halves.population.stack.flat)
    for one, other in zip(again.curves.rows, halves.curves.rows, strict=True):
        assert (one["step"], one["losses"], one["scores"]) == (other["step"], other["losses"], other["scores"])


def _helpers() -> list[int]:
    """Processes that this one has started."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(each) for each in own.read_text().split() if "helper" in Path(f"/proc/{each}/cmdline").read_text()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_process_that_is_killed_ends_all_with_a_sentence() -> None:
    what = made(steps=10_000)
    with device_group(what, Setup(), 2) as own, pytest.raises(DeviceLostError) as ended:
        train_recipe(what, setup=own, on_report=lambda _: [os.kill(each, signal.SIGKILL) for each in _helpers()])
    assert str(ended.value) == "the process of device 2 of 2 was killed (SIGKILL)"
    assert ended.value.fell
    assert not dist.is_initialized()
    assert not _helpers()


@dataclasses.dataclass(frozen=True)
class Picky(Task):
    """Raises in every process but one."""

    name = "picky"
    summary = "Tokens in, tokens out."
    expects = "Nothing."
    vocabulary = 4
    outputs = 4
    chance = 0.25
    process: int = 0

    def draw(self, rng, size, length):
        if os.getpid() != self.process:
            raise ValueError("no more\nsamples")
        tokens = torch.from_numpy(rng.integers(4, size=(size, length)))
        return Batch(tokens, tokens)


def test_a_process_that_fails_says_why() -> None:
    task = Picky(process=os.getpid(), length=8, batch_size=4)
    what = recipe(Genome(width=8, layers=(genes.Gru(),)), task, replicas=1, budget=Budget(3))
    with device_group(what, Setup(), 2) as own, pytest.raises(DeviceLostError) as ended:
        train_recipe(what, setup=own)
    assert str(ended.value) == "the process of device 2 of 2 failed: ValueError: no more samples"
    assert not ended.value.fell


def test_a_process_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is defined where it cannot be imported from cannot be sent."""
    what = recipe(Genome(width=8, layers=(genes.Gru(),)), Picky(length=8), replicas=1)
    monkeypatch.setattr(Picky, "__module__", "no_such_module")
    monkeypatch.setitem(sys.modules, "no_such_module", sys.modules[__name__])
    started = time.monotonic()
    with pytest.raises(
        DeviceLostError, match="device 2 of 2 failed: ModuleNotFoundError: No module named 'no_such_module'"
    ):
        together(what, 2)
    assert time.monotonic() - started < 60


class Silent(Group):
    """A group that talks to nobody."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@given(st.integers(1, 300), st.integers(1, 16))
def test_every_sample_is_one_processs(samples: int, size: int) -> None:
    shares = [Silent(rank, size).share(samples) for rank in range(size)]
    assert [row for share in shares for row in range(samples)[share]] == list(range(samples))
    assert size > samples or all(share.stop > share.start for share in shares)


@pytest.mark.parametrize(
    ("setup", "devices", "message"),
    [
        (Setup(), 0, "devices must be at least 1, got 0"),
        (Setup(), 8, "a batch of 7 samples cannot be shared out among 8 devices: take fewer devices or larger batches"),
        (Setup(parts=4), 2, "accumulate=4 cuts a device's 3 samples of a batch of 7 into more parts than there are"),
        (Setup(parts=8), 1, "accumulate=8 cuts a device's 7 samples"),
        (Setup(capture=True), 2, "capture=True records a step of one device"),
        (Setup(device=torch.device("cuda", 1)), 2, "device 'cuda:1' is one device, got devices=2: say cuda"),
        (Setup(device=torch.device("cuda")), 7, "7 CUDA devices asked for on this machine, but torch sees"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(setup: Setup, devices: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_devices(made(), setup, devices)


def test_what_torchrun_sets_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert launched() is None
    for name, value in {
        "RANK": "3",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert launched() == (3, 4, 1)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched() is None
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ValueError, match="WORLD_SIZE=many in the environment must be numbers"):
        launched()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"workers": -1}, "workers must lie in 0 to 256, got -1"),
    ],
)
def test_bad_plans(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        setup_for("cpu", **options)
