"""Following a run: every change is seen, and only changes are read."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from itnas.store import RunReader, RunWriter
from itnas.store.follow import PORTION, Follower


def _trial(number: int, state: str = "running", **more: Any) -> dict[str, Any]:
    about = {"number": number, "task": "recall", "genome": "g", "origin": "sampler", "state": state, "attempt": 1}
    return about | {"rung": 0, "repeat": 0, "started": 1.0} | more


def _new(folder: Path) -> RunWriter:
    folder.mkdir()
    return RunWriter(folder, new=True)


def _ask(run: RunWriter, number: int, **more: Any) -> None:
    run.event("ask", "recall", number, {"parameters": {"heads": number}})
    run.put("trials", [_trial(number, **more)])


@pytest.fixture
def written(tmp_path: Path) -> Any:
    with _new(tmp_path / "run") as run:
        with run.transaction():
            run.set("created", 1.0)
            run.genome("g", {})
        yield run


def test_what_is_new_is_seen(written: RunWriter) -> None:
    follower = Follower(written.path.parent)
    assert len(follower.trials()) == 0
    assert not follower.look()
    with written.transaction():
        _ask(written, 0)
    assert follower.look()
    assert not follower.look()
    assert follower.trials()["state"].tolist() == ["running"]
    assert math.isnan(follower.trials()["score"].iloc[0])
    with written.transaction():
        written.event("tell", "recall", 0, {"values": [0.5]})
        written.put("trials", [_trial(0, "complete", score=0.5)])
        _ask(written, 1)
    before = follower.version
    assert follower.look()
    assert follower.version == before + 1
    assert follower.trials()["score"].iloc[0] == 0.5
    assert follower.genes()["heads"].tolist() == [0, 1]


def test_a_running_trial_that_changes_without_an_event_is_seen(written: RunWriter) -> None:
    """A lost worker's trial is tried again: no event tells of that."""
    with written.transaction():
        _ask(written, 0)
    follower = Follower(written.path.parent)
    with written.transaction():
        written.update("trials", "number", 0, {"attempt": 2})
    assert follower.look()
    assert follower.trials()["attempt"].tolist() == [2]


def test_many_trials_are_read_in_portions_and_agree_with_the_table(written: RunWriter) -> None:
    with written.transaction():
        for number in range(2 * PORTION + 3):
            _ask(written, number, score=number / 7)
    follower = Follower(written.path.parent)
    rows = RunReader(written.path.parent).trials()
    assert follower.trials()["score"].tolist() == [row["score"] for row in rows]
    assert len(follower) == len(rows)


def test_only_what_changed_is_read(written: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    with written.transaction():
        for number in range(20):
            _ask(written, number, state="complete")
    follower, asked = Follower(written.path.parent), []
    from itnas.store import follow

    plain = follow._of
    monkeypatch.setattr(
        follow, "_of", lambda link, sql, numbers: asked.append(set(numbers)) or plain(link, sql, numbers)
    )
    with written.transaction():
        _ask(written, 20)
    assert follower.look()
    assert asked == [{20}]


def test_a_run_that_goes_away_is_told_and_may_come_back(written: RunWriter, tmp_path: Path) -> None:
    with written.transaction():
        _ask(written, 0)
    copy = shutil.copytree(written.path.parent, tmp_path / "copy")
    follower = Follower(copy)
    away = copy.rename(tmp_path / "away")
    assert follower.look()
    assert "no run" in str(follower.gone)
    assert len(follower.trials()) == 1  # what was known stays known
    assert not follower.look()
    away.rename(copy)
    assert follower.look()
    assert follower.gone is None


def test_another_run_in_its_place_is_read_afresh(written: RunWriter, tmp_path: Path) -> None:
    with written.transaction():
        for number in range(5):
            _ask(written, number)
    place = shutil.copytree(written.path.parent, tmp_path / "place")
    follower = Follower(place)
    shutil.rmtree(place)
    with _new(place) as other, other.transaction():
        other.set("created", 2.0)
        other.genome("g", {})
        _ask(other, 0, state="complete")
    assert follower.look()
    assert follower.trials()["state"].tolist() == ["complete"]


def test_the_driver_can_close_its_log_while_it_is_followed(tmp_path: Path) -> None:
    with _new(tmp_path / "run") as run:
        with run.transaction():
            run.set("created", 1.0)
        follower = Follower(run.path.parent)
        follower.look()
        run.settle()
    assert not (tmp_path / "run" / "run.db-wal").exists()
