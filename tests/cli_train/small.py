"""A training of a second."""

from pathlib import Path


def command(out: Path, steps: int = 30, *more: str) -> list[str]:
    task = ["--task", "parity/length=16,batch_size=8", "--replicas", "2", "--steps", str(steps)]
    return ["train", "gru", *task, "--seed", "3", "--out", str(out), *more]
