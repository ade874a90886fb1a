"""Trials that raise, diverge, hang, eat memory or take their process down: told with a reason, and the rest run."""

import json
import re
from pathlib import Path

import pytest

from itnas.store import RunReader
from tests.chaos.misbehaving import SIZES, space
from tests.chaos.processes import Ended, Place
from tests.chaos.state import check_ended

TASK = "tests.chaos.misbehaving:Misbehaving"
BRIEF = ("--specialists", "none", "--sampler", "random", "--replicas", 1, "--rungs", 2, "--confirm", 0, "--keep", 0)
TIMEOUT = 20
REASONS = {
    "raises": r"ValueError: planted in two lines",
    "diverges": r"all 1 replicas diverged by step \d",
    "asks_for_much_memory": r"out of memory: .*",
    "takes_memory_bit_by_bit": r"out of memory: .*",
    "exits": r"the trial called exit\(7\)",
}
HANGING = {"hangs": r"hung: it had not ended after 20 seconds.*"}
KILLING = {
    "hangs_with_the_lock_held": r"hung: it had not ended after 20 seconds, and its process was ended",
    "leaves_without_a_word": r"its process died \(3 attempts\)",
    "crashes": r"its process died \(3 attempts\)",
}


def _search(place: Place, trials: int, *names: str, good: int = 1, engine: str = "inline") -> Ended:
    file = place.folder / "space.yaml"
    file.write_text(space(*names, good=good))
    options = (
        "--json",
        "--verdicts",
        "none",
        "--timeout",
        TIMEOUT,
        "--run",
        place.run,
        "--trials",
        trials,
        "--engine",
        engine,
    )
    return place.itnas("search", file, "--task", TASK, *BRIEF, *options, patience=280)


def _by_mishap(folder: Path) -> dict[str, list[tuple[str, str | None]]]:
    """States and reasons of the trials that met a mishap."""
    reader, found = RunReader(folder), {name: [] for name in ("none", *SIZES)}
    names = {size: name for name, size in SIZES.items()}
    for row in reader.trials():
        size = reader.genome(row["genome"])["training"]["batch_size"]
        found[names.get(size, "none")].append((row["state"], row["reason"]))
    return found


def _check(folder: Path, expected: dict[str, str]) -> None:
    found = _by_mishap(folder)
    assert found["none"]
    assert {state for state, _ in found["none"] + found["prints_megabytes"]} == {"complete"}
    for name, reason in expected.items():
        assert found[name], name
        for state, told in found[name]:
            assert state == "failed"
            assert re.fullmatch(reason, told or ""), (name, told)


@pytest.mark.parametrize("reasons", [REASONS, pytest.param(HANGING, marks=pytest.mark.slow)], ids=["all", "hanging"])
def test_a_sweep_goes_on_beside_trials_that_fail(place: Place, reasons: dict[str, str]) -> None:
    trials = 2 * (len(reasons) + 2)
    ended = _search(place, trials, *reasons, "prints_megabytes")
    assert ended.code == 0, ended
    assert "Traceback" not in ended.err + ended.out
    assert len(ended.err) < 10_000
    check_ended(place.run, trials)
    _check(place.run, reasons)
    logs = RunReader(place.run).rows("SELECT text FROM logs")
    assert all("Traceback" in row["text"] for row in logs if "diverged" not in row["text"])
    assert all(len(row["text"]) < 50_000 for row in logs)


@pytest.mark.slow
def test_a_trial_that_kills_its_process_is_failed_after_three_attempts(place: Place) -> None:
    """Inline, its process is the driver; the sweep is resumed each time."""
    ended = _search(place, 4, "crashes", good=3)
    resumed = 0
    while ended.code == -11:
        assert [row["state"] for row in RunReader(place.run).trials()].count("running") == 1
        ended = place.itnas("resume", place.run, "--engine", "inline")
        resumed += 1
    assert ended.code == 0, ended
    check_ended(place.run, 4)
    found = _by_mishap(place.run)
    assert {state for state, _ in found["none"]} == {"complete"}
    assert set(found["crashes"]) == {("failed", "was running when its process ended, 3 times")}
    assert resumed == 3 * len(found["crashes"])


@pytest.mark.slow
@pytest.mark.ray
def test_nothing_that_a_trial_does_to_its_worker_ends_a_sweep(place: Place) -> None:
    expected = REASONS | HANGING | KILLING
    trials = 2 * (len(expected) + 2)
    ended = _search(place, trials, *expected, "prints_megabytes", engine="ray")
    assert ended.code == 0, ended
    assert "Traceback" not in ended.err
    assert json.loads(ended.out)["run"] == str(place.run), "nobody else writes there"
    assert all(line.startswith(f"{TASK}: trial ") for line in ended.err.splitlines()), ended.err
    check_ended(place.run, trials)
    _check(place.run, expected)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_sweep_without_a_success_says_so(place: Place, engine: str) -> None:
    ended = _search(place, 2, "raises", good=0, engine=engine)
    assert ended.code == 3, ended
    assert ended.err.splitlines()[-1] == f"itnas: no trial succeeded: see `itnas trials {place.run}`"
    assert "Traceback" not in ended.err
