"""Looking again and again: what is new shows, what is not costs nothing, and a run that is gone is told of."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from itnas.dashboard.pages import PAGES
from itnas.dashboard.view import RunView
from itnas.store import RunLock, RunWriter
from itnas.store import follow as following
from tests.dashboard import runs
from tests.dashboard.asking import ROWS, Asking, answered
from tests.dashboard.planting import SETTINGS, Planting, planting

QUICK = 0.02  # seconds that an idle look may take


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runs.one_trial(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def asking(folder: Path) -> Asking:
    return Asking({"run": RunView("run", folder)})


@pytest.fixture
def driver(folder: Path) -> Iterator[Planting]:
    """Who writes on."""
    with RunLock(folder), RunWriter(folder) as run:
        yield Planting(run, ["flip-flop"], number=1)


def version_of(asking: Asking) -> Any:
    """What a page knows after its first look."""
    return answered(asking.look(None))["version"]["data"]


def test_nothing_new_is_no_answer_and_reads_no_table(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    version = version_of(asking)

    def opened(path: Path) -> None:
        raise AssertionError(f"{path} was opened")

    monkeypatch.setattr(following, "open_to_read", opened)
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        answer = asking.look(version)
        times.append(time.perf_counter() - begun)
        assert answered(answer) == {}
    assert sorted(times)[len(times) // 2] < QUICK


def test_a_look_at_ten_thousand_trials_is_as_quick(tmp_path: Path) -> None:
    runs.many(tmp_path / "many")
    asking = Asking({"many": RunView("many", tmp_path / "many")})
    version, times = version_of(asking), []
    for _ in range(20):
        begun = time.perf_counter()
        assert answered(asking.look(version)) == {}
        times.append(time.perf_counter() - begun)
    assert sorted(times)[len(times) // 2] < QUICK


def test_a_commit_shows_and_half_of_one_does_not(asking: Asking, driver: Planting) -> None:
    version = version_of(asking)
    with driver.run.transaction():
        driver.trial("flip-flop", 0.875)
        assert answered(asking.look(version)) == {}
    newer = answered(asking.look(version))
    assert newer["version"]["data"] != version
    assert "running" in str(newer["live"])
    found = answered(asking.call(ROWS, grid_getRowsRequest={"startRow": 0, "endRow": 100}))
    assert [row["score"] for row in found["grid"]["getRowsResponse"]["rowData"]] == [0.5, 0.875]
    assert found["counted"]["children"] == "2 of 2 trials"
    assert answered(asking.look(newer["version"]["data"])) == {}


def test_a_figure_is_drawn_again_only_when_it_would_differ(asking: Asking, driver: Planting) -> None:
    def draw(seen: Any, version: Any) -> dict[str, Any]:
        own = {"kind": "seen", "name": "scores"}
        return answered(
            asking.call(
                '..{"kind":"figure"', "scores", version_data=version, choices_data={}, seen_data=seen, seen_id=own
            )
        )

    version = version_of(asking)
    first = next(part for part in draw(None, version).values() if "data" in part)["data"]
    assert draw(first, version) == {}
    assert draw(first, "anything") == {}
    with driver.run.transaction():
        driver.trial("flip-flop", 0.75)
    newer = answered(asking.look(version))["version"]["data"]
    again = draw(first, newer)
    assert "0.75" in str(again) or "bdata" in str(again)
    assert draw(next(part for part in again.values() if "data" in part)["data"], newer) == {}


def test_the_lists_of_kernels_are_renewed_with_their_figures(asking: Asking, driver: Planting) -> None:
    def tell(told: Any, version: Any) -> dict[str, Any]:
        own = {"kind": "told", "name": "kernel choice"}
        asked = {"version_data": version, "choices_data": {}, "told_data": told, "told_id": own}
        return answered(asking.call('..{"kind":"block"', "kernel choice", **asked))

    version = version_of(asking)
    first = tell(None, version)
    assert "'trial 0'" in str(first)
    told = next(part["data"] for part in first.values() if "data" in part)
    with driver.run.transaction():
        driver.kept(driver.trial("flip-flop", 0.9))
    version = answered(asking.look(version))["version"]["data"]
    again = tell(told, version)
    (parts,) = (part["children"] for part in again.values() if "children" in part)
    picker = parts[0]["props"]["children"][1]["props"]
    assert picker["value"] == "1"
    assert [each["label"] for each in picker["options"]] == ["trial 1", "trial 0"]
    # What comes to no kernels leaves a list that somebody may have opened.
    told = next(part["data"] for part in again.values() if "data" in part)
    with driver.run.transaction():
        driver.trial("flip-flop", 0.1)
    version = answered(asking.look(version))["version"]["data"]
    assert not any("children" in part for part in tell(told, version).values())


def test_a_run_that_is_removed_is_told_and_its_pages_stay(asking: Asking, folder: Path) -> None:
    version = version_of(asking)
    away = folder.rename(folder.with_name("away"))
    told = answered(asking.look(version))
    assert "gone" in str(told["live"])
    assert str(told["live"]).count("cannot be read any more") == 1
    later = told["version"]["data"]
    assert answered(asking.look(later)) == {}
    for page in PAGES:
        assert "cannot be read any more" in asking.page(f"/{page}"), page
    found = answered(asking.call(ROWS, grid_getRowsRequest={"startRow": 0, "endRow": 100}))
    assert found["grid"]["getRowsResponse"]["rowCount"] == 1
    away.rename(folder)
    back = answered(asking.look(later))
    assert "at rest" in str(back["live"])
    assert "cannot be read" not in asking.page("/")


def test_another_run_in_its_place_is_shown_instead(asking: Asking, folder: Path) -> None:
    version = version_of(asking)
    assert "--replicas 2" in asking.page("/trial")
    shutil.rmtree(folder)
    with planting(folder, ["recall"], created=2.0, settings=SETTINGS | {"tasks": ["recall"], "replicas": 7}) as run:
        for score in (0.25, 0.125, 0.375):
            run.trial("recall", score, genes={"depth": 3})
    assert answered(asking.look(version))["version"]["data"] != version
    found = answered(asking.call(ROWS, grid_getRowsRequest={"startRow": 0, "endRow": 100}, choices_data={}))
    assert [row["score"] for row in found["grid"]["getRowsResponse"]["rowData"]] == [0.25, 0.125, 0.375]
    page = asking.page("/")
    assert "recall" in page
    assert "flip-flop" not in page
    assert "--replicas 7" in asking.page("/trial")


@pytest.mark.parametrize("data", ["{", "[]", "7"])
def test_an_event_that_is_garbage_is_told(asking: Asking, driver: Planting, data: str) -> None:
    version = version_of(asking)
    with driver.run.transaction():
        event = {"time": 0.0, "kind": "ask", "task": "flip-flop", "trial": 0, "data": data}
        driver.run.put("events", [event], replace=False)
    told = answered(asking.look(version))
    assert "damaged" in str(told["live"])
    assert "damaged" in asking.page("/trials")


def test_tasks_that_join_are_offered(asking: Asking, driver: Planting, folder: Path) -> None:
    version = version_of(asking)
    settings = RunView("run", folder).settings | {"tasks": ["flip-flop", "parity"]}
    with driver.run.transaction():
        driver.run.set("settings", settings)
        driver.trial("parity", 0.5)
    answered(asking.look(version))
    assert "parity" in asking.page("/")


def test_a_driver_that_ends_is_told(asking: Asking, folder: Path) -> None:
    version = version_of(asking)
    with RunLock(folder):
        running = answered(asking.look(version))
        assert "running" in str(running["live"])
    assert "at rest" in str(answered(asking.look(running["version"]["data"]))["live"])


@pytest.mark.parametrize("version", [None, -1, "x", [], {"a": 1}, 10**400])
def test_any_version_may_be_sent(asking: Asking, version: Any) -> None:
    assert answered(asking.look(version))["version"]["data"] == version_of(asking)
