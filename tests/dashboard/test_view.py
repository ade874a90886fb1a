"""Every figure and every block of every odd run, whatever was chosen: something is shown, and names are only names."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from itnas.dashboard.blocks import BLOCKS
from itnas.dashboard.body import body
from itnas.dashboard.choices import WORDS, Choices
from itnas.dashboard.pages import PAGES
from itnas.dashboard.pages.compare import compared
from itnas.dashboard.pages.trial import _verdict
from itnas.dashboard.panels import PANELS
from itnas.dashboard.parts import fixed
from itnas.dashboard.view import RunView
from itnas.run import Run
from itnas.store import RunError
from tests.dashboard import runs
from tests.dashboard.planting import planting

MOST_FIGURE = 2 * 10**6
NONSENSE = ("nonsense", "999999999", "-1", "0,1,2,3,4,5,6,7", "<img src=x onerror=alert(1)>", "../../etc", "\x00")
MARKUP = ("<img", "<script", "</script", "<a ")
Views = dict[str, RunView]


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Views:
    place = tmp_path_factory.mktemp("view")
    for name, make in runs.ODD.items():
        make(place / name)
    return {name: RunView(name, place / name) for name in runs.ODD}


def texts(part: Any) -> Iterator[str]:
    """All that stands in a part of a page."""
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from texts(each)
    elif hasattr(part, "to_plotly_json"):
        yield from texts(getattr(part, "children", None))
    elif part is not None:
        yield str(part)


def strings(told: Any) -> Iterator[str]:
    """Every text within a figure."""
    if isinstance(told, dict):
        for each in told.values():
            yield from strings(each)
    elif isinstance(told, (list, tuple, np.ndarray)):
        for each in told:
            yield from strings(each)
    elif isinstance(told, str):
        yield told


def check_figure(figure: Any) -> None:
    content = figure.to_json()
    assert len(content) < MOST_FIGURE
    told = json.loads(content)
    assert told["data"] or told["layout"].get("annotations"), "nothing is drawn, and nothing said"
    found = [text for text in strings(told) if any(mark in text.lower() for mark in MARKUP)]
    assert not found


def check_block(found: list[Any]) -> None:
    assert "".join(texts(found)).strip(), "nothing is said"


@pytest.mark.parametrize("page", list(PAGES))
@pytest.mark.parametrize("name", list(runs.ODD))
def test_pages_of_every_run(views: Views, name: str, page: str) -> None:
    """Whole pages: with their menus, each place filled and each figure drawn."""
    header, main = body({name: views[name]}, page, Choices())
    assert "itnas" in "".join(texts(header))
    places = [part for part in main._traverse() if isinstance(getattr(part, "id", None), dict)]
    shown = [part for part in places if part.id["kind"] in ("figure", "block")]
    assert shown
    for part in shown:
        if part.id["kind"] == "figure":
            check_figure(part.figure)
        else:
            check_block(part.children)


def test_every_figure_and_block_stands_on_a_page(views: Views) -> None:
    own = [
        part.id
        for page in PAGES
        for part in body(views, page, Choices())[1]._traverse()
        if isinstance(getattr(part, "id", None), dict)
    ]
    assert {each["name"] for each in own if each["kind"] == "figure"} == set(PANELS)
    assert {each["name"] for each in own if each["kind"] == "block"} == set(BLOCKS)


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("name", ["ordinary", "empty", "without_arrays", "torn_arrays", "hostile"])
def test_nonsense_is_no_choice(views: Views, name: str, value: str) -> None:
    if name != "ordinary" and value not in NONSENSE[:2]:
        return
    choices = Choices(dict.fromkeys(WORDS, value))
    for _, panel in PANELS.items():
        check_figure(panel.drawn(views[name], choices).figure)
    for _, block in BLOCKS.items():
        check_block(block.told(views[name], choices))


@pytest.mark.parametrize("word", WORDS)
def test_nonsense_among_what_is_there(views: Views, word: str) -> None:
    chosen = Choices({"task": "recall", "trial": 55, "layer": 1, "head": 1, "sample": 1, "compare": "30,55"})
    for _, panel in PANELS.items():
        if word in panel.needs:
            check_figure(panel.drawn(views["ordinary"], chosen.but(**{word: "999999999"})).figure)
    for _, block in BLOCKS.items():
        if word in block.needs:
            check_block(block.told(views["ordinary"], chosen.but(**{word: "999999999"})))


@pytest.mark.parametrize("name", list(runs.ODD))
def test_trials_that_are_chosen_are_shown(views: Views, name: str) -> None:
    """Every trial, on the pages that show one."""
    view = views[name]
    for number in view.trials()["number"].tolist()[:9]:
        choices = Choices({"trial": number, "compare": f"{number},0"})
        for _, block in BLOCKS.items():
            if {"trial", "compare"} & {*block.needs}:
                check_block(block.told(view, choices))
        check_figure(PANELS["curves"].drawn(view, choices).figure)


@pytest.mark.parametrize("name", list(runs.ODD))
def test_why_there_is_nothing_to_show_is_said_once(views: Views, name: str) -> None:
    for _, panel in PANELS.items():
        drawn = panel.drawn(views[name], Choices())
        assert drawn.remark not in [each.text for each in drawn.figure.layout.annotations] or drawn.figure.data


def test_what_depends_on_a_choice_says_so(views: Views) -> None:
    """What is renewed only when `needs` change must not change with anything else."""
    view = views["ordinary"]
    other = {"task": "recall", "trial": "1", "layer": "1", "head": "1", "sample": "1", "cost": "flops",
             "limit": "shared", "family": "recurrence", "compare": "0,1", "gene": "rank", "only": "best"}  # fmt: skip
    for name, panel in PANELS.items():
        foreign = Choices({word: value for word, value in other.items() if word not in panel.needs})
        plain, changed = (panel.drawn(view, choices).figure.to_json() for choices in (Choices(), foreign))
        assert plain == changed, name
    for name, block in BLOCKS.items():
        foreign = Choices({word: value for word, value in other.items() if word not in block.needs})
        plain, changed = ("".join(texts(block.told(view, choices))) for choices in (Choices(), foreign))
        assert plain == changed, name


def test_the_tables_of_an_ordinary_run(views: Views) -> None:
    view = views["ordinary"]
    assert len(view.trials()) == 90
    assert view.tasks == ["local-pattern", "recall", "flip-flop"]
    assert all(len(view.trials(task)) == 30 for task in view.tasks)
    genes = view.genes("recall")
    assert set(genes.index) == set(view.trials("recall").query("origin != 'specialist'")["number"])
    assert (genes["hidden"].isna() == genes["rank"].notna()).all()
    families = {row["task"]: row["family"] for row in reversed(view.finding_rows()) if row["layer"] is None}
    assert set(families) == set(view.tasks)
    assert view.chosen_trial(Choices({"task": "recall"})) == view.best_trial("recall") == 55
    assert view.chosen_trial(Choices({"trial": 3})) == 3
    assert [view.task(Choices({"trial": each})) for each in (55, 3, 10**6)] == ["recall", *["local-pattern"] * 2]
    assert view.task(Choices({"trial": 55, "task": "flip-flop"})) == "recall"
    needs = ("task",)
    assert view.fingerprint(Choices({"trial": 55}), needs) != view.fingerprint(Choices({"trial": 3}), needs)
    assert view.with_kernels("recall") == [55, 32, 30]
    assert len(view.training_rows(30)) == 16
    assert view.levels("recall") == (0.1, 1.0)


@pytest.mark.parametrize("name", list(runs.ODD))
def test_tables_are_read_or_refused_in_a_sentence(views: Views, name: str) -> None:
    view = views[name]
    for read in (view.findings, view.layer_frame, view.corners, view.summary, view.reader.now, view.trials):
        if name == "damaged" and read in (view.findings, view.layer_frame, view.corners):
            with pytest.raises(RunError, match="damaged"):
                read()
        else:
            read()


@pytest.mark.parametrize("name", [name for name in runs.ODD if name != "damaged"])
def test_findings_are_those_of_the_run(views: Views, name: str) -> None:
    """What pages tell is what `itnas findings` tells."""
    wanted = Run(views[name].reader.folder).finding_rows()
    assert json.dumps(views[name].finding_rows()) == json.dumps(wanted)


def test_findings_do_not_rest_on_specialists_that_were_confirmed_first(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["recall"]) as run:
        special = run.trial("recall", origin="specialist", mixer="gru")
        own = run.trial("recall")
        run.examined(special, ["recurrence"], phase="confirm")
        run.confirmed(special, "recall")
        run.examined(own, ["attention"])
    view = RunView("run", tmp_path / "run")
    assert {row["family"] for row in view.finding_rows()} == {"attention"}
    assert json.dumps(view.finding_rows()) == json.dumps(Run(tmp_path / "run").finding_rows())


def test_confirmed_genomes_go_before_others(tmp_path: Path) -> None:
    runs.infinite(tmp_path / "run")
    view = RunView("run", tmp_path / "run")
    best = view.best_trial("recall")
    assert best is not None
    assert view.trial(best)["score"] == math.inf


def test_the_kernels_that_are_opened_are_those_of_the_best_trial_and_specialists_are_named(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["recall"]) as run:
        special = run.trial("recall", 0.99, origin="specialist", mixer="convnet")
        lucky, best = run.trial("recall", 0.9), run.trial("recall", 0.8)
        for number, score in ((lucky, 0.5), (best, 0.7)):
            run.confirmed(number, "recall", score)
        for number in (special, lucky, best, run.trial("recall", None, state="running")):
            run.kept(number)
    view = RunView("run", tmp_path / "run")
    assert view.kernel_trial(Choices()) == view.best_trial("recall") == best
    _, main = body({"run": view}, "kernels", Choices())
    (picker,) = [part for part in main._traverse() if getattr(part, "id", None) == {"kind": "control", "name": "trial"}]
    assert picker.value == str(best)
    assert [each["label"] for each in picker.options] == ["trial 2", "trial 1", "trial 0, convnet", "trial 3"]


def test_the_best_of_each_origin_are_compared_fresh_seeds_first_and_the_smaller_of_equals(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["recall"]) as run:
        run.trial("recall", 0.7, origin="random", parameters=900)
        smaller = run.trial("recall", 0.7, origin="random", parameters=100)
        run.trial("recall", 0.9)  # by luck
        best = run.trial("recall", 0.8)
        run.confirmed(best, "recall", 0.8)
        special = run.trial("recall", 0.6, origin="specialist", mixer="gru")
        run.trial("recall", 0.99, state="pruned")
    view = RunView("run", tmp_path / "run")
    assert compared(view, Choices({"task": "recall"})) == [smaller, best, special]
    assert best == view.best_trial("recall")


def test_more_than_was_tried_differs_from_what_has_no_meaning(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["recall"]) as run:
        trial = run.trial("recall")
        run.examined(trial, ["attention"], support=None, state_size=None, replicas=1)
    view = RunView("run", tmp_path / "run")

    def cells(**changed: Any) -> list[str]:
        (row,) = [row for row in view.layers_of(trial) if row["head"] is None]
        return [str(cell) for cell in _verdict(row | changed)[4:6]]

    assert cells() == ["more", "more"]
    assert cells(support=3, state_size=8) == ["3", "8"]
    assert cells(fidelity_recurrence=None) == ["more", ""]  # points in no order
    assert cells(family="local", fidelity_local=None) == ["", "more"]
    assert cells(family="none") == ["", ""]


def test_correlations_of_rungs_have_as_many_digits_each(views: Views) -> None:
    assert [fixed(value, 2) for value in (1.0, 0.954, None, math.nan, -1.0)] == ["1.00", "0.95", "", "", "-1.00"]
    cells = [
        text for text in texts(BLOCKS["early"].told(views["ordinary"], Choices())) if "." in text and text[-1].isdigit()
    ]
    assert cells
    assert all(len(cell.partition(".")[2]) == 2 for cell in cells)
