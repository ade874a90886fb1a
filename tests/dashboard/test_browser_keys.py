"""What hands do on pages: keys, choices that outlive a reload, light and dark, print."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, expect

from itnas.dashboard.pages import KEYS, PAGES
from tests.dashboard.browsing import Site, Tab, opened_in, tab

pytestmark = pytest.mark.browser
# Cut off at the edge of a box that scrolls: on paper nobody can scroll.
CUT = """() => [...document.querySelectorAll("main .scrolls, main pre, main table")]
  .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1
    || each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((each) => each.textContent.slice(0, 40))"""


def focused_row(found: Tab) -> int:
    number: int = found.page.evaluate("dash_ag_grid.getApi('grid').getFocusedCell()?.rowIndex ?? -1")
    return number


def test_rows_are_walked_selected_and_opened_by_keys(opened: Tab) -> None:
    page = opened.open("trials")
    for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert focused_row(opened) == row
    page.keyboard.press("x")
    expect(page.locator("#grid .ag-center-cols-container .ag-row-selected")).to_have_count(1)
    opened.wait_plot("scores", "plot.data.find((each) => each.meta === 'selected').x.length === 1")
    page.keyboard.press("Escape")
    expect(page.locator("#grid .ag-row-selected")).to_have_count(0)
    opened.wait_plot("scores", "plot.data.find((each) => each.meta === 'selected').x.length === 0")
    page.keyboard.press("Enter")
    opened.arrived("trial")
    assert opened.chosen()["trial"] == "1"
    expect(page.locator("h1")).to_have_text("Trial 1")


def test_slash_looks_for_trials_and_escape_leaves_the_field(opened: Tab) -> None:
    page = opened.open("trials")
    page.keyboard.press("/")
    # Letters are letters while somebody types.
    page.keyboard.type("7")
    expect(page.locator("#counted")).to_have_text("1 of 30 trials")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    opened.arrived("search")


def test_g_and_a_letter_lead_to_every_page(opened: Tab) -> None:
    page = opened.open("", "task=recall")
    for key, name in [*KEYS.items()][1:] + [*KEYS.items()][:1]:
        page.keyboard.press("g")
        page.keyboard.press(key)
        opened.arrived(name)
        assert opened.chosen() == {"task": "recall"}


def test_keys_are_told(opened: Tab) -> None:
    page = opened.open()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.locator("#help").click()
    expect(page.locator("#keys")).to_be_visible()


def test_light_and_dark_are_remembered(chromium: BrowserType, browser: str, site: Site, tmp_path: Path) -> None:
    with opened_in(chromium, browser, tmp_path, color_scheme="dark") as dark_one, tab(dark_one, site) as found:
        page = found.open()
        ground = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(ground)
        assert page.locator("html").get_attribute("data-theme") == "dark"
        page.keyboard.press("d")
        assert page.locator("html").get_attribute("data-theme") == "light"
        assert page.evaluate(ground) != dark
        found.open("search")
        assert page.locator("html").get_attribute("data-theme") == "light"
        page.locator("#theme").click()
        found.open("search")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.evaluate(ground) == dark
        found.check()


def test_what_was_chosen_comes_back(opened: Tab) -> None:
    page = opened.open("search")
    opened.choose("task", "recall")
    # Trials of the second task: the page is another one now.
    opened.wait_plot("scores", "plot.data.some((trace) => trace.customdata?.some((each) => each[0] === 30))")
    opened.choose("gene", "rank")
    opened.wait_plot("gene", "plot.layout.xaxis.title?.text === 'rank'")
    opened.choose("cost", "seconds")
    opened.wait_plot("pareto", "/seconds/.test(plot.layout.xaxis.title?.text)")
    assert opened.chosen() == {"task": "recall", "gene": "rank", "cost": "seconds"}
    page.reload()
    opened.arrived("search")
    for control, value in opened.chosen().items():
        expect(opened.picker(control)).to_contain_text(value)
    opened.wait_plot("gene", "plot.layout.xaxis.title?.text === 'rank'")
    opened.wait_plot("pareto", "/seconds/.test(plot.layout.xaxis.title?.text)")


def test_the_kernel_that_was_opened_comes_back(opened: Tab) -> None:
    page = opened.open("kernels", "trial=0")
    before = opened.plot("kernel mean", "JSON.stringify(plot.data[0].z)")
    page.locator(".thumbnail").nth(3).click()
    opened.wait_plot("kernel mean", f"JSON.stringify(plot.data[0].z) !== {before!r}")
    assert opened.chosen() == {"trial": "0", "layer": "1", "head": "1"}
    expect(page.locator(".thumbnail").nth(3)).to_have_class("thumbnail open")
    opened.choose("sample", "example 2")
    opened.choose("limit", "the same for all")
    page.wait_for_function("/limit=shared/.test(location.search)")
    page.reload()
    opened.arrived("kernels")
    expect(page.locator(".thumbnail").nth(3)).to_have_class("thumbnail open")
    expect(opened.picker("sample")).to_contain_text("example 2")
    assert opened.plot("kernel mean", "JSON.stringify(plot.data[0].z)") != before


def test_which_trials_are_shown_comes_back(opened: Tab) -> None:
    page = opened.open("trials")
    opened.choose("only", "failed")
    expect(page.locator("#counted")).to_have_text("3 of 30 trials")
    page.reload()
    opened.arrived("trials")
    expect(page.locator("#counted")).to_have_text("3 of 30 trials")
    opened.choose("only", "the Pareto front")
    expect(page.locator("#counted")).not_to_have_text("3 of 30 trials")
    shown = page.locator("#grid .ag-center-cols-container [col-id=state]").all_inner_texts()
    assert set(shown) == {"complete"}


def test_pages_print_whole_and_black_on_white(opened: Tab) -> None:
    """As wide as a sheet of A4 between its margins, from a dark screen."""
    page = opened.open("", "trial=0")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    for name in PAGES:
        opened.visit(name)
        page.set_viewport_size({"width": 718, "height": 1000})
        page.emulate_media(media="print")
        expect(page.locator("header")).to_be_hidden()
        assert page.locator("main .tools:visible, main button:visible").count() == 0, name
        assert page.evaluate(CUT) == [], name
        colour = page.evaluate("getComputedStyle(document.querySelector('main :is(h1, h2)')).color")
        assert colour == "rgb(0, 0, 0)"
        page.emulate_media(media="screen")
    assert page.pdf().startswith(b"%PDF")
