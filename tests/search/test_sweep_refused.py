"""Sweeps that cannot run or go on as asked: they are refused with a hint, and nothing changes."""

from pathlib import Path
from typing import Any

import pytest

from itnas.search.feasible import commonest
from itnas.search.sweep import Means, Sweep
from itnas.space import Space
from itnas.store import RunError
from tests.search.toy import swept, toy_settings, toy_space


@pytest.mark.parametrize(
    "changes",
    [{"objectives": ["score", "parameters"]}, {"rungs": 3}, {"seed": 1}, {"length": 16}, {"replicas": 9}, {"steps": 7}],
)
def test_what_would_make_trials_incomparable_cannot_change(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = swept(tmp_path / "run", trials=3)
    with Sweep.open(folder) as sweep:
        before = sweep.settings
        with pytest.raises(ValueError, match=f"{next(iter(changes))} cannot change in a sweep that has begun"):
            sweep.extend(**changes)
        assert sweep.settings == before


def test_a_change_of_what_is_no_setting_is_told_from_one_that_is_refused(tmp_path: Path) -> None:
    with (
        Sweep.open(swept(tmp_path / "run", trials=3)) as sweep,
        pytest.raises(ValueError, match=r"unknown setting 'trails'.*did you mean 'trials'"),
    ):
        sweep.extend(trails=9)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    folder = swept(tmp_path / "run", trials=2)
    with pytest.raises(RunError, match="itnas resume"):
        Sweep.create(folder, toy_space(), toy_settings())
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        Sweep.create(tmp_path / "file", toy_space(), toy_settings())
    with pytest.raises(RunError, match="no such run"):
        Sweep.open(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tasks": []}, "needs a task"),
        ({"tasks": ["dealy"]}, "did you mean 'delay'"),
        ({"sampler": "tpee"}, "did you mean 'tpe'"),
        ({"tasks": ["delay"], "length": 0}, "length"),
        ({"tasks": ["recall"], "length": 17}, "4 x pairs <= length must hold, got pairs=8, length=17"),
    ],
)
def test_settings_that_cannot_run_are_refused_before_anything_is_made(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Sweep.create(tmp_path / "run", toy_space(), toy_settings(**changes))
    assert not (tmp_path / "run").exists()


def test_fewer_trials_than_there_are_cannot_be_asked_for(tmp_path: Path) -> None:
    with Sweep.open(swept(tmp_path / "run", trials=4)) as sweep:
        with pytest.raises(ValueError, match="trials must be at least 4, as many as there are on delay, got 3"):
            sweep.extend(trials=3)
        assert sweep.settings.trials == 4


def test_trials_that_have_not_begun_may_be_given_up(tmp_path: Path) -> None:
    with Sweep.create(tmp_path / "run", toy_space(), toy_settings(trials=9)) as sweep:
        sweep.extend(trials=3)
        assert sweep.settings.trials == 3


@pytest.mark.parametrize(
    ("tasks", "about"),
    [
        (["recall/pairs=4,vocab=16", "recall/vocab=16,pairs=4"], {}),
        (["recall", "recall/pairs=8"], {}),
        (["delay", "delay/length=32"], {"length": 32}),
    ],
)
def test_a_task_under_two_names_is_refused(tmp_path: Path, tasks: list[str], about: dict[str, Any]) -> None:
    one, other = tasks
    said = f"{one} and {other} are the same task, which is named twice"
    with pytest.raises(ValueError, match=said):
        Sweep.create(tmp_path / "run", toy_space(), toy_settings(tasks=tasks, **about))
    assert not (tmp_path / "run").exists()
    with Sweep.create(tmp_path / "run", toy_space(), toy_settings(tasks=[one], **about)) as sweep:
        with pytest.raises(ValueError, match=said):
            sweep.extend(tasks=[other])
        assert sweep.settings.tasks == (one,)


RECURRENT = "width: {choice: [8, 16]}\ndepth: 1\nlayers: {choice: [gru, lstm]}"
NO_ORDER = "refused on ring-transfer; cannot be built for ring-transfer: .*order"


def test_a_task_on_which_nothing_can_be_trained_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    space, folder = Space.parse(RECURRENT, "seq"), tmp_path / "run"
    about = {"trials": 3, "specialists": []}
    with pytest.raises(ValueError, match=NO_ORDER):
        Sweep.create(folder, space, toy_settings(tasks=["recall", "ring-transfer"], **about))
    assert not folder.exists()
    with Sweep.create(folder, space, toy_settings(tasks=["recall"], **about)) as sweep:
        before = sweep.settings
        with pytest.raises(ValueError, match=NO_ORDER):
            sweep.extend(tasks=["ring-transfer"])
        assert sweep.settings == before


def test_what_the_specialists_alone_make_of_a_task_needs_no_space(tmp_path: Path) -> None:
    about = {"tasks": ["ring-transfer"], "trials": 1, "specialists": ["transformer"]}
    with Sweep.create(tmp_path / "run", Space.parse(RECURRENT, "seq"), toy_settings(**about)):
        pass


def test_the_commonest_reason_is_told() -> None:
    told = ["memory: 3 kB > 1 kB", "parameters: 1,200 > 10", "cannot be built", "parameters: 7 > 10"]
    assert commonest(told) == "parameters: 1,200 > 10"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trials": 0}, "trials"),
        ({"objectives": ["parameters"]}, "objectives are score"),
        ({"specialists": ["gru", "gru"]}, "named twice"),
        ({"specialists": ["grue"]}, "did you mean 'gru'"),
        ({"pruner": "medain"}, "did you mean 'median'"),
        ({"trails": 3}, "did you mean 'trials'"),
        ({"random_share": 1.5}, "random_share"),
    ],
)
def test_wrong_settings_are_refused_with_a_hint(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        toy_settings(**changes)


def test_means_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="joins a Ray cluster"):
        Means(engine="inline", address="here:1")
    with pytest.raises(ValueError, match="did you mean 'inline'"):
        Means(engine="inlin")
    with pytest.raises(ValueError, match="one trial at a time"):
        Means(engine="inline", slots=3)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"address": "host:6379"}, "--address joins a Ray cluster, which --engine inline does not use"),
        ({"slots": 2}, "--engine inline runs one trial at a time"),
        ({"ray_logs": Path("logs")}, "--ray-logs keeps a Ray's logs, and --engine inline starts none"),
        ({"slots": 0, "engine": "ray"}, "slots must be at least 1, got 0"),
    ],
)
def test_means_without_effect_are_refused(about: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Means(**{"engine": "inline"} | about)
