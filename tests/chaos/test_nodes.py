"""A sweep on two nodes without a common folder, one of which dies in the middle."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from itnas.store import RunReader
from tests.chaos.misbehaving import space
from tests.chaos.nodes import Cluster, cluster
from tests.chaos.processes import ITNAS, Place, until
from tests.chaos.state import check_ended

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
TRIALS = 10
WORK = ("--steps", 30, "--rungs", 3, "--replicas", 1, "--confirm", 1, "--confirm-replicas", 1, "--keep", 2)
QUICK = ("--specialists", "none", "--sampler", "random", "--verdicts", "none", "--trials", TRIALS, "--slots", 2)
# A user's module: it lies in the driver's folder and nowhere else.
OWN = '''
"""Flip-flop at leisure."""
import time
from dataclasses import dataclass
from itnas.tasks.flip_flop import FlipFlop


@dataclass(frozen=True)
class Slow(FlipFlop):
    name = "slow-flip-flop"

    def batch(self, split="train", *, seed=0, step=0, size=None, length=None):
        time.sleep(0.1 if split == "train" else 0)
        return super().batch(split, seed=seed, step=step, size=size, length=length)
'''


@pytest.fixture(params=["processes", "networks"])
def nodes(place: Place, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(place, networks=request.param == "networks") as found:
        yield found


@pytest.fixture
def desk(place: Place) -> Path:
    """Where the user sits."""
    folder = place.folder / "desk"
    folder.mkdir()
    (folder / "own_task.py").write_text(OWN)
    (folder / "space.yaml").write_text(space(good=9))
    return folder


def _workers(place: Place) -> set[str]:
    return {row["worker"] for row in RunReader(place.run).trials() if row["worker"]}


def _ended(place: Place) -> int:
    if not (place.run / "run.db").exists():
        return 0
    return sum(row["state"] in ("complete", "pruned") for row in RunReader(place.run).trials())


def test_the_trials_of_a_node_that_dies_run_on_the_other(
    place: Place, nodes: Cluster, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--run", place.run, "--engine", "ray", "--address", nodes.address)
    process = place.start(
        *nodes.head.within, *ITNAS, "search", "space.yaml", "--task", "own_task:Slow", *QUICK, *WORK, *more, cwd=desk
    )
    theirs: set[int] = set()

    def under_way() -> bool:
        theirs.update(nodes.other.processes)
        return process.poll() is not None or _ended(place) >= 4

    until(under_way, patience=300)
    assert process.poll() is None, place.ended(process)
    before = _workers(place)
    pids = {int(worker.rpartition("/")[2]) for worker in before}
    assert pids & theirs, "the other node took its part"
    assert pids - theirs, "so did the first one"
    if nodes.head.ip != nodes.other.ip:
        assert {worker.partition("/")[0] for worker in before} == {"head", "other"}
    nodes.other.kill()
    ended = place.ended(process, patience=400)
    assert ended.code == 0, ended
    assert "Traceback" not in ended.err
    monkeypatch.syspath_prepend(desk)
    check_ended(place.run, TRIALS)
    reader = RunReader(place.run)
    assert {row["state"] for row in reader.trials()} <= {"complete", "pruned"}
    lost = [event["trial"] for event in reader.events() if event["kind"] == "lost"]
    assert lost
    for trial in lost:
        row = reader.trial(trial)
        assert row["attempt"] > 1
        assert int(row["worker"].rpartition("/")[2]) not in theirs


def test_without_the_token_a_cluster_is_not_joined(place: Place, nodes: Cluster, desk: Path) -> None:
    shutil.rmtree(place.folder / ".ray")
    more = ("--run", place.run, "--engine", "ray", "--address", nodes.address)
    command = (*nodes.head.within, *ITNAS, "search", "space.yaml", "--task", "delay", *QUICK, *WORK, *more)
    ended = place.ended(place.start(*command, cwd=desk), patience=250)
    assert ended.code == 2, ended
    assert len(ended.err.splitlines()) == 1, ended
    assert f"cannot join the Ray cluster at {nodes.address}" in ended.err
    assert "RAY_AUTH_TOKEN" in ended.err
