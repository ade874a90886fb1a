"""A page that stays open while its run is written to, hidden, or lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from itnas.store import RunWriter
from tests.dashboard.browsing import PLOT, Site, Tab, planted, tab
from tests.dashboard.planting import Planting

pytestmark = pytest.mark.browser
TASK = "local-pattern"
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
TICK_MEANWHILE = """() => {
  const { marked } = dash_clientside.itnas;
  dash_clientside.itnas.marked = (chosen) => {
    if (chosen.length === 1) dash_ag_grid.getApi("grid").getDisplayedRowAtIndex(1).setSelected(true);
    return marked(chosen);
  };
}"""
HAS = "(number) => plot.data.some((trace) => trace.customdata?.some((each) => each?.[0] === number))"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (found,) = planted(tmp_path, "ordinary")
    return found


@pytest.fixture
def live(context: BrowserContext, folder: Path) -> Iterator[Tab]:
    with Site([folder]) as site, tab(context, site) as found:
        yield found


def commit(folder: Path, score: float) -> int:
    """One more trial, as a driver would write it; its number."""
    with RunWriter(folder) as run:
        (row,) = run.rows("SELECT max(number) + 1 AS next FROM trials")
        with run.transaction():
            Planting(run, [TASK], row["next"]).trial(TASK, score, genes={"hidden": 8})
    number: int = row["next"]
    return number


def zoom(found: Tab, name: str) -> None:
    """Drag a rectangle, as somebody would who looks closer."""
    figure = found.page.locator(f'.dash-graph[id*=\'"name":"{name}"\']')
    figure.hover()
    figure.locator('.modebar-btn[data-title="Zoom"]').click()
    box = figure.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    found.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    found.page.mouse.down()
    found.page.mouse.move(box["x"] + 0.99 * box["width"], box["y"] + 0.9 * box["height"], steps=4)
    found.page.mouse.up()
    found.wait_plot(name, "plot.layout.xaxis.autorange === false")


def state(found: Tab) -> list[object]:
    """Range, selection, and how far the page is scrolled."""
    marked = "plot.data.find((each) => each.meta === 'selected').x"
    rows = found.page.locator("#grid .ag-center-cols-container .ag-row-selected").all()
    ticked = sorted(str(row.get_attribute("row-id")) for row in rows)
    ranges = found.plot("scores", f"[plot.layout.xaxis.range, plot.layout.yaxis.range, {marked}]")
    return [ranges, ticked, found.page.evaluate("scrollY")]


def test_a_new_trial_appears_and_nothing_else_moves(live: Tab, folder: Path) -> None:
    page = live.open("trials")
    page.set_viewport_size({"width": 1280, "height": 600})
    zoom(live, "scores")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.evaluate("scrollTo(0, 120)")
    live.wait_plot("scores", "plot.data.find((each) => each.meta === 'selected').x.length === 2")
    before = state(live)
    number = commit(folder, 0.55)
    script = f"(number) => {{ const plot = ({PLOT})('scores'); return ({HAS})(number); }}"
    page.wait_for_function(script, arg=number, timeout=5_000)
    expect(page.locator("#counted")).to_have_text("31 of 31 trials", timeout=5_000)
    assert state(live) == before
    live.check()


def test_a_row_that_is_ticked_while_another_is_being_marked_keeps_its_tick(live: Tab) -> None:
    page = live.open("trials")
    page.evaluate(TICK_MEANWHILE)
    page.keyboard.press("j")
    page.keyboard.press("x")
    live.wait_plot("scores", "plot.data.find((each) => each.meta === 'selected').x.length === 2")
    expect(page.locator("#grid .ag-center-cols-container .ag-row-selected")).to_have_count(2)
    live.check()


def test_the_lists_of_kernels_follow_the_figures(live: Tab, folder: Path) -> None:
    page = live.open("kernels")
    expect(live.picker("trial")).to_have_text("trial 25")
    with RunWriter(folder) as run:
        (row,) = run.rows("SELECT max(number) + 1 AS next FROM trials")
        with run.transaction():
            planted_now = Planting(run, [TASK], row["next"])
            number = planted_now.trial(TASK, 0.99)
            planted_now.confirmed(number, TASK, 0.99)
            planted_now.examined(number, ["local", "dense"], phase="confirm")
            planted_now.kept(number, phase="confirm")
    expect(live.picker("trial")).to_have_text(f"trial {number}", timeout=5_000)
    expect(page.locator(".sentence").first).to_have_text("Layer 1 became local.")
    assert live.chosen() == {}  # nobody has chosen
    live.choose("trial", "trial 25")
    expect(page.locator(".sentence").first).to_have_text("Layer 1 became convolution.")
    live.choose("sample", "example 3")
    assert live.chosen() == {"trial": "25", "sample": "2"}
    live.check()


def count_asked(found: Tab, milliseconds: int) -> int:
    """How often the page asks the server in that time."""
    asked: list[str] = []
    listen: Callable[..., None] = lambda request: asked.append(request.url)  # noqa: E731
    found.page.on("request", listen)
    found.page.wait_for_timeout(milliseconds)
    found.page.remove_listener("request", listen)
    return len(asked)


def test_a_hidden_page_does_not_ask(live: Tab, folder: Path) -> None:
    page = live.open()
    live.look_often(100)
    assert count_asked(live, 700) >= 2
    page.evaluate(HIDE, True)
    page.wait_for_timeout(300)
    assert count_asked(live, 700) == 0
    commit(folder, 0.99)
    page.evaluate(HIDE, False)
    expect(page.locator("main")).to_contain_text("79 of 90 ended", timeout=5_000)
    live.check()


def test_a_server_that_is_gone_is_told_and_so_is_its_return(context: BrowserContext, folder: Path) -> None:
    site = Site([folder])
    with tab(context, site) as found:
        page = found.open()
        found.look_often()
        site.end()
        expect(page.locator("#lost")).to_contain_text("does not answer", timeout=5_000)
        shown = page.locator("main").inner_text()
        assert "ended" in shown
        with Site([folder], site.port):
            expect(page.locator("#lost")).to_be_hidden(timeout=5_000)


def test_a_run_that_is_gone_is_told(live: Tab, folder: Path) -> None:
    page = live.open()
    live.look_often()
    shutil.rmtree(folder)
    expect(page.locator("#live")).to_contain_text("cannot be read any more", timeout=5_000)
    live.page.wait_for_timeout(500)
    live.check()
