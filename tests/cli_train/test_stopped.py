"""Trainings that are interrupted, killed, doubled or out of room: they go on exactly, or say what is wrong."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.cli_train.small import command
from tests.started import ALONE, START, itnas, wait_for

STEPS = 150


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing happened to."""
    out = tmp_path_factory.mktemp("train") / "whole"
    assert itnas(*command(out, STEPS, "--quiet")).returncode == 0
    return out


@pytest.mark.parametrize("sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL])
def test_stopped_and_resumed_equals_uninterrupted_bit_for_bit(
    tmp_path: Path, whole: Path, sent: signal.Signals
) -> None:
    broken = tmp_path / "broken"
    code = "import itnas.training.train as t; t.CHECKPOINT_SECONDS = 0.2; from itnas.cli import main; main()"
    arguments = command(broken, STEPS)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ALONE
    )
    wait_for(broken / "checkpoint.safetensors", process)
    time.sleep(0.7)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if sent == signal.SIGKILL else 130), errors
    if sent != signal.SIGKILL:
        assert errors.splitlines()[-1] == f"itnas: interrupted; the same command goes on from {broken}"
    assert not (broken / "result.json").exists()
    from itnas.training.checkpoint import load

    done = load(broken / "checkpoint.safetensors")[1]["step"]
    assert done < STEPS
    assert itnas(*arguments, "--quiet").returncode == 0
    one, other = load_file(whole / "replicas.safetensors"), load_file(broken / "replicas.safetensors")
    assert all(torch.equal(one[name], other[name]) for name in one)
    columns = ["step", "replica", "loss", "score", "alive"]
    curves = [pd.read_parquet(out / "curves.parquet")[columns] for out in (whole, broken)]
    pd.testing.assert_frame_equal(*curves, check_exact=True)
    results = [json.loads((out / "result.json").read_text()) for out in (whole, broken)]
    assert results[0]["replicas"] == results[1]["replicas"]
    assert not (broken / "checkpoint.safetensors").exists()


def test_two_processes_cannot_train_in_one_folder(tmp_path: Path) -> None:
    process = subprocess.Popen([*START, *command(tmp_path, 100_000, "--quiet")], env=ALONE)
    try:
        wait_for(tmp_path / "checkpoint.safetensors", process)
        second = itnas(*command(tmp_path, 100_000))
        assert second.returncode == 2
        assert second.stderr.strip() == (
            f"itnas: {tmp_path} is in use by another training: wait for it, or name another folder"
        )
    finally:
        process.kill()
        process.wait()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    process = itnas(*command(tmp_path))
    assert process.returncode == 2
    assert process.stderr.startswith(f"itnas: {tmp_path}/checkpoint.safetensors is damaged (")
    assert process.stderr.count("\n") == 1


def test_a_full_disk_is_said_and_nothing_finished_is_lost(tmp_path: Path) -> None:
    """A file system with no room: /dev/full stands in for the checkpoint's temporary file."""
    code = (
        "import os, itnas.files, tempfile\n"
        "itnas.files.tempfile = type('T', (), {'mkstemp': staticmethod(lambda dir, prefix: "
        "(os.open('/dev/full', os.O_WRONLY), os.path.join(dir, prefix + 'x')))})\n"
        "from itnas.cli import main; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *command(tmp_path / "out")], capture_output=True, text=True, env=ALONE
    )
    assert process.returncode == 2
    assert process.stderr == "itnas: No space left on device\n"
    assert not (tmp_path / "out").exists()
