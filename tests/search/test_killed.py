"""What the end of a driver means for what it left running."""

import json
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from itnas.run import Run
from itnas.search.job import Failure, Job, Message, Phase
from itnas.search.sweep import Sweep
from itnas.search.work import Work
from itnas.store import RunReader, RunWriter
from itnas.store.summary import summarise
from tests.search.killed import ABOUT, INLINE, KilledError, kill
from tests.search.toy import toy_settings, toy_space, work
from tests.started import Inside


def resume(folder: Path, how: Work = work) -> None:
    with Sweep.open(folder) as sweep:
        assert sweep.run(INLINE, work=how) == "ended"


@pytest.mark.parametrize("phase", ["search", "confirm"])
def test_on_ray_the_end_of_the_driver_counts_against_nothing(tmp_path: Path, phase: Phase) -> None:
    folder = tmp_path / "run"
    for _ in range(4):
        kill(folder, "ray", phase)
    resume(folder)
    for rows in (RunReader(folder).trials(), RunReader(folder).confirmations()):
        assert {(row["state"], row["attempt"]) for row in rows} == {("complete", 1)}


def test_inline_it_counts_and_the_reason_says_what_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for _ in range(3):
        kill(folder, "inline", "search")
    resume(folder)
    first, *others = RunReader(folder).trials()
    assert (first["state"], first["reason"]) == ("failed", "was running when its process ended, 3 times")
    assert {row["state"] for row in others} == {"complete"}


def test_a_confirmation_that_failed_is_told_and_tried_again_when_the_sweep_has_ended(
    tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "run"
    for _ in range(3):
        kill(folder, "inline", "confirm")
    resume(folder)
    (failed, *_) = summarise(RunReader(folder))["failures"]
    assert (failed["phase"], failed["reason"]) == ("confirm", "was running when its process ended, 3 times")
    told = f"confirmation of trial {failed['trial']} on delay failed: was running when its process ended, 3 times"
    assert told in inside("status", folder)[1]
    resume(folder)
    assert {row["state"] for row in RunReader(folder).confirmations()} == {"complete"}
    assert Run(folder).confirmations()["test_score"].notna().all()
    assert summarise(RunReader(folder))["failures"] == []


def test_a_sweep_that_ends_without_a_confirmation_says_so(tmp_path: Path, inside: Inside) -> None:
    folder = tmp_path / "run"
    for _ in range(3):
        kill(folder, "inline", "confirm")
    code, _, errors = inside("resume", folder, "--engine", "inline", "--quiet", "--confirm", "0")
    assert (code, errors) == (
        0,
        f"itnas: 1 confirmation failed: see `itnas status {folder}`; `itnas resume {folder}` tries again\n",
    )


def test_what_a_driver_that_is_gone_left_is_told_as_interrupted(tmp_path: Path, inside: Inside) -> None:
    folder = tmp_path / "run"
    kill(folder, "inline", "search")
    (task,) = summarise(RunReader(folder))["tasks"]
    assert (task["running"], task["interrupted"]) == (0, 1)
    told = json.loads(inside("status", folder, "--json")[1])
    assert told["running"] == []
    assert [row["trial"] for row in told["interrupted"]] == [0]
    shown = inside("status", folder)[1]
    assert "interrupted, to be run again: 0 (gru on delay, rung 0)" in shown
    assert "running:" not in shown
    assert "interrupted" in inside("trials", folder, "--state", "running")[1]


def test_what_waits_is_told_from_what_runs(tmp_path: Path) -> None:
    """Two were left running; the next driver runs one after the other."""
    folder, seen = tmp_path / "run", list[list[list[int]]]()
    kill(folder, "inline", "search")
    with RunWriter(folder) as writer, writer.transaction():
        (row,) = writer.rows("SELECT * FROM trials")
        writer.put("trials", [row | {"number": 1}])
    first = RunReader(folder).trials()[0]

    def looking(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        found = summarise(RunReader(folder))
        seen.append([[row["trial"] for row in found[name]] for name in ("running", "interrupted")])
        raise KilledError
        yield from work(job, stop)

    with Sweep.open(folder) as sweep, pytest.raises(KilledError):
        sweep.run(INLINE, work=looking)
    assert first["number"] == 0
    assert seen == [[[0], [1]]]


def test_time_at_which_nothing_ran_counts_for_nothing(tmp_path: Path) -> None:
    """Each driver runs for a minute or so and is killed; an hour later the next one comes."""
    folder = tmp_path / "run"
    for _ in range(3):
        kill(folder, "inline", "search")
        _put_back(folder, 3600)
    reader = RunReader(folder)
    last = reader.last()
    assert last == pytest.approx(time.time() - 3600, abs=60)
    resume(folder)
    failed = reader.trials()[0]
    assert failed["finished"] == last
    assert 0 <= failed["seconds"] < 60


def test_what_a_killed_driver_has_spent_is_known_until_it_last_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kill(folder, "inline", "confirm")
    with RunWriter(folder) as writer, writer.transaction():
        writer.set("seconds", 1000.0)
        began = RunReader(folder).sweep()["session"] - 100
        writer.set("session", began)
        writer.event("settings", None, None, toy_settings(**ABOUT).to_dict())
        writer.connection.execute("UPDATE events SET time = time + 999 WHERE kind = 'settings'")
    before = summarise(RunReader(folder))["seconds"]
    assert before == pytest.approx(1100, abs=30)
    resume(folder)
    assert summarise(RunReader(folder))["seconds"] == pytest.approx(before, abs=30)
    assert RunReader(folder).sweep()["session"] > began


def test_what_an_adopted_confirmation_had_reached_is_a_sign_of_life(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kill(folder, "inline", "confirm")
    (confirmed,) = RunReader(folder).confirmations()
    rung = {"trial": confirmed["trial"], "phase": "confirm", "rung": 1, "replica": 0, "step": 1, "seconds": 77.0}
    with RunWriter(folder) as writer, writer.transaction():
        writer.put("history", [rung])
    assert RunReader(folder).last() == confirmed["started"] + 77.0


def _put_back(folder: Path, seconds: float) -> None:
    """As if all had happened so much earlier."""
    with RunWriter(folder) as writer, writer.transaction():
        writer.connection.execute("UPDATE events SET time = time - ?", (seconds,))
        writer.connection.execute("UPDATE trials SET started = started - ?1, finished = finished - ?1", (seconds,))
        writer.set("session", RunReader(folder).sweep()["session"] - seconds)


def test_one_that_fails_each_time_is_tried_once_a_resume(tmp_path: Path) -> None:
    folder, tried = tmp_path / "run", list[int]()

    def failing(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        if job.phase == "confirm":
            tried.append(job.attempt)
            yield Failure("ValueError: no luck")
        else:
            yield from work(job, stop)

    with Sweep.create(folder, toy_space(), toy_settings(**ABOUT)) as sweep:
        assert sweep.run(INLINE, work=failing) == "ended"
    once = len(tried)
    resume(folder, failing)
    assert tried == [1] * 2 * once
