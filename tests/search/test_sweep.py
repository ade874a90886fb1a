"""A sweep from start to end, in this process, with trials that take no time: what is written, resumed, extended."""

import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from itnas.genome import Genome
from itnas.run import Run
from itnas.search.circumstances import levels
from itnas.search.job import Failure, Job, Message, Started
from itnas.search.replay import replay
from itnas.search.sweep import Means, Sweep
from itnas.space import Space
from itnas.store import RunError, RunReader
from itnas.tasks import find
from tests.search.toy import RUNGS, failing, swept, tables, toy_settings, toy_space, value, work

INLINE = Means(engine="inline")


def test_every_trial_is_written(tmp_path: Path) -> None:
    run = Run(swept(tmp_path / "run", trials=14))
    trials = run.trials()
    assert list(trials["number"]) == list(range(28))
    assert set(trials["state"]) <= {"complete", "pruned"}
    assert (trials.groupby("task").size() == 14).all()
    complete = trials[trials["state"] == "complete"]
    for row in complete.itertuples():
        genome = run.reader.genome(row.genome)
        assert row.score == pytest.approx(value(Genome.from_dict(genome)))
    assert complete["parameters"].notna().all()
    assert (complete["cost"] == complete["parameters"]).all()
    assert trials["worker"].eq("here").all()
    assert len(run.replicas()) == len(complete)
    rungs = run.history().groupby("trial")["rung"].max()
    assert all(rungs[row.number] == RUNGS for row in complete.itertuples())
    pruned = trials[trials["state"] == "pruned"]
    assert pruned["score"].isna().all()
    assert all(f"rung {row.rung} of" in row.reason for row in pruned.itertuples())


def test_the_networks_of_the_best_are_kept(tmp_path: Path) -> None:
    run = Run(swept(tmp_path / "run", trials=14, keep=2))
    for task in run.tasks:
        trials = run.trials(task)
        best = trials[trials["state"] == "complete"].sort_values(["score", "number"], ascending=[False, True])
        expected = set(best["number"][:2])
        assert {row["trial"] for row in run.reader.kept() if row["trial"] in set(trials["number"])} == expected
        for trial in expected:
            assert run.networks(trial).is_dir()
    there = sorted(path.name for path in (run.folder / "weights").iterdir())
    assert there == sorted(str(row["trial"]) for row in run.reader.kept())
    with pytest.raises(RunError, match="were not kept"):
        run.networks(next(number for number in range(28) if str(number) not in there))


