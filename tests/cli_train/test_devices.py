"""`itnas train` on several devices as users run it: real processes, killed for real."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from itnas.cli import main
from itnas.training.launch import _BY_TORCHRUN
from tests.started import itnas, wait_for
from tests.training.test_workers import descendants

# One thread: two busy processes on two cores would wait for each other.
ALONE = {**{name: value for name, value in os.environ.items() if name not in _BY_TORCHRUN}, "OMP_NUM_THREADS": "1"}
START = [sys.executable, "-m", "itnas"]
OFTEN = "import itnas.training.train as t; t.CHECKPOINT_SECONDS = 0.2; from itnas.cli import main; main()"
STEPS = 100


def command(out: Path, *more: str, steps: int = STEPS) -> list[str]:
    task = ["--task", "parity/length=16,batch_size=8", "--replicas", "1", "--steps", str(steps)]
    return ["train", "gru", *task, "--seed", "3", "--out", str(out), *more]


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of batches in two parts."""
    out = tmp_path_factory.mktemp("train") / "halves"
    process = itnas(*command(out, "--accumulate", "2", "--quiet"))
    assert process.returncode == 0, process.stderr
    return out


def check_same(one: Path, other: Path) -> None:
    replicas = [load_file(out / "replicas.safetensors") for out in (one, other)]
    assert all(torch.equal(replicas[0][name], replicas[1][name]) for name in replicas[0])
    columns = ["step", "replica", "loss", "score", "alive"]
    curves = [pd.read_parquet(out / "curves.parquet")[columns] for out in (one, other)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)


def helpers(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(each) for each in children if "itnas.training.helper" in Path(f"/proc/{each}/cmdline").read_text()]


def alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(
    "end",
    ["helper killed", *(pytest.param(each, marks=pytest.mark.slow) for each in ("interrupted", "leader killed"))],
)
def test_two_processes_that_end_early_go_on_exactly(tmp_path: Path, halves: Path, end: str) -> None:
    out = tmp_path / "out"
    arguments = command(out, "--devices", "2")
    process = subprocess.Popen(
        [sys.executable, "-c", OFTEN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE
    )
    wait_for(out / "checkpoint.safetensors", process)
    started = helpers(process)
    assert len(started) == 1
    time.sleep(0.3)
    if end == "helper killed":
        os.kill(started[0], signal.SIGKILL)
    else:
        process.send_signal(signal.SIGKILL if end == "leader killed" else signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    code, told = {
        "helper killed": (2, f"the process of device 2 of 2 was killed (SIGKILL); the same command goes on from {out}"),
        "interrupted": (130, f"interrupted; the same command goes on from {out}"),
        "leader killed": (-9, None),
    }[end]
    assert process.returncode == code, errors
    assert told is None or errors.splitlines()[-1] == f"itnas: {told}"
    assert "Traceback" not in errors
    deadline = time.monotonic() + 10
    while alive(started[0]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not (out / "result.json").exists()
    again = itnas(*arguments, "--quiet")
    assert again.returncode == 0, again.stderr
    check_same(out, halves)
    assert json.loads((out / "result.json").read_text())["provenance"]["devices"] == 2


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_torchrun_starts_the_same_training(tmp_path: Path, halves: Path, times: int) -> None:
    """The same command once more shows the result."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
    torchrun += ["--rdzv-endpoint", "127.0.0.1:0", "-m", "itnas"]
    found = []
    for _ in range(times):
        command_line = [*torchrun, *command(tmp_path / "out", "--json")]
        process = subprocess.run(command_line, capture_output=True, text=True, env=ALONE)
        assert process.returncode == 0, process.stderr
        found.append(json.loads(process.stdout))  # of one process alone
        assert found[-1]["provenance"]["devices"] == 2
        check_same(tmp_path / "out", halves)
    assert found[0] == found[-1]


USERS_TASK = """
from dataclasses import dataclass
import torch
from itnas.tasks import Batch, Task
@dataclass(frozen=True)
class Copy(Task):
    name, summary, expects = "copy", "Tokens in, tokens out.", "Nothing to mix."
    length: int = 8
    vocabulary = 4
    outputs = 4
    chance = 0.25
    def draw(self, rng, size, length):
        tokens = torch.from_numpy(rng.integers(4, size=(size, length)))
        return Batch(tokens, tokens)
"""


@pytest.mark.parametrize(
    "address",
    [[], pytest.param(["--address", "local"], marks=[pytest.mark.ray, pytest.mark.slow])],
    ids=["here", "ray"],
)
def test_users_tasks_and_their_data_are_the_same_in_every_process(tmp_path: Path, address: list[str]) -> None:
    """A user's task draws from random numbers that are named after the file it was found in."""
    (tmp_path / "mine.py").write_text(USERS_TASK)
    found = []
    for options in (["--accumulate", "2"], ["--devices", "2", "--workers", "1", *address]):
        out = tmp_path / str(len(found))
        arguments = ["train", "gru", "--task", "mine:Copy", "--steps", "5", "--replicas", "1", "--quiet", *options]
        process = itnas(*arguments, "--out", out, cwd=tmp_path)
        assert process.returncode == 0, process.stderr
        found.append(out)
    check_same(*found)


@pytest.mark.ray
def test_ray_starts_the_same_training(tmp_path: Path, halves: Path) -> None:
    out = tmp_path / "out"
    process = itnas(*command(out, "--devices", "2", "--address", "local", "--json"))
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == json.loads((out / "result.json").read_text())
    assert process.stderr.splitlines()[-1].startswith("gru on parity/length=16,batch_size=8: step 100 of 100")
    check_same(out, halves)
    assert not (out / "checkpoint.safetensors").exists()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_lost_process_of_a_cluster_ends_all_and_the_training_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    # Of a thousand steps, so that it is still at work when it is looked for.
    arguments = command(out, "--devices", "2", "--address", "local", steps=1000)
    process = subprocess.Popen(
        [*START, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE
    )
    try:
        wait_for(out / "checkpoint.safetensors", process)
        ranks = [each for each in descendants(process.pid) if titled(each, "ray::Rank")]
        assert len(ranks) == 2
        os.kill(max(ranks), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 2, errors
    assert errors.splitlines()[-1].startswith("itnas: the process of device ")
    assert errors.splitlines()[-1].endswith(f" of 2 died, or its node did; the same command goes on from {out}")
    assert itnas(*arguments, "--quiet").returncode == 0
    whole = tmp_path / "whole"
    assert itnas(*command(whole, "--accumulate", "2", "--quiet", steps=1000)).returncode == 0
    check_same(out, whole)


def titled(process: int, title: str) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().startswith(title)
    except OSError:
        return False


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        (["--devices", "0"], {}, "devices must be at least 1, got 0"),
        (["--devices", "9"], {}, "a batch of 8 samples cannot be shared out among 9 devices"),
        (["--devices", "2", "--capture"], {}, "capture=True records CUDA graphs, which needs a CUDA device"),
        (["--accumulate", "0"], {}, "accumulate must be at least 1, got 0"),
        (["--accumulate", "9"], {}, "accumulate=9 cuts a device's 8 samples of a batch of 8 into more parts"),
        (["--workers", "-1"], {}, "workers must lie in 0 to 256, got -1"),
        (["--devices", "3"], {"WORLD_SIZE": "2"}, "--devices 3, but torchrun has started 2 processes: leave --devices"),
        (["--address", "local"], {"WORLD_SIZE": "2"}, "--address starts processes on a Ray cluster, and torchrun has"),
        ([], {"WORLD_SIZE": "two"}, "RANK=0 and WORLD_SIZE=two in the environment must be numbers"),
        (["--address", "local", "--device", "cuda:1"], {}, "--device cuda:1 on a Ray cluster: say auto, cpu or cuda"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    environment: dict[str, str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in _BY_TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        {"RANK": "0", "MASTER_ADDR": "h", "MASTER_PORT": "1"} | environment if environment else {}
    ).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["itnas", *command(Path("out"), *options)])
    with pytest.raises(SystemExit) as ended:
        main()
    errors = capsys.readouterr().err
    assert ended.value.code == 2, errors
    assert errors.startswith(f"itnas: {message}")
    assert errors.count("\n") == 1, errors
    assert list(tmp_path.iterdir()) == []
