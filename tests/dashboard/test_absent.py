"""Addresses of what is not there: a sentence and ways on, and nothing of anything else."""

from pathlib import Path

import pytest

from itnas.dashboard.body import body
from itnas.dashboard.choices import Choices
from itnas.dashboard.pages import PAGES
from itnas.dashboard.view import RunView
from tests.dashboard.asking import LOOK, ROWS, SAVE, Asking, answered
from tests.dashboard.planting import planting
from tests.dashboard.runs import ODD
from tests.dashboard.test_view import texts


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunView]:
    place = tmp_path_factory.mktemp("absent")
    found = {}
    for name in ("ordinary", "one_trial"):
        ODD[name](place / name)
        found[name] = RunView(name, place / name)
    return found


def shown(views: dict[str, RunView], page: str, **asked: object) -> tuple[str, list[str], int]:
    """What the page says below its menu, where its links lead, and how many figures and blocks it has."""
    _, main = body(views, page, Choices(asked))
    parts = list(main._traverse())
    ways = [part.href for part in parts if getattr(part, "href", None)]
    filled = [part for part in parts if isinstance(getattr(part, "id", None), dict)]
    return " ".join(texts(main)), ways, len(filled)


@pytest.mark.parametrize("page", list(PAGES))
def test_a_run_that_is_not_there_shows_no_other(views: dict[str, RunView], page: str) -> None:
    said, ways, filled = shown(views, page, run="nope", trial=3)
    assert "No run of the name nope" in said
    assert ways == [f"/{page}?run=ordinary", f"/{page}?run=one_trial"]
    assert filled == 0
    header, _ = body(views, page, Choices({"run": "nope"}))
    assert not any("run=" in part.href for part in header._traverse() if getattr(part, "href", None))
    assert "at rest" not in " ".join(texts(header))


@pytest.mark.parametrize("page", list(PAGES))
def test_a_task_that_is_not_there_shows_no_other(views: dict[str, RunView], page: str) -> None:
    said, ways, filled = shown(views, page, run="ordinary", task="recal")
    assert "The run ordinary has no task recal." in said
    assert f"/{page}?run=ordinary&task=recall" in ways
    assert filled == 0


@pytest.mark.parametrize("page", ["trial", "kernels"])
@pytest.mark.parametrize("trial", ["99999", "nonsense", "-1", "9" * 12])
def test_a_trial_that_is_not_there_shows_no_other(views: dict[str, RunView], page: str, trial: str) -> None:
    said, ways, filled = shown(views, page, task="recall", trial=trial)
    assert f"The run ordinary has no trial {trial}: there are 0 to 89." in said
    assert ways == [f"/{page}?task=recall&trial=55", "/trials?task=recall"]
    assert filled == 0


def test_a_run_without_trials_says_so(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["recall"]):
        pass
    said, ways, _ = shown({"run": RunView("run", tmp_path / "run")}, "trial", trial=0)
    assert "no trial 0: it holds none yet" in said
    assert ways == ["/trials?task=recall"]


def test_a_trial_stands_under_its_own_task(views: dict[str, RunView]) -> None:
    header, main = body(views, "trial", Choices({"task": "flip-flop", "trial": 55}))
    assert "Trial 55" in " ".join(texts(main))
    pickers = {part.id["name"]: part for part in header._traverse() if isinstance(getattr(part, "id", None), dict)}
    assert pickers["task"].value == "recall"
    assert {part.href.partition("?")[2] for part in header._traverse() if getattr(part, "href", None)} == {
        "task=recall"
    }


def test_trials_to_compare_that_are_not_there_are_named(views: dict[str, RunView]) -> None:
    said, _, _ = shown(views, "compare", compare="55,99999,30,88888")
    assert "The run ordinary has no trial 99999, 88888." in said
    assert "has no trial" not in shown(views, "compare", compare="55,30")[0]


def test_nothing_of_another_run_is_told_to_a_page_of_none(views: dict[str, RunView]) -> None:
    asking = Asking(views)
    assert "No run of the name nope" in asking.page("/trial", "?run=nope&trial=3")
    asked = {"choices_data": {"run": "nope"}}
    for answer in (
        asking.call(LOOK, tick_n_intervals=1, version_data=-1, **asked),
        asking.call(ROWS, grid_getRowsRequest={"startRow": 0, "endRow": 9}, **asked),
        asking.call(SAVE, csv_n_clicks=1, **asked),
    ):
        assert answer.status_code == 204 or answered(answer) == {}
