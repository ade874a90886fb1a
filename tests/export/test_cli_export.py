"""`itnas export` as a user types it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from itnas.cli.names import FORMATS as TOLD
from itnas.export.formats import FORMATS
from tests.started import itnas


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return itnas("export", *words)


def test_the_help_names_every_format() -> None:
    assert sorted(TOLD) == sorted(FORMATS)


def test_a_winner_goes_home_and_is_trained_there(swept: Path, tmp_path: Path) -> None:
    done = run(swept, "--task", "flip-flop", "--out", tmp_path / "best.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"wrote {tmp_path}/best.yaml (genome), loaded back:")
    words = ["train", str(tmp_path / "best.yaml"), "--task", "flip-flop/length=16", "--replicas", "1", "--json"]
    words += ["--steps", "3", "--width", "2x", "--quiet", "--out", str(tmp_path / "trained")]
    trained = itnas(*words)
    assert trained.returncode == 0, trained.stderr
    again = run(tmp_path / "trained", "--format", "weights", "--out", tmp_path / "weights", "--json")
    assert json.loads(again.stdout)["compared"]["largest_difference"] == 0.0


def test_a_crystallised_network_is_told_of(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "native"
    done = run(swept, "--trial", 2, "--format", "native", "--out", out, "--distil-steps", 2, "--tune-steps", 2)
    assert done.returncode == 0, done.stderr
    assert "layer 1" in done.stdout
    assert "times as fast" in done.stdout
    assert "USDT" not in done.stderr
    rows = json.loads((out / "measured.json").read_text())
    assert [row["length"] for row in rows] == [16, 64, 1024]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "wieghts", "--out", "x"), "did you mean 'weights'?"),
        (("--out", "best.txt", "--task", "flip-flop"), "ends in .yaml or .yml or .json"),
        (("--out", "best.yaml"), "name a task"),
        (("--out", "best.yaml", "--task", "flip-flop", "--least", "0.5"), "takes no least"),
        (("--out", ".", "--task", "flip-flop", "--format", "weights"), "of its own"),
        (("--out", "n", "--trial", "2", "--format", "native", "--least", "7"), "least is a share"),
        (("--out", "n", "--trial", "2", "--format", "native", "--tune-steps", "-1"), "tune_steps must be 0 or more"),
    ],
)
def test_bad_input_is_one_sentence(swept: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = itnas("export", swept, *words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
