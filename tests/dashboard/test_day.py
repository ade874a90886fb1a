"""A page that stays open for a day, beside a sweep of ten thousand trials."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dashboard.day import begin

LOOKS = 24 * 60 * 60 // 2  # one every two seconds
ARRIVALS = 100


def spent(folder: Path, looks: int, arrivals: int) -> list[float]:
    """Memory of a process of its own, in MB."""
    command = [sys.executable, "-m", "tests.dashboard.day", str(folder), str(looks), str(arrivals)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=True, env={**os.environ})
    return [float(each) for each in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_day_takes_no_more_memory_than_a_look(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begin(folder)
    evening, morning = spent(folder, LOOKS, ARRIVALS)
    assert morning < evening + 5, "twelve hours in which nothing happens"
    _, fresh = spent(folder, 2, 0)
    assert morning < 1.3 * fresh, "what came over a day, and what is there when one comes"
