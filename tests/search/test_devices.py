"""Trials on several devices: the same trials; one whose process dies fails or is tried again, and the sweep goes on."""

import os
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from itnas.models import specialist
from itnas.run import Run
from itnas.search.checks import check_settings
from itnas.search.job import Failure, Job, Message, Outcome, Rung
from itnas.search.raytune.share import share_of
from itnas.search.sweep import Means, Sweep
from itnas.search.work import perform
from tests.search.toy import toy_settings, toy_space, work

JOB = Job(
    trial=0,
    phase="search",
    attempt=1,
    task="parity/length=8,batch_size=4",
    genome=specialist("gru").to_dict(),
    seed=0,
    replicas=2,
    rungs=(0.5, 1.0),
    steps=6,
)


def _with(devices: int) -> Job:
    from dataclasses import replace

    return replace(JOB, devices=devices)


def test_a_trial_on_two_devices_comes_to_the_same() -> None:
    one, two = list(perform(JOB)), list(perform(_with(2)))
    assert [type(each) for each in one] == [type(each) for each in two]
    outcomes = [messages[-1] for messages in (one, two)]
    assert all(isinstance(each, Outcome) for each in outcomes), outcomes
    scores = [[row["score"] for row in each.result["replicas"]] for each in outcomes]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    assert outcomes[1].result["provenance"]["devices"] == 2


def _helpers() -> list[int]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(each) for each in children if "itnas.training.helper" in Path(f"/proc/{each}/cmdline").read_text()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_process_that_dies_fails_the_trial_and_a_stopped_trial_leaves_none() -> None:
    messages = perform(_with(2))
    assert isinstance([next(messages), next(messages)][1], Rung)
    (helper,) = _helpers()
    os.kill(helper, signal.SIGKILL)
    (last,) = messages
    assert isinstance(last, Failure)
    assert last.reason == "the process of device 2 of 2 was killed (SIGKILL)"
    assert last.retry  # as of any trial whose process is taken down
    messages = perform(_with(2))
    assert isinstance([next(messages), next(messages)][1], Rung)
    assert len(_helpers()) == 1
    messages.close()
    assert not _helpers()


def test_a_batch_that_is_too_small_fails_the_trial() -> None:
    *_, last = perform(_with(5))
    assert isinstance(last, Failure)
    assert "a batch of 4 samples cannot be shared out among 5 devices" in last.reason


def test_the_setting_is_kept(tmp_path: Path) -> None:
    seen = []

    def noting(job: Job, stop: Callable[[], bool]) -> Generator[Message, None, None]:
        seen.append(job.devices)
        yield from work(job, stop)

    folder, inline = tmp_path / "run", Means(engine="inline")
    with Sweep.create(folder, toy_space(), toy_settings(trials=3, devices_per_trial=2)) as sweep:
        assert sweep.run(inline, work=noting) == "ended"
    with Sweep.open(folder) as sweep:
        sweep.extend(trials=4)
        assert sweep.run(inline, work=noting) == "ended"
    assert seen == [2] * 8


def test_what_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(ValueError, match="task delay: a batch of 32 samples cannot be shared out among 33 devices"):
        check_settings(toy_settings(devices_per_trial=33))


@pytest.mark.parametrize(
    ("nodes", "slots", "devices", "expected"),
    [
        ([{"CPU": 2.0}], None, 2, (1, 2.0, 0.0)),
        ([{"CPU": 8.0}], None, 2, (4, 2.0, 0.0)),
        ([{"CPU": 8.0}], 2, 2, (2, 4.0, 0.0)),
        ([{"CPU": 3.0}, {"CPU": 3.0}], None, 2, (2, 3.0, 0.0)),
        ([{"CPU": 16.0, "GPU": 4.0}], None, 2, (2, 8.0, 2.0)),
        ([{"CPU": 16.0, "GPU": 4.0}, {"CPU": 16.0, "GPU": 2.0}], None, 4, (1, 16.0, 4.0)),
    ],
)
def test_trials_get_whole_devices_of_one_node(
    nodes: list[dict[str, float]], slots: int | None, devices: int, expected: tuple[int, float, float]
) -> None:
    share = share_of(nodes, slots, devices)
    assert (share.slots, share.cpu, share.gpu) == expected


@pytest.mark.parametrize(
    ("nodes", "slots", "message"),
    [
        ([{"CPU": 1.0}, {"CPU": 1.0}], None, "a trial asks for 2 CPUs of one node, and none has more than 1"),
        ([{"CPU": 8.0, "GPU": 1.0}], None, "a trial asks for 2 GPUs of one node, and none has more than 1"),
        ([{"CPU": 4.0}], 3, "of trials on 2 CPUs, 1 to 2 fit onto the nodes at once, got slots=3"),
    ],
)
def test_what_no_node_has_is_refused(nodes: list[dict[str, float]], slots: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        share_of(nodes, slots, 2)


def test_a_users_task_reaches_a_node_without_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from itnas.search.raytune.devices import _order
    from itnas.tasks import find
    from itnas.training import recipe
    from tests.cli_train.test_devices import USERS_TASK

    (tmp_path / "elsewhere.py").write_text(USERS_TASK)
    monkeypatch.syspath_prepend(tmp_path)
    order = _order(recipe(specialist("gru"), find("elsewhere:Copy")))
    monkeypatch.undo()
    del sys.modules["elsewhere"]
    task = order.recipe().task
    assert task.label == "elsewhere:Copy"
    assert task.batch("train", size=2).inputs.shape == (2, 8)


@pytest.mark.ray
@pytest.mark.slow
def test_a_sweep_on_ray_trains_with_two_processes(tmp_path: Path) -> None:
    settings = toy_settings(
        tasks=["parity/length=8,batch_size=4"], trials=2, steps=4, rungs=1, specialists=["gru"], devices_per_trial=2
    )
    with Sweep.create(tmp_path / "run", toy_space(), settings) as sweep:
        assert sweep.run(Means(engine="ray")) == "ended"
    run = Run(tmp_path / "run")
    assert list(run.trials()["state"]) == ["complete"] * 2, run.trials()["reason"]
