"""The driver's books: which worker an attempt ran on, and how long it took."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from itnas.run import Run
from itnas.search import sweep as sweeping
from itnas.search.driver import Driver
from itnas.search.job import Failure, Job, Message, Rung, Started
from itnas.search.sweep import Means, Sweep
from itnas.store import RunReader
from tests.search.toy import failing, toy_settings, toy_space, work


def ended(folder: Path, how: Any) -> Run:
    with Sweep.create(folder, toy_space(), toy_settings(tasks=["delay"], trials=6)) as sweep:
        assert sweep.run(Means(engine="inline"), work=how) == "ended"
    return Run(folder)


def test_an_attempt_that_never_began_is_booked_on_no_worker(tmp_path: Path) -> None:
    def losing(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        if job.trial != 2:
            yield from work(job, stop)
            return
        if job.attempt == 1:
            yield Started("the first")
            yield Rung(1, 1, 0.1, 0.5, (0.5,), (0.5,))
        yield Failure("the node went away", retry=True)

    trials = ended(tmp_path / "run", losing).trials().set_index("number")
    assert trials.loc[2, "state"] == "failed"
    assert trials["worker"].isna().tolist() == [number == 2 for number in range(6)]


def test_who_trains_is_known_while_it_trains(tmp_path: Path) -> None:
    folder, seen = tmp_path / "run", list[tuple[str, str | None]]()

    def looking(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        for message in work(job, stop):
            yield message
            (trial,) = RunReader(folder).trials()[-1:]
            if isinstance(message, (Started, Rung)) and trial["state"] == "running":
                seen.append((type(message).__name__, trial["worker"]))

    ended(folder, looking)
    assert set(seen) == {("Started", None), ("Rung", "here")}


def test_another_attempt_begins_at_no_rung(tmp_path: Path) -> None:
    folder, seen = tmp_path / "run", list[tuple[int, int]]()

    def losing(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        (trial,) = RunReader(folder).trials()[-1:]
        seen.append((job.attempt, trial["rung"]))
        if job.trial == 2:
            yield Rung(1, 1, 0.1, 0.5, (0.5,), (0.5,))
            yield Failure("the node went away", retry=True)
        else:
            yield from work(job, stop)

    ended(folder, losing)
    assert {rung for _, rung in seen} == {0}
    assert max(attempt for attempt, _ in seen) > 1


def test_nothing_is_remembered_of_what_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Driver] = []

    class Watched(Driver):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(sweeping, "Driver", Watched)
    ended(tmp_path / "run", failing)
    assert (made[0].workers, made[0].running) == ({}, {})


def test_failed_trials_say_how_long_they_took(tmp_path: Path) -> None:
    trials = ended(tmp_path / "run", failing).trials()
    failed = trials[trials["state"] == "failed"]
    assert len(failed) == 2
    assert failed["seconds"].tolist() == pytest.approx((failed["finished"] - failed["started"]).tolist())