def test_the_best_are_confirmed_on_fresh_seeds_with_their_best_rate(tmp_path: Path) -> None:
    seen: list[Job] = []

    def watched(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        seen.append(job)
        yield from work(job, stop)

    folder = tmp_path / "run"
    with Sweep.create(folder, toy_space(), toy_settings(trials=10, confirm=2, confirm_replicas=4)) as sweep:
        sweep.run(INLINE, work=watched)
    run = Run(folder)
    searching, confirming = ([job for job in seen if job.phase == phase] for phase in ("search", "confirm"))
    assert {job.seed for job in searching}.isdisjoint({job.seed for job in confirming})
    assert all(
        job.replicas == 4 and job.test and len(job.genome["training"]["learning_rates"]) == 1 for job in confirming
    )
    for task in run.tasks:
        trials = run.trials(task)
        complete = trials[trials["state"] == "complete"].sort_values(["score", "parameters"], ascending=[False, True])
        special = complete[complete["origin"] == "specialist"]
        others = complete[complete["origin"] != "specialist"]
        expected = {*others["number"][:2], *special["number"][:1]}
        assert set(run.confirmations().query("task == @task")["trial"]) == expected
    assert run.confirmations()["test_score"].notna().all()
    # Nothing of the search follows after a task's first confirmation.
    for task in run.tasks:
        phases = [job.phase for job in seen if job.task == task]
        assert phases == sorted(phases, reverse=True)


def test_failures_are_recorded_and_do_not_stop_a_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Sweep.create(folder, toy_space(), toy_settings()) as sweep:
        assert sweep.run(INLINE, work=failing) == "ended"
    trials = Run(folder).trials()
    failed = trials[trials["state"] == "failed"]
    assert set(failed["number"]) == {number for number in range(24) if number % 3 == 2}
    assert set(failed["reason"]) == {"ValueError: no luck"}
    assert RunReader(folder).rows("SELECT text FROM logs LIMIT 1") == [{"text": "a traceback"}]


def _stopping_after(messages: int) -> Callable[[], bool]:
    """Asks to stop when it has been asked so many times."""
    count = iter(range(messages))
    return lambda: next(count, None) is None


@pytest.mark.parametrize("sampler", ["tpe", "evolution", "nsga2"])
def test_a_sweep_that_is_stopped_again_and_again_ends_like_one_that_is_not(tmp_path: Path, sampler: str) -> None:
    about = {"sampler": sampler, "trials": 12, "confirm": 1}
    whole = swept(tmp_path / "whole", **about)
    folder = tmp_path / "parts"
    Sweep.create(folder, toy_space(), toy_settings(**about)).__exit__(None, None, None)
    for number in range(200):
        with Sweep.open(folder) as sweep:
            if sweep.run(INLINE, work=work, stop=_stopping_after(7 + number % 23)) == "ended":
                break
    assert number > 3
    assert tables(folder) == tables(whole)
    for each in (folder, whole):
        assert replay(RunReader(each)).differing == 0


def test_a_sweep_can_be_given_more_trials_and_tasks(tmp_path: Path) -> None:
    folder = swept(tmp_path / "run", trials=6, confirm=1)
    before = tables(folder)
    with Sweep.open(folder) as sweep:
        sweep.extend(trials=9, tasks=["delay", "flip-flop", "parity"], sampler="evolution")
        assert sweep.run(INLINE, work=work) == "ended"
    trials = Run(folder).trials()
    assert dict(trials.groupby("task").size()) == {"delay": 9, "flip-flop": 9, "parity": 9}
    assert tables(folder)["trials"][:12] == before["trials"]
    assert replay(RunReader(folder)).differing == 0


def test_new_tasks_come_beside_those_that_are_there(tmp_path: Path) -> None:
    with Sweep.open(swept(tmp_path / "run", trials=3)) as sweep:
        before = sweep.settings.tasks
        sweep.extend(tasks=["parity", before[0]])
        assert sweep.settings.tasks == (*before, "parity")


def test_chance_and_constraints_are_those_of_the_length_that_is_trained_at(tmp_path: Path) -> None:
    settings = toy_settings(tasks=["permutation-composition"], length=16)
    task = settings.task("permutation-composition")
    assert task.length == 16
    assert (
        levels(settings)["permutation-composition"]["chance"] == task.chance != find("permutation-composition").chance
    )

    space = Space.parse(
        "width: {choice: [8, 64]}\nlayers: [{kernel: {features: [content]}}]\nconstraints: {memory: 2.5 MB}",
        name="small",
    )
    kept = {}
    for length in (None, 256):
        folder = tmp_path / str(length)
        about = toy_settings(tasks=["delay"], length=length, batch_size=4, specialists=[], trials=3, random_share=1.0)
        with Sweep.create(folder, space, about) as sweep:
            sweep.run(INLINE, work=work)
        kept[length] = {
            Genome.from_dict(RunReader(folder).genome(row["genome"])).width
            for row in RunReader(folder).trials()
            if row["state"] != "infeasible"
        }
    assert kept == {None: {8, 64}, 256: {8}}


@pytest.mark.parametrize("means", [INLINE, Means(engine="ray", address="127.0.0.1:1")], ids=["inline", "no such Ray"])
def test_an_ended_sweep_that_is_resumed_has_nothing_to_do(tmp_path: Path, means: Means) -> None:
    folder = swept(tmp_path / "run", trials=3)

    def never(_job: Job, _stop: Callable[[], bool]) -> Generator[Message, None, None]:
        raise AssertionError
        yield Started("")

    with Sweep.open(folder) as sweep:
        assert sweep.run(means, work=never) == "ended"


def test_replay_finds_what_was_tampered_with(tmp_path: Path) -> None:
    folder = swept(tmp_path / "run")
    reader = RunReader(folder)
    assert replay(reader).differing == 0
    with sqlite3.connect(folder / "run.db") as connection:
        ask = next(event for event in reader.events() if event["kind"] == "ask" and event["trial"] == 20)
        text = connection.execute("SELECT data FROM events WHERE id = ?", (ask["id"],)).fetchone()[0]
        connection.execute(
            "UPDATE events SET data = ? WHERE id = ?", (text.replace("0.003", "0.01", 1) + " ", ask["id"])
        )
        connection.execute("UPDATE events SET data = replace(data, 'ask\":', 'ask\": 1') WHERE id = ?", (ask["id"],))
    connection.close()
    found = replay(reader)
    assert found.differing
    assert found.first
    assert "trial 20" in found.first


def test_a_trial_that_kills_its_process_is_given_up(tmp_path: Path) -> None:
    """As a driver sees it that is started again after each death: the attempt was committed before it began."""
    folder = tmp_path / "run"
    Sweep.create(folder, toy_space(), toy_settings(tasks=["delay"], trials=4)).__exit__(None, None, None)

    class DiedError(Exception):
        """Stands for the end of the process."""

    def deadly(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        if job.trial == 2:
            raise DiedError
        yield from work(job, stop)

    for _ in range(3):
        with Sweep.open(folder) as sweep, pytest.raises(DiedError):
            sweep.run(INLINE, work=deadly)
    with Sweep.open(folder) as sweep:
        assert sweep.run(INLINE, work=deadly) == "ended"
    trials = Run(folder).trials()
    assert list(trials["state"]) == ["complete", "complete", "failed", "complete"]
    assert trials["reason"][2] == "was running when its process ended, 3 times"


def test_a_lost_worker_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def losing(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        if (job.trial == 1 and job.attempt < 3) or job.trial == 2:
            yield Failure("the node went away", retry=True)
        else:
            yield from work(job, stop)

    with Sweep.create(folder, toy_space(), toy_settings(tasks=["delay"], trials=4)) as sweep:
        assert sweep.run(INLINE, work=losing) == "ended"
    trials = Run(folder).trials()
    assert list(trials["state"]) == ["complete", "complete", "failed", "complete"]
    assert list(trials["attempt"]) == [1, 3, 3, 1]
    assert trials["reason"][2] == "the node went away (3 attempts)"
    assert replay(RunReader(folder)).differing == 0


def test_no_new_trial_starts_when_the_time_is_up(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Sweep.create(folder, toy_space(), toy_settings(trials=400, confirm=1)) as sweep:
        assert sweep.run(Means(engine="inline", hours=0.3 / 3600), work=work) == "late"
    run = Run(folder)
    assert 0 < len(run.trials()) < 800
    assert "running" not in set(run.trials()["state"])
    assert set(run.confirmations()["task"]) == set(run.tasks)
