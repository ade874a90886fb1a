"""Verdicts that are asked for after the networks were confirmed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from itnas.run import Run
from itnas.search import afterwards
from itnas.search.entry import run_again, run_search
from itnas.search.record import Recorder
from itnas.space import Space
from itnas.store import RunWriter
from itnas.store.kernels import KernelFile

SPACE = "width: 8\ndepth: 1\nlayers: [{heads: {choice: [1, 2]}}]"
SMALL: dict[str, Any] = {
    "trials": 2, "replicas": 1, "steps": 6, "length": 12, "specialists": [], "confirm": 1, "confirm_replicas": 2,
    "copies": 1, "rungs": 2, "sampler": "random", "engine": "inline",
}  # fmt: skip


def search(folder: Path, verdicts: str) -> Run:
    return run_search(Space.parse(SPACE, name="tiny"), ["delay"], run=folder, verdicts=verdicts, **SMALL)


def test_they_are_those_that_would_have_been_given_at_once(tmp_path: Path) -> None:
    at_once, later = search(tmp_path / "at-once", "best"), search(tmp_path / "later", "none")
    assert not len(later.layers())
    later = run_again(later.folder, verdicts="best")
    own, other = (run.layers().query("phase == 'confirm'").reset_index(drop=True) for run in (later, at_once))
    assert set(own["replica"]) == {0, 1}
    assert own.to_json() == other.to_json()
    (trial,) = at_once.confirmations()["trial"]
    files = [KernelFile.read(run.folder / run.kept(trial)["kernels"]) for run in (later, at_once)]
    assert files[0].examined() == files[1].examined()
    replica, layer = files[0].replicas()[0], 0
    first, second = (each.array(replica, layer, "averaged") for each in files)
    assert first is not None
    assert np.array_equal(first, second)
    assert later.finding_rows()[0]["basis"] == "confirmed"


def test_what_cannot_be_examined_is_said_and_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = search(tmp_path / "run", "none").folder
    asked = []

    def broken(*_: Any, **__: Any) -> None:
        asked.append(1)
        raise ValueError("no such layer")

    monkeypatch.setattr(afterwards, "examined", broken)
    for _ in range(2):
        run_again(folder, verdicts="best")
    assert len(asked) == 1
    assert Run(folder).confirmations()["reason"].tolist() == ["not examined: no such layer"]


def test_who_asks_to_stop_is_heard_between_two_of_them(tmp_path: Path) -> None:
    folder = search(tmp_path / "run", "none").folder
    with RunWriter(folder) as writer:
        recorder = Recorder(writer)
        assert [row["trial"] for row in recorder.unexamined()]
        assert not afterwards.examine_kept(recorder, folder, 1, stop=lambda: True)
        assert recorder.unexamined()
